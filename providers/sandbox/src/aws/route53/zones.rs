//! Hosted zones.

use super::Node;
use super::names::{normal, sort_key};
use super::{Record, RecordTarget, Zone, answer, body, invalid, malformed, max_items, no_zone, record_change};
use crate::aws::ec2::network as ec2;
use crate::aws::{ApiError, Cx, Request, Response, Xml};

type Answer = Result<Response, ApiError>;

pub fn create(cx: &mut Cx<'_>, req: &Request) -> Answer {
    let mut node = body(req, "CreateHostedZoneRequest")?;
    let asked = node.need_text("Name").map_err(|e| malformed(&e))?;
    let name = normal(&asked)
        .ok_or_else(|| ApiError::new(400, "InvalidDomainName", format!("{asked} is not a valid domain name")))?;
    let caller_reference = node.need_text("CallerReference").map_err(|e| malformed(&e))?;
    if caller_reference.is_empty() || caller_reference.len() > 128 {
        return Err(invalid("CallerReference must have 1 to 128 characters"));
    }
    let vpc = node.take("VPC").map(read_vpc).transpose()?;
    let mut private = vpc.is_some();
    let mut comment = None;
    if let Some(mut config) = node.take("HostedZoneConfig") {
        comment = config.take_text("Comment");
        private |= config.take_text("PrivateZone").is_some_and(|text| text == "true");
        config.finish().map_err(|e| malformed(&e))?;
    }
    node.finish().map_err(|e| malformed(&e))?;
    if private && vpc.is_none() {
        return Err(invalid(
            "When you're creating a private hosted zone, you must specify Amazon VPC ID and VPC region",
        ));
    }
    if let Some(vpc) = &vpc {
        check_vpc(cx, vpc)?;
        check_conflict(cx, &name, vpc)?;
    }
    if cx.world.global.route53.zones.values().any(|zone| zone.caller_reference == caller_reference) {
        return Err(ApiError::new(
            409,
            "HostedZoneAlreadyExists",
            format!("A hosted zone has already been created with the specified caller reference {caller_reference}."),
        ));
    }
    let id = format!("Z0{}", cx.ids.upper(19));
    let zone = Zone {
        id: id.clone(),
        records: fixed_records(&name, private, &id),
        name,
        caller_reference,
        comment,
        private,
        vpcs: vpc.into_iter().collect(),
        tags: [].into(),
    };
    let change = record_change(cx, None);
    let response = answer(req, 201, |x| {
        write(x, &zone);
        x.append(&change);
        write_delegation(x, &zone);
        write_vpcs(x, "VPC", zone.vpcs.first());
    })
    .header("location", format!("https://route53.amazonaws.com/2013-04-01/hostedzone/{id}"));
    cx.world.global.route53.zones.insert(id, zone);
    Ok(response)
}

pub fn get(cx: &mut Cx<'_>, req: &Request, id: &str) -> Answer {
    let zone = cx.world.global.route53.zone(id)?;
    Ok(answer(req, 200, |x| {
        write(x, zone);
        write_delegation(x, zone);
        if !zone.vpcs.is_empty() {
            x.nest("VPCs", |x| write_vpcs(x, "VPC", &zone.vpcs));
        }
    }))
}

pub fn update_comment(cx: &mut Cx<'_>, req: &Request, id: &str) -> Answer {
    let mut node = body(req, "UpdateHostedZoneCommentRequest")?;
    let comment = node.take_text("Comment");
    node.finish().map_err(|e| malformed(&e))?;
    let zone = cx.world.global.route53.zone_mut(id)?;
    zone.comment = comment;
    let response = answer(req, 200, |x| write(x, zone));
    cx.dirty_global();
    Ok(response)
}

pub fn delete(cx: &mut Cx<'_>, req: &Request, id: &str) -> Answer {
    let zone = cx.world.global.route53.zone(id)?;
    if zone.records.iter().any(|record| !zone.is_fixed(record)) {
        return Err(ApiError::new(
            400,
            "HostedZoneNotEmpty",
            "The specified hosted zone contains non-required resource record sets and so cannot be deleted.",
        ));
    }
    cx.world.global.route53.zones.remove(id);
    let change = record_change(cx, None);
    Ok(answer(req, 200, |x| x.append(&change)))
}

