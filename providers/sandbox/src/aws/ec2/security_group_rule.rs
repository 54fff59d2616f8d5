//! The rules of security groups.

use std::collections::BTreeMap;

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::describe::{Field, Resource, select};
use super::security_group::SecurityGroup;
use super::{Answer, Cx, Ec2, Params, Tags, Xml, done, tag};
use crate::aws::ApiError;
use crate::ids::IdSource;

/// A rule: one peer, one protocol, one range of ports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rule {
    /// The id.
    pub id: String,
    /// The group that it belongs to.
    pub group: String,
    /// Whether it is about what leaves.
    pub egress: bool,
    /// The protocol's name or number, `-1` for all.
    pub protocol: String,
    /// The first port, or the type for ICMP.
    pub from_port: Option<i64>,
    /// The last port, or the code for ICMP.
    pub to_port: Option<i64>,
    peer: Peer,
    description: Option<String>,
}

/// Whom a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Peer {
    V4(Ipv4Net),
    V6(Ipv6Net),
    PrefixList(String),
    Group(String),
}

/// A rule that a request names: without an id yet.
struct Wanted {
    protocol: String,
    from_port: Option<i64>,
    to_port: Option<i64>,
    peer: Peer,
    description: Option<String>,
}

impl Wanted {
    fn is(&self, rule: &Rule) -> bool {
        self.protocol == rule.protocol
            && self.from_port == rule.from_port
            && self.to_port == rule.to_port
            && self.peer == rule.peer
    }
}

impl Resource for Rule {
    const TYPE: &'static str = "security-group-rule";
    const IDS: &'static str = "SecurityGroupRuleId";
    const NOT_FOUND: &'static str = "InvalidSecurityGroupRuleId.NotFound";
    const FIELDS: &'static [Field<Self>] =
        &[("group-id", |_, r| vec![r.group.clone()]), ("security-group-rule-id", |_, r| vec![r.id.clone()])];

    fn id(&self) -> &str {
        &self.id
    }
    fn all(ec2: &Ec2) -> &BTreeMap<String, Self> {
        &ec2.security_group_rules
    }
    fn all_mut(ec2: &mut Ec2) -> &mut BTreeMap<String, Self> {
        &mut ec2.security_group_rules
    }
    fn not_found(id: &str) -> ApiError {
        ApiError::bad(Self::NOT_FOUND, format!("The security group rule ID '{id}' does not exist"))
    }
}

impl Rule {
    /// The range of the peer, if it is one.
    pub fn cidr(&self) -> Option<String> {
        match &self.peer {
            Peer::V4(net) => Some(net.to_string()),
            _ => None,
        }
    }

    /// The group of the peer, if it is one.
    pub fn referenced_group(&self) -> Option<String> {
        match &self.peer {
            Peer::Group(id) => Some(id.clone()),
            _ => None,
        }
    }
}

/// The rules that a new group has: all may leave, and for a VPC's own group its members may reach each other.
pub fn standard(ids: &mut IdSource, group: &str, of_vpc: bool) -> Vec<Rule> {
    let mut rule = |egress, peer| Rule {
        id: ids.ec2("sgr"),
        group: group.to_owned(),
        egress,
        protocol: "-1".to_owned(),
        from_port: None,
        to_port: None,
        peer,
        description: None,
    };
    let mut rules = vec![rule(true, Peer::V4(Ipv4Net::default()))];
    if of_vpc {
        rules.push(rule(false, Peer::Group(group.to_owned())));
    }
    rules
}

/// The rules of a group in one direction.
pub fn of<'a>(ec2: &'a Ec2, group: &str, egress: bool) -> Vec<&'a Rule> {
    ec2.security_group_rules.values().filter(|rule| rule.group == group && rule.egress == egress).collect()
}

/// Removes all rules of a group.
pub fn remove_all(ec2: &mut Ec2, group: &str) {
    let ids: Vec<String> =
        ec2.security_group_rules.values().filter(|rule| rule.group == group).map(|rule| rule.id.clone()).collect();
    for id in ids {
        ec2.remove::<Rule>(&id);
    }
}

/// Whether a character may stand in a group's name or description.
pub fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c)
}

