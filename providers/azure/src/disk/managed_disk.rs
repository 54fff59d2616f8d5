//! Managed disks that hold etcd's data. Azure encrypts every one with its own keys.

use std::sync::Arc;

use async_trait::async_trait;
use azure_mgmt_compute::package_2024_07_01::models::{
    self, Disk as SdkDisk, DiskProperties, DiskUpdate, DiskUpdateProperties, creation_data, disk_sku,
};
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource as _, resource};
use meridian_node::settled;
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use crate::arm::{arm_id, condition, gone, group_of, id_in, is_going, made, word};
use crate::client::id::ArmId;
use crate::client::{Azure, Tags};
use crate::compute::SERVICE;
use crate::compute::machine::{gib, size_gib};
use crate::limits::{delete, read, write};
use crate::network::ResourceGroup;

const TYPE: &str = "Microsoft.Compute/disks";

/// Tag that holds the names and addresses of etcd's members.
const MEMBERS_TAG: &str = "meridian-members";

/// Tag that holds what of the cluster can't change.
const SETTLED_TAG: &str = "meridian-settled";

/// Tag that holds the version of Kubernetes.
const KUBERNETES_TAG: &str = "meridian-kubernetes";

/// Nobody may export a disk: not through the network, and not through a private endpoint.
pub const NO_EXPORT: &str = "DenyAll";

/// What can't be lost without losing a member of etcd.
const REFUSAL: &str = "the disk holds the data of a member of etcd. Its zone and the members of etcd with their addresses \
                       are fixed when the cluster is made; to change them, build a new cluster and move to it, or \
                       restore a snapshot there";

resource! {
    /// The disk that holds the data of a slot's etcd member. It outlives the slot's machines.
    pub struct Disk = "azure_disk", "disk", Replacement::Refused(REFUSAL);
    fields {
        group: Ref<ResourceGroup> => replace,
        name: String => replace,
        /// Where it is; a disk can't leave its zone.
        zone: Option<String> => replace,
        /// Size in GiB. It can grow and not shrink.
        size_gib: u32 => update_if(settled::grows),
        /// `Premium_LRS`, or `StandardSSD_LRS` where the machines take none of those.
        disk_type: String => update,
        /// Who may export it: [`NO_EXPORT`].
        export: String => update,
        /// Each slot as `name=address`, sorted. What lies on the disk is a member of just this etcd.
        members: String => replace,
        /// What of the cluster can't change, as [`settled::settled`] has it.
        settled: String => update_if(settled::stays),
        /// Exact version of the Kubernetes that writes to it; it is written down before that is begun.
        kubernetes: String => update_if(settled::upgrades),
        tags: Tags => update,
    }
    computed {}
}

/// Every disk in the cluster's groups: those of machines and of claims, too.
pub(crate) async fn list(client: &Azure) -> Result<Arc<Vec<SdkDisk>>, CloudError> {
    client
        .in_groups(
            read(SERVICE, "Disks_ListByResourceGroup"),
            |group| client.compute.disks_client().list_by_resource_group(&client.subscription, group).into_stream(),
            |page| page.value,
        )
        .await
}

/// The disk as a resource, when it is one of ours and here to stay.
fn observe(client: &Azure, disk: &SdkDisk) -> Option<Found<Disk>> {
    let given = &disk.resource;
    let (address, mut tags) =
        client.own(Disk::SCHEMA.kind, given.id.as_deref(), given.tags.as_ref(), Some(&given.location))?;
    let properties = disk.properties.as_ref()?;
    let state = properties.provisioning_state.as_deref();
    if is_going(state) {
        return None;
    }
    let id: ArmId = given.id.as_deref()?.parse().ok()?;
    let resource = Disk {
        group: group_of(&id),
        name: id.name().to_owned(),
        zone: disk.zones.first().cloned(),
        size_gib: size_gib(properties.disk_size_gb),
        disk_type: word(disk.sku.as_ref().and_then(|sku| sku.name.as_ref())).unwrap_or_default(),
        export: word(properties.network_access_policy.as_ref()).unwrap_or_default(),
        members: tags.remove(MEMBERS_TAG).unwrap_or_default(),
        settled: tags.remove(SETTLED_TAG).unwrap_or_default(),
        kubernetes: tags.remove(KUBERNETES_TAG).unwrap_or_default(),
        tags,
    };
    Some(Found { address, id: id.to_string(), resource, computed: Fields::new(), condition: condition(state) })
}

impl Disk {
    fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        for (tag, value) in
            [(MEMBERS_TAG, &self.members), (SETTLED_TAG, &self.settled), (KUBERNETES_TAG, &self.kubernetes)]
        {
            tags.insert(tag.to_owned(), value.clone());
        }
        tags
    }

    fn sku(&self) -> models::DiskSku {
        let name = self.disk_type.parse().unwrap_or_else(|_| disk_sku::Name::UnknownValue(self.disk_type.clone()));
        models::DiskSku { name: Some(name), ..models::DiskSku::new() }
    }

    fn export(&self) -> Result<models::NetworkAccessPolicy, CloudError> {
        self.export.parse().map_err(|_| {
            CloudError::new(ErrorKind::Invalid, TYPE, format!("`{}` does not say who may export a disk", self.export))
        })
    }
}

#[async_trait]
impl KindOps<Azure> for Disk {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|disk| observe(client, disk)).collect())
    }

    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        let group = arm_id(&self.group)?;
        let mut body = SdkDisk::new(models::Resource::new(client.region.clone()));
        body.resource.tags = Some(client.all_tags(&new.address, &self.all_tags()));
        body.zones = self.zone.iter().cloned().collect();
        body.sku = Some(self.sku());
        body.properties = Some(DiskProperties {
            disk_size_gb: Some(gib(self.size_gib)),
            network_access_policy: Some(self.export()?),
            public_network_access: Some(models::PublicNetworkAccess::Disabled),
            ..DiskProperties::new(models::CreationData::new(creation_data::CreateOption::Empty))
        });
        let disks = client.compute.disks_client();
        client
            .done(write(SERVICE, "Disks_CreateOrUpdate"), || {
                disks.create_or_update(&group.subscription, &group.group, &self.name, body.clone()).send()
            })
            .await?;
        Ok(made(id_in(&group, TYPE, &self.name)))
    }

    /// A patch: it leaves alone who has attached the disk.
    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        let body = DiskUpdate {
            properties: Some(DiskUpdateProperties {
                disk_size_gb: Some(gib(self.size_gib)),
                network_access_policy: Some(self.export()?),
                public_network_access: Some(models::PublicNetworkAccess::Disabled),
                ..DiskUpdateProperties::new()
            }),
            tags: Some(client.all_tags(&existing.address, &self.all_tags())),
            sku: Some(self.sku()),
        };
        let disks = client.compute.disks_client();
        client
            .done(write(SERVICE, "Disks_Update"), || {
                disks.update(&id.subscription, &id.group, id.name(), body.clone()).send()
            })
            .await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let disks = client.compute.disks_client();
        let api = delete(SERVICE, "Disks_Delete");
        gone(client.done(api, || disks.delete(&id.subscription, &id.group, id.name()).send()).await)
    }
}
