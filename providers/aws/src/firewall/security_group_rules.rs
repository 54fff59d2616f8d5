//! Every rule of a security group, as one resource: a call a direction changes them.

use async_trait::async_trait;
use aws_sdk_ec2::types::{IpPermission, SecurityGroup as SdkSecurityGroup};
use futures::future::try_join;
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource as _, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::rule::{Rule, rules};
use super::security_group::{self, SecurityGroup};
use crate::client::{Aws, Owner};
use crate::ec2::{allowing, found, gone, id_of, made, own, with_new};
use crate::limits::{ec2_read, ec2_write};

resource! {
    /// The rules of a security group, without those that Kubernetes' controllers put in. A group without any, or with
    /// the one that EC2 gives a new group, has no rule set yet.
    pub struct SecurityGroupRules = "aws_security_group_rules", "rule set", Replacement::DeleteFirst;
    fields {
        group: Ref<SecurityGroup> => replace,
        ingress: Set<Rule> => update,
        egress: Set<Rule> => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Aws> for SecurityGroupRules {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(security_group::list(client).await?.iter().filter_map(|found| read(client.owner(), found)).collect())
    }

    async fn create(&self, client: &Aws, _: &New) -> Result<Made, CloudError> {
        self.converge(client, Foreign::Kept).await
    }

    async fn update(&self, client: &Aws, _: &Existing<Self>) -> Result<Made, CloudError> {
        self.converge(client, Foreign::Kept).await
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let none = Self { group: existing.before.group.clone(), ingress: Set(Vec::new()), egress: Set(Vec::new()) };
        gone(none.converge(client, Foreign::Revoked).await)
    }
}

impl SecurityGroupRules {
    /// Brings the rules from what they are now to what is wanted. What a crash left half-done is seen by the read.
    async fn converge(&self, client: &Aws, foreign: Foreign) -> Result<Made, CloudError> {
        let group = id_of(&self.group)?;
        let look = || look(client, group);
        let now = match foreign {
            // A group that was just made may not be there for every reader yet; one that is being emptied may be gone.
            Foreign::Kept => with_new(client, look).await?,
            Foreign::Revoked => look().await?,
        };
        let present = |permissions: &[IpPermission]| -> Vec<Rule> {
            rules(permissions)
                .into_iter()
                .filter(|rule| foreign == Foreign::Revoked || !rule.is_of_kubernetes())
                .collect()
        };
        let ingress = Changes::between(&present(now.ip_permissions()), &self.ingress.0)?;
        let egress = Changes::between(&present(now.ip_permissions_egress()), &self.egress.0)?;
        try_join(ingress.make(client, group, Direction::In), egress.make(client, group, Direction::Out)).await?;
        Ok(made(id(group)))
    }
}

/// What is done with the rules of Kubernetes' controllers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Foreign {
    Kept,
    Revoked,
}

/// The id of a group's rule set, which has to be another than the group's: by ids it is told what depends on what.
fn id(group: &str) -> String {
    format!("{group}/rules")
}

#[derive(Clone, Copy)]
enum Direction {
    In,
    Out,
}

/// What has to be done in one direction.
struct Changes {
    /// The rule of a new group, which has no description: our own to the same end has one.
    default: Vec<IpPermission>,
    authorize: Vec<IpPermission>,
    describe: Vec<IpPermission>,
    revoke: Vec<IpPermission>,
}

impl Changes {
    fn between(now: &[Rule], wanted: &[Rule]) -> Result<Self, CloudError> {
        let mut changes = Self { default: Vec::new(), authorize: Vec::new(), describe: Vec::new(), revoke: Vec::new() };
        let (default, now): (Vec<&Rule>, Vec<&Rule>) = now.iter().partition(|rule| rule.is_default_egress());
        for rule in default {
            changes.default.push(rule.to_permission()?);
        }
        for rule in wanted {
            match now.iter().find(|present| present.same_as(rule)) {
                None => changes.authorize.push(rule.to_permission()?),
                Some(present) if present.description != rule.description => {
                    changes.describe.push(rule.to_permission()?);
                }
                Some(_) => {}
            }
        }
        for rule in now.into_iter().filter(|present| !wanted.iter().any(|rule| rule.same_as(present))) {
            changes.revoke.push(rule.to_permission()?);
        }
        Ok(changes)
    }

    /// First what opens, then what closes, so that nothing that stays allowed is cut off in between; but for the rule
    /// of a new group, which no machine is in yet.
    async fn make(self, client: &Aws, group: &str, direction: Direction) -> Result<(), CloudError> {
        if !self.default.is_empty() {
            gone(revoke(client, group, direction, &self.default).await)?;
        }
        if !self.authorize.is_empty() {
            authorize(client, group, direction, &self.authorize).await?;
        }
        if !self.describe.is_empty() {
            describe(client, group, direction, &self.describe).await?;
        }
        if !self.revoke.is_empty() {
            gone(revoke(client, group, direction, &self.revoke).await)?;
        }
        Ok(())
    }
}

/// All or nothing: when one of the rules is there already, each is sent by itself.
async fn authorize(
    client: &Aws,
    group: &str,
    direction: Direction,
    permissions: &[IpPermission],
) -> Result<(), CloudError> {
    // The groups that rules name may be as new as the one that they are put into.
    match with_new(client, || send_authorize(client, group, direction, permissions)).await {
        Err(error) if error.kind == ErrorKind::AlreadyExists && permissions.len() > 1 => {
            for permission in permissions {
                let result = send_authorize(client, group, direction, std::slice::from_ref(permission)).await;
                allowing(result, |error| error.kind == ErrorKind::AlreadyExists)?;
            }
            Ok(())
        }
        result => allowing(result, |error| error.kind == ErrorKind::AlreadyExists),
    }
}

