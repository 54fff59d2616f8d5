//! Images of the marketplace. A made-up catalogue with real names.

use serde_json::{Value, json};

use crate::azure::body::text;
use crate::azure::error::ApiError;
use crate::azure::regions;
use crate::azure::request::Request;
use crate::azure::response::Response;
use crate::azure::world::Cx;

/// Publisher, offer, sku, and whether it is for the ARM architecture.
const IMAGES: [(&str, &str, &str, bool); 6] = [
    ("Canonical", "ubuntu-24_04-lts", "server", false),
    ("Canonical", "ubuntu-24_04-lts", "server-arm64", true),
    ("Canonical", "0001-com-ubuntu-server-jammy", "22_04-lts-gen2", false),
    ("Canonical", "0001-com-ubuntu-server-jammy", "22_04-lts-arm64", true),
    ("Debian", "debian-12", "12-gen2", false),
    ("Debian", "debian-12", "12-arm64", true),
];

/// The versions of every image, oldest first.
const VERSIONS: [&str; 2] = ["24.04.202510010", "24.04.202511120"];

fn find(publisher: &str, offer: &str, sku: &str) -> Option<&'static (&'static str, &'static str, &'static str, bool)> {
    IMAGES.iter().find(|(own_publisher, own_offer, own_sku, _)| {
        own_publisher.eq_ignore_ascii_case(publisher)
            && own_offer.eq_ignore_ascii_case(offer)
            && own_sku.eq_ignore_ascii_case(sku)
    })
}

/// Whether a machine's image is for the ARM architecture. Images of one's own are taken as they are, for any.
pub fn is_arm(reference: &Value) -> Result<Option<bool>, ApiError> {
    let [publisher, offer, sku, version] =
        ["/publisher", "/offer", "/sku", "/version"].map(|pointer| text(reference, pointer));
    if !text(reference, "/id").is_empty() {
        return Ok(None);
    }
    let missing = || {
        ApiError::new(
            404,
            "PlatformImageNotFound",
            format!("The platform image '{publisher}:{offer}:{sku}:{version}' is not available."),
        )
        .at("imageReference")
    };
    let (_, _, _, arm) = find(publisher, offer, sku).ok_or_else(missing)?;
    if version == "latest" || VERSIONS.contains(&version) { Ok(Some(*arm)) } else { Err(missing()) }
}

/// The image that a path names: location, publisher, offer and sku.
fn named(request: &Request) -> Result<[&str; 4], ApiError> {
    let [location, publisher, offer, sku] = [1, 3, 7, 9].map(|at| request.rest.get(at).map_or("", String::as_str));
    let missing = || {
        ApiError::new(
            404,
            "NotFound",
            format!("Artifact: VMImage was not found: publisher {publisher}, offer {offer}, sku {sku} in {location}."),
        )
    };
    regions::region(location).ok_or_else(missing)?;
    find(publisher, offer, sku).map(|_| [location, publisher, offer, sku]).ok_or_else(missing)
}

/// How a disk tells the image that it was made from: by its id, also where a machine names its parts.
pub fn of_disk(cx: &Cx<'_>, location: &str, reference: &Value) -> Value {
    let [publisher, offer, sku, version] =
        ["/publisher", "/offer", "/sku", "/version"].map(|pointer| text(reference, pointer));
    match text(reference, "/id") {
        "" => json!({ "id": id(cx, [location, publisher, offer, sku], version) }),
        own => json!({ "id": own }),
    }
}

fn id(cx: &Cx<'_>, [location, publisher, offer, sku]: [&str; 4], version: &str) -> String {
    format!(
        "/Subscriptions/{}/Providers/Microsoft.Compute/Locations/{location}/Publishers/{publisher}/ArtifactTypes/VMImage/\
         Offers/{offer}/Skus/{sku}/Versions/{version}",
        cx.subscription
    )
}

/// `VirtualMachineImages_List`: a bare list.
pub fn list(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&["$expand", "$top", "$orderby"])?;
    let image = named(request)?;
    let mut versions = VERSIONS.to_vec();
    match request.query.get("$orderby").map(String::as_str) {
        None | Some("name" | "name asc") => {}
        Some("name desc") => versions.reverse(),
        Some(order) => return Err(ApiError::bad("InvalidParameter", format!("The order '{order}' is not valid."))),
    }
    let top = match request.query.get("$top") {
        None => versions.len(),
        Some(top) => top.parse().map_err(|_| ApiError::bad("InvalidParameter", "The value of $top is not valid."))?,
    };
    let shown = versions
        .into_iter()
        .take(top)
        .map(|version| json!({ "id": id(cx, image, version), "name": version, "location": image[0] }));
    Ok(Response::json(200, shown.collect()))
}

/// `VirtualMachineImages_Get`.
pub fn get(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&[])?;
    let image = named(request)?;
    let version = request.rest.get(11).map_or("", String::as_str);
    let version = if version == "latest" { VERSIONS[VERSIONS.len() - 1] } else { version };
    if !VERSIONS.contains(&version) {
        return Err(ApiError::new(404, "NotFound", format!("Artifact: VMImage version {version} was not found.")));
    }
    let arm = find(image[1], image[2], image[3]).is_some_and(|(_, _, _, arm)| *arm);
    let shown = json!({
        "id": id(cx, image, version),
        "name": version,
        "location": image[0],
        "properties": {
            "hyperVGeneration": "V2",
            "architecture": if arm { "Arm64" } else { "x64" },
            "osDiskImage": { "operatingSystem": "Linux", "sizeInGb": 30 },
            "dataDiskImages": [],
        },
    });
    Ok(Response::json(200, shown))
}
