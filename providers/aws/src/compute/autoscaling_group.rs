//! Auto Scaling groups: the machines of a pool.
//!
//! How many machines there are between the group's bounds is not ours to say once the group exists: an autoscaler
//! inside the cluster decides. A new version of the template is what later machines are made from; machines that run
//! are left alone.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_autoscaling::types::{
    AutoScalingGroup as SdkGroup, Filter, InstancesDistribution, LaunchTemplate as SdkMixedTemplate,
    LaunchTemplateOverrides, LaunchTemplateSpecification, LifecycleState, MixedInstancesPolicy, Tag,
};
use meridian_engine::Resource as _;
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Attr, Fields, Ref, record, resource};
use meridian_provider_api::{Api, CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::LaunchTemplate;
use crate::bootstrap::Object;
use crate::client::{Aws, CLUSTER_TAG, Owner, Tags, owned};
use crate::ec2;
use crate::limits::{ec2_read, other};
use crate::network::Subnet;

record! {
    /// Machines of several types, on demand and spot.
    pub struct Mixed {
        /// In order of preference.
        instance_types: Vec<String>,
        /// Machines that are on demand before any spot one is asked for.
        on_demand_base: i32,
        /// Share of on-demand machines above the base, in percent.
        on_demand_percent: i32,
    }
}

resource! {
    /// The machines of a pool.
    pub struct AutoscalingGroup = "aws_autoscaling_group", "machine group", Replacement::DeleteFirst, runs_controllers;
    fields {
        name: String => replace,
        template: Ref<LaunchTemplate> => update,
        /// Number of the template's version.
        template_version: Attr<String> => update,
        /// `None` for on-demand machines of the template's own type.
        mixed: Option<Mixed> => update,
        min: i32 => update,
        max: i32 => update,
        subnets: Set<Ref<Subnet>> => update,
        /// Whether a spot machine at risk is replaced before it is taken away.
        capacity_rebalance: bool => update,
        /// Seconds that a new machine has before its health counts.
        health_check_grace_seconds: i32 => update,
        /// An order, and nothing that is sent: what the machines fetch when they boot is there by then.
        bundle: Option<Ref<Object>> => unread,
        /// Tags of the group itself; its machines get theirs from the template.
        tags: Tags => update,
    }
    computed {}
}

const fn api(operation: &'static str, repeatable: bool) -> Api {
    other("autoscaling", operation, repeatable)
}

async fn list(client: &Aws) -> Result<Arc<Vec<SdkGroup>>, CloudError> {
    let ours = Filter::builder().name(format!("tag:{CLUSTER_TAG}")).values(&client.cluster).build();
    client
        .listing("DescribeAutoScalingGroups", || async {
            let with = |filter: Option<Filter>, names: Vec<String>| {
                ec2::pages(move |token| {
                    let (filter, names) = (filter.clone(), names.clone());
                    async move {
                        let page = client
                            .call(api("DescribeAutoScalingGroups", true), || {
                                client
                                    .autoscaling
                                    .describe_auto_scaling_groups()
                                    .set_filters(filter.clone().map(|filter| vec![filter]))
                                    .set_auto_scaling_group_names(Some(names.clone()).filter(|names| !names.is_empty()))
                                    .max_records(100)
                                    .set_next_token(token.clone())
                                    .send()
                            })
                            .await?;
                        Ok((page.auto_scaling_groups, page.next_token))
                    }
                })
            };
            let mut all = with(Some(ours), Vec::new()).await?;
            let found = all.iter().filter_map(SdkGroup::auto_scaling_group_name).collect();
            let missing = ec2::missing(client, AutoscalingGroup::SCHEMA.kind, &found);
            if !missing.is_empty() {
                all.extend(with(None, missing).await?);
            }
            Ok(all)
        })
        .await
}

/// One group as it is now; `None` when it is gone.
async fn look(client: &Aws, name: &str) -> Result<Option<SdkGroup>, CloudError> {
    let answer = client
        .call(api("DescribeAutoScalingGroups", true), || {
            client.autoscaling.describe_auto_scaling_groups().auto_scaling_group_names(name).send()
        })
        .await?;
    Ok(answer.auto_scaling_groups.unwrap_or_default().pop())
}

/// The group as a resource, when it is one of ours. One that is being deleted still holds its name: it counts as
/// failed, so that it is waited for before the name is used again.
fn observe(owner: Owner<'_>, group: &SdkGroup) -> Option<Found<AutoscalingGroup>> {
    let tags = group.tags().iter().map(|tag| (tag.key().unwrap_or_default(), tag.value().unwrap_or_default()));
    let (address, tags) = owned(owner, "aws_autoscaling_group", group.auto_scaling_group_name(), tags)?;
    let name = group.auto_scaling_group_name.clone()?;
    let policy = group.mixed_instances_policy.as_ref();
    let template = policy
        .and_then(|policy| policy.launch_template()?.launch_template_specification())
        .or(group.launch_template.as_ref());
    let subnets = group.vpc_zone_identifier.as_deref().unwrap_or_default();
    let resource = AutoscalingGroup {
        name: name.clone(),
        template: Ref::existing(template.and_then(|template| template.launch_template_id()).unwrap_or_default()),
        template_version: Attr::Known(template.and_then(|template| template.version.clone()).unwrap_or_default()),
        mixed: policy.map(mixed),
        min: group.min_size.unwrap_or_default(),
        max: group.max_size.unwrap_or_default(),
        subnets: subnets.split(',').map(str::trim).filter(|id| !id.is_empty()).map(Ref::existing).collect(),
        capacity_rebalance: group.capacity_rebalance.unwrap_or_default(),
        health_check_grace_seconds: group.health_check_grace_period.unwrap_or_default(),
        bundle: None,
        tags,
    };
    let condition = match group.status.as_deref() {
        Some(status) => Condition::Failed(status.to_lowercase()),
        None if has_strays(group) => {
            Condition::Unfinished("it still has machines in zones that it has left".to_owned())
        }
        None => Condition::Ready,
    };
    Some(Found { address, id: name, resource, computed: Fields::new(), condition })
}

/// Whether machines stand in zones that the group has left. Auto Scaling moves them by itself, new ones first (user guide,
/// "Rebalancing activities").
fn has_strays(group: &SdkGroup) -> bool {
    let zones = group.availability_zones();
    group
        .instances()
        .iter()
        .filter_map(|instance| instance.availability_zone.as_ref())
        .any(|zone| !zones.contains(zone))
}

fn mixed(policy: &MixedInstancesPolicy) -> Mixed {
    let overrides = policy.launch_template().map(SdkMixedTemplate::overrides).unwrap_or_default();
    let distribution = policy.instances_distribution();
    Mixed {
        instance_types: overrides.iter().filter_map(|one| one.instance_type.clone()).collect(),
        on_demand_base: distribution.and_then(|one| one.on_demand_base_capacity).unwrap_or_default(),
        on_demand_percent: distribution.and_then(|one| one.on_demand_percentage_above_base_capacity).unwrap_or(100),
    }
}

impl AutoscalingGroup {
    fn specification(&self) -> Result<LaunchTemplateSpecification, CloudError> {
        let version = self
            .template_version
            .get()
            .map_err(|error| CloudError::new(ErrorKind::Invalid, "reading a reference", error.to_string()))?;
        Ok(LaunchTemplateSpecification::builder()
            .launch_template_id(ec2::id_of(&self.template)?)
            .version(version)
            .build())
    }

    /// The template, or the policy that holds it: a group has one of the two.
    fn source(&self) -> Result<(Option<LaunchTemplateSpecification>, Option<MixedInstancesPolicy>), CloudError> {
        let specification = self.specification()?;
        let Some(mixed) = &self.mixed else { return Ok((Some(specification), None)) };
        let overrides =
            mixed.instance_types.iter().map(|kind| LaunchTemplateOverrides::builder().instance_type(kind).build());
        let template = SdkMixedTemplate::builder()
            .launch_template_specification(specification)
            .set_overrides(Some(overrides.collect()))
            .build();
        let distribution = InstancesDistribution::builder()
            .on_demand_allocation_strategy("prioritized")
            .on_demand_base_capacity(mixed.on_demand_base)
            .on_demand_percentage_above_base_capacity(mixed.on_demand_percent)
            .spot_allocation_strategy("price-capacity-optimized")
            .build();
        let policy =
            MixedInstancesPolicy::builder().launch_template(template).instances_distribution(distribution).build();
        Ok((None, Some(policy)))
    }

    fn zone_identifier(&self) -> Result<String, CloudError> {
        let ids: Vec<&str> = self.subnets.0.iter().map(ec2::id_of).collect::<Result<_, _>>()?;
        Ok(ids.join(","))
    }

    fn group_tags(&self, tags: &Tags) -> Vec<Tag> {
        tags.iter().map(|(key, value)| self.tag(key).value(value).build()).collect()
    }

    fn tag(&self, key: &str) -> aws_sdk_autoscaling::types::builders::TagBuilder {
        Tag::builder().resource_id(&self.name).resource_type("auto-scaling-group").key(key).propagate_at_launch(false)
    }

    async fn retag(&self, client: &Aws, before: &Tags, after: &Tags) -> Result<(), CloudError> {
        let set: Tags =
            after.iter().filter(|(k, v)| before.get(*k) != Some(*v)).map(|(k, v)| (k.clone(), v.clone())).collect();
        if !set.is_empty() {
            let tags = self.group_tags(&set);
            client
                .call(api("CreateOrUpdateTags", true), || {
                    client.autoscaling.create_or_update_tags().set_tags(Some(tags.clone())).send()
                })
                .await?;
        }
        let gone: Vec<Tag> =
            before.keys().filter(|key| !after.contains_key(*key)).map(|key| self.tag(key).build()).collect();
        if !gone.is_empty() {
            client
                .call(api("DeleteTags", true), || client.autoscaling.delete_tags().set_tags(Some(gone.clone())).send())
                .await?;
        }
        Ok(())
    }

    /// Waits until the least number of machines is in service; when patience ends, says what Auto Scaling says.
    async fn until_in_service(&self, client: &Aws) -> Result<(), CloudError> {
        let waited = client
            .caller
            .until("autoscaling:CreateAutoScalingGroup", "the machines of the group", || async move {
                let group = look(client, &self.name).await?;
                let running = group
                    .iter()
                    .flat_map(SdkGroup::instances)
                    .filter(|instance| instance.lifecycle_state() == Some(&LifecycleState::InService));
                let wanted = usize::try_from(self.min).unwrap_or_default();
                Ok((group.is_some() && running.count() >= wanted).then_some(()))
            })
            .await;
        self.explained(client, waited).await
    }

    /// What came of a wait; when patience ended, with what Auto Scaling says.
    async fn explained(&self, client: &Aws, waited: Result<(), CloudError>) -> Result<(), CloudError> {
        let Err(mut error) = waited else { return Ok(()) };
        if error.kind == ErrorKind::Conflict
            && let Some(cause) = self.last_failure(client).await?
        {
            error.message = format!("{}: {cause}", error.message);
        }
        Err(error)
    }

    /// Waits until no machine stands in a zone that the group has left: its subnet there can go only then.
    async fn until_moved(&self, client: &Aws) -> Result<(), CloudError> {
        let waited = client
            .caller
            .until("autoscaling:UpdateAutoScalingGroup", "the machines to leave zones", || async move {
                Ok((!look(client, &self.name).await?.as_ref().is_some_and(has_strays)).then_some(()))
            })
            .await;
        self.explained(client, waited).await
    }

    async fn last_failure(&self, client: &Aws) -> Result<Option<String>, CloudError> {
        let answer = client
            .call(api("DescribeScalingActivities", true), || {
                client
                    .autoscaling
                    .describe_scaling_activities()
                    .auto_scaling_group_name(&self.name)
                    .max_records(5)
                    .send()
            })
            .await?;
        Ok(answer.activities().iter().find_map(|activity| activity.status_message.clone()))
    }
}

#[async_trait]
impl KindOps<Aws> for AutoscalingGroup {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|found| observe(client.owner(), found)).collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let (template, policy) = self.source()?;
        let zones = self.zone_identifier()?;
        let tags = self.group_tags(&client.all_tags(&new.address, &self.tags));
        client
            .call(api("CreateAutoScalingGroup", false), || {
                client
                    .autoscaling
                    .create_auto_scaling_group()
                    .auto_scaling_group_name(&self.name)
                    .set_launch_template(template.clone())
                    .set_mixed_instances_policy(policy.clone())
                    .min_size(self.min)
                    .max_size(self.max)
                    .desired_capacity(self.min)
                    .vpc_zone_identifier(&zones)
                    .capacity_rebalance(self.capacity_rebalance)
                    .health_check_type("EC2")
                    .health_check_grace_period(self.health_check_grace_seconds)
                    .set_tags(Some(tags.clone()))
                    .send()
            })
            .await?;
        self.until_in_service(client).await?;
        Ok(ec2::made(&self.name))
    }

    /// Auto Scaling moves the number of machines between new bounds by itself.
    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let (template, policy) = self.source()?;
        let zones = self.zone_identifier()?;
        client
            .call(api("UpdateAutoScalingGroup", true), || {
                client
                    .autoscaling
                    .update_auto_scaling_group()
                    .auto_scaling_group_name(&self.name)
                    .set_launch_template(template.clone())
                    .set_mixed_instances_policy(policy.clone())
                    .min_size(self.min)
                    .max_size(self.max)
                    .vpc_zone_identifier(&zones)
                    .capacity_rebalance(self.capacity_rebalance)
                    .health_check_grace_period(self.health_check_grace_seconds)
                    .send()
            })
            .await?;
        self.retag(client, &existing.before.tags, &client.tags_of(existing, &self.tags)).await?;
        if existing.before.min < self.min {
            self.until_in_service(client).await?;
        }
        self.until_moved(client).await?;
        Ok(ec2::made(&self.name))
    }

    /// Takes the machines along, and waits for them: they hold network interfaces in subnets and security groups.
    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let name = existing.id.as_str();
        let deleted = client
            .call(api("DeleteAutoScalingGroup", true), || {
                client.autoscaling.delete_auto_scaling_group().auto_scaling_group_name(name).force_delete(true).send()
            })
            .await;
        // Auto Scaling has no code of its own for a group that is not there (API reference, "Common errors").
        ec2::allowing(deleted, |error| {
            error.kind == ErrorKind::NotFound
                || error.code.as_deref() == Some("ValidationError") && error.message.contains("not found")
        })?;
        client
            .caller
            .until("autoscaling:DeleteAutoScalingGroup", "the group and its machines to be gone", || async move {
                if look(client, name).await?.is_some() {
                    return Ok(None);
                }
                Ok(has_no_machines(client, name).await?.then_some(()))
            })
            .await
    }
}

/// Whether no machine that the group has started holds anything any more. Auto Scaling tags its machines itself.
async fn has_no_machines(client: &Aws, group: &str) -> Result<bool, CloudError> {
    use aws_sdk_ec2::types::Filter;
    let states = ["pending", "running", "shutting-down", "stopping", "stopped"].map(str::to_owned).to_vec();
    let of_group = Filter::builder().name("tag:aws:autoscaling:groupName").values(group).build();
    let alive = Filter::builder().name("instance-state-name").set_values(Some(states)).build();
    // Every page: with filters, a first one may be empty and others follow.
    let machines = ec2::pages(|token| {
        let (of_group, alive) = (of_group.clone(), alive.clone());
        async move {
            let page = client
                .call(ec2_read("DescribeInstances"), || {
                    client
                        .ec2
                        .describe_instances()
                        .filters(of_group.clone())
                        .filters(alive.clone())
                        .max_results(500)
                        .set_next_token(token.clone())
                        .send()
                })
                .await?;
            Ok((page.reservations, page.next_token))
        }
    })
    .await?;
    Ok(machines.is_empty())
}
