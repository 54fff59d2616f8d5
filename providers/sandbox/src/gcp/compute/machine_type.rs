//! Machine types: made by rule from their names, `n2-standard-4`.

use serde_json::{Value, json};

use super::listing::nothing;
use super::path::{Path, Scope, url};
use super::place;
use crate::clock::timestamp;
use crate::gcp::error::ApiError;
use crate::gcp::page::{LIST_QUERY, head, page};
use crate::gcp::request::Request;
use crate::gcp::world::Cx;

/// A family: its name, the numbers of its processors, GiB of memory for each of them by class, and whether it is ARM.
type Family = (&'static str, &'static [u32], &'static [(&'static str, u32)], bool);

const USUAL: [(&str, u32); 3] = [("highcpu", 1), ("standard", 4), ("highmem", 8)];
const NEWER: [(&str, u32); 3] = [("highcpu", 2), ("standard", 4), ("highmem", 8)];

/// The families (cloud.google.com/compute/docs/machine-resource). Only `standard` begins at two for some of them; the
/// sandbox does not mind.
const FAMILIES: [Family; 16] = [
    ("n1", &[1, 2, 4, 8, 16, 32, 64, 96], &[("highcpu", 1), ("standard", 4), ("highmem", 6)], false),
    ("n2", &[2, 4, 8, 16, 32, 48, 64, 80, 96, 128], &USUAL, false),
    ("n2d", &[2, 4, 8, 16, 32, 48, 64, 80, 96, 128, 224], &USUAL, false),
    ("n4", &[2, 4, 8, 16, 32, 48, 64, 80], &NEWER, false),
    ("n4d", &[2, 4, 8, 16, 32, 48, 64, 80, 96], &NEWER, false),
    ("e2", &[2, 4, 8, 16, 32], &USUAL, false),
    ("c2", &[4, 8, 16, 30, 60], &[("standard", 4)], false),
    ("c2d", &[2, 4, 8, 16, 32, 56, 112], &NEWER, false),
    ("c3", &[4, 8, 22, 44, 88, 176, 192], &NEWER, false),
    ("c3d", &[4, 8, 16, 30, 60, 90, 180, 360], &NEWER, false),
    ("c4", &[2, 4, 8, 16, 24, 32, 48, 96, 144, 192, 288], &NEWER, false),
    ("c4d", &[2, 4, 8, 16, 32, 48, 64, 96, 192, 384], &NEWER, false),
    ("t2d", &[1, 2, 4, 8, 16, 32, 48, 60], &[("standard", 4)], false),
    ("t2a", &[1, 2, 4, 8, 16, 32, 48], &[("standard", 4)], true),
    ("c4a", &[1, 2, 4, 8, 16, 32, 48, 64, 72], &NEWER, true),
    ("n4a", &[1, 2, 4, 8, 16, 32, 48, 64], &NEWER, true),
];

/// Types that share their processors: name and MiB of memory. All have two.
const SHARED: [(&str, u32); 3] = [("e2-micro", 1_024), ("e2-small", 2_048), ("e2-medium", 4_096)];

/// What a type is.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    cpus: u32,
    memory_mib: u32,
    /// Whether it is ARM.
    pub arm: bool,
    shared: bool,
}

/// What a type is; `None` where there is no such type.
pub fn shape(name: &str) -> Option<Shape> {
    if let Some((_, memory_mib)) = SHARED.iter().find(|(known, _)| *known == name) {
        return Some(Shape { cpus: 2, memory_mib: *memory_mib, arm: false, shared: true });
    }
    let mut parts = name.split('-');
    let (family, class, cpus) = (parts.next()?, parts.next()?, parts.next()?.parse().ok()?);
    let (_, sizes, classes, arm) = FAMILIES.iter().find(|(known, ..)| *known == family)?;
    let (_, gib) = classes.iter().find(|(known, _)| *known == class)?;
    let known = sizes.contains(&cpus) && parts.next().is_none();
    known.then_some(Shape { cpus, memory_mib: cpus * gib * 1_024, arm: *arm, shared: false })
}

