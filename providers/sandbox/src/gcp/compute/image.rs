//! Images: those of Ubuntu, two of each family, so that the newest is not the only one.

use serde_json::{Value, json};

use super::path::{Path, Scope, url};
use super::place;
use crate::gcp::error::ApiError;
use crate::gcp::page::{LIST_QUERY, page};
use crate::gcp::request::Request;
use crate::gcp::world::Cx;

/// The project of all images.
const PROJECT: &str = "ubuntu-os-cloud";

/// The families: name, what their images begin with, and whether they are ARM.
const FAMILIES: [(&str, &str, bool); 4] = [
    ("ubuntu-2204-lts", "ubuntu-2204-jammy", false),
    ("ubuntu-2204-lts-arm64", "ubuntu-2204-jammy-arm64", true),
    ("ubuntu-2404-lts-amd64", "ubuntu-2404-noble-amd64", false),
    ("ubuntu-2404-lts-arm64", "ubuntu-2404-noble-arm64", true),
];

/// The days on which images came out, the newest last.
const DATES: [&str; 2] = ["20260918", "20261022"];

/// The size of every image.
pub const SIZE_GIB: u64 = 10;

/// An image.
#[derive(Debug, Clone, Copy)]
pub struct Image {
    family: &'static str,
    stem: &'static str,
    date: &'static str,
    /// Whether it is ARM.
    pub arm: bool,
}

impl Image {
    fn name(&self) -> String {
        format!("{}-v{}", self.stem, self.date)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        url(&format!("projects/{PROJECT}/global/images/{}", self.name()))
    }

    fn view(&self) -> Value {
        let name = self.name();
        let (year, month, day) = (&self.date[..4], &self.date[4..6], &self.date[6..]);
        let newest = DATES.last() == Some(&self.date);
        let mut view = json!({
            "kind": "compute#image",
            "id": place::number_of(&name),
            "creationTimestamp": format!("{year}-{month}-{day}T03:08:55.123-07:00"),
            "name": name,
            "description": format!("Canonical, Ubuntu, {}, built on {year}-{month}-{day}", self.family),
            "family": self.family,
            "sourceType": "RAW",
            "status": "READY",
            "architecture": if self.arm { "ARM64" } else { "X86_64" },
            "archiveSizeBytes": "1180000000",
            "diskSizeGb": SIZE_GIB.to_string(),
            "licenses": [url(&format!("projects/{PROJECT}/global/licenses/{}", self.family))],
            "guestOsFeatures": [
                { "type": "VIRTIO_SCSI_MULTIQUEUE" },
                { "type": "UEFI_COMPATIBLE" },
                { "type": "GVNIC" },
            ],
            "storageLocations": ["us"],
            "labelFingerprint": "42WmSpB8rSM=",
            "selfLink": self.url(),
        });
        if !newest {
            let replacement = Self { date: DATES[DATES.len() - 1], ..*self }.url();
            view["deprecated"] = json!({ "state": "DEPRECATED", "replacement": replacement });
        }
        view
    }
}

fn all() -> impl Iterator<Item = Image> {
    FAMILIES.into_iter().flat_map(|(family, stem, arm)| DATES.map(|date| Image { family, stem, date, arm }))
}

/// The image at a path, or the newest of the family there.
pub fn find(path: &Path) -> Option<Image> {
    let here = path.project == PROJECT && path.scope == Scope::Global && path.collection == "images";
    all()
        .filter(|_| here)
        .filter(|image| match path.name.strip_prefix("family/") {
            Some(family) => image.family == family,
            None => image.name() == path.name,
        })
        .last()
}

/// `images.get` and `images.getFromFamily`.
pub fn get(_: &Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    find(path).map(|image| image.view()).ok_or_else(|| ApiError::not_found(path))
}

/// `images.list`. Projects of one's own have none.
pub fn list(cx: &Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&LIST_QUERY)?;
    let mut images: Vec<(String, Value)> =
        all().filter(|_| path.project == PROJECT).map(|image| (image.name(), image.view())).collect();
    images.sort_by(|(one, _), (other, _)| one.cmp(other));
    let known = |field: &str| ["name", "family", "architecture", "status", "deprecated", "id"].contains(&field);
    Ok(page(cx, request, images, known)?
        .answer("compute#imageList", &format!("projects/{}/global/images", path.project)))
}
