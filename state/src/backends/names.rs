//! What buckets, containers, accounts and prefixes may be called.

use std::net::Ipv4Addr;

use crate::backends::location::LocationError;

/// Leaves room for the longest of our keys in the 1,024 bytes that every store takes.
pub(super) const MAX_PREFIX_BYTES: usize = 512;

/// See "General purpose bucket naming rules" in the user guide of Amazon S3.
pub(super) fn s3_bucket(name: &str) -> Result<(), LocationError> {
    const STARTS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
    const ENDS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
    let holds = (3..=63).contains(&name.len())
        && is_made_of(name, ".-")
        && has_solid_ends(name)
        && !name.contains("..")
        && name.parse::<Ipv4Addr>().is_err()
        && !STARTS.iter().any(|start| name.starts_with(start))
        && !ENDS.iter().any(|end| name.ends_with(end));
    let rule = "it has 3 to 63 lower-case letters, digits, dots and hyphens, begins and ends with a letter or a digit, and is \
                neither an address nor one of the names that S3 keeps for itself";
    check(holds, "a bucket of S3", name, rule)
}

/// See "Bucket naming guidelines" in the documentation of Cloud Storage.
pub(super) fn gs_bucket(name: &str) -> Result<(), LocationError> {
    let longest = if name.contains('.') { 222 } else { 63 };
    let holds = (3..=longest).contains(&name.len())
        && is_made_of(name, ".-_")
        && has_solid_ends(name)
        && name.split('.').all(|part| (1..=63).contains(&part.len()))
        && name.parse::<Ipv4Addr>().is_err()
        && !name.starts_with("goog")
        && !name.contains("google");
    let rule = "it has 3 to 63 lower-case letters, digits, hyphens and underscores (dots may join several such parts), begins and \
                ends with a letter or a digit, and neither begins with `goog` nor is an address";
    check(holds, "a bucket of Cloud Storage", name, rule)
}

/// See "Naming rules and restrictions for Azure resources", `Microsoft.Storage`.
pub(super) fn az_account(name: &str) -> Result<(), LocationError> {
    let holds = (3..=24).contains(&name.len()) && is_made_of(name, "");
    check(holds, "a storage account", name, "it has 3 to 24 lower-case letters and digits")
}

/// See "Naming and referencing containers, blobs, and metadata" in the reference of Blob Storage.
pub(super) fn az_container(name: &str) -> Result<(), LocationError> {
    let holds = (3..=63).contains(&name.len()) && is_made_of(name, "-") && has_solid_ends(name) && !name.contains("--");
    let rule =
        "it has 3 to 63 lower-case letters, digits and single hyphens, and begins and ends with a letter or a digit";
    check(holds, "a container", name, rule)
}

pub(super) fn region(name: &str) -> Result<(), LocationError> {
    let holds = (2..=40).contains(&name.len()) && is_made_of(name, "-") && has_solid_ends(name);
    check(holds, "a region", name, "it has lower-case letters, digits and hyphens, as in `eu-west-1`")
}

/// A prefix, without the slash at its end.
pub(super) fn prefix(text: &str) -> Result<String, LocationError> {
    let text = text.strip_suffix('/').unwrap_or(text);
    if text.len() > MAX_PREFIX_BYTES {
        return Err(LocationError::LongPrefix);
    }
    let is_part = |part: &str| {
        !matches!(part, "" | "." | "..") && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    match text.split('/').find(|part| !is_part(part)) {
        Some(part) if !text.is_empty() => Err(LocationError::Prefix { part: part.to_owned() }),
        _ => Ok(text.to_owned()),
    }
}

fn check(holds: bool, what: &'static str, name: &str, rule: &'static str) -> Result<(), LocationError> {
    if holds { Ok(()) } else { Err(LocationError::Name { what, name: name.to_owned(), rule }) }
}

fn is_made_of(name: &str, others: &str) -> bool {
    name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || others.contains(c))
}

fn has_solid_ends(name: &str) -> bool {
    let is_solid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(is_solid) && name.ends_with(is_solid)
}
