//! Checks of values that pass through places where quoting does not exist: etcd's member list, kubelet's environment
//! file, fstab, package sources, object keys.

use crate::TemplateError;

pub(crate) fn that(valid: bool, field: &'static str, value: &str, rule: &'static str) -> Result<(), TemplateError> {
    if valid { Ok(()) } else { Err(TemplateError::Invalid { field, value: value.to_owned(), rule }) }
}

/// A DNS subdomain, as Kubernetes asks of a node's name (RFC 1123).
pub(crate) fn node_name(field: &'static str, value: &str) -> Result<(), TemplateError> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    that(value.len() <= 253 && value.split('.').all(label), field, value, "a lower-case DNS name")
}

/// Letters, digits and the given marks, and not empty.
pub(crate) fn plain(field: &'static str, value: &str, marks: &str, rule: &'static str) -> Result<(), TemplateError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
    that(!value.is_empty() && value.chars().all(allowed), field, value, rule)
}

/// An absolute http or https address of printable characters without spaces.
pub(crate) fn url(field: &'static str, value: &str) -> Result<(), TemplateError> {
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    let valid = rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic()));
    that(valid, field, value, "an http or https address")
}

/// An absolute path without dots for components, fit for fstab.
pub(crate) fn path(field: &'static str, value: &str) -> Result<(), TemplateError> {
    let valid = value.len() > 1
        && value.starts_with('/')
        && value[1..].split('/').all(|part| {
            !matches!(part, "" | "." | "..")
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':' | b'+'))
        });
    that(valid, field, value, "an absolute path of letters, digits and .-_:+")
}
