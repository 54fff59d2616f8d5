//! Managed instance groups: the machines of a pool, over the region's zones.
//!
//! How many machines there are between the pool's bounds is not ours to say once the group exists: an autoscaler inside
//! the cluster decides. Google's groups know no bounds, so that they stand in the description, where the next run and
//! people find them. A new template is what later machines are made from; machines that run are left alone.

use async_trait::async_trait;
use google_cloud_compute_v1::model::distribution_policy::TargetShape;
use google_cloud_compute_v1::model::instance_group_manager_update_policy::{
    InstanceRedistributionType, MinimalAction, Type as UpdateType,
};
use google_cloud_compute_v1::model::{
    DistributionPolicy, DistributionPolicyZoneConfiguration, FixedOrPercent, InstanceGroupManager as SdkGroup,
    InstanceGroupManagerInstanceFlexibilityPolicy as Flexibility,
    InstanceGroupManagerInstanceFlexibilityPolicyInstanceSelection as Selection, InstanceGroupManagerUpdatePolicy,
    InstanceGroupManagerVersion,
};
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::InstanceTemplate;
use crate::bootstrap::{BucketPolicy, Object};
use crate::client::Gcp;
use crate::gce::{found, gone, id_of, last, made, pages, path_of};
use crate::limits::{compute_read, compute_write};

/// Longest name that leaves room for what a group adds to it for each machine, and a template for its digest.
pub const NAME: usize = 54;

/// The types of machines that are asked for first, and those that will do.
const PREFERRED: &str = "preferred";
const ALTERNATIVES: &str = "alternatives";

resource! {
    /// The machines of a pool.
    pub struct InstanceGroupManager = "google_compute_region_instance_group_manager", "machine group", Replacement::DeleteFirst, runs_controllers;
    fields {
        /// What the names of its machines begin with, too.
        name: String => replace,
        template: Ref<InstanceTemplate> => update,
        /// Type of the template's machines. Sent only where there are alternatives.
        machine_type: Option<String> => unread,
        /// Further types that will do.
        alternatives: Vec<String> => update,
        min: i32 => update,
        max: i32 => update,
        /// A group can't leave its zones.
        zones: Set<String> => replace,
        /// `OPPORTUNISTIC`: no machine that runs is replaced by the group itself, which would not drain it.
        update_type: String => update,
        /// An order, and nothing that is sent: what the machines fetch when they boot is there by then.
        bundle: Option<Ref<Object>> => unread,
        /// Likewise: they may read it by then.
        access: Option<Ref<BucketPolicy>> => unread,
    }
    computed {}
}

/// One group as it is now; `None` when it is gone.
async fn look(client: &Gcp, name: &str) -> Result<Option<SdkGroup>, CloudError> {
    let groups = &client.compute.region_instance_group_managers;
    let got = client
        .call(compute_read("regionInstanceGroupManagers.get"), || {
            let request = groups.get().set_project(&client.project).set_region(&client.region);
            request.set_instance_group_manager(name).send()
        })
        .await;
    found(got)
}

/// What the description says before the bounds.
const BOUNDS: &str = "Machines of a pool, from ";

fn bounds_text(min: i32, max: i32) -> String {
    format!("{BOUNDS}{min} to {max}")
}

/// The bounds in a description; none that could be wanted when someone has changed it.
fn bounds(text: &str) -> (i32, i32) {
    let pair = text.strip_prefix(BOUNDS).and_then(|rest| rest.split_once(" to "));
    pair.and_then(|(min, max)| Some((min.parse().ok()?, max.parse().ok()?))).unwrap_or((-1, -1))
}