fn check_description(text: Option<String>) -> Result<Option<String>, ApiError> {
    match text {
        Some(text) if text.len() > 255 || !text.chars().all(is_plain) => Err(ApiError::value(
            "Invalid rule description. Valid descriptions are strings less than 256 characters from the following \
             set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        )),
        text => Ok(text.filter(|text| !text.is_empty())),
    }
}

/// `IpPermissions.N`, or the older way with a single range in the request itself.
fn wanted(ec2: &Ec2, p: &Params, vpc: &str) -> Result<Vec<Wanted>, ApiError> {
    let mut all: Vec<Wanted> = Vec::new();
    let old = p.opt_str("CidrIp");
    for permission in p.structs("IpPermissions").into_iter().chain(old.is_some().then(|| p.clone())) {
        let (protocol, from_port, to_port) = ports(&permission)?;
        let mut peers = Vec::new();
        if let Some(net) = &old {
            peers.push((Peer::V4(v4(net)?), None));
        }
        for range in permission.structs("IpRanges") {
            peers.push((Peer::V4(v4(&range.str("CidrIp")?)?), range.opt_str("Description")));
        }
        for range in permission.structs("Ipv6Ranges") {
            let text = range.str("CidrIpv6")?;
            let net: Ipv6Net = text.parse().map_err(|_| malformed(&text))?;
            peers.push((Peer::V6(net.trunc()), range.opt_str("Description")));
        }
        for list in permission.structs("PrefixListIds") {
            peers.push((Peer::PrefixList(list.str("PrefixListId")?), list.opt_str("Description")));
        }
        for pair in permission.structs("Groups") {
            let group = pair.str("GroupId")?;
            if let Some(owner) = pair.opt_str("UserId").filter(|owner| owner != crate::aws::world::ACCOUNT) {
                return Err(ApiError::value(format!("There is no account {owner} here")));
            }
            if let Some(other) = pair.opt_str("VpcId").filter(|other| other != vpc) {
                return Err(ApiError::value(format!("The group is not in VPC {other}")));
            }
            if ec2.get::<SecurityGroup>(&group)?.vpc != vpc {
                return Err(ApiError::bad(
                    "InvalidGroup.NotFound",
                    format!("You have specified two resources that belong to different networks: {group}"),
                ));
            }
            peers.push((Peer::Group(group), pair.opt_str("Description")));
        }
        if peers.is_empty() {
            return Err(ApiError::bad("MissingParameter", "The request must contain a source or destination"));
        }
        for (peer, description) in peers {
            let description = check_description(description)?;
            let protocol = protocol.clone();
            all.push(Wanted { protocol, from_port, to_port, peer, description });
        }
    }
    Ok(all)
}

fn malformed(text: &str) -> ApiError {
    ApiError::value(format!("CIDR block {text} is malformed"))
}

fn v4(text: &str) -> Result<Ipv4Net, ApiError> {
    text.parse::<Ipv4Net>().map(|net| net.trunc()).map_err(|_| malformed(text))
}

/// A rule's protocol, by name where it has one, and its ports.
type Ports = (String, Option<i64>, Option<i64>);

fn ports(p: &Params) -> Result<Ports, ApiError> {
    let protocol = p.str("IpProtocol")?.to_lowercase();
    let (from, to) = (p.opt_int("FromPort")?, p.opt_int("ToPort")?);
    let protocol = match protocol.as_str() {
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" => "icmpv6",
        "all" => "-1",
        other => other,
    };
    let bad = |text: String| Err(ApiError::value(text));
    match protocol {
        "-1" => Ok((protocol.to_owned(), None, None)),
        "tcp" | "udp" => match (from, to) {
            (Some(from), Some(to)) if (0..=65535).contains(&from) && (from..=65535).contains(&to) => {
                Ok((protocol.to_owned(), Some(from), Some(to)))
            }
            (Some(from), Some(to)) => bad(format!("Invalid TCP/UDP port range ({from}:{to})")),
            _ => bad("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.".to_owned()),
        },
        "icmp" | "icmpv6" => match (from.unwrap_or(-1), to.unwrap_or(-1)) {
            (kind @ -1..=255, code @ -1..=255) => Ok((protocol.to_owned(), Some(kind), Some(code))),
            (kind, code) => bad(format!("ICMP code ({code}) or type ({kind}) is out of range")),
        },
        number if number.parse::<u8>().is_ok() => Ok((number.to_owned(), None, None)),
        other => bad(format!("Invalid value '{other}' for IP protocol. Unknown protocol.")),
    }
}

fn group<'a>(ec2: &'a Ec2, p: &Params) -> Result<&'a SecurityGroup, ApiError> {
    if p.opt_str("GroupName").is_some() {
        return Err(ApiError::value("A group in a VPC must be named by its id"));
    }
    ec2.get::<SecurityGroup>(&p.str("GroupId")?)
}

