//! Scale sets: the machines of a pool.
//!
//! How many machines there are between the pool's bounds is not ours to say once the set exists: an autoscaler inside the
//! cluster decides. Azure knows no bounds, so that they stand in tags, and the number is brought between them whenever the
//! set is written. A changed model is what later machines are made from; machines that run are left alone.

use std::sync::Arc;

use async_trait::async_trait;
use azure_mgmt_compute::package_2024_07_01::models::{
    self, VirtualMachineScaleSet as SdkSet, VirtualMachineScaleSetProperties,
};
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource as _, record, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::machine::{self, USER_DATA_TAG};
use super::{SERVICE, scale_set_profile};
use crate::arm::{arm_id, condition, gone, group_of, id_in, id_of, is_going, made};
use crate::bootstrap::Object;
use crate::client::id::ArmId;
use crate::client::{Azure, Identified, Tags};
use crate::firewall::{ApplicationSecurityGroup, NetworkSecurityGroup};
use crate::identity::UserAssignedIdentity;
use crate::limits::{machine as machine_call, read};
use crate::network::{ResourceGroup, Subnet};

const TYPE: &str = "Microsoft.Compute/virtualMachineScaleSets";

/// Tags that hold a pool's bounds.
const MIN_TAG: &str = "meridian-min";
const MAX_TAG: &str = "meridian-max";

/// The name of a size that stands for several (learn.microsoft.com, "Use multiple virtual machine sizes with instance
/// mix").
const SEVERAL: &str = "Mix";

record! {
    /// Machines on demand among spot ones.
    pub struct Mix {
        /// Machines that are on demand before any spot one is asked for.
        on_demand_base: i32,
        /// Share of on-demand machines above the base, in percent.
        on_demand_percent: i32,
    }
}

resource! {
    /// The machines of a pool.
    pub struct ScaleSet = "azure_virtual_machine_scale_set", "machine group", Replacement::DeleteFirst, runs_controllers;
    fields {
        group: Ref<ResourceGroup> => replace,
        name: String => replace,
        /// What the names of its machines begin with.
        hostname_prefix: String => replace,
        /// One, or several of which any will do.
        sizes: Set<String> => update,
        /// The zones that it spreads over; empty in a region without zones.
        zones: Set<String> => replace,
        /// Publisher and offer of the image, which stay.
        image_family: String => replace,
        /// URN or id of the image.
        image: String => update,
        /// Secure boot and a virtual TPM; arm64 has neither.
        trusted_launch: bool => replace,
        identity: Ref<UserAssignedIdentity> => update,
        ssh_public_key: String => update,
        subnet: Ref<Subnet> => replace,
        /// What the rules of the subnet's security group know its machines by.
        security_groups: Set<Ref<ApplicationSecurityGroup>> => update,
        /// What guards them where their subnet is another's.
        network_security_group: Option<Ref<NetworkSecurityGroup>> => update,
        public_address: bool => update,
        root_volume_gib: u32 => update,
        /// Of the root disk and of the others.
        volume_type: String => replace,
        /// Sizes of further disks in GiB. Each is attached under its place among them.
        volumes_gib: Vec<u32> => update,
        /// Whether there are spot machines.
        spot: bool => replace,
        /// With spot machines.
        mix: Option<Mix> => update,
        min: u32 => update,
        max: u32 => update,
        /// SHA-256 of the user data.
        user_data_sha256: String => update,
        /// The user data, as text.
        user_data: Option<String> => unread,
        /// An order, and nothing that is sent: what the machines fetch when they boot is there by then.
        bundle: Option<Ref<Object>> => unread,
        /// Tags of the group. Its machines get them, too.
        tags: Tags => update,
    }
    computed {}
}

async fn list(client: &Azure) -> Result<Arc<Vec<Identified<SdkSet>>>, CloudError> {
    client.identified(read(SERVICE, "VirtualMachineScaleSets_List"), TYPE).await
}

pub(super) fn observe(client: &Azure, found: &Identified<SdkSet>) -> Option<Found<ScaleSet>> {
    let set = &found.model;
    let given = &set.resource;
    let (address, mut tags) =
        client.own(ScaleSet::SCHEMA.kind, given.id.as_deref(), given.tags.as_ref(), Some(&given.location))?;
    let properties = set.properties.as_ref()?;
    let state = properties.provisioning_state.as_deref();
    if is_going(state) {
        return None;
    }
    let id: ArmId = given.id.as_deref()?.parse().ok()?;
    let mut bound = |tag: &str| tags.remove(tag).and_then(|text| text.parse().ok()).unwrap_or_default();
    let (min, max) = (bound(MIN_TAG), bound(MAX_TAG));
    let user_data_sha256 = tags.remove(USER_DATA_TAG).unwrap_or_default();
    let profile = scale_set_profile::read(properties.virtual_machine_profile.as_ref());
    let resource = ScaleSet {
        group: group_of(&id),
        name: id.name().to_owned(),
        hostname_prefix: profile.hostname_prefix,
        sizes: sizes(set),
        zones: Set(set.zones.clone()),
        image_family: machine::image_family(&profile.image),
        image: profile.image,
        trusted_launch: profile.trusted_launch,
        identity: Ref::existing(found.identity().unwrap_or_default()),
        ssh_public_key: profile.ssh_public_key,
        subnet: Ref::existing(profile.subnet),
        security_groups: profile.security_groups.into_iter().map(Ref::existing).collect(),
        network_security_group: profile.network_security_group.map(Ref::existing),
        public_address: profile.public_address,
        root_volume_gib: profile.root_volume_gib,
        volume_type: profile.volume_type,
        volumes_gib: profile.volumes_gib,
        spot: profile.spot,
        mix: properties.priority_mix_policy.as_ref().map(|mix| Mix {
            on_demand_base: mix.base_regular_priority_count.unwrap_or_default(),
            on_demand_percent: mix.regular_priority_percentage_above_base.unwrap_or_default(),
        }),
        min,
        max,
        user_data_sha256,
        user_data: None,
        bundle: None,
        tags,
    };
    let condition = match (condition(state), capacity(set)) {
        (Condition::Ready, Some(count)) if count < i64::from(min) || count > i64::from(max) => {
            Condition::Unfinished(format!("it has {count} machines, which is not within {min} to {max}"))
        }
        (condition, _) => condition,
    };
    Some(Found { address, id: id.to_string(), resource, computed: Fields::new(), condition })
}

