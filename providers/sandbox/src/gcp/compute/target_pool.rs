//! Target pools: what the older passthrough load balancers have behind them. Kubernetes' controllers make them.

use serde_json::json;

use super::collection::{Collection, Made, Verb};
use super::path::Path;
use crate::gcp::error::ApiError;
use crate::gcp::schema::{Kind, Schema};
use crate::gcp::world::{Cx, Doc, Item};

const SCHEMA: Schema = &[
    ("name", Kind::Str),
    ("description", Kind::Str),
    ("instances", Kind::List(&Kind::Ref(&["instances"]))),
    ("sessionAffinity", Kind::Enum(&["CLIENT_IP", "CLIENT_IP_PROTO", "NONE"])),
    ("backupPool", Kind::Unsupported),
    ("failoverRatio", Kind::Unsupported),
    ("healthChecks", Kind::Unsupported),
    ("securityPolicy", Kind::Unsupported),
];

/// Target pools of a region.
pub const TARGET_POOLS: Collection = Collection {
    name: "targetPools",
    methods: "targetPools",
    one: "targetPool",
    list: "targetPoolList",
    aggregated: "targetPoolAggregatedList",
    schema: SCHEMA,
    verbs: &[Verb::Get, Verb::List, Verb::Aggregated, Verb::Insert, Verb::Delete],
    prepare,
    ..Collection::BASE
};

#[expect(clippy::unnecessary_wraps, reason = "the table of collections asks for this signature")]
fn prepare(_: &mut Cx<'_>, _: &Path, doc: &mut Doc, _: Option<&Item>) -> Result<Made, ApiError> {
    doc.entry("sessionAffinity").or_insert_with(|| json!("NONE"));
    Ok(Made::default())
}
