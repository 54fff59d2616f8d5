//! What the API calls things: `projects/p/zones/z/disks/d`, and the URL of that.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the real service puts before the path of everything, wherever it was reached.
const BASE: &str = "https://www.googleapis.com/compute/v1/";

/// The URL of a path.
pub fn url(path: &str) -> String {
    format!("{BASE}{path}")
}

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Everywhere.
    Global,
    /// A region.
    Region(String),
    /// A zone.
    Zone(String),
}

impl Scope {
    /// The region; none for what is global.
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::Global => None,
            Self::Region(region) => Some(region),
            Self::Zone(zone) => Some(crate::gcp::world::region_of(zone)),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("global"),
            Self::Region(name) => write!(f, "regions/{name}"),
            Self::Zone(name) => write!(f, "zones/{name}"),
        }
    }
}

/// The path of something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// The project.
    pub project: String,
    /// Where it is.
    pub scope: Scope,
    /// What it is, such as `disks`.
    pub collection: String,
    /// Its name; for images perhaps `family/x`.
    pub name: String,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "projects/{}/{}/{}/{}", self.project, self.scope, self.collection, self.name)
    }
}

impl Path {
    /// Reads a link in any of the forms that the API takes: a URL, a path, or a path without its project.
    pub fn parse(link: &str, project: &str) -> Option<Self> {
        let path = match link.split_once("/compute/v1/") {
            Some((host, path)) if host.starts_with("https://") || host.starts_with("http://127.0.0.1") => path,
            Some(_) => return None,
            None => link,
        };
        let parts: Vec<&str> = path.split('/').collect();
        let (project, rest) = match parts.as_slice() {
            ["projects", project, rest @ ..] => (*project, rest),
            rest => (project, rest),
        };
        let (scope, collection, name) = match rest {
            ["global", collection, name @ ..] => (Scope::Global, collection, name),
            ["regions", region, collection, name @ ..] => (Scope::Region((*region).to_owned()), collection, name),
            ["zones", zone, collection, name @ ..] => (Scope::Zone((*zone).to_owned()), collection, name),
            _ => return None,
        };
        match name {
            [name] if !name.is_empty() => Some((*name).to_owned()),
            ["family", name] if *collection == "images" => Some(format!("family/{name}")),
            _ => None,
        }
        .map(|name| Self { project: project.to_owned(), scope, collection: (*collection).to_owned(), name })
    }

    /// Reads the URL that the API shows.
    pub fn of_url(link: &str) -> Option<Self> {
        Self::parse(link.strip_prefix(BASE)?, "")
    }

    /// Something beside it, in the same place.
    #[must_use]
    pub fn beside(&self, collection: &str, name: &str) -> Self {
        Self { collection: collection.to_owned(), name: name.to_owned(), ..self.clone() }
    }

    /// The URL that the API shows.
    pub fn url(&self) -> String {
        url(&self.to_string())
    }

    /// The region; empty for what is global.
    pub fn region(&self) -> &str {
        self.scope.region().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_a_link_are_read() {
        let whole = "projects/p/regions/r/subnetworks/s";
        for link in [
            "https://www.googleapis.com/compute/v1/projects/p/regions/r/subnetworks/s",
            "http://127.0.0.1:4000/compute/v1/projects/p/regions/r/subnetworks/s",
            whole,
            "regions/r/subnetworks/s",
        ] {
            assert_eq!(Path::parse(link, "p").unwrap().to_string(), whole);
        }
        for link in ["s", "regions/r/subnetworks", "ftp://x/compute/v1/global/networks/n", "global/networks/"] {
            assert_eq!(Path::parse(link, "p"), None, "{link}");
        }
    }
}
