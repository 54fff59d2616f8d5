//! Where a store is, as users write it: `file:///folder`, `s3://bucket/prefix?region=…`, `gs://bucket/prefix`,
//! `az://account/container/prefix`.
//!
//! Nothing is decoded or normalised: what is unusual in a bucket's URL is refused, so that one place has one name.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::backends::names;

/// The place of a store.
///
/// A prefix is made of parts that are joined by `/`, and may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Location {
    /// A directory of this machine, by its absolute path.
    File { folder: PathBuf },
    /// A bucket of S3. Without a region it is looked for in the one that the caller's configuration says.
    S3 { bucket: String, prefix: String, region: Option<String> },
    /// A bucket of Cloud Storage.
    Gs { bucket: String, prefix: String },
    /// A container of an Azure storage account.
    Az { account: String, container: String, prefix: String },
}

/// Why a text is not the place of a store. The text itself is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    #[error("a store is named by a URL: {FORMS}")]
    NotUrl,
    #[error("`{scheme}://` is no kind of store: write {FORMS}")]
    Scheme { scheme: String },
    #[error("a user or a password does not belong in the URL of a store: remove what stands before the `@`")]
    UserInfo,
    #[error("the URL of a store has no fragment: remove the `#` and what follows it")]
    Fragment,
    #[error("the URL names no {what}: write {form}")]
    Missing { what: &'static str, form: &'static str },
    #[error("`{name}` can't be the name of {what}: {rule}")]
    Name { what: &'static str, name: String, rule: &'static str },
    #[error(
        "`{part}` can't be a part of a prefix: a part has letters, digits, `-`, `_` and `.`, and is not `.` or `..`"
    )]
    Prefix { part: String },
    #[error("the prefix is longer than {} bytes", names::MAX_PREFIX_BYTES)]
    LongPrefix,
    #[error("`{name}` is no parameter of this URL: {known}")]
    Parameter { name: String, known: &'static str },
    #[error("a directory is named by its absolute path: write file:///folder")]
    Folder,
}

const FORMS: &str = "file:///folder, s3://bucket/prefix, gs://bucket/prefix or az://account/container/prefix";

impl Location {
    /// What stands before `://`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::S3 { .. } => "s3",
            Self::Gs { .. } => "gs",
            Self::Az { .. } => "az",
        }
    }

    /// The bucket or container; a directory has none.
    #[must_use]
    pub fn bucket(&self) -> Option<&str> {
        match self {
            Self::File { .. } => None,
            Self::S3 { bucket, .. } | Self::Gs { bucket, .. } | Self::Az { container: bucket, .. } => Some(bucket),
        }
    }

    /// The same place in S3, looked for in `region` unless the URL names one. Other places stay as they are.
    #[must_use]
    pub fn or_region(mut self, default: Option<String>) -> Self {
        if let Self::S3 { region: region @ None, .. } = &mut self {
            *region = default;
        }
        self
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let (scheme, rest) = text.split_once("://").ok_or(LocationError::NotUrl)?;
        if scheme.is_empty() || !scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) {
            return Err(LocationError::NotUrl);
        }
        match scheme {
            "file" => folder(rest),
            "s3" | "gs" | "az" => {
                if rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains('@')) {
                    return Err(LocationError::UserInfo);
                }
                if rest.contains('#') {
                    return Err(LocationError::Fragment);
                }
                let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
                match scheme {
                    "s3" => s3(path, query),
                    "gs" => gs(path, query),
                    _ => az(path, query),
                }
            }
            _ => Err(LocationError::Scheme { scheme: scheme.to_owned() }),
        }
    }
}

fn folder(path: &str) -> Result<Location, LocationError> {
    if path.starts_with('/') && !path.contains('\0') {
        Ok(Location::File { folder: PathBuf::from(path) })
    } else {
        Err(LocationError::Folder)
    }
}

fn s3(path: &str, query: &str) -> Result<Location, LocationError> {
    let (bucket, prefix) = first(path, "bucket", "s3://bucket/prefix")?;
    names::s3_bucket(bucket)?;
    let mut region = None;
    for (name, value) in parameters(query) {
        if name != "region" {
            return Err(LocationError::Parameter { name: name.to_owned(), known: "there is `region`" });
        }
        names::region(value)?;
        region = Some(value.to_owned());
    }
    Ok(Location::S3 { bucket: bucket.to_owned(), prefix: names::prefix(prefix)?, region })
}

fn gs(path: &str, query: &str) -> Result<Location, LocationError> {
    let (bucket, prefix) = first(path, "bucket", "gs://bucket/prefix")?;
    names::gs_bucket(bucket)?;
    no_parameters(query)?;
    Ok(Location::Gs { bucket: bucket.to_owned(), prefix: names::prefix(prefix)? })
}

fn az(path: &str, query: &str) -> Result<Location, LocationError> {
    const FORM: &str = "az://account/container/prefix";
    let (account, rest) = first(path, "storage account", FORM)?;
    let (container, prefix) = first(rest, "container", FORM)?;
    names::az_account(account)?;
    names::az_container(container)?;
    no_parameters(query)?;
    let (account, container) = (account.to_owned(), container.to_owned());
    Ok(Location::Az { account, container, prefix: names::prefix(prefix)? })
}

