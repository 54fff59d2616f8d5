//! How results look: text for people, JSON for machines, Markdown for reviews.

use std::fmt::Write as _;

pub mod json;
pub mod markdown;
pub mod refusals;
pub mod state;
pub mod text;

/// The same text without colour.
#[must_use]
pub fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// Text of others (a cloud, a spec, an environment) as a terminal may show it: what would move the cursor, change colours
/// or turn the direction of writing is shown by its number. Lines stay lines.
#[must_use]
pub fn clean(text: &str) -> String {
    let is_hostile = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().fold(String::with_capacity(text.len()), |mut clean, c| {
        if is_hostile(c) {
            // Writing to a string can't fail.
            let _ = write!(clean, "{}", c.escape_unicode());
        } else {
            clean.push(c);
        }
        clean
    })
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn text_of_others_can_not_command_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\r\u{9b}c\u{202e}d\n\u{7}"), "a\\u{1b}[2Jb\\u{d}\\u{9b}c\\u{202e}d\n\\u{7}");
        assert_eq!(clean("häßlich — 水"), "häßlich — 水");
    }
}