/// All types, in the order of their names.
fn all() -> Vec<String> {
    let mut names: Vec<String> = SHARED.iter().map(|(name, _)| (*name).to_owned()).collect();
    for (family, sizes, classes, _) in FAMILIES {
        for (class, _) in classes {
            names.extend(sizes.iter().map(|size| format!("{family}-{class}-{size}")));
        }
    }
    names.sort();
    names
}

fn view(project: &str, zone: &str, name: &str, shape: Shape) -> Value {
    json!({
        "kind": "compute#machineType",
        "id": place::number_of(name),
        "creationTimestamp": timestamp(place::LONG_AGO),
        "name": name,
        "description": format!("{} vCPUs, {} GB RAM", shape.cpus, shape.memory_mib / 1_024),
        "guestCpus": shape.cpus,
        "memoryMb": shape.memory_mib,
        "imageSpaceGb": 0,
        "maximumPersistentDisks": 128,
        "maximumPersistentDisksSizeGb": "263168",
        "isSharedCpu": shape.shared,
        "architecture": if shape.arm { "ARM64" } else { "X86_64" },
        "zone": zone,
        "selfLink": url(&format!("projects/{project}/zones/{zone}/machineTypes/{name}")),
    })
}

/// `machineTypes.get`.
pub fn get(cx: &Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    place::check(cx, &path.scope)?;
    let Scope::Zone(zone) = &path.scope else { return Err(ApiError::not_found(path)) };
    let shape = shape(&path.name).ok_or_else(|| ApiError::not_found(path))?;
    Ok(view(&path.project, zone, &path.name, shape))
}

fn known(field: &str) -> bool {
    ["name", "guestCpus", "memoryMb", "isSharedCpu", "architecture", "zone", "id"].contains(&field)
}

/// `machineTypes.list`.
pub fn list(cx: &Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&LIST_QUERY)?;
    place::check(cx, &path.scope)?;
    let Scope::Zone(zone) = &path.scope else { return Err(ApiError::not_found(path)) };
    let types = all().into_iter().filter_map(|name| {
        let value = view(&path.project, zone, &name, shape(&name)?);
        Some((name, value))
    });
    let page = page(cx, request, types, known)?;
    Ok(page.answer("compute#machineTypeList", &format!("projects/{}/zones/{zone}/machineTypes", path.project)))
}

/// `machineTypes.aggregatedList`.
pub fn aggregated(cx: &Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let project = path.project.as_str();
    request.check_query(&[&LIST_QUERY[..], &["includeAllScopes"]].concat())?;
    let mut zones: Vec<String> = place::regions(cx).iter().flat_map(|region| place::zones(cx, region)).collect();
    zones.sort();
    let types = all();
    // There are tens of thousands, so they are made only as far as the page goes.
    let every = zones.iter().flat_map(|zone| {
        types
            .iter()
            .filter_map(move |name| Some((format!("zones/{zone}/{name}"), view(project, zone, name, shape(name)?))))
    });
    let page = page(cx, request, every, known)?;
    let mut scopes: std::collections::BTreeMap<String, Vec<Value>> =
        zones.iter().map(|zone| (format!("zones/{zone}"), Vec::new())).collect();
    for (key, value) in page.items {
        if let Some((scope, _)) = key.rsplit_once('/') {
            scopes.entry(scope.to_owned()).or_default().push(value);
        }
    }
    let items = scopes.into_iter().map(|(scope, values)| {
        let content = if values.is_empty() { nothing(&scope) } else { json!({ "machineTypes": values }) };
        (scope, content)
    });
    let items = Value::Object(items.collect());
    let mut answer =
        head("compute#machineTypeAggregatedList", &format!("projects/{project}/aggregated/machineTypes"), page.next);
    answer.insert("items".to_owned(), items);
    Ok(Value::Object(answer))
}

#[cfg(test)]
mod tests {
    #[test]
    fn types_follow_from_their_names() {
        let shape = |name| super::shape(name).map(|shape| (shape.cpus, shape.memory_mib / 1_024));
        assert_eq!(shape("n2-standard-4"), Some((4, 16)));
        assert_eq!(shape("c3-highcpu-8"), Some((8, 16)));
        assert_eq!(shape("e2-medium"), Some((2, 4)));
        for name in ["n2-standard-5", "n9-standard-4", "n2-standard-4-x", "m7i.large", "e2"] {
            assert_eq!(shape(name), None, "{name}");
        }
    }
}
