//! Plans as JSON, in the envelope of OpenTofu's plan JSON, so that policy engines and review tools that read that one
//! read ours (opentofu.org/docs/internals/json-format, format version 1.2).

use meridian_engine::plan::{Action, Change, Drift, Plan, Reason};
use meridian_engine::value::Fields;
use meridian_provider_api::telemetry::Stats;
use meridian_spec::Cluster;
use serde_json::{Map, Value as Json, json};

/// A plan and what making it cost.
#[must_use]
pub fn plan(plan: &Plan, stats: &Stats) -> Json {
    json!({
        "format_version": "1.2",
        "meridian_version": env!("CARGO_PKG_VERSION"),
        "cluster": plan.cluster,
        "provider": plan.provider,
        "region": plan.region,
        "serial": plan.serial,
        "lineage": plan.lineage,
        "interrupted": plan.interrupted,
        "applyable": !plan.is_empty(),
        "complete": true,
        "errored": false,
        "resource_changes": plan.changes.iter().map(|change| resource_change(change, &plan.provider)).collect::<Vec<_>>(),
        "resource_drift": plan.drift.iter().map(|drift| resource_drift(drift, &plan.provider)).collect::<Vec<_>>(),
        "output_changes": plan.outputs.iter().map(|(name, value)| (name.clone(), json!({
            "actions": ["no-op"],
            "after": value.to_json(),
            "after_unknown": !value.is_known(),
        }))).collect::<Map<_, _>>(),
        "stats": stats,
    })
}

/// What stands in place of a plan that could not be made, of the cluster that it came to. The error says no more than stderr does.
#[must_use]
pub fn failed_plan(cluster: Option<&Cluster>, error: &anyhow::Error) -> Json {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    json!({
        "format_version": "1.2",
        "meridian_version": env!("CARGO_PKG_VERSION"),
        "cluster": cluster.map(|cluster| &cluster.name),
        "provider": cluster.map(|cluster| &cluster.provider),
        "region": cluster.map(|cluster| &cluster.region.name),
        "applyable": false,
        "complete": false,
        "errored": true,
        "error": causes.join(": "),
        "resource_changes": [],
        "resource_drift": [],
        "output_changes": {},
    })
}

fn resource_change(change: &Change, provider: &str) -> Json {
    let mut entry = json!({
        "address": change.address,
        "mode": "managed",
        "type": change.address.kind(),
        "name": change.address.name(),
        "provider_name": provider,
        "change": {
            "actions": actions(change),
            "before": object(change.before.as_ref()),
            "after": object(change.after.as_ref()),
            "after_unknown": unknown(change.after.as_ref()),
            "before_sensitive": {},
            "after_sensitive": {},
        },
    });
    if let Reason::ForcesReplacement(fields) = &change.reason {
        entry["change"]["replace_paths"] = fields.iter().map(|field| json!([field])).collect();
    }
    if let Some(reason) = action_reason(&change.reason) {
        entry["action_reason"] = reason.into();
    }
    if change.reason == Reason::Deposed {
        entry["deposed"] = json!(change.id);
    }
    entry
}

fn resource_drift(drift: &Drift, provider: &str) -> Json {
    json!({
        "address": drift.address,
        "mode": "managed",
        "type": drift.address.kind(),
        "name": drift.address.name(),
        "provider_name": provider,
        "change": {
            "actions": [if drift.after.is_some() { "update" } else { "delete" }],
            "before": object(Some(&drift.before)),
            "after": object(drift.after.as_ref()),
            "after_unknown": {},
            "before_sensitive": {},
            "after_sensitive": {},
        },
    })
}

fn actions(change: &Change) -> &'static [&'static str] {
    match change.action {
        Action::Create => &["create"],
        Action::Update => &["update"],
        Action::Replace if change.create_first => &["create", "delete"],
        Action::Replace => &["delete", "create"],
        Action::Delete => &["delete"],
        Action::Forget => &["forget"],
        Action::NoOp => &["no-op"],
    }
}

fn action_reason(reason: &Reason) -> Option<&'static str> {
    match reason {
        Reason::ForcesReplacement(_) => Some("replace_because_cannot_update"),
        Reason::DependencyReplaced(_) => Some("replace_by_triggers"),
        Reason::Failed(_) => Some("replace_because_tainted"),
        Reason::NotDesired | Reason::Leftover => Some("delete_because_no_resource_config"),
        _ => None,
    }
}

fn object(fields: Option<&Fields>) -> Json {
    fields.map_or(Json::Null, |fields| {
        Json::Object(fields.iter().map(|(name, value)| (name.clone(), value.to_json())).collect())
    })
}

fn unknown(fields: Option<&Fields>) -> Json {
    Json::Object(
        fields.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.unknown_json()?))).collect(),
    )
}
