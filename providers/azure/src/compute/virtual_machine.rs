//! Machines of slots, and the bastion.

use std::sync::Arc;

use async_trait::async_trait;
use azure_mgmt_compute::package_2024_07_01::models::{
    self, DataDisk, Disk as SdkDisk, VirtualMachine as SdkMachine, VirtualMachineProperties, hardware_profile,
    network_interface_reference_properties,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource as _, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::machine::{self, USER_DATA_TAG};
use super::{AvailabilitySet, NetworkInterface, SERVICE, ssh};
use crate::arm::{arm_id, condition, gone, group_of, id_in, id_of, is_going, made, reference, word};
use crate::bootstrap::Object;
use crate::client::id::{ArmId, normal};
use crate::client::{Azure, Identified, Tags};
use crate::disk::{Disk, managed_disk};
use crate::identity::UserAssignedIdentity;
use crate::limits::{machine as machine_call, read};
use crate::network::ResourceGroup;

const TYPE: &str = "Microsoft.Compute/virtualMachines";

/// The number under which the data disk is attached; the bundle finds the disk by it.
pub const DATA_LUN: u8 = 0;

resource! {
    /// A machine in a network interface that outlives it. Whatever it is made from makes it another machine.
    pub struct VirtualMachine = "azure_virtual_machine", "machine", Replacement::InTurn, runs_controllers;
    fields {
        group: Ref<ResourceGroup> => replace,
        name: String => replace,
        /// The host's name, by which the machine's node is called.
        hostname: String => replace,
        size: String => replace,
        zone: Option<String> => replace,
        /// Where there are no zones.
        availability_set: Option<Ref<AvailabilitySet>> => replace,
        /// URN or id of the image.
        image: String => replace,
        /// Secure boot and a virtual TPM; arm64 has neither.
        trusted_launch: bool => replace,
        network_interface: Ref<NetworkInterface> => replace,
        identity: Option<Ref<UserAssignedIdentity>> => replace,
        ssh_public_key: String => replace,
        root_volume_gib: u32 => replace,
        /// `Premium_LRS`, or `StandardSSD_LRS` where the size takes none of those.
        root_volume_type: String => replace,
        /// The disk that stays when the machine goes; it is attached as [`DATA_LUN`].
        data_disk: Option<Ref<Disk>> => update,
        /// SHA-256 of the user data.
        user_data_sha256: String => replace,
        /// The user data, as text.
        user_data: Option<String> => unread,
        /// An order, and nothing that is sent: what the machine fetches when it boots is there by then.
        bundle: Option<Ref<Object>> => unread,
        /// Tags of the machine; its root disk gets them when it is made.
        tags: Tags => update,
    }
    computed {}
}

/// Every machine in the cluster's groups, those of machine groups among them.
pub(crate) async fn list(client: &Azure) -> Result<Arc<Vec<Identified<SdkMachine>>>, CloudError> {
    client.identified(read(SERVICE, "VirtualMachines_List"), TYPE).await
}

/// The id of a machine's root disk.
pub(crate) fn root_disk(machine: &SdkMachine) -> Option<String> {
    let disk = machine.properties.as_ref()?.storage_profile.as_ref()?.os_disk.as_ref()?;
    disk.managed_disk.as_ref()?.sub_resource.id.as_deref().map(normal)
}

/// The machine's data disks.
pub(crate) fn data_disks(machine: &SdkMachine) -> &[DataDisk] {
    let storage = machine.properties.as_ref().and_then(|properties| properties.storage_profile.as_ref());
    storage.map(|storage| storage.data_disks.as_slice()).unwrap_or_default()
}

/// The id of what a data disk is.
pub(crate) fn managed(disk: &DataDisk) -> Option<String> {
    disk.managed_disk.as_ref()?.sub_resource.id.as_deref().map(normal)
}

/// The machine as a resource, when it is one of ours and not on its way out. Size and type of its root disk come out of
/// the list of disks: a machine that is stopped does not tell them.
pub(super) fn observe(
    client: &Azure,
    found: &Identified<SdkMachine>,
    disks: &[SdkDisk],
) -> Option<Found<VirtualMachine>> {
    let machine = &found.model;
    let given = &machine.resource;
    let (address, mut tags) =
        client.own(VirtualMachine::SCHEMA.kind, given.id.as_deref(), given.tags.as_ref(), Some(&given.location))?;
    let properties = machine.properties.as_ref()?;
    let state = properties.provisioning_state.as_deref();
    if is_going(state) {
        return None;
    }
    let id: ArmId = given.id.as_deref()?.parse().ok()?;
    let os = properties.os_profile.as_ref();
    let root = root_disk(machine);
    let root = disks.iter().find(|disk| disk.resource.id.as_deref().map(normal) == root && root.is_some());
    let interface = properties.network_profile.as_ref().and_then(|profile| profile.network_interfaces.first());
    let data = data_disks(machine).iter().find(|disk| disk.lun == i32::from(DATA_LUN));
    let resource = VirtualMachine {
        group: group_of(&id),
        name: id.name().to_owned(),
        hostname: os.and_then(|os| os.computer_name.clone()).unwrap_or_default(),
        size: word(properties.hardware_profile.as_ref().and_then(|hardware| hardware.vm_size.as_ref()))
            .unwrap_or_default(),
        zone: machine.zones.first().cloned(),
        availability_set: reference(properties.availability_set.as_ref().and_then(|set| set.id.as_deref())),
        image: machine::image(properties.storage_profile.as_ref().and_then(|storage| storage.image_reference.as_ref())),
        trusted_launch: machine::is_trusted_launch(properties.security_profile.as_ref()),
        network_interface: Ref::existing(
            interface.and_then(|interface| interface.sub_resource.id.as_deref()).map(normal).unwrap_or_default(),
        ),
        identity: found.identity().map(Ref::existing),
        ssh_public_key: machine::public_key(os.and_then(|os| os.linux_configuration.as_ref())),
        root_volume_gib: machine::size_gib(root.and_then(|root| root.properties.as_ref()?.disk_size_gb)),
        root_volume_type: root.and_then(|root| word(root.sku.as_ref()?.name.as_ref())).unwrap_or_default(),
        data_disk: data.and_then(managed).map(Ref::existing),
        user_data_sha256: tags.remove(USER_DATA_TAG).unwrap_or_default(),
        user_data: None,
        bundle: None,
        tags,
    };
    Some(Found { address, id: id.to_string(), resource, computed: Fields::new(), condition: condition(state) })
}

impl VirtualMachine {
    pub(super) fn written(&self, client: &Azure, address: &Address) -> Result<SdkMachine, CloudError> {
        let mut tags = self.tags.clone();
        tags.insert(USER_DATA_TAG.to_owned(), self.user_data_sha256.clone());
        let mut body = SdkMachine::new(models::Resource::new(client.region.clone()));
        body.resource.tags = Some(client.all_tags(address, &tags));
        body.zones = self.zone.iter().cloned().collect();
        let set = self.availability_set.as_ref().map(id_of).transpose()?;
        body.properties = Some(VirtualMachineProperties {
            hardware_profile: Some(models::HardwareProfile {
                vm_size: Some(hardware_profile::VmSize::UnknownValue(self.size.clone())),
                ..models::HardwareProfile::new()
            }),
            storage_profile: Some(models::StorageProfile {
                image_reference: Some(machine::image_reference(&self.image)),
                os_disk: Some(self.os_disk()?),
                data_disks: self.data_disk()?.into_iter().collect(),
                ..models::StorageProfile::new()
            }),
            os_profile: Some(models::OsProfile {
                computer_name: Some(self.hostname.clone()),
                admin_username: Some(ssh::USER.to_owned()),
                custom_data: self.user_data.as_ref().map(|text| STANDARD.encode(text)),
                linux_configuration: Some(machine::linux(&self.ssh_public_key)),
                ..models::OsProfile::new()
            }),
            network_profile: Some(models::NetworkProfile {
                network_interfaces: vec![self.interface()?],
                ..models::NetworkProfile::new()
            }),
            security_profile: machine::security(self.trusted_launch),
            availability_set: set.map(|id| models::SubResource { id: Some(id.to_owned()) }),
            ..VirtualMachineProperties::new()
        });
        Ok(body)
    }

    fn interface(&self) -> Result<models::NetworkInterfaceReference, CloudError> {
        Ok(models::NetworkInterfaceReference {
            sub_resource: models::SubResource { id: Some(id_of(&self.network_interface)?.to_owned()) },
            properties: Some(models::NetworkInterfaceReferenceProperties {
                primary: Some(true),
                delete_option: Some(network_interface_reference_properties::DeleteOption::Detach),
            }),
        })
    }

    fn os_disk(&self) -> Result<models::OsDisk, CloudError> {
        Ok(models::OsDisk {
            name: Some(format!("{}-root", self.name)),
            caching: Some(models::Caching::ReadWrite),
            disk_size_gb: Some(machine::gib(self.root_volume_gib)),
            managed_disk: Some(models::ManagedDiskParameters {
                storage_account_type: Some(storage_type(&self.root_volume_type)?),
                ..models::ManagedDiskParameters::new()
            }),
            delete_option: Some(models::DeleteOption::Delete),
            ..models::OsDisk::new(models::CreateOption::FromImage)
        })
    }

    fn data_disk(&self) -> Result<Option<DataDisk>, CloudError> {
        let Some(disk) = &self.data_disk else { return Ok(None) };
        Ok(Some(attached(i32::from(DATA_LUN), id_of(disk)?)))
    }
}

/// A data disk that stays when the machine goes. Nothing is cached: what etcd has written must be on the disk.
fn attached(lun: i32, id: &str) -> DataDisk {
    DataDisk {
        caching: Some(models::Caching::None),
        managed_disk: Some(models::ManagedDiskParameters {
            sub_resource: models::SubResource { id: Some(id.to_owned()) },
            ..models::ManagedDiskParameters::new()
        }),
        delete_option: Some(models::DeleteOption::Detach),
        ..DataDisk::new(lun, models::CreateOption::Attach)
    }
}

/// Data disks that are not ours, by nothing but where and how they are attached.
fn others(machine: &SdkMachine) -> impl Iterator<Item = DataDisk> {
    let others = data_disks(machine).iter().filter(|disk| disk.lun != i32::from(DATA_LUN));
    others.filter_map(|disk| Some(DataDisk { caching: disk.caching.clone(), ..attached(disk.lun, &managed(disk)?) }))
}

/// A type of disk as the SDK takes it.
pub(super) fn storage_type(word: &str) -> Result<models::StorageAccountType, CloudError> {
    word.parse().map_err(|_| CloudError::new(ErrorKind::Invalid, TYPE, format!("`{word}` is no type of disk")))
}

#[async_trait]
impl KindOps<Azure> for VirtualMachine {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let (machines, disks) = tokio::try_join!(list(client), managed_disk::list(client))?;
        Ok(machines.iter().filter_map(|machine| observe(client, machine, &disks)).collect())
    }

    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        let group = arm_id(&self.group)?;
        let body = self.written(client, &new.address)?;
        let identity = self.identity.as_ref().map(id_of).transpose()?;
        let id: ArmId = id_in(&group, TYPE, &self.name).parse()?;
        let api = machine_call("VirtualMachines_CreateOrUpdate");
        client.done(api, || client.put_identified(&id, &body, identity)).await?;
        Ok(made(id.to_string()))
    }

    /// Writes the whole machine; what is the same stays. So do disks that Kubernetes has attached, and may be attaching.
    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        let body = self.written(client, &existing.address)?;
        let identity = self.identity.as_ref().map(id_of).transpose()?;
        let machines = client.compute.virtual_machines_client();
        client
            .change(
                (read(SERVICE, "VirtualMachines_Get"), || {
                    machines.get(&id.group, id.name(), &id.subscription).into_future()
                }),
                |now: &SdkMachine| now.etag.clone(),
                (machine_call("VirtualMachines_CreateOrUpdate"), |now: &SdkMachine| {
                    let mut body = body.clone();
                    if let Some(storage) = body.properties.as_mut().and_then(|own| own.storage_profile.as_mut()) {
                        storage.data_disks.extend(others(now));
                    }
                    client.put_identified(&id, &body, identity)
                }),
            )
            .await?;
        Ok(made(&existing.id))
    }

    /// The network interface and the data disk stay, and are free when this returns; the root disk goes with the machine.
    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let machines = client.compute.virtual_machines_client();
        let api = machine_call("VirtualMachines_Delete");
        gone(client.done(api, || machines.delete(&id.group, id.name(), &id.subscription).send()).await)
    }
}