fn capacity(set: &SdkSet) -> Option<i64> {
    set.sku.as_ref()?.capacity
}

/// The sizes of its machines: several are listed apart.
fn sizes(set: &SdkSet) -> Set<String> {
    let several = set.properties.as_ref().and_then(|properties| properties.sku_profile.as_ref());
    match several {
        Some(profile) => profile.vm_sizes.iter().filter_map(|size| size.name.clone()).collect(),
        None => set.sku.as_ref().and_then(|sku| sku.name.clone()).into_iter().collect(),
    }
}

impl ScaleSet {
    /// The body of a write. `now` is what is there already, of which the number of machines and what Kubernetes has set
    /// stay.
    pub(super) fn written(
        &self,
        client: &Azure,
        address: &Address,
        now: Option<&SdkSet>,
    ) -> Result<SdkSet, CloudError> {
        let mut tags = self.tags.clone();
        tags.insert(MIN_TAG.to_owned(), self.min.to_string());
        tags.insert(MAX_TAG.to_owned(), self.max.to_string());
        tags.insert(USER_DATA_TAG.to_owned(), self.user_data_sha256.clone());
        let count = now.and_then(capacity).unwrap_or_default().min(i64::from(self.max)).max(i64::from(self.min));
        let (name, sku_profile) = self.sku();
        let mut body = SdkSet::new(models::Resource::new(client.region.clone()));
        body.resource.tags = Some(client.all_tags(address, &tags));
        body.zones.clone_from(&self.zones.0);
        body.sku = Some(models::Sku { name: Some(name), tier: None, capacity: Some(count) });
        body.properties = Some(VirtualMachineScaleSetProperties {
            orchestration_mode: Some(models::OrchestrationMode::Flexible),
            // As far apart as there is room.
            platform_fault_domain_count: Some(1),
            single_placement_group: Some(false),
            virtual_machine_profile: Some(scale_set_profile::written(self, now)?),
            priority_mix_policy: self.mix.as_ref().map(|mix| models::PriorityMixPolicy {
                base_regular_priority_count: Some(mix.on_demand_base),
                regular_priority_percentage_above_base: Some(mix.on_demand_percent),
            }),
            sku_profile,
            ..VirtualMachineScaleSetProperties::new()
        });
        Ok(body)
    }

    /// The size, or what stands for several.
    fn sku(&self) -> (String, Option<models::SkuProfile>) {
        if let [only] = self.sizes.0.as_slice() {
            return (only.clone(), None);
        }
        let sizes = self.sizes.0.iter().map(|size| models::SkuProfileVmSize { name: Some(size.clone()) });
        // Spot machines where most are left, so that few are taken away.
        let strategy = if self.spot {
            models::sku_profile::AllocationStrategy::CapacityOptimized
        } else {
            models::sku_profile::AllocationStrategy::LowestPrice
        };
        (
            SEVERAL.to_owned(),
            Some(models::SkuProfile { vm_sizes: sizes.collect(), allocation_strategy: Some(strategy) }),
        )
    }
}

#[async_trait]
impl KindOps<Azure> for ScaleSet {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|set| observe(client, set)).collect())
    }

    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        let group = arm_id(&self.group)?;
        let body = self.written(client, &new.address, None)?;
        let identity = id_of(&self.identity)?;
        let id: ArmId = id_in(&group, TYPE, &self.name).parse()?;
        let api = machine_call("VirtualMachineScaleSets_CreateOrUpdate");
        client.done(api, || client.put_identified(&id, &body, Some(identity))).await?;
        Ok(made(id.to_string()))
    }

    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        // What can't be written is told before anything is sent.
        let without = self.written(client, &existing.address, None)?;
        let identity = id_of(&self.identity)?;
        let sets = client.compute.virtual_machine_scale_sets_client();
        client
            .change(
                (read(SERVICE, "VirtualMachineScaleSets_Get"), || {
                    sets.get(&id.group, id.name(), &id.subscription).into_future()
                }),
                |now: &SdkSet| now.etag.clone(),
                (machine_call("VirtualMachineScaleSets_CreateOrUpdate"), |now: &SdkSet| {
                    let body = self.written(client, &existing.address, Some(now)).unwrap_or_else(|_| without.clone());
                    client.put_identified(&id, &body, Some(identity))
                }),
            )
            .await?;
        Ok(made(&existing.id))
    }

    /// Its machines go with it, and with each its interface and its disks.
    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let sets = client.compute.virtual_machine_scale_sets_client();
        let api = machine_call("VirtualMachineScaleSets_Delete");
        gone(client.done(api, || sets.delete(&id.group, id.name(), &id.subscription).send()).await)
    }
}
