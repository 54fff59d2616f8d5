//! Progress on stderr: bars on a terminal, a plain line a step elsewhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use meridian_engine::Address;
use meridian_engine::events::{Event, EventSink};
use meridian_engine::state::Verb;
use owo_colors::OwoColorize as _;

use crate::views::{clean, plain};

/// Shows what apply tells.
pub struct Progress {
    terminal: Option<Terminal>,
}

struct Terminal {
    bars: MultiProgress,
    total: ProgressBar,
    steps: Mutex<BTreeMap<(Address, Verb), ProgressBar>>,
}

impl Progress {
    /// Bars if stderr is a terminal.
    #[must_use]
    pub fn new() -> Self {
        let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
        Self { terminal: is_terminal.then(Terminal::new) }
    }

    /// Takes the bars away, so that results stand alone.
    pub fn finish(&self) {
        if let Some(terminal) = &self.terminal {
            terminal.total.finish_and_clear();
        }
    }
}

impl Terminal {
    fn new() -> Self {
        let bars = MultiProgress::new();
        let total = bars.add(ProgressBar::new(0));
        if let Ok(style) = ProgressStyle::with_template("{bar:32.green} {pos}/{len} steps, {elapsed}") {
            total.set_style(style);
        }
        total.enable_steady_tick(Duration::from_millis(100));
        Self { bars, total, steps: Mutex::default() }
    }

    fn end(&self, address: &Address, verb: Verb, line: &str) {
        let bar = self.steps.lock().unwrap_or_else(PoisonError::into_inner).remove(&(address.clone(), verb));
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        self.total.inc(1);
        // A terminal that can't be written to is not worth failing for.
        let _ = self.bars.println(in_colour_or_not(line));
    }

    fn start(&self, address: Address, verb: Verb) {
        let bar = self.bars.insert_before(&self.total, ProgressBar::new_spinner());
        bar.set_message(format!("{} {address}", doing(verb)));
        bar.enable_steady_tick(Duration::from_millis(100));
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).insert((address, verb), bar);
    }
}

impl EventSink for Progress {
    fn emit(&self, event: Event) {
        let line = line(&event);
        match (&self.terminal, event) {
            (Some(terminal), Event::Begun { steps }) => terminal.total.set_length(steps as u64),
            (Some(terminal), Event::Started { address, verb }) => terminal.start(address, verb),
            (
                Some(terminal),
                Event::Finished { address, verb, .. }
                | Event::Failed { address, verb, .. }
                | Event::Skipped { address, verb, .. },
            ) => terminal.end(&address, verb, &line.unwrap_or_default()),
            (Some(terminal), Event::Stopping { .. } | Event::Waiting { .. }) => {
                let _ = terminal.bars.println(in_colour_or_not(&line.unwrap_or_default()));
            }
            (None, _) => print(line),
        }
    }
}

/// Bars write to the terminal themselves, past `--color` and `NO_COLOR`.
fn in_colour_or_not(line: &str) -> String {
    match anstream::AutoStream::choice(&std::io::stderr()) {
        anstream::ColorChoice::Never => plain(line),
        _ => line.to_owned(),
    }
}

fn print(line: Option<String>) {
    if let Some(line) = line {
        anstream::eprintln!("{line}");
    }
}

fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::Begun { .. } | Event::Started { .. } => return None,
        Event::Waiting { for_whom } => format!("waiting for the lease, which {} holds", clean(for_whom)),
        Event::Finished { address, verb, took } => {
            format!("{} {} {address} {}", "✓".green(), done(*verb), format!("({:.1} s)", took.as_secs_f64()).dimmed())
        }
        Event::Failed { address, verb, error } => {
            format!("{} could not {} {address}: {}", "✗".red(), verb, clean(error))
        }
        Event::Skipped { address, verb, because } => {
            format!("{} did not {} {address}, which needs {because}", "-".yellow(), verb)
        }
        Event::Stopping { in_flight } => {
            format!(
                "stopping: {in_flight} steps in flight are brought to their end; press Ctrl-C again to leave at once"
            )
        }
    })
}

fn doing(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "creating",
        Verb::Update => "updating",
        Verb::Delete => "deleting",
    }
}

fn done(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "created",
        Verb::Update => "updated",
        Verb::Delete => "deleted",
    }
}