async fn send_authorize(
    client: &Aws,
    group: &str,
    direction: Direction,
    permissions: &[IpPermission],
) -> Result<(), CloudError> {
    match direction {
        Direction::In => {
            client
                .call(ec2_write("AuthorizeSecurityGroupIngress"), || {
                    client
                        .ec2
                        .authorize_security_group_ingress()
                        .group_id(group)
                        .set_ip_permissions(Some(permissions.to_vec()))
                        .send()
                })
                .await?;
        }
        Direction::Out => {
            client
                .call(ec2_write("AuthorizeSecurityGroupEgress"), || {
                    client
                        .ec2
                        .authorize_security_group_egress()
                        .group_id(group)
                        .set_ip_permissions(Some(permissions.to_vec()))
                        .send()
                })
                .await?;
        }
    }
    Ok(())
}

async fn describe(
    client: &Aws,
    group: &str,
    direction: Direction,
    permissions: &[IpPermission],
) -> Result<(), CloudError> {
    match direction {
        Direction::In => {
            client
                .call(ec2_write("UpdateSecurityGroupRuleDescriptionsIngress"), || {
                    client
                        .ec2
                        .update_security_group_rule_descriptions_ingress()
                        .group_id(group)
                        .set_ip_permissions(Some(permissions.to_vec()))
                        .send()
                })
                .await?;
        }
        Direction::Out => {
            client
                .call(ec2_write("UpdateSecurityGroupRuleDescriptionsEgress"), || {
                    client
                        .ec2
                        .update_security_group_rule_descriptions_egress()
                        .group_id(group)
                        .set_ip_permissions(Some(permissions.to_vec()))
                        .send()
                })
                .await?;
        }
    }
    Ok(())
}

async fn revoke(
    client: &Aws,
    group: &str,
    direction: Direction,
    permissions: &[IpPermission],
) -> Result<(), CloudError> {
    match direction {
        Direction::In => {
            client
                .call(ec2_write("RevokeSecurityGroupIngress"), || {
                    client
                        .ec2
                        .revoke_security_group_ingress()
                        .group_id(group)
                        .set_ip_permissions(Some(permissions.to_vec()))
                        .send()
                })
                .await?;
        }
        Direction::Out => {
            client
                .call(ec2_write("RevokeSecurityGroupEgress"), || {
                    client
                        .ec2
                        .revoke_security_group_egress()
                        .group_id(group)
                        .set_ip_permissions(Some(permissions.to_vec()))
                        .send()
                })
                .await?;
        }
    }
    Ok(())
}

/// The group as it is now.
async fn look(client: &Aws, id: &str) -> Result<SdkSecurityGroup, CloudError> {
    let answer = found(
        client
            .call(ec2_read("DescribeSecurityGroups"), || client.ec2.describe_security_groups().group_ids(id).send())
            .await,
    )?;
    answer
        .and_then(|answer| answer.security_groups)
        .and_then(|groups| groups.into_iter().next())
        .ok_or_else(|| CloudError::new(ErrorKind::NotFound, "ec2:DescribeSecurityGroups", id))
}

fn read(owner: Owner<'_>, group: &SdkSecurityGroup) -> Option<Found<SecurityGroupRules>> {
    let (of_group, _) = own(owner, SecurityGroup::SCHEMA.kind, group.group_id.as_deref(), group.tags.as_deref())?;
    let ours = |permissions: &[IpPermission]| -> Vec<Rule> {
        rules(permissions).into_iter().filter(|rule| !rule.is_of_kubernetes()).collect()
    };
    let ingress = ours(group.ip_permissions());
    let egress = ours(group.ip_permissions_egress());
    if ingress.is_empty() && egress.iter().all(Rule::is_default_egress) {
        return None;
    }
    let group = group.group_id()?;
    Some(Found {
        address: Address::new(SecurityGroupRules::SCHEMA.kind, of_group.name()).ok()?,
        id: id(group),
        resource: SecurityGroupRules { group: Ref::existing(group), ingress: Set(ingress), egress: Set(egress) },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}

#[cfg(test)]
mod tests {
    use super::super::rule::Other;
    use super::*;

    fn rule(port: u16, description: &str) -> Rule {
        Rule::port("tcp", port, Other::Range("10.0.0.0/8".to_owned()), description)
    }

    #[test]
    fn only_differences_are_sent() {
        let now = [rule(1, "stays"), rule(2, "old words"), rule(3, "goes")];
        let wanted = [rule(1, "stays"), rule(2, "new words"), rule(4, "comes")];
        let changes = Changes::between(&now, &wanted).unwrap();
        let ports = |permissions: &[IpPermission]| -> Vec<_> { permissions.iter().map(|p| p.from_port).collect() };
        assert_eq!(ports(&changes.authorize), [Some(4)]);
        assert_eq!(ports(&changes.describe), [Some(2)]);
        assert_eq!(ports(&changes.revoke), [Some(3)]);
        assert!(changes.default.is_empty());
    }

    #[test]
    fn the_rule_of_a_new_group_makes_room_for_our_own() {
        let everywhere = || Other::Range("0.0.0.0/0".to_owned());
        let changes = Changes::between(&[Rule::all(everywhere(), "")], &[Rule::all(everywhere(), "out")]).unwrap();
        assert_eq!((changes.default.len(), changes.authorize.len(), changes.describe.len()), (1, 1, 0));
    }
}
