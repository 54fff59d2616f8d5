//! Backend services of passthrough load balancers, in a region.

use serde_json::{Value, json};

use super::collection::{Action, Collection, Made, Verb, get};
use super::instance_group::members;
use super::path::Path;
use crate::gcp::error::ApiError;
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};

const SCHEMA: Schema = &[
    ("name", Kind::Str),
    ("description", Kind::Str),
    ("loadBalancingScheme", Kind::Enum(&["EXTERNAL", "INTERNAL"])),
    ("protocol", Kind::Enum(&["TCP", "UDP", "UNSPECIFIED"])),
    ("backends", Kind::List(&Kind::Object(BACKEND))),
    ("healthChecks", Kind::List(&Kind::Ref(&["healthChecks"]))),
    ("network", Kind::Ref(&["networks"])),
    (
        "sessionAffinity",
        Kind::Enum(&["CLIENT_IP", "CLIENT_IP_NO_DESTINATION", "CLIENT_IP_PORT_PROTO", "CLIENT_IP_PROTO", "NONE"]),
    ),
    ("timeoutSec", Kind::Int),
    ("connectionDraining", Kind::Object(DRAINING)),
    ("connectionTrackingPolicy", Kind::Object(TRACKING)),
    ("failoverPolicy", Kind::Object(FAILOVER)),
    ("logConfig", Kind::Object(LOG)),
    ("ipAddressSelectionPolicy", Kind::Enum(&["IPV4_ONLY"])),
    ("port", Kind::Int),
    ("portName", Kind::Str),
    ("metadatas", Kind::Map(&Kind::Str)),
    ("fingerprint", Kind::Bytes),
    ("enableCDN", Kind::Unsupported),
    ("affinityCookieTtlSec", Kind::Unsupported),
    ("cdnPolicy", Kind::Unsupported),
    ("circuitBreakers", Kind::Unsupported),
    ("haPolicy", Kind::Unsupported),
    ("localityLbPolicy", Kind::Unsupported),
    ("networkPassThroughLbTrafficPolicy", Kind::Unsupported),
    ("params", Kind::Unsupported),
    ("subsetting", Kind::Unsupported),
    ("usedBy", Kind::Output),
    ("securityPolicy", Kind::Output),
];

const BACKEND: Schema = &[
    ("group", Kind::Ref(&["instanceGroups"])),
    ("description", Kind::Str),
    ("balancingMode", Kind::Enum(&["CONNECTION", "RATE", "UTILIZATION"])),
    ("failover", Kind::Bool),
    ("capacityScaler", Kind::Float),
    ("maxConnections", Kind::Unsupported),
    ("maxConnectionsPerEndpoint", Kind::Unsupported),
    ("maxConnectionsPerInstance", Kind::Unsupported),
    ("maxRate", Kind::Unsupported),
    ("maxRatePerInstance", Kind::Unsupported),
    ("maxUtilization", Kind::Unsupported),
    ("preference", Kind::Unsupported),
];

const DRAINING: Schema = &[("drainingTimeoutSec", Kind::Int)];
const TRACKING: Schema = &[
    (
        "connectionPersistenceOnUnhealthyBackends",
        Kind::Enum(&["ALWAYS_PERSIST", "DEFAULT_FOR_PROTOCOL", "NEVER_PERSIST"]),
    ),
    ("enableStrongAffinity", Kind::Bool),
    ("idleTimeoutSec", Kind::Int),
    ("trackingMode", Kind::Enum(&["PER_CONNECTION", "PER_SESSION"])),
];
const FAILOVER: Schema = &[
    ("disableConnectionDrainOnFailover", Kind::Bool),
    ("dropTrafficIfUnhealthy", Kind::Bool),
    ("failoverRatio", Kind::Float),
];
const LOG: Schema = &[("enable", Kind::Bool), ("sampleRate", Kind::Float)];

/// Backend services of a region.
pub const BACKEND_SERVICES: Collection = Collection {
    name: "backendServices",
    methods: "regionBackendServices",
    one: "backendService",
    list: "backendServiceList",
    aggregated: "backendServiceAggregatedList",
    schema: SCHEMA,
    required: &["loadBalancingScheme"],
    mutable: &[
        "description",
        "backends",
        "healthChecks",
        "sessionAffinity",
        "timeoutSec",
        "connectionDraining",
        "connectionTrackingPolicy",
        "failoverPolicy",
        "logConfig",
        "protocol",
        "metadatas",
    ],
    fingerprint: true,
    verbs: &[Verb::Get, Verb::List, Verb::Aggregated, Verb::Insert, Verb::Delete, Verb::Patch, Verb::Update],
    actions: &[Action { name: "getHealth", query: &[], run: health }],
    takes: |pace| pace.load_balancer_provisioning,
    prepare,
    show,
    ..Collection::BASE
};