/// The first part of a path and the rest.
fn first<'a>(path: &'a str, what: &'static str, form: &'static str) -> Result<(&'a str, &'a str), LocationError> {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    if first.is_empty() { Err(LocationError::Missing { what, form }) } else { Ok((first, rest)) }
}

fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn no_parameters(query: &str) -> Result<(), LocationError> {
    match parameters(query).next() {
        None => Ok(()),
        Some((name, _)) => Err(LocationError::Parameter { name: name.to_owned(), known: "it takes none" }),
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme();
        let (place, prefix, region) = match self {
            Self::File { folder } => return write!(f, "{scheme}://{}", folder.display()),
            Self::S3 { bucket, prefix, region } => (bucket.clone(), prefix, region.as_ref()),
            Self::Gs { bucket, prefix } => (bucket.clone(), prefix, None),
            Self::Az { account, container, prefix } => (format!("{account}/{container}"), prefix, None),
        };
        write!(f, "{scheme}://{place}")?;
        if !prefix.is_empty() {
            write!(f, "/{prefix}")?;
        }
        region.map_or(Ok(()), |region| write!(f, "?region={region}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Location, LocationError> {
        text.parse()
    }

    #[test]
    fn each_kind_of_place_is_read_and_written() {
        for text in [
            "file:///var/lib/meridian",
            "s3://team-state",
            "s3://team.state/a/b_c/d.e?region=eu-west-1",
            "gs://team_state/deep/prefix",
            "az://account1/container-1",
            "az://account1/container-1/prefix",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        // A slash at the end of a prefix says nothing.
        assert_eq!(parse("gs://bucket/").unwrap().to_string(), "gs://bucket");
        assert_eq!(parse("s3://bucket/a/").unwrap().to_string(), "s3://bucket/a");
    }

    #[test]
    fn what_is_wrong_is_said_with_the_way_out() {
        for (text, part) in [
            ("bucket/prefix", "named by a URL: file:///folder, s3://"),
            ("gcs://bucket", "`gcs://` is no kind of store"),
            ("s3://", "names no bucket: write s3://bucket/prefix"),
            ("s3:///prefix", "names no bucket"),
            ("az://account", "names no container: write az://account/container/prefix"),
            ("az:///container", "names no storage account"),
            ("s3://Upper", "`Upper` can't be the name of a bucket of S3"),
            ("s3://a..b", "can't be the name"),
            ("s3://192.168.0.1", "can't be the name"),
            ("s3://ab", "can't be the name"),
            ("gs://goog-state", "can't be the name"),
            ("gs://-state", "can't be the name"),
            ("az://my-account/container", "`my-account` can't be the name of a storage account"),
            ("az://account/con--tainer", "`con--tainer` can't be the name of a container"),
            ("s3://bucket/a/../b", "`..` can't be a part of a prefix"),
            ("s3://bucket/a//b", "`` can't be a part of a prefix"),
            ("gs://bucket/a%2fb", "can't be a part of a prefix"),
            ("s3://user:secret@bucket/a", "before the `@`"),
            ("s3://bucket/a#b", "no fragment"),
            ("s3://bucket?regoin=x", "`regoin` is no parameter of this URL: there is `region`"),
            ("s3://bucket?region=", "can't be the name of a region"),
            ("gs://bucket?region=x", "it takes none"),
            ("file://folder", "absolute path"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("secret"));
        }
    }

    #[test]
    fn a_region_of_the_configuration_does_not_override_the_url() {
        let region = |text: &str| parse(text).unwrap().or_region(Some("eu-north-1".to_owned())).to_string();
        assert_eq!(region("s3://bucket"), "s3://bucket?region=eu-north-1");
        assert_eq!(region("s3://bucket?region=eu-west-1"), "s3://bucket?region=eu-west-1");
        assert_eq!(region("gs://bucket"), "gs://bucket");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            scheme in "s3|gs|az", bucket in "[a-f0-9]{3,24}", container in "[a-f0-9]{3,20}",
            parts in proptest::collection::vec("[A-Za-z0-9_-]{1,8}", 0..5), region in proptest::option::of("[a-z]{2}-[a-z]{4}-[0-9]"),
        ) {
            let mut text = format!("{scheme}://{bucket}");
            if scheme == "az" {
                text = format!("{text}/{container}");
            }
            for part in parts {
                text = format!("{text}/{part}");
            }
            if let (Some(region), "s3") = (region, scheme.as_str()) {
                text = format!("{text}?region={region}");
            }
            prop_assert_eq!(parse(&text).unwrap().to_string(), text);
        }

        #[test]
        fn no_text_breaks_it_and_what_it_takes_it_gives_back(text in "(s3|gs|az|file)://[ -~]{0,40}|\\PC{0,40}") {
            if let Ok(location) = parse(&text) {
                prop_assert_eq!(parse(&location.to_string()), Ok(location));
            }
        }
    }
}
