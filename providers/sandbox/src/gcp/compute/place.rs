//! Projects, regions and zones.

use serde_json::{Value, json};

use super::path::{Path, Scope, url};
use crate::clock::timestamp;
use crate::gcp::error::ApiError;
use crate::gcp::page::{LIST_QUERY, page};
use crate::gcp::request::Request;
use crate::gcp::world::{Cx, region_of};

/// The regions of Google Cloud (cloud.google.com/compute/docs/regions-zones). Those that a configuration names come
/// on top.
const REGIONS: [&str; 43] = [
    "africa-south1",
    "asia-east1",
    "asia-east2",
    "asia-northeast1",
    "asia-northeast2",
    "asia-northeast3",
    "asia-south1",
    "asia-south2",
    "asia-southeast1",
    "asia-southeast2",
    "asia-southeast3",
    "australia-southeast1",
    "australia-southeast2",
    "europe-central2",
    "europe-north1",
    "europe-north2",
    "europe-southwest1",
    "europe-west1",
    "europe-west10",
    "europe-west12",
    "europe-west2",
    "europe-west3",
    "europe-west4",
    "europe-west6",
    "europe-west8",
    "europe-west9",
    "me-central1",
    "me-central2",
    "me-west1",
    "northamerica-northeast1",
    "northamerica-northeast2",
    "northamerica-south1",
    "southamerica-east1",
    "southamerica-west1",
    "us-central1",
    "us-east1",
    "us-east4",
    "us-east5",
    "us-south1",
    "us-west1",
    "us-west2",
    "us-west3",
    "us-west4",
];

/// When Google's own things came to be, for what has to say so.
pub const LONG_AGO: u64 = 1_400_000_000_000;

/// All regions, in their order.
pub fn regions(cx: &Cx<'_>) -> Vec<String> {
    let configured = cx.zones.keys().map(String::as_str).filter(|name| looks_right(name));
    let mut all: Vec<String> = REGIONS.into_iter().chain(configured).map(str::to_owned).collect();
    all.sort();
    all.dedup();
    all
}

/// Whether a region's name has Google's form; a configuration may name those of other clouds.
fn looks_right(name: &str) -> bool {
    let mut parts = name.split('-');
    let (first, second, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next());
    let letters = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase());
    letters(first)
        && letters(second.trim_end_matches(|c: char| c.is_ascii_digit()))
        && second.ends_with(|c: char| c.is_ascii_digit())
        && rest.is_none()
}

/// The zones of a region: the configured ones, else those that it has.
pub fn zones(cx: &Cx<'_>, region: &str) -> Vec<String> {
    let letters = match region {
        "europe-west1" | "us-east1" => "bcd",
        "us-central1" => "abcf",
        _ => "abc",
    };
    let real = || letters.chars().map(|letter| format!("{region}-{letter}")).collect();
    cx.zones.get(region).cloned().unwrap_or_else(real)
}

/// Whether there is such a region.
pub fn has_region(cx: &Cx<'_>, region: &str) -> bool {
    regions(cx).iter().any(|name| name == region)
}

/// Refuses a region or zone that there is none of.
pub fn check(cx: &Cx<'_>, scope: &Scope) -> Result<(), ApiError> {
    let has = |region: &str| has_region(cx, region);
    let unknown = |field, name: &str, what| Err(ApiError::invalid(field, name, what));
    match scope {
        Scope::Region(region) if !has(region) => unknown("region", region, "Unknown region."),
        Scope::Zone(zone) if !has(region_of(zone)) || !zones(cx, region_of(zone)).contains(zone) => {
            unknown("zone", zone, "Unknown zone.")
        }
        _ => Ok(()),
    }
}

/// A number that stays the same for a name.
pub fn number_of(name: &str) -> String {
    let folded = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (folded >> 2).to_string()
}

/// A region as the API shows it.
pub fn region(cx: &Cx<'_>, project: &str, name: &str) -> Value {
    let zones: Vec<String> =
        zones(cx, name).iter().map(|zone| url(&format!("projects/{project}/zones/{zone}"))).collect();
    json!({
        "kind": "compute#region",
        "id": number_of(name),
        "creationTimestamp": timestamp(LONG_AGO),
        "name": name,
        "description": name,
        "status": "UP",
        "zones": zones,
        "quotas": [{ "metric": "INSTANCES", "limit": cx.quotas.instances, "usage": 0 }],
        "selfLink": url(&format!("projects/{project}/regions/{name}")),
        "supportsPzs": false,
    })
}

/// A zone as the API shows it.
pub fn zone(project: &str, name: &str) -> Value {
    json!({
        "kind": "compute#zone",
        "id": number_of(name),
        "creationTimestamp": timestamp(LONG_AGO),
        "name": name,
        "description": name,
        "status": "UP",
        "region": url(&format!("projects/{project}/regions/{}", region_of(name))),
        "availableCpuPlatforms": ["Intel Cascade Lake", "Intel Ice Lake"],
        "selfLink": url(&format!("projects/{project}/zones/{name}")),
        "supportsPzs": false,
    })
}

/// `regions.get` and `zones.get`.
pub fn get(cx: &Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    check(cx, &path.scope).map_err(|_| ApiError::not_found(format!("projects/{}/{}", path.project, path.scope)))?;
    Ok(match &path.scope {
        Scope::Zone(name) => zone(&path.project, name),
        _ => region(cx, &path.project, &path.name),
    })
}

fn known(field: &str) -> bool {
    ["name", "status", "region", "id"].contains(&field)
}

/// `regions.list`.
pub fn list_regions(cx: &Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&LIST_QUERY)?;
    let all = regions(cx).into_iter().map(|name| {
        let value = region(cx, &path.project, &name);
        (name, value)
    });
    Ok(page(cx, request, all, known)?.answer("compute#regionList", &format!("projects/{}/regions", path.project)))
}

/// `zones.list`.
pub fn list_zones(cx: &Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&LIST_QUERY)?;
    let mut names: Vec<String> = regions(cx).iter().flat_map(|region| zones(cx, region)).collect();
    names.sort();
    let all = names.into_iter().map(|name| {
        let value = zone(&path.project, &name);
        (name, value)
    });
    Ok(page(cx, request, all, known)?.answer("compute#zoneList", &format!("projects/{}/zones", path.project)))
}

/// `projects.get`.
pub fn get_project(cx: &Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    let name = path.project.as_str();
    Ok(json!({
        "kind": "compute#project",
        "id": number_of(name),
        "creationTimestamp": timestamp(LONG_AGO),
        "name": name,
        "commonInstanceMetadata": { "kind": "compute#metadata", "fingerprint": "AAAAAAAAAAA=" },
        "quotas": [{ "metric": "NETWORKS", "limit": cx.quotas.vpcs, "usage": 0 }],
        "defaultServiceAccount": format!("{}-compute@developer.gserviceaccount.com", number_of(name)),
        "defaultNetworkTier": "PREMIUM",
        "xpnProjectStatus": "UNSPECIFIED_XPN_PROJECT_STATUS",
        "vmDnsSetting": "ZONAL_ONLY",
        "selfLink": url(&format!("projects/{name}")),
    }))
}

/// Whether a project's id has the right form.
pub fn is_project(name: &str) -> bool {
    (6..=30).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