pub fn list(cx: &mut Cx<'_>, req: &Request) -> Answer {
    let size = max_items(cx, req, 100)?;
    let zones: Vec<&Zone> = cx.world.global.route53.zones.values().collect();
    let marker = req.query_value("marker");
    let start = match marker {
        Some(marker) => zones.iter().position(|zone| zone.id == marker).ok_or_else(|| no_zone(marker))?,
        None => 0,
    };
    let rest = &zones[start..];
    Ok(answer(req, 200, |x| {
        x.nest("HostedZones", |x| {
            rest.iter().take(size).for_each(|zone| write(x, zone));
        });
        x.opt("Marker", marker);
        x.text("IsTruncated", rest.len() > size);
        x.opt("NextMarker", rest.get(size).map(|zone| &zone.id));
        x.text("MaxItems", size);
    }))
}

pub fn list_by_name(cx: &mut Cx<'_>, req: &Request) -> Answer {
    let size = max_items(cx, req, 100)?;
    let (asked, id) = (req.query_value("dnsname"), req.query_value("hostedzoneid"));
    let from =
        match asked {
            Some(name) => Some(sort_key(&normal(name).ok_or_else(|| {
                ApiError::new(400, "InvalidDomainName", format!("{name} is not a valid domain name"))
            })?)),
            None if id.is_some() => return Err(invalid("hostedzoneid needs dnsname")),
            None => None,
        };
    let mut zones: Vec<&Zone> = cx.world.global.route53.zones.values().collect();
    zones.sort_by_key(|zone| (sort_key(&zone.name), zone.id.clone()));
    if let Some(from) = from {
        let id = id.unwrap_or_default();
        zones.retain(|zone| (sort_key(&zone.name), zone.id.as_str()) >= (from.clone(), id));
    }
    Ok(answer(req, 200, |x| {
        x.nest("HostedZones", |x| {
            zones.iter().take(size).for_each(|zone| write(x, zone));
        });
        x.opt("DNSName", asked);
        x.opt("HostedZoneId", id);
        x.text("IsTruncated", zones.len() > size);
        x.opt("NextDNSName", zones.get(size).map(|zone| &zone.name));
        x.opt("NextHostedZoneId", zones.get(size).map(|zone| &zone.id));
        x.text("MaxItems", size);
    }))
}

pub fn list_by_vpc(cx: &mut Cx<'_>, req: &Request) -> Answer {
    let size = max_items(cx, req, 100)?;
    let need = |key: &str| req.query_value(key).map(str::to_owned).ok_or_else(|| invalid(format!("{key} is required")));
    let vpc = (need("vpcregion")?, need("vpcid")?);
    check_vpc(cx, &vpc)?;
    let zones: Vec<&Zone> = cx.world.global.route53.zones.values().filter(|zone| zone.vpcs.contains(&vpc)).collect();
    let start = match req.query_value("nexttoken") {
        Some(token) => zones
            .iter()
            .position(|zone| zone.id == token)
            .ok_or_else(|| ApiError::new(400, "InvalidPaginationToken", "The pagination token is not valid"))?,
        None => 0,
    };
    let rest = &zones[start..];
    Ok(answer(req, 200, |x| {
        x.list("HostedZoneSummaries", "HostedZoneSummary", rest.iter().take(size), |x, zone| {
            x.text("HostedZoneId", &zone.id);
            x.text("Name", &zone.name);
            x.nest("Owner", |x| x.text("OwningAccount", cx.account));
        });
        x.text("MaxItems", size);
        x.opt("NextToken", rest.get(size).map(|zone| &zone.id));
    }))
}

pub fn associate(cx: &mut Cx<'_>, req: &Request, id: &str) -> Answer {
    let (vpc, comment) = vpc_body(req, "AssociateVPCWithHostedZoneRequest")?;
    let zone = cx.world.global.route53.zone(id)?;
    if !zone.private {
        return Err(ApiError::new(
            400,
            "PublicZoneVPCAssociation",
            "You're trying to associate a VPC with a public hosted zone.",
        ));
    }
    let name = zone.name.clone();
    check_vpc(cx, &vpc)?;
    check_conflict(cx, &name, &vpc)?;
    cx.world.global.route53.zone_mut(id)?.vpcs.push(vpc);
    let change = record_change(cx, comment);
    Ok(answer(req, 200, |x| x.append(&change)))
}

