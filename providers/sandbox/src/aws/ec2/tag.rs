//! Tags: on creation, and by themselves.

use super::describe::{Filters, Resource, page};
use super::{Answer, Cx, Ec2, Params, Tags, Xml, done};
use crate::aws::ApiError;

/// How many tags a resource may have.
const LIMIT: usize = 50;

/// The prefix of an id, the type that tags know it by, and how to find out whether it exists.
type Kind = (&'static str, &'static str, fn(&Ec2, &str) -> Result<(), ApiError>);

fn exists<R: Resource>(ec2: &Ec2, id: &str) -> Result<(), ApiError> {
    ec2.get::<R>(id).map(drop)
}

const KINDS: [Kind; 15] = [
    ("vpc", "vpc", exists::<super::vpc::Vpc>),
    ("dopt", "dhcp-options", exists::<super::dhcp_options::DhcpOptions>),
    ("subnet", "subnet", exists::<super::subnet::Subnet>),
    ("igw", "internet-gateway", exists::<super::internet_gateway::InternetGateway>),
    ("eipalloc", "elastic-ip", exists::<super::address::Address>),
    ("nat", "natgateway", exists::<super::nat_gateway::NatGateway>),
    ("rtb", "route-table", exists::<super::route_table::RouteTable>),
    ("sg", "security-group", exists::<super::security_group::SecurityGroup>),
    ("sgr", "security-group-rule", exists::<super::security_group_rule::Rule>),
    ("eni", "network-interface", exists::<super::network_interface::NetworkInterface>),
    ("vol", "volume", exists::<super::volume::Volume>),
    ("i", "instance", exists::<super::instance::Instance>),
    ("lt", "launch-template", exists::<super::launch_template::LaunchTemplate>),
    ("key", "key-pair", exists::<super::key_pair::KeyPair>),
    ("vpce", "vpc-endpoint", exists::<super::vpc_endpoint::VpcEndpoint>),
];

fn kind(id: &str) -> Result<&'static Kind, ApiError> {
    id.split_once('-')
        .and_then(|(prefix, _)| KINDS.iter().find(|(known, ..)| *known == prefix))
        .ok_or_else(|| ApiError::bad("InvalidID", format!("The ID '{id}' is not valid")))
}

/// The error for an id of a known kind that does not exist.
pub fn not_found(id: &str) -> Option<ApiError> {
    let (_, _, exists) = kind(id).ok()?;
    exists(&Ec2::default(), id).err()
}

/// The tags that `TagSpecification.N` gives to one type. Other types are refused.
pub fn specified(p: &Params, resource_type: &str) -> Result<Tags, ApiError> {
    let mut all = specified_for(p, &[resource_type])?;
    Ok(all.pop().map(|(_, tags)| tags).unwrap_or_default())
}

/// The tags that `TagSpecification.N` gives, by type. Types that are not allowed are refused.
pub fn specified_for(p: &Params, allowed: &[&str]) -> Result<Vec<(String, Tags)>, ApiError> {
    let mut all: Vec<(String, Tags)> = Vec::new();
    for specification in p.structs("TagSpecification") {
        let resource_type = specification.str("ResourceType")?;
        if !allowed.contains(&resource_type.as_str()) {
            return Err(ApiError::value(format!(
                "'{resource_type}' is not a valid taggable resource type for this operation."
            )));
        }
        if all.iter().any(|(known, _)| *known == resource_type) {
            return Err(ApiError::value(format!("The resource type '{resource_type}' is specified twice")));
        }
        let tags = read(&specification)?;
        if tags.is_empty() {
            return Err(ApiError::value("Tag specification must have at least one tag"));
        }
        all.push((resource_type, tags));
    }
    Ok(all)
}

/// Reads and checks `Tag.N`.
fn read(p: &Params) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for tag in p.structs("Tag") {
        let key = tag.str("Key")?;
        let value = tag.opt_str("Value").unwrap_or_default();
        check_key(&key)?;
        if value.chars().count() > 256 {
            return Err(ApiError::value("Tag value exceeds the maximum length of 256 characters"));
        }
        if tags.insert(key.clone(), value).is_some() {
            return Err(ApiError::value(format!("Duplicate tag key '{key}' specified.")));
        }
    }
    within_limit(&tags)?;
    Ok(tags)
}

