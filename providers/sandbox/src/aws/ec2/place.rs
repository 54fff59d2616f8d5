//! Regions and availability zones.

use super::describe::Filters;
use super::{Answer, Cx, Params, Tags, Xml};
use crate::aws::ApiError;

/// The id of a zone, which is the same in every account, such as `euw1-az1` for `eu-west-1a`. Accounts map letters to
/// ids differently; this one maps them in order.
pub fn zone_id(zone: &str) -> String {
    let (region, letter) = zone.split_at(zone.len().saturating_sub(1));
    let number = letter.bytes().next().map_or(0, |letter| letter.saturating_sub(b'a') + 1);
    format!("{}-az{number}", short(region))
}

/// A region's short name: the compass points by their first letters.
fn short(region: &str) -> String {
    region
        .split('-')
        .enumerate()
        .map(|(at, word)| match word {
            word if at == 0 => word,
            "northeast" => "ne",
            "northwest" => "nw",
            "southeast" => "se",
            "southwest" => "sw",
            "gov" => "g",
            "north" | "south" | "east" | "west" | "central" => &word[..1],
            other => other,
        })
        .collect()
}

/// `DescribeAvailabilityZones`.
pub fn zones(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (names, ids) = (p.list("ZoneName"), p.list("ZoneId"));
    p.opt_bool("AllAvailabilityZones")?;
    let filters = Filters::read(p)?;
    let known = [
        "group-name",
        "message",
        "opt-in-status",
        "region-name",
        "state",
        "zone-id",
        "zone-name",
        "zone-type",
        "parent-zone-id",
        "parent-zone-name",
    ];
    filters.check_names(&known, false)?;
    let zones = cx.zones_here();
    for (wanted, all) in [(&names, zones.clone()), (&ids, zones.iter().map(|zone| zone_id(zone)).collect())] {
        if let Some(wrong) = wanted.iter().find(|wanted| !all.contains(wanted)) {
            return Err(ApiError::value(format!("Invalid availability zone: [{wrong}]")));
        }
    }
    let region = cx.region.clone();
    let found = zones.iter().filter(|zone| {
        let id = zone_id(zone);
        (names.is_empty() || names.contains(zone))
            && (ids.is_empty() || ids.contains(&id))
            && filters.admit(&Tags::new(), |name| match name {
                "group-name" => vec![format!("{region}-zg-1")],
                "opt-in-status" => vec!["opt-in-not-required".to_owned()],
                "region-name" => vec![region.clone()],
                "state" => vec!["available".to_owned()],
                "zone-id" => vec![id.clone()],
                "zone-name" => vec![(*zone).clone()],
                "zone-type" => vec!["availability-zone".to_owned()],
                _ => Vec::new(),
            })
    });
    let mut x = Xml::new();
    x.list("availabilityZoneInfo", "item", found, |x, zone| {
        x.text("zoneName", zone);
        x.text("zoneId", zone_id(zone));
        x.text("zoneState", "available");
        x.text("regionName", &region);
        x.text("groupName", format!("{region}-zg-1"));
        x.text("networkBorderGroup", &region);
        x.text("optInStatus", "opt-in-not-required");
        x.text("zoneType", "availability-zone");
        x.nest("messageSet", |_| {});
    });
    Ok(x)
}

/// `DescribeRegions`: those that the sandbox was told of, and the one of the request.
pub fn regions(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let names = p.list("RegionName");
    p.opt_bool("AllRegions")?;
    let filters = Filters::read(p)?;
    filters.check_names(&["endpoint", "opt-in-status", "region-name"], false)?;
    let mut known: Vec<String> = cx.zones.keys().cloned().chain([cx.region.clone()]).collect();
    known.sort();
    known.dedup();
    if let Some(wrong) = names.iter().find(|name| !known.contains(name)) {
        return Err(ApiError::value(format!("Invalid region provided: {wrong}")));
    }
    known.retain(|name| {
        (names.is_empty() || names.contains(name))
            && filters.admit(&Tags::new(), |filter| match filter {
                "region-name" => vec![name.clone()],
                "opt-in-status" => vec!["opt-in-not-required".to_owned()],
                _ => vec![format!("ec2.{name}.amazonaws.com")],
            })
    });
    let mut x = Xml::new();
    x.list("regionInfo", "item", known, |x, name| {
        x.text("regionEndpoint", format!("ec2.{name}.amazonaws.com"));
        x.text("optInStatus", "opt-in-not-required");
        x.text("regionName", name);
    });
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::zone_id;

    #[test]
    fn zone_ids_are_those_of_the_published_lists() {
        for (zone, id) in [
            ("eu-west-1a", "euw1-az1"),
            ("us-east-1c", "use1-az3"),
            ("ap-southeast-2b", "apse2-az2"),
            ("us-gov-west-1a", "usgw1-az1"),
            ("me-central-1a", "mec1-az1"),
        ] {
            assert_eq!(zone_id(zone), id);
        }
    }
}