fn prepare(_: &mut Cx<'_>, path: &Path, doc: &mut Doc, _: Option<&Item>) -> Result<Made, ApiError> {
    let checks = doc.get("healthChecks").and_then(Value::as_array).map_or(0, Vec::len);
    if checks != 1 {
        return Err(ApiError::invalid("resource.healthChecks", checks, "Exactly one health check must be given."));
    }
    if text(doc, "loadBalancingScheme") == "EXTERNAL" {
        let check = doc["healthChecks"][0].as_str().and_then(Path::of_url);
        if check.is_none_or(|check| check.region() != path.region()) {
            let why = "An external passthrough load balancer needs a regional health check.";
            return Err(ApiError::invalid("resource.healthChecks[0]", &doc["healthChecks"][0], why));
        }
        if doc.contains_key("network") {
            return Err(ApiError::invalid("resource.network", &doc["network"], "Only INTERNAL ones have a network."));
        }
    }
    doc.entry("protocol").or_insert_with(|| json!("TCP"));
    doc.entry("sessionAffinity").or_insert_with(|| json!("NONE"));
    doc.entry("timeoutSec").or_insert_with(|| json!(30));
    doc.entry("connectionDraining").or_insert_with(|| json!({ "drainingTimeoutSec": 0 }));
    for (index, backend) in doc.get_mut("backends").and_then(Value::as_array_mut).into_iter().flatten().enumerate() {
        let at = format!("resource.backends[{index}]");
        let group = backend["group"]
            .as_str()
            .and_then(Path::of_url)
            .ok_or_else(|| ApiError::required(&format!("{at}.group")))?;
        if group.region() != path.region() {
            return Err(ApiError::invalid(&format!("{at}.group"), group, "The group is in another region."));
        }
        let Some(backend) = backend.as_object_mut() else { continue };
        let mode = backend.entry("balancingMode").or_insert_with(|| json!("CONNECTION"));
        if mode != "CONNECTION" {
            let why = "A passthrough load balancer balances by CONNECTION.";
            return Err(ApiError::invalid(&format!("{at}.balancingMode"), mode, why));
        }
    }
    let backends = doc.get("backends").and_then(Value::as_array).cloned().unwrap_or_default();
    let twice =
        |(index, backend): (usize, &Value)| backends[..index].iter().any(|other| other["group"] == backend["group"]);
    if backends.iter().enumerate().any(twice) {
        return Err(ApiError::invalid("resource.backends", "", "A group is given twice."));
    }
    Ok(Made::default())
}

fn show(cx: &Cx<'_>, path: &Path, _: &Item, doc: &mut Doc) {
    let url = path.url();
    let prefix = format!("projects/{}/{}/forwardingRules/", path.project, path.scope);
    let users: Vec<Value> = cx
        .world
        .under(&prefix)
        .filter(|(_, item)| item.text("backendService") == url)
        .map(|(key, _)| json!({ "reference": super::path::url(key) }))
        .collect();
    if !users.is_empty() {
        doc.insert("usedBy".to_owned(), json!(users));
    }
}

const GROUP: Schema = &[("group", Kind::Ref(&["instanceGroups"]))];

/// `getHealth`: a running member is healthy after a while.
fn health(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let service = get(cx, path)?;
    let body = schema::read(GROUP, request.json()?, "", Nulls::Drop)?;
    let group = Path::parse(text(&body, "group"), &path.project).ok_or_else(|| ApiError::required("group"))?;
    let url = group.url();
    let backends = service.doc.get("backends").and_then(Value::as_array);
    if !backends.into_iter().flatten().any(|backend| backend["group"] == url) {
        return Err(ApiError::invalid("group", url, "The group is no backend of the service."));
    }
    let group = get(cx, &group)?;
    let states: Vec<Value> = members(&group)
        .iter()
        .filter_map(|member| {
            let instance = cx.world.get(member)?;
            let since = instance.hidden.get("started").and_then(Value::as_u64).unwrap_or(cx.now);
            let healthy = instance.text("status") == "RUNNING" && since + cx.pace.target_initial <= cx.now;
            Some(json!({
                "instance": super::path::url(member),
                "ipAddress": instance.doc["networkInterfaces"][0]["networkIP"],
                "port": 0,
                "healthState": if healthy { "HEALTHY" } else { "UNHEALTHY" },
            }))
        })
        .collect();
    let mut answer = json!({ "kind": "compute#backendServiceGroupHealth" });
    if !states.is_empty() {
        answer["healthStatus"] = json!(states);
    }
    Ok(answer)
}
