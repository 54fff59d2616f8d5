//! Questions on the terminal. A line is read as the terminal gives it, so that Ctrl-C and Ctrl-D do what they do everywhere,
//! and whatever the answer, the terminal is left as it was.

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::{Context as _, Result};

use crate::error::{Code, Failure};
use crate::interrupts::Interrupts;

/// Whether there is someone to ask.
pub fn is_possible() -> bool {
    std::io::stdin().is_terminal()
}

/// The line that is typed in answer to a question, without its end; `None` when the input ends instead (Ctrl-D). Ctrl-C is an
/// error, also where an earlier cluster of the run has put it off.
pub async fn ask(question: &str) -> Result<Option<String>> {
    let mut interrupts = Interrupts::listen()?;
    anstream::eprint!("{question}");
    let typed = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line)?;
        Ok::<_, std::io::Error>((read > 0).then_some(line))
    });
    let line = tokio::select! {
        line = typed => line?.context("the answer could not be read")?,
        () = interrupts.next() => {
            anstream::eprintln!();
            let message = "interrupted: what was asked about is not done".to_owned();
            return Err(Failure { code: Code::Interrupted, message, hint: None }.into());
        }
    };
    if line.is_none() {
        // What comes next begins a line of its own.
        anstream::eprintln!();
    }
    Ok(line.map(|line| line.trim().to_owned()))
}