/// The VPC need not exist any more: that is how a zone lets go of one that was deleted.
pub fn disassociate(cx: &mut Cx<'_>, req: &Request, id: &str) -> Answer {
    let (vpc, comment) = vpc_body(req, "DisassociateVPCFromHostedZoneRequest")?;
    let zone = cx.world.global.route53.zone_mut(id)?;
    let at = zone.vpcs.iter().position(|held| *held == vpc).ok_or_else(|| {
        ApiError::new(
            404,
            "VPCAssociationNotFound",
            format!("The VPC {} is not associated with the hosted zone {id}.", vpc.1),
        )
    })?;
    if zone.vpcs.len() == 1 {
        return Err(ApiError::new(
            400,
            "LastVPCAssociation",
            format!("The VPC {} is the last one associated with the private hosted zone {id}.", vpc.1),
        ));
    }
    zone.vpcs.remove(at);
    let change = record_change(cx, comment);
    Ok(answer(req, 200, |x| x.append(&change)))
}

fn vpc_body(req: &Request, root: &'static str) -> Result<((String, String), Option<String>), ApiError> {
    let mut node = body(req, root)?;
    let vpc = read_vpc(node.need("VPC").map_err(|e| malformed(&e))?)?;
    let comment = node.take_text("Comment");
    node.finish().map_err(|e| malformed(&e))?;
    Ok((vpc, comment))
}

fn read_vpc(mut node: Node) -> Result<(String, String), ApiError> {
    let region = node.need_text("VPCRegion").map_err(|e| malformed(&e))?;
    let id = node.need_text("VPCId").map_err(|e| malformed(&e))?;
    node.finish().map_err(|e| malformed(&e))?;
    Ok((region, id))
}

fn check_vpc(cx: &Cx<'_>, vpc: &(String, String)) -> Result<(), ApiError> {
    if ec2::has_vpc_in(cx, &vpc.0, &vpc.1) {
        return Ok(());
    }
    Err(ApiError::new(
        400,
        "InvalidVPCId",
        format!("The VPC ID {} in region {} is not valid or not authorized.", vpc.1, vpc.0),
    ))
}

/// A VPC resolves one zone of a name.
fn check_conflict(cx: &Cx<'_>, name: &str, vpc: &(String, String)) -> Result<(), ApiError> {
    if cx.world.global.route53.zones.values().any(|zone| zone.name == name && zone.vpcs.contains(vpc)) {
        return Err(ApiError::new(
            400,
            "ConflictingDomainExists",
            format!(
                "The VPC {} in region {} has already been associated with a hosted zone with the name {name}.",
                vpc.1, vpc.0
            ),
        ));
    }
    Ok(())
}

fn name_servers(private: bool, id: &str) -> Vec<String> {
    if private {
        return ["ns-0.awsdns-00.com.", "ns-512.awsdns-00.net.", "ns-1024.awsdns-00.org.", "ns-1536.awsdns-00.co.uk."]
            .map(str::to_owned)
            .to_vec();
    }
    let seed = id.bytes().fold(0_u32, |sum, byte| (sum * 31 + u32::from(byte)) % 512);
    ["com", "net", "org", "co.uk"]
        .into_iter()
        .zip(0_u32..)
        .map(|(tld, n)| format!("ns-{}.awsdns-{:02}.{tld}.", seed + 512 * n, seed % 64))
        .collect()
}

fn fixed_records(name: &str, private: bool, id: &str) -> Vec<Record> {
    let servers = name_servers(private, id);
    let soa = format!("{} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400", servers[0]);
    let record = |kind: &str, ttl, values| Record {
        name: name.to_owned(),
        kind: kind.to_owned(),
        set_identifier: None,
        weight: None,
        target: RecordTarget::Values { ttl, values },
    };
    vec![record("NS", 172_800, servers), record("SOA", 900, vec![soa])]
}

fn write(x: &mut Xml, zone: &Zone) {
    x.nest("HostedZone", |x| {
        x.text("Id", format!("/hostedzone/{}", zone.id));
        x.text("Name", &zone.name);
        x.text("CallerReference", &zone.caller_reference);
        x.nest("Config", |x| {
            x.opt("Comment", zone.comment.as_ref());
            x.text("PrivateZone", zone.private);
        });
        x.text("ResourceRecordSetCount", zone.records.len());
    });
}

fn write_delegation(x: &mut Xml, zone: &Zone) {
    if !zone.private {
        x.nest("DelegationSet", |x| {
            let servers = name_servers(false, &zone.id);
            x.values("NameServers", "NameServer", servers.iter().map(|server| server.trim_end_matches('.')));
        });
    }
}

fn write_vpcs<'v>(x: &mut Xml, element: &str, vpcs: impl IntoIterator<Item = &'v (String, String)>) {
    for (region, id) in vpcs {
        x.nest(element, |x| {
            x.text("VPCRegion", region);
            x.text("VPCId", id);
        });
    }
}
