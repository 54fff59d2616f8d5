//! Security groups. Their rules are in `security_group_rule`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::describe::{Field, Resource, select};
use super::security_group_rule::{self, Rule};
use super::{Answer, Cx, Ec2, Params, Xml, tag, vpc};
use crate::aws::ApiError;
use crate::ids::IdSource;

/// A security group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// The id.
    pub id: String,
    /// The VPC.
    pub vpc: String,
    /// The name, unique in the VPC.
    pub name: String,
    description: String,
}

impl Resource for SecurityGroup {
    const TYPE: &'static str = "security-group";
    const IDS: &'static str = "GroupId";
    const NOT_FOUND: &'static str = "InvalidGroup.NotFound";
    const FIELDS: &'static [Field<Self>] = &[
        ("group-id", |_, g| vec![g.id.clone()]),
        ("group-name", |_, g| vec![g.name.clone()]),
        ("description", |_, g| vec![g.description.clone()]),
        ("vpc-id", |_, g| vec![g.vpc.clone()]),
        ("owner-id", |_, _| vec![crate::aws::world::ACCOUNT.to_owned()]),
        ("ip-permission.cidr", |e, g| g.values(e, false, Rule::cidr)),
        ("ip-permission.group-id", |e, g| g.values(e, false, Rule::referenced_group)),
        ("ip-permission.from-port", |e, g| g.values(e, false, |rule| rule.from_port.map(|port| port.to_string()))),
        ("ip-permission.to-port", |e, g| g.values(e, false, |rule| rule.to_port.map(|port| port.to_string()))),
        ("ip-permission.protocol", |e, g| g.values(e, false, |rule| Some(rule.protocol.clone()))),
        ("egress.ip-permission.cidr", |e, g| g.values(e, true, Rule::cidr)),
        ("egress.ip-permission.group-id", |e, g| g.values(e, true, Rule::referenced_group)),
    ];

    fn id(&self) -> &str {
        &self.id
    }
    fn all(ec2: &Ec2) -> &BTreeMap<String, Self> {
        &ec2.security_groups
    }
    fn all_mut(ec2: &mut Ec2) -> &mut BTreeMap<String, Self> {
        &mut ec2.security_groups
    }
    fn not_found(id: &str) -> ApiError {
        ApiError::bad(Self::NOT_FOUND, format!("The security group '{id}' does not exist"))
    }
}

impl SecurityGroup {
    /// The group that each VPC has from its birth.
    pub fn standard(ids: &mut IdSource, vpc: &str) -> Self {
        Self {
            id: ids.ec2("sg"),
            vpc: vpc.to_owned(),
            name: "default".to_owned(),
            description: "default VPC security group".to_owned(),
        }
    }

    /// Whether it is the one that the VPC has from its birth.
    pub fn is_default(&self) -> bool {
        self.name == "default"
    }

    fn values(&self, ec2: &Ec2, egress: bool, value: impl Fn(&Rule) -> Option<String>) -> Vec<String> {
        security_group_rule::of(ec2, &self.id, egress).into_iter().filter_map(value).collect()
    }
}

/// `CreateSecurityGroup`.
pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, description) = (p.str("GroupName")?, p.str("GroupDescription")?);
    for (what, text) in [("groupName", &name), ("groupDescription", &description)] {
        if text.len() > 255 || !text.chars().all(security_group_rule::is_plain) {
            return Err(ApiError::value(format!(
                "Value ({text}) for parameter {what} is invalid. Character sets beyond ASCII are not supported, nor \
                 are more than 255 characters."
            )));
        }
    }
    if name.starts_with("sg-") {
        return Err(ApiError::value(format!("Value ({name}) for parameter groupName may not begin with 'sg-'")));
    }
    let vpc = p.str("VpcId")?;
    let tags = tag::specified(p, "security-group")?;
    cx.ec2().get::<vpc::Vpc>(&vpc)?;
    if cx.ec2().security_groups.values().any(|group| group.vpc == vpc && group.name == name) {
        return Err(ApiError::bad(
            "InvalidGroup.Duplicate",
            format!("The security group '{name}' already exists for VPC '{vpc}'"),
        ));
    }
    if cx.ec2().security_groups.len() >= cx.quotas.security_groups {
        return Err(ApiError::bad("SecurityGroupLimitExceeded", "The maximum number of security groups is reached."));
    }
    let group = SecurityGroup { id: cx.ids.ec2("sg"), vpc, name, description };
    let rules = security_group_rule::standard(cx.ids, &group.id, false);
    let arn = cx.arn("ec2", &format!("security-group/{}", group.id));
    let ec2 = cx.ec2();
    ec2.security_group_rules.extend(rules.into_iter().map(|rule| (rule.id.clone(), rule)));
    tag::set(ec2, &group.id, tags);
    let mut x = Xml::new();
    x.text("groupId", &group.id);
    tag::write(&mut x, ec2, &group.id);
    x.text("securityGroupArn", arn);
    ec2.security_groups.insert(group.id.clone(), group);
    Ok(x)
}

/// `DescribeSecurityGroups`.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.page_limit;
    let arn = cx.arn("ec2", "security-group/");
    let names = p.list("GroupName");
    if !names.is_empty() {
        return Err(ApiError::value("Group names are only supported for EC2-Classic and default VPC"));
    }
    let ec2 = cx.ec2();
    Ok(select::<SecurityGroup>(ec2, limit, p)?.answer("securityGroupInfo", |x, group| {
        x.text("ownerId", crate::aws::world::ACCOUNT);
        x.text("groupId", &group.id);
        x.text("securityGroupArn", format!("{arn}{}", group.id));
        x.text("groupName", &group.name);
        x.text("groupDescription", &group.description);
        x.text("vpcId", &group.vpc);
        security_group_rule::write_permissions(x, "ipPermissions", &security_group_rule::of(ec2, &group.id, false));
        security_group_rule::write_permissions(
            x,
            "ipPermissionsEgress",
            &security_group_rule::of(ec2, &group.id, true),
        );
        tag::write(x, ec2, &group.id);
    }))
}

/// `DeleteSecurityGroup`: no interface may use it and no other group's rule may name it.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("GroupId")?;
    let ec2 = cx.ec2();
    let group = ec2.get::<SecurityGroup>(&id)?;
    if group.is_default() {
        return Err(ApiError::bad(
            "CannotDelete",
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"),
        ));
    }
    let used = ec2.network_interfaces.values().any(|interface| interface.groups.contains(&id))
        || ec2.vpc_endpoints.values().any(|endpoint| endpoint.groups.contains(&id))
        || ec2
            .security_group_rules
            .values()
            .any(|rule| rule.group != id && rule.referenced_group().as_deref() == Some(&id));
    if used {
        return Err(ApiError::dependency(format!("resource {id} has a dependent object")));
    }
    security_group_rule::remove_all(ec2, &id);
    ec2.remove::<SecurityGroup>(&id);
    let mut x = Xml::new();
    x.text("return", true);
    x.text("groupId", id);
    Ok(x)
}
