//! Instance templates, which never change.

use serde_json::{Value, json};

use super::collection::{Collection, Level, Made, Verb, fingerprint};
use super::instance::{check_machine, fill_in};
use super::instance_schema::PROPERTIES;
use super::path::Path;
use super::{disk, image, labels, machine_type};
use crate::gcp::error::ApiError;
use crate::gcp::schema::{Kind, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};

const SCHEMA: Schema = &[
    ("name", Kind::Str),
    ("description", Kind::Str),
    ("properties", Kind::Object(PROPERTIES)),
    ("sourceInstance", Kind::Unsupported),
    ("sourceInstanceParams", Kind::Unsupported),
];

/// Templates.
pub const TEMPLATES: Collection = Collection {
    name: "instanceTemplates",
    methods: "instanceTemplates",
    one: "instanceTemplate",
    list: "instanceTemplateList",
    aggregated: "instanceTemplateAggregatedList",
    level: Level::Global,
    schema: SCHEMA,
    required: &["properties"],
    verbs: &[Verb::Get, Verb::List, Verb::Aggregated, Verb::Insert, Verb::Delete],
    prepare,
    show,
    ..Collection::BASE
};

fn prepare(_: &mut Cx<'_>, _: &Path, doc: &mut Doc, _: Option<&Item>) -> Result<Made, ApiError> {
    let at = "resource.properties";
    let Some(properties) = doc.get_mut("properties").and_then(Value::as_object_mut) else {
        return Err(ApiError::required(at));
    };
    let name = text(properties, "machineType");
    let shape = machine_type::shape(name);
    let shape = shape.ok_or_else(|| ApiError::invalid(&format!("{at}.machineType"), name, "Unknown machine type."))?;
    labels::check(properties)?;
    check_machine(properties, at)?;
    let disks = properties.get_mut("disks").and_then(Value::as_array_mut);
    let disks = disks.ok_or_else(|| ApiError::required(&format!("{at}.disks")))?;
    if disks.first().is_none_or(|first| first["boot"] != json!(true)) {
        return Err(ApiError::invalid(&format!("{at}.disks[0].boot"), "", "The first disk must be the boot disk."));
    }
    for (index, attached) in disks.iter_mut().filter_map(Value::as_object_mut).enumerate() {
        check_disk(attached, index, shape.arm, &format!("{at}.disks[{index}]"))?;
    }
    let interfaces = properties.get_mut("networkInterfaces").and_then(Value::as_array_mut);
    let interfaces = interfaces.filter(|interfaces| interfaces.len() == 1);
    let interface = interfaces.and_then(|interfaces| interfaces[0].as_object_mut()).ok_or_else(|| {
        ApiError::invalid(&format!("{at}.networkInterfaces"), "", "The sandbox allows exactly one network interface.")
    })?;
    if !interface.contains_key("network") && !interface.contains_key("subnetwork") {
        return Err(ApiError::required(&format!("{at}.networkInterfaces[0].network")));
    }
    interface.insert("name".to_owned(), json!("nic0"));
    interface.insert("kind".to_owned(), json!("compute#networkInterface"));
    Ok(Made::default())
}

fn check_disk(attached: &mut Doc, index: usize, arm: bool, at: &str) -> Result<(), ApiError> {
    let Some(parameters) = attached.get("initializeParams").filter(|_| !attached.contains_key("source")) else {
        return Err(ApiError::invalid(&format!("{at}.source"), "", "A disk of a template is made with its instance."));
    };
    let at = format!("{at}.initializeParams");
    let kind = parameters["diskType"].as_str().unwrap_or("pd-standard");
    if !disk::TYPES.contains(&kind) {
        return Err(ApiError::invalid(&format!("{at}.diskType"), kind, "Must be the name of a disk type."));
    }
    let image = parameters["sourceImage"].as_str().and_then(|link| image::find(&Path::of_url(link)?));
    match image {
        None if index == 0 => return Err(ApiError::required(&format!("{at}.sourceImage"))),
        Some(image) if index == 0 && image.arm != arm => {
            let why = "The architecture of the image is not that of the machine type.";
            return Err(ApiError::invalid(&format!("{at}.sourceImage"), image.url(), why));
        }
        _ => {}
    }
    if let Some(size) = parameters["diskSizeGb"].as_str() {
        let size = size.parse().map_err(|_| ApiError::invalid(&format!("{at}.diskSizeGb"), size, "Not a size."))?;
        disk::check_size(&format!("{at}.diskSizeGb"), size, kind)?;
        if image.is_some() && size < image::SIZE_GIB {
            let why = "Requested disk size cannot be smaller than the image size.";
            return Err(ApiError::invalid(&format!("{at}.diskSizeGb"), size, why));
        }
    }
    fill_in(attached, index);
    Ok(())
}

fn show(_: &Cx<'_>, _: &Path, item: &Item, doc: &mut Doc) {
    let Some(properties) = doc.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for field in ["metadata", "tags"] {
        if let Some(part) = properties.get_mut(field) {
            part["fingerprint"] = json!(fingerprint(item.doc["properties"].get(field)));
            if field == "metadata" {
                part["kind"] = json!("compute#metadata");
            }
        }
    }
}