/// The group as a resource, when it is one of ours.
fn observe(client: &Gcp, group: SdkGroup) -> Option<Found<InstanceGroupManager>> {
    let marked = client.owned(
        "google_compute_region_instance_group_manager",
        group.self_link.as_deref(),
        group.description.as_deref(),
    )?;
    let (min, max) = bounds(&marked.text);
    let selections = group.instance_flexibility_policy.map(|policy| policy.instance_selections).unwrap_or_default();
    let types = |name: &str| selections.get(name).map(|one| one.machine_types.clone()).unwrap_or_default();
    let preferred = types(PREFERRED);
    let template = group.versions.first().and_then(|version| version.instance_template.as_deref());
    let template = template.or(group.instance_template.as_deref());
    let zones = group.distribution_policy.map(|policy| policy.zones).unwrap_or_default();
    let update_type = group.update_policy.and_then(|policy| policy.r#type);
    let resource = InstanceGroupManager {
        name: group.name.unwrap_or_default(),
        template: Ref::existing(template.map(path_of).unwrap_or_default()),
        machine_type: None,
        alternatives: types(ALTERNATIVES).into_iter().filter(|one| !preferred.contains(one)).collect(),
        min,
        max,
        zones: zones.iter().filter_map(|one| one.zone.as_deref()).map(|zone| last(zone).to_owned()).collect(),
        update_type: update_type.as_ref().and_then(UpdateType::name).unwrap_or_default().to_owned(),
        bundle: None,
        access: None,
    };
    let id = path_of(group.self_link.as_deref()?);
    Some(Found { address: marked.address, id, resource, computed: Fields::new(), condition: Condition::Ready })
}

impl InstanceGroupManager {
    /// What can be changed, as the API takes it. `had_alternatives` says that there is a policy to be overwritten: a
    /// patch can't take one away.
    fn body(&self, client: &Gcp, address: &Address, had_alternatives: bool) -> Result<SdkGroup, CloudError> {
        // Of a regional group, one new machine a zone at least (`updatePolicy.maxSurge`).
        let surge = i32::try_from(self.zones.0.len()).unwrap_or(i32::MAX);
        let update_policy = InstanceGroupManagerUpdatePolicy::new()
            .set_type(UpdateType::from(self.update_type.as_str()))
            .set_minimal_action(MinimalAction::Replace)
            .set_instance_redistribution_type(InstanceRedistributionType::None)
            .set_max_surge(FixedOrPercent::new().set_fixed(surge))
            .set_max_unavailable(FixedOrPercent::new().set_fixed(0));
        let body = SdkGroup::new()
            .set_description(client.describe(address, &bounds_text(self.min, self.max)))
            .set_versions([InstanceGroupManagerVersion::new().set_instance_template(id_of(&self.template)?)])
            .set_update_policy(update_policy);
        if self.alternatives.is_empty() && !had_alternatives {
            return Ok(body);
        }
        let preferred: Vec<String> = self.machine_type.iter().cloned().collect();
        let others = if self.alternatives.is_empty() { preferred.clone() } else { self.alternatives.clone() };
        let selection = |types: Vec<String>, rank| Selection::new().set_machine_types(types).set_rank(rank);
        let selections = [(PREFERRED, selection(preferred, 1)), (ALTERNATIVES, selection(others, 2))];
        Ok(body.set_instance_flexibility_policy(Flexibility::new().set_instance_selections(selections)))
    }

    /// Waits until the least number of machines runs; when patience ends, says what the group says.
    async fn until_running(&self, client: &Gcp) -> Result<(), CloudError> {
        let waited = client
            .caller
            .until("compute:regionInstanceGroupManagers.insert", "the machines of the group", || async move {
                let group = look(client, &self.name).await?;
                let running = group.is_some_and(|group| {
                    let is_stable = group.status.and_then(|status| status.is_stable) == Some(true);
                    let settled = group.current_actions.and_then(|actions| actions.none).unwrap_or_default();
                    is_stable || settled >= self.min
                });
                Ok(running.then_some(()))
            })
            .await;
        let Err(mut error) = waited else { return Ok(()) };
        if error.kind == ErrorKind::Conflict
            && let Some(cause) = self.last_failure(client).await?
        {
            error.message = format!("{}: {cause}", error.message);
        }
        Err(error)
    }

    async fn last_failure(&self, client: &Gcp) -> Result<Option<String>, CloudError> {
        let groups = &client.compute.region_instance_group_managers;
        let answer = client
            .call(compute_read("regionInstanceGroupManagers.listErrors"), || {
                let request = groups.list_errors().set_project(&client.project).set_region(&client.region);
                request.set_instance_group_manager(&self.name).send()
            })
            .await?;
        Ok(answer.items.into_iter().find_map(|item| item.error?.message))
    }

    /// Writes `body` over the group as it is now.
    async fn patch(&self, client: &Gcp, mut body: SdkGroup) -> Result<(), CloudError> {
        let Some(now) = look(client, &self.name).await? else {
            let message = format!("{} is gone", self.name);
            return Err(CloudError::new(ErrorKind::NotFound, "compute:regionInstanceGroupManagers.get", message));
        };
        body.fingerprint = now.fingerprint;
        let groups = &client.compute.region_instance_group_managers;
        client
            .change(compute_write("regionInstanceGroupManagers.patch"), || {
                let request = groups.patch().set_project(&client.project).set_region(&client.region);
                request.set_instance_group_manager(&self.name).set_body(body.clone()).send()
            })
            .await
            .map(drop)
    }

    async fn resize(&self, client: &Gcp, size: i32) -> Result<(), CloudError> {
        let groups = &client.compute.region_instance_group_managers;
        client
            .change(compute_write("regionInstanceGroupManagers.resize"), || {
                let request = groups.resize().set_project(&client.project).set_region(&client.region);
                request.set_instance_group_manager(&self.name).set_size(size).send()
            })
            .await
            .map(drop)
    }
}

#[async_trait]
impl KindOps<Gcp> for InstanceGroupManager {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let filter = client.name_filter();
        let groups = &client.compute.region_instance_group_managers;
        let all = pages(|token| {
            let filter = filter.as_str();
            async move {
                let page = client
                    .call(compute_read("regionInstanceGroupManagers.list"), || {
                        let request = groups.list().set_project(&client.project).set_region(&client.region);
                        request.set_filter(filter).set_or_clear_page_token(token.clone()).send()
                    })
                    .await?;
                Ok((page.items, page.next_page_token))
            }
        })
        .await?;
        Ok(all.into_iter().filter_map(|group| observe(client, group)).collect())
    }

    async fn create(&self, client: &Gcp, new: &New) -> Result<Made, CloudError> {
        let zones = self.zones.0.iter().map(|zone| {
            let path = format!("projects/{}/zones/{zone}", client.project);
            DistributionPolicyZoneConfiguration::new().set_zone(path)
        });
        // Even as far as there is capacity: a zone that has none holds nobody up.
        let distribution = DistributionPolicy::new().set_zones(zones).set_target_shape(TargetShape::Balanced);
        let body = self
            .body(client, &new.address, false)?
            .set_name(&self.name)
            .set_base_instance_name(&self.name)
            .set_distribution_policy(distribution)
            .set_target_size(self.min);
        let groups = &client.compute.region_instance_group_managers;
        client
            .insert(compute_write("regionInstanceGroupManagers.insert"), &new.token, |id| {
                let request = groups.insert().set_project(&client.project).set_region(&client.region);
                request.set_request_id(id).set_body(body.clone()).send()
            })
            .await?;
        self.until_running(client).await?;
        Ok(made(format!("projects/{}/regions/{}/instanceGroupManagers/{}", client.project, client.region, self.name)))
    }

    /// The number of machines is moved only where it lies outside of the new bounds.
    async fn update(&self, client: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let had_alternatives = !existing.before.alternatives.is_empty();
        let body = self.body(client, &existing.address, had_alternatives)?;
        client.edit(|| self.patch(client, body.clone())).await?;
        let size = look(client, &self.name).await?.and_then(|group| group.target_size).unwrap_or_default();
        let wanted = size.clamp(self.min, self.max.max(self.min));
        if wanted != size {
            self.resize(client, wanted).await?;
        }
        if wanted > size {
            self.until_running(client).await?;
        }
        Ok(made(&existing.id))
    }

    /// Takes the machines along; the operation ends when they are gone.
    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let groups = &client.compute.region_instance_group_managers;
        gone(
            client
                .change(compute_write("regionInstanceGroupManagers.delete"), || {
                    let request = groups.delete().set_project(&client.project).set_region(&client.region);
                    request.set_instance_group_manager(&existing.before.name).send()
                })
                .await,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::testing::client;

    fn group(alternatives: &[&str]) -> InstanceGroupManager {
        InstanceGroupManager {
            name: "demo-0a1b2c-pool-general".to_owned(),
            template: Ref::existing("projects/p/global/instanceTemplates/t"),
            machine_type: Some("n2-standard-4".to_owned()),
            alternatives: alternatives.iter().map(|one| (*one).to_owned()).collect(),
            min: 3,
            max: 9,
            zones: Set::default(),
            update_type: "OPPORTUNISTIC".to_owned(),
            bundle: None,
            access: None,
        }
    }

    #[tokio::test]
    async fn a_group_is_read_as_it_was_written() {
        let client = client().await;
        let address: Address = "google_compute_region_instance_group_manager.general".parse().unwrap();
        let link = "https://www.googleapis.com/compute/v1/projects/p/regions/europe-west1/instanceGroupManagers/g";
        for (wanted, had) in [(group(&[]), false), (group(&["n2d-standard-4"]), false), (group(&[]), true)] {
            let body = wanted.body(&client, &address, had).unwrap();
            assert_eq!(body.instance_flexibility_policy.is_some(), had || !wanted.alternatives.is_empty());
            let found = observe(&client, body.set_name(&wanted.name).set_self_link(link)).unwrap();
            assert_eq!(found.resource, InstanceGroupManager { machine_type: None, ..wanted });
        }
    }

    #[test]
    fn bounds_that_someone_changed_are_put_right() {
        assert_eq!(bounds(&bounds_text(0, 20)), (0, 20));
        assert_eq!(bounds("mine"), (-1, -1));
    }
}