/// `AuthorizeSecurityGroupIngress` and `AuthorizeSecurityGroupEgress`. All rules are added, or none.
pub fn authorize(cx: &mut Cx<'_>, p: &Params, egress: bool) -> Answer {
    let limit = cx.quotas.security_group_rules;
    let ec2 = cx.ec2();
    let group = group(ec2, p)?.clone();
    let wanted = wanted(ec2, p, &group.vpc)?;
    if wanted.is_empty() {
        return Err(ApiError::bad("MissingParameter", "The request must contain the parameter ipPermissions"));
    }
    let tags: Tags = tag::specified(p, "security-group-rule")?;
    let mut added: Vec<Rule> = Vec::new();
    for wanted in wanted {
        let known = of(ec2, &group.id, egress).into_iter().any(|rule| wanted.is(rule));
        if known || added.iter().any(|rule| wanted.is(rule)) {
            let side = if egress { "destination" } else { "source" };
            return Err(ApiError::bad(
                "InvalidPermission.Duplicate",
                format!(
                    "the specified rule \"{side}: {:?}, {}, from port: {:?}, to port: {:?}, ALLOW\" already exists",
                    wanted.peer, wanted.protocol, wanted.from_port, wanted.to_port
                ),
            ));
        }
        let Wanted { protocol, from_port, to_port, peer, description } = wanted;
        let id = String::new();
        added.push(Rule { id, group: group.id.clone(), egress, protocol, from_port, to_port, peer, description });
    }
    if of(ec2, &group.id, egress).len() + added.len() > limit {
        return Err(ApiError::bad(
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules has been reached.",
        ));
    }
    for rule in &mut added {
        rule.id = cx.ids.ec2("sgr");
    }
    let arn = cx.arn("ec2", "security-group-rule/");
    let ec2 = cx.ec2();
    for rule in &added {
        tag::set(ec2, &rule.id, tags.clone());
        ec2.security_group_rules.insert(rule.id.clone(), rule.clone());
    }
    let mut x = Xml::new();
    x.text("return", true);
    x.list("securityGroupRuleSet", "item", &added, |x, rule| {
        write(x, ec2, rule, &arn);
    });
    Ok(x)
}

