//! `Microsoft.Network/privateDnsZones`: zones, their links with networks, and their records. They are served beside the
//! rest of `Microsoft.Network`, with versions of their own.

mod link;
mod record;
#[cfg(test)]
mod tests;
mod zone;

use http::Method;
use serde_json::Value;

use super::Service;
use super::error::ApiError;
use super::request::Request;
use super::resource::render;
use super::response::Response;
use super::route::Route;
use super::world::{Cx, Resource, key};

pub use link::settle;

/// The service.
pub const SERVICE: Service = Service {
    namespace: "Microsoft.Network",
    versions: &["2018-09-01", "2020-06-01", "2024-06-01"],
    kinds: &[
        &zone::Zones,
        &link::Links,
        &record::A,
        &record::AAAA,
        &record::CNAME,
        &record::MX,
        &record::PTR,
        &record::SOA,
        &record::SRV,
        &record::TXT,
    ],
    special,
};

/// Lists of records: of one type, or of all.
fn special(request: &Request) -> Option<Route> {
    let [zones, _, kind] = request.rest.as_slice() else { return None };
    if !zones.eq_ignore_ascii_case("privateDnsZones") || request.method != Method::GET {
        return None;
    }
    if kind.eq_ignore_ascii_case("ALL") {
        return Some(Route::new("RecordSets_List", |cx, request| list(cx, request, None)));
    }
    let kind = record::KINDS.iter().find(|known| known.eq_ignore_ascii_case(kind))?;
    Some(Route::new("RecordSets_ListByType", move |cx, request| list(cx, request, Some(kind))))
}

fn list(cx: &mut Cx<'_>, request: &Request, kind: Option<&str>) -> Result<Response, ApiError> {
    request.only(&["$top", "$skiptoken", "$recordsetnamesuffix"])?;
    let group = request.group().unwrap_or_default();
    if !cx.sub.groups.contains_key(&group.to_lowercase()) {
        return Err(ApiError::no_group(group));
    }
    let zone = request.path.trim_end_matches('/').rsplit_once('/').map_or("", |(zone, _)| zone);
    cx.find(zone).ok_or_else(|| ApiError::not_found(zone))?;
    let within = format!("{}/", key(zone));
    let suffix = request.query.get("$recordsetnamesuffix").map(|suffix| suffix.to_lowercase()).unwrap_or_default();
    let wanted = |resource: &&Resource| {
        let own = record::type_of(&resource.kind);
        own.is_some_and(|own| kind.is_none_or(|kind| kind == own))
            && key(&resource.id).starts_with(&within)
            && resource.name().to_lowercase().ends_with(&suffix)
    };
    let items: Vec<Value> = cx.sub.resources.values().filter(wanted).filter_map(|record| render(cx, record)).collect();
    Ok(Response::json(200, cx.page(request, items)?))
}