fn check_key(key: &str) -> Result<(), ApiError> {
    if key.chars().count() > 128 {
        return Err(ApiError::value("Tag key exceeds the maximum length of 128 characters"));
    }
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(ApiError::value(format!("Tag keys starting with 'aws:' are reserved for internal use: {key}")));
    }
    Ok(())
}

fn within_limit(tags: &Tags) -> Result<(), ApiError> {
    // Tags that the services set themselves do not count.
    if tags.keys().filter(|key| !key.starts_with("aws:")).count() > LIMIT {
        return Err(ApiError::bad("TagLimitExceeded", format!("The maximum number of tags is {LIMIT}")));
    }
    Ok(())
}

/// Sets the tags of a new resource.
pub fn set(ec2: &mut Ec2, id: &str, tags: Tags) {
    if !tags.is_empty() {
        ec2.tags.insert(id.to_owned(), tags);
    }
}

/// Writes the `tagSet` of a resource.
pub fn write(x: &mut Xml, ec2: &Ec2, id: &str) {
    write_set(x, ec2.tags.get(id).unwrap_or(&Tags::new()));
}

/// Writes tags as a `tagSet`.
pub fn write_set(x: &mut Xml, tags: &Tags) {
    x.list("tagSet", "item", tags, |x, (key, value)| {
        x.text("key", key);
        x.text("value", value);
    });
}

/// `CreateTags`.
pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let ids = resources(cx.ec2(), p)?;
    let tags = read(p)?;
    if tags.is_empty() {
        return Err(ApiError::bad("MissingParameter", "The request must contain the parameter Tag"));
    }
    for id in ids {
        let all = cx.ec2().tags.entry(id).or_default();
        all.extend(tags.clone());
        within_limit(all)?;
    }
    done()
}

/// `DeleteTags`: by key, or by key and value; all of them if no key is given.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let ids = resources(cx.ec2(), p)?;
    let mut doomed = Vec::new();
    for tag in p.structs("Tag") {
        let key = tag.str("Key")?;
        check_key(&key)?;
        doomed.push((key, tag.opt_str("Value")));
    }
    for id in ids {
        let Some(tags) = cx.ec2().tags.get_mut(&id) else {
            continue;
        };
        tags.retain(|key, value| {
            let matched = doomed.iter().any(|(k, v)| k == key && v.as_ref().is_none_or(|v| v == value));
            key.starts_with("aws:") || !(doomed.is_empty() || matched)
        });
    }
    done()
}

fn resources(ec2: &Ec2, p: &Params) -> Result<Vec<String>, ApiError> {
    let ids = p.list("ResourceId");
    if ids.is_empty() {
        return Err(ApiError::bad("MissingParameter", "The request must contain the parameter ResourceId"));
    }
    if ids.len() > 1000 {
        return Err(ApiError::value("At most 1000 resources can be tagged at once"));
    }
    for id in &ids {
        kind(id)?.2(ec2, id)?;
    }
    Ok(ids)
}

/// `DescribeTags`.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.page_limit;
    let filters = Filters::read(p)?;
    filters.check_names(&["key", "resource-id", "resource-type", "value"], true)?;
    let mut found = Vec::new();
    for (id, tags) in &cx.ec2().tags {
        let kind = kind(id)?.1;
        for (key, value) in tags {
            let values_of = |name: &str| {
                vec![match name {
                    "key" => key.clone(),
                    "value" => value.clone(),
                    "resource-id" => id.clone(),
                    _ => kind.to_owned(),
                }]
            };
            if filters.admit(&Tags::from([(key.clone(), value.clone())]), values_of) {
                found.push((format!("{id}\u{1}{key}"), id, kind, key, value));
            }
        }
    }
    Ok(page(found, |found| &found.0, limit, p)?.answer("tagSet", |x, (_, id, kind, key, value)| {
        x.text("resourceId", id);
        x.text("resourceType", kind);
        x.text("key", key);
        x.text("value", value);
    }))
}
