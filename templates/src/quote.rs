//! Quoting: whatever a string holds, it stays one word of a shell, one scalar of YAML, one here-document.

use std::fmt::Write as _;

/// Why a string cannot be quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// Neither a shell's word nor a YAML document can hold a NUL.
    #[error("the text holds a NUL")]
    Nul,
    /// Lines of the text begin with every delimiter's first character and one beyond ASCII after it.
    #[error("no delimiter of a here-document is safe for the text")]
    NoDelimiter,
}

fn without_nul(text: &str) -> Result<&str, QuoteError> {
    if text.contains('\0') { Err(QuoteError::Nul) } else { Ok(text) }
}

/// One word for POSIX shells.
///
/// # Errors
/// [`QuoteError::Nul`] if the text holds a NUL.
pub fn sh(text: &str) -> Result<String, QuoteError> {
    Ok(format!("'{}'", without_nul(text)?.replace('\'', r"'\''")))
}

/// One YAML scalar. With `indent`, a text of several plain lines becomes a literal block whose lines are indented by
/// so many spaces, which people can read; everything else becomes a double-quoted scalar on one line.
///
/// # Errors
/// [`QuoteError::Nul`] if the text holds a NUL.
pub fn yaml(text: &str, indent: Option<usize>) -> Result<String, QuoteError> {
    let text = without_nul(text)?;
    match indent {
        Some(indent) if reads_back_as_block(text) => Ok(block(text, indent)),
        _ => Ok(double_quoted(text)),
    }
}

/// The redirection and body of a here-document in which the shell expands nothing. The reader sees the text, with a
/// newline at its end if it had none.
///
/// # Errors
/// [`QuoteError::Nul`] if the text holds a NUL, [`QuoteError::NoDelimiter`] if no delimiter is safe.
pub fn heredoc(text: &str) -> Result<String, QuoteError> {
    let text = without_nul(text)?;
    let mut end = delimiter(text).ok_or(QuoteError::NoDelimiter)?;
    while text.split('\n').any(|line| line == end) {
        end.push('_');
    }
    let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    Ok(format!("<<'{end}'\n{text}{newline}{end}"))
}

/// A delimiter whose beginnings no line has with a character beyond ASCII right after them: dash loses that character's
/// first byte (`checkend` in its `parser.c`, which takes a negative `char` for the end of the file).
fn delimiter(text: &str) -> Option<String> {
    let is_safe = |end: &String| {
        text.split('\n').all(|line| {
            let same = line.bytes().zip(end.bytes()).take_while(|(line, end)| line == end).count();
            same == 0 || line.as_bytes().get(same).is_none_or(u8::is_ascii)
        })
    };
    let others = ('A'..='Z').chain('a'..='z').chain('0'..='9').map(|first| format!("{first}_MERIDIAN_EOF"));
    std::iter::once("MERIDIAN_EOF".to_owned()).chain(others).find(is_safe)
}

fn reads_back_as_block(text: &str) -> bool {
    let printable = |c: char| c == '\n' || (!c.is_control() && !must_escape(c));
    text.ends_with('\n')
        && !text.ends_with("\n\n")
        && !text.starts_with([' ', '\n'])
        && text.chars().all(printable)
        // A line of nothing but spaces could be taken for indentation.
        && text.lines().all(|line| line.is_empty() || !line.trim_matches(' ').is_empty())
}

fn block(text: &str, indent: usize) -> String {
    let mut output = String::from("|");
    for line in text.lines() {
        output.push('\n');
        if !line.is_empty() {
            output.extend(std::iter::repeat_n(' ', indent));
            output.push_str(line);
        }
    }
    output
}

/// Line separators that YAML 1.1 folds, and characters that its readers refuse unescaped.
fn must_escape(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn double_quoted(text: &str) -> String {
    let mut output = String::with_capacity(text.len() + 2);
    output.push('"');
    for c in text.chars() {
        match c {
            '"' => output.push_str("\\\""),
            '\\' => output.push_str("\\\\"),
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            c if c.is_control() || must_escape(c) => {
                let _ = write!(output, "\\u{:04X}", u32::from(c));
            }
            c => output.push(c),
        }
    }
    output.push('"');
    output
}
