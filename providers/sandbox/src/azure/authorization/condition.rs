//! Conditions of role assignments: whether their text can be read.
//!
//! Source: learn.microsoft.com, "Azure role assignment condition format and syntax".

use crate::azure::error::ApiError;

/// The functions and operators that a condition may hold beside attributes, texts and `AND`, `OR`, `NOT`.
const WORDS: &[&str] = &[
    "AND",
    "OR",
    "NOT",
    "Exists",
    "ActionMatches",
    "SubOperationMatches",
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "StringLikeIgnoreCase",
    "StringNotLikeIgnoreCase",
    "StringStartsWith",
    "StringNotStartsWith",
    "StringStartsWithIgnoreCase",
    "StringNotStartsWithIgnoreCase",
    "GuidEquals",
    "GuidNotEquals",
    "BoolEquals",
    "BoolNotEquals",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateTimeEquals",
    "DateTimeNotEquals",
    "ForAnyOfAnyValues:StringEquals",
    "ForAnyOfAllValues:StringNotEquals",
    "ForAnyOfAnyValues:GuidEquals",
    "ForAnyOfAllValues:GuidNotEquals",
    "ForAllOfAnyValues:StringEquals",
    "true",
    "false",
];

/// The longest condition, in bytes.
const LONGEST: usize = 8 * 1024;

/// Refuses a condition that cannot be read, and one without a version that exists.
pub fn check(condition: Option<&str>, version: Option<&str>) -> Result<(), ApiError> {
    let Some(condition) = condition.filter(|condition| !condition.is_empty()) else {
        return match version {
            Some(_) => Err(bad("A condition version was given without a condition.")),
            None => Ok(()),
        };
    };
    if version != Some("2.0") {
        return Err(bad("The condition version of a role assignment must be '2.0'."));
    }
    if condition.len() > LONGEST {
        return Err(bad("The condition is longer than 8 KB."));
    }
    parse(condition).map_err(|problem| bad(&format!("The condition cannot be parsed: {problem}.")))
}

fn bad(message: &str) -> ApiError {
    ApiError::bad("BadRequestFormat", message)
}

/// Goes through the text once: brackets, quoted texts, attributes and words.
fn parse(condition: &str) -> Result<(), String> {
    let mut open = Vec::new();
    let mut rest = condition.trim();
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '(' | '{' => {
                open.push(first);
                1
            }
            ')' | '}' => {
                let wanted = if first == ')' { '(' } else { '{' };
                if open.pop() != Some(wanted) {
                    return Err(format!("'{first}' closes nothing"));
                }
                1
            }
            '\'' => 2 + rest[1..].find('\'').ok_or("a text has no end")?,
            '@' => {
                let end = rest.find(']').ok_or("an attribute has no end")?;
                let known = ["@Resource[", "@Request[", "@Principal[", "@Environment["];
                if !known.iter().any(|source| rest.starts_with(source)) {
                    return Err(format!("'{}' is no attribute", &rest[..=end]));
                }
                end + 1
            }
            '!' | ',' => 1,
            _ if first.is_whitespace() => first.len_utf8(),
            _ => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != ':').unwrap_or(rest.len());
                let word = &rest[..end];
                if !WORDS.contains(&word) && (word.is_empty() || !word.chars().all(|c| c.is_ascii_digit())) {
                    return Err(format!(
                        "'{}' is not known",
                        if word.is_empty() { &rest[..first.len_utf8()] } else { word }
                    ));
                }
                end
            }
        };
        rest = &rest[taken..];
    }
    if open.is_empty() { Ok(()) } else { Err("a bracket is not closed".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read() {
        let good = "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'})) OR \
                    (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike 'nodes/*'))";
        assert!(check(Some(good), Some("2.0")).is_ok());
        assert!(check(None, None).is_ok());
        for (condition, version) in [
            (good, Some("1.0")),
            (good, None),
            ("(a", Some("2.0")),
            ("(@Resource[x] StringLike 'y'", Some("2.0")),
            ("(@Nothing[x] StringLike 'y')", Some("2.0")),
            ("(@Resource[x] Wat 'y')", Some("2.0")),
            ("(@Resource[x] StringLike 'y)", Some("2.0")),
        ] {
            assert!(check(Some(condition), version).is_err(), "{condition}");
        }
    }
}
