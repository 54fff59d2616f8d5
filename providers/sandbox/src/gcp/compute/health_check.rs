//! Health checks, global and regional.

use serde_json::{Value, json};

use super::collection::{Collection, Level, Made, Verb};
use super::path::Path;
use crate::gcp::error::ApiError;
use crate::gcp::schema::{Kind, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};

const SCHEMA: Schema = &[
    ("name", Kind::Str),
    ("description", Kind::Str),
    ("type", Kind::Enum(&["HTTP", "HTTP2", "HTTPS", "SSL", "TCP"])),
    ("checkIntervalSec", Kind::Int),
    ("timeoutSec", Kind::Int),
    ("healthyThreshold", Kind::Int),
    ("unhealthyThreshold", Kind::Int),
    ("httpHealthCheck", Kind::Object(HTTP)),
    ("http2HealthCheck", Kind::Object(HTTP)),
    ("httpsHealthCheck", Kind::Object(HTTP)),
    ("sslHealthCheck", Kind::Object(TCP)),
    ("tcpHealthCheck", Kind::Object(TCP)),
    ("logConfig", Kind::Object(LOG)),
    ("grpcHealthCheck", Kind::Unsupported),
    ("grpcTlsHealthCheck", Kind::Unsupported),
    ("sourceRegions", Kind::Unsupported),
];

const SPECIFICATION: Kind = Kind::Enum(&["USE_FIXED_PORT", "USE_NAMED_PORT", "USE_SERVING_PORT"]);
const PROXY: Kind = Kind::Enum(&["NONE", "PROXY_V1"]);

const HTTP: Schema = &[
    ("host", Kind::Str),
    ("port", Kind::Int),
    ("portName", Kind::Str),
    ("portSpecification", SPECIFICATION),
    ("proxyHeader", PROXY),
    ("requestPath", Kind::Str),
    ("response", Kind::Str),
];

const TCP: Schema = &[
    ("port", Kind::Int),
    ("portName", Kind::Str),
    ("portSpecification", SPECIFICATION),
    ("proxyHeader", PROXY),
    ("request", Kind::Str),
    ("response", Kind::Str),
];

const LOG: Schema = &[("enable", Kind::Bool)];

/// Health checks of a region.
pub const REGIONAL: Collection = Collection {
    name: "healthChecks",
    methods: "regionHealthChecks",
    one: "healthCheck",
    list: "healthCheckList",
    aggregated: "healthChecksAggregatedList",
    schema: SCHEMA,
    required: &["type"],
    mutable: &[
        "description",
        "type",
        "checkIntervalSec",
        "timeoutSec",
        "healthyThreshold",
        "unhealthyThreshold",
        "httpHealthCheck",
        "http2HealthCheck",
        "httpsHealthCheck",
        "sslHealthCheck",
        "tcpHealthCheck",
        "logConfig",
    ],
    verbs: &[Verb::Get, Verb::List, Verb::Aggregated, Verb::Insert, Verb::Delete, Verb::Patch, Verb::Update],
    prepare,
    ..Collection::BASE
};

/// Global health checks.
pub const GLOBAL: Collection = Collection { methods: "healthChecks", level: Level::Global, ..REGIONAL };

/// The field that goes with a type.
fn field_of(kind: &str) -> &'static str {
    match kind {
        "HTTP" => "httpHealthCheck",
        "HTTP2" => "http2HealthCheck",
        "HTTPS" => "httpsHealthCheck",
        "SSL" => "sslHealthCheck",
        _ => "tcpHealthCheck",
    }
}

fn prepare(_: &mut Cx<'_>, _: &Path, doc: &mut Doc, _: Option<&Item>) -> Result<Made, ApiError> {
    let mut number = |field: &str, usual: i64, range: std::ops::RangeInclusive<i64>| {
        let value = doc.entry(field).or_insert_with(|| json!(usual)).as_i64().unwrap_or_default();
        if range.contains(&value) {
            Ok(value)
        } else {
            Err(ApiError::invalid(&format!("resource.{field}"), value, "Out of range."))
        }
    };
    let interval = number("checkIntervalSec", 5, 1..=300)?;
    let timeout = number("timeoutSec", 5, 1..=300)?;
    number("healthyThreshold", 2, 1..=10)?;
    number("unhealthyThreshold", 2, 1..=10)?;
    if timeout > interval {
        return Err(ApiError::invalid("resource.timeoutSec", timeout, "Must not be greater than checkIntervalSec."));
    }
    let kind = text(doc, "type").to_owned();
    let own = field_of(&kind);
    for kind in ["HTTP", "HTTP2", "HTTPS", "SSL", "TCP"] {
        let field = field_of(kind);
        if field != own && doc.contains_key(field) {
            return Err(ApiError::invalid(&format!("resource.{field}"), "", "It does not go with the type."));
        }
    }
    let detail = doc.entry(own).or_insert_with(|| json!({}));
    let Some(detail) = detail.as_object_mut() else { return Err(ApiError::required(own)) };
    let port = detail.get("port").and_then(Value::as_i64);
    let fixed = detail.get("portSpecification").and_then(Value::as_str).unwrap_or("USE_FIXED_PORT") == "USE_FIXED_PORT";
    match port {
        Some(port) if !(1..=65_535).contains(&port) => {
            return Err(ApiError::invalid(&format!("resource.{own}.port"), port, "Must be between 1 and 65535."));
        }
        Some(port) if !fixed => {
            return Err(ApiError::invalid(&format!("resource.{own}.port"), port, "It goes with USE_FIXED_PORT only."));
        }
        None if fixed => {
            let usual = if kind.starts_with("HTTP") && kind != "HTTP" { 443 } else { 80 };
            detail.insert("port".to_owned(), json!(usual));
        }
        _ => {}
    }
    detail.entry("proxyHeader").or_insert_with(|| json!("NONE"));
    if own.starts_with("http") {
        let path = detail.entry("requestPath").or_insert_with(|| json!("/"));
        if !path.as_str().is_some_and(|path| path.starts_with('/')) {
            return Err(ApiError::invalid(&format!("resource.{own}.requestPath"), path, "Must begin with a slash."));
        }
    }
    Ok(Made::default())
}