/// `RevokeSecurityGroupIngress` and `RevokeSecurityGroupEgress`, by id or by content.
pub fn revoke(cx: &mut Cx<'_>, p: &Params, egress: bool) -> Answer {
    let ec2 = cx.ec2();
    let group = group(ec2, p)?.clone();
    let mut doomed: Vec<Rule> = Vec::new();
    let ids = p.list("SecurityGroupRuleId");
    for id in &ids {
        let rule = ec2.get::<Rule>(id)?;
        if rule.group != group.id || rule.egress != egress {
            return Err(Rule::not_found(id));
        }
        doomed.push(rule.clone());
    }
    let wanted = wanted(ec2, p, &group.vpc)?;
    if wanted.is_empty() && ids.is_empty() {
        return Err(ApiError::bad("MissingParameter", "The request must contain rules to revoke"));
    }
    for wanted in wanted {
        let found = of(ec2, &group.id, egress).into_iter().find(|rule| wanted.is(rule)).ok_or_else(|| {
            ApiError::bad("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
        })?;
        doomed.push(found.clone());
    }
    for rule in &doomed {
        ec2.remove::<Rule>(&rule.id);
    }
    let mut x = Xml::new();
    x.text("return", true);
    x.list("revokedSecurityGroupRuleSet", "item", &doomed, |x, rule| {
        x.text("securityGroupRuleId", &rule.id);
        x.text("groupId", &rule.group);
        write_content(x, rule);
        if let Peer::Group(id) = &rule.peer {
            x.text("referencedGroupId", id);
        }
    });
    Ok(x)
}

/// `UpdateSecurityGroupRuleDescriptionsIngress` and `…Egress`.
pub fn describe_anew(cx: &mut Cx<'_>, p: &Params, egress: bool) -> Answer {
    let ec2 = cx.ec2();
    let group = group(ec2, p)?.clone();
    let mut changed = Vec::new();
    for change in p.structs("SecurityGroupRuleDescription") {
        let id = change.str("SecurityGroupRuleId")?;
        let rule = ec2.get::<Rule>(&id)?;
        if rule.group != group.id || rule.egress != egress {
            return Err(Rule::not_found(&id));
        }
        changed.push((id, check_description(change.opt_str("Description"))?));
    }
    for wanted in wanted(ec2, p, &group.vpc)? {
        let found = of(ec2, &group.id, egress).into_iter().find(|rule| wanted.is(rule)).ok_or_else(|| {
            ApiError::bad("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
        })?;
        changed.push((found.id.clone(), wanted.description));
    }
    if changed.is_empty() {
        return Err(ApiError::bad("MissingParameter", "The request must contain descriptions"));
    }
    for (id, description) in changed {
        ec2.get_mut::<Rule>(&id)?.description = description;
    }
    done()
}

/// `DescribeSecurityGroupRules`.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.page_limit;
    let arn = cx.arn("ec2", "security-group-rule/");
    let ec2 = cx.ec2();
    Ok(select::<Rule>(ec2, limit, p)?.answer("securityGroupRuleSet", |x, rule| write(x, ec2, rule, &arn)))
}

fn write(x: &mut Xml, ec2: &Ec2, rule: &Rule, arn: &str) {
    x.text("securityGroupRuleId", &rule.id);
    x.text("securityGroupRuleArn", format!("{arn}{}", rule.id));
    x.text("groupId", &rule.group);
    x.text("groupOwnerId", crate::aws::world::ACCOUNT);
    write_content(x, rule);
    if let Peer::Group(id) = &rule.peer {
        x.nest("referencedGroupInfo", |x| {
            x.text("groupId", id);
            x.text("userId", crate::aws::world::ACCOUNT);
        });
    }
    tag::write(x, ec2, &rule.id);
}

fn write_content(x: &mut Xml, rule: &Rule) {
    x.text("isEgress", rule.egress);
    x.text("ipProtocol", &rule.protocol);
    x.text("fromPort", rule.from_port.unwrap_or(-1));
    x.text("toPort", rule.to_port.unwrap_or(-1));
    match &rule.peer {
        Peer::V4(net) => x.text("cidrIpv4", net),
        Peer::V6(net) => x.text("cidrIpv6", net),
        Peer::PrefixList(id) => x.text("prefixListId", id),
        Peer::Group(_) => {}
    }
    x.opt("description", rule.description.as_ref());
}

/// Writes rules as permissions: those with the same protocol and ports together.
pub fn write_permissions(x: &mut Xml, name: &str, rules: &[&Rule]) {
    let mut together: BTreeMap<Ports, Vec<&Rule>> = BTreeMap::new();
    for rule in rules {
        together.entry((rule.protocol.clone(), rule.from_port, rule.to_port)).or_default().push(rule);
    }
    x.list(name, "item", together, |x, ((protocol, from, to), rules)| {
        x.text("ipProtocol", protocol);
        x.opt("fromPort", from);
        x.opt("toPort", to);
        let with = |pick: fn(&Peer) -> bool| rules.iter().filter(move |rule| pick(&rule.peer));
        x.list("groups", "item", with(|peer| matches!(peer, Peer::Group(_))), |x, rule| {
            x.text("userId", crate::aws::world::ACCOUNT);
            x.opt("groupId", rule.referenced_group());
            x.opt("description", rule.description.as_ref());
        });
        x.list("ipRanges", "item", with(|peer| matches!(peer, Peer::V4(_))), |x, rule| {
            x.opt("cidrIp", rule.cidr());
            x.opt("description", rule.description.as_ref());
        });
        x.list("ipv6Ranges", "item", with(|peer| matches!(peer, Peer::V6(_))), |x, rule| {
            if let Peer::V6(net) = &rule.peer {
                x.text("cidrIpv6", net);
            }
            x.opt("description", rule.description.as_ref());
        });
        x.list("prefixListIds", "item", with(|peer| matches!(peer, Peer::PrefixList(_))), |x, rule| {
            if let Peer::PrefixList(id) = &rule.peer {
                x.text("prefixListId", id);
            }
            x.opt("description", rule.description.as_ref());
        });
    });
}
