//! What a scale set's machines are made from: its profile, written and read.

use azure_mgmt_compute::package_2024_07_01::models::{
    self, Priority, VirtualMachineScaleSet as SdkSet, VirtualMachineScaleSetIpConfigurationProperties,
    VirtualMachineScaleSetNetworkConfiguration, VirtualMachineScaleSetNetworkConfigurationProperties,
    VirtualMachineScaleSetVmProfile as Profile, virtual_machine_scale_set_network_configuration_properties as network,
    virtual_machine_scale_set_network_profile as network_profile,
    virtual_machine_scale_set_public_ip_address_configuration_properties as public_ip,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meridian_provider_api::CloudError;

use super::machine;
use super::scale_set::ScaleSet;
use super::ssh;
use super::virtual_machine::storage_type;
use crate::arm::{id_of, word};
use crate::client::id::normal;

/// Name of the machines' only interface and of its only address.
const MAIN: &str = "main";

/// What a profile says.
pub(super) struct Read {
    pub hostname_prefix: String,
    pub image: String,
    pub trusted_launch: bool,
    pub ssh_public_key: String,
    pub subnet: String,
    pub security_groups: Vec<String>,
    pub network_security_group: Option<String>,
    pub public_address: bool,
    pub root_volume_gib: u32,
    pub volume_type: String,
    pub volumes_gib: Vec<u32>,
    pub spot: bool,
}

pub(super) fn read(profile: Option<&Profile>) -> Read {
    let os = profile.and_then(|profile| profile.os_profile.as_ref());
    let storage = profile.and_then(|profile| profile.storage_profile.as_ref());
    let root = storage.and_then(|storage| storage.os_disk.as_ref());
    let address = address(profile);
    let ids = |list: &[models::SubResource]| list.iter().filter_map(|one| one.id.as_deref().map(normal)).collect();
    let mut volumes: Vec<_> = storage.map(|storage| storage.data_disks.iter().collect()).unwrap_or_default();
    volumes.sort_by_key(|disk| disk.lun);
    let subnet = address.and_then(|address| address.subnet.as_ref()?.id.as_deref());
    Read {
        hostname_prefix: os.and_then(|os| os.computer_name_prefix.clone()).unwrap_or_default(),
        image: machine::image(storage.and_then(|storage| storage.image_reference.as_ref())),
        trusted_launch: machine::is_trusted_launch(profile.and_then(|profile| profile.security_profile.as_ref())),
        ssh_public_key: machine::public_key(os.and_then(|os| os.linux_configuration.as_ref())),
        subnet: subnet.map(normal).unwrap_or_default(),
        security_groups: address.map(|address| ids(&address.application_security_groups)).unwrap_or_default(),
        network_security_group: interface_of(profile)
            .and_then(|interface| interface.network_security_group.as_ref()?.id.as_deref().map(normal)),
        public_address: address.is_some_and(|address| address.public_ip_address_configuration.is_some()),
        root_volume_gib: machine::size_gib(root.and_then(|root| root.disk_size_gb)),
        volume_type: word(root.and_then(|root| root.managed_disk.as_ref()?.storage_account_type.as_ref()))
            .unwrap_or_default(),
        volumes_gib: volumes.into_iter().map(|disk| machine::size_gib(disk.disk_size_gb)).collect(),
        spot: profile.and_then(|profile| profile.priority.as_ref()) == Some(&Priority::Spot),
    }
}

/// The address that the machines of a profile have.
fn address(profile: Option<&Profile>) -> Option<&VirtualMachineScaleSetIpConfigurationProperties> {
    interface_of(profile)?.ip_configurations.first()?.properties.as_ref()
}

/// The network interface that the machines of a profile have.
fn interface_of(profile: Option<&Profile>) -> Option<&VirtualMachineScaleSetNetworkConfigurationProperties> {
    profile?.network_profile.as_ref()?.network_interface_configurations.first()?.properties.as_ref()
}

/// The profile of a write. Of what is there `now`, the pools of Kubernetes' own balancers stay.
pub(super) fn written(set: &ScaleSet, now: Option<&SdkSet>) -> Result<Profile, CloudError> {
    let there = now.and_then(|now| now.properties.as_ref()?.virtual_machine_profile.as_ref());
    let pools = address(there).map(|address| address.load_balancer_backend_address_pools.clone()).unwrap_or_default();
    Ok(Profile {
        os_profile: Some(models::VirtualMachineScaleSetOsProfile {
            computer_name_prefix: Some(set.hostname_prefix.clone()),
            admin_username: Some(ssh::USER.to_owned()),
            custom_data: set.user_data.as_ref().map(|text| STANDARD.encode(text)),
            linux_configuration: Some(machine::linux(&set.ssh_public_key)),
            ..models::VirtualMachineScaleSetOsProfile::new()
        }),
        storage_profile: Some(storage(set)?),
        network_profile: Some(models::VirtualMachineScaleSetNetworkProfile {
            network_interface_configurations: vec![interface(set, pools)?],
            network_api_version: Some(network_profile::NetworkApiVersion::N2020_11_01),
            ..models::VirtualMachineScaleSetNetworkProfile::new()
        }),
        security_profile: machine::security(set.trusted_launch),
        priority: Some(if set.spot { Priority::Spot } else { Priority::Regular }),
        // One that is taken away is gone, disks and all, as a node of the cluster must be.
        eviction_policy: set.spot.then_some(models::EvictionPolicy::Delete),
        // At the price of machines on demand at most.
        billing_profile: set.spot.then_some(models::BillingProfile { max_price: Some(-1.0) }),
        ..Profile::new()
    })
}

fn storage(set: &ScaleSet) -> Result<models::VirtualMachineScaleSetStorageProfile, CloudError> {
    let managed = models::VirtualMachineScaleSetManagedDiskParameters {
        storage_account_type: Some(storage_type(&set.volume_type)?),
        ..models::VirtualMachineScaleSetManagedDiskParameters::new()
    };
    let volumes = (0..).zip(&set.volumes_gib).map(|(lun, size)| models::VirtualMachineScaleSetDataDisk {
        caching: Some(models::Caching::ReadOnly),
        disk_size_gb: Some(machine::gib(*size)),
        managed_disk: Some(managed.clone()),
        delete_option: Some(models::DeleteOption::Delete),
        ..models::VirtualMachineScaleSetDataDisk::new(lun, models::CreateOption::Empty)
    });
    Ok(models::VirtualMachineScaleSetStorageProfile {
        image_reference: Some(machine::image_reference(&set.image)),
        os_disk: Some(models::VirtualMachineScaleSetOsDisk {
            caching: Some(models::Caching::ReadWrite),
            disk_size_gb: Some(machine::gib(set.root_volume_gib)),
            managed_disk: Some(managed.clone()),
            delete_option: Some(models::DeleteOption::Delete),
            ..models::VirtualMachineScaleSetOsDisk::new(models::CreateOption::FromImage)
        }),
        data_disks: volumes.collect(),
        ..models::VirtualMachineScaleSetStorageProfile::new()
    })
}

fn interface(
    set: &ScaleSet,
    pools: Vec<models::SubResource>,
) -> Result<VirtualMachineScaleSetNetworkConfiguration, CloudError> {
    let groups =
        set.security_groups.0.iter().map(|group| Ok(models::SubResource { id: Some(id_of(group)?.to_owned()) }));
    let guard = set.network_security_group.as_ref().map(id_of).transpose()?;
    let mut address = models::VirtualMachineScaleSetIpConfiguration::new(MAIN.to_owned());
    address.properties = Some(VirtualMachineScaleSetIpConfigurationProperties {
        subnet: Some(models::ApiEntityReference { id: Some(id_of(&set.subnet)?.to_owned()) }),
        primary: Some(true),
        public_ip_address_configuration: set.public_address.then(public_address),
        application_security_groups: groups.collect::<Result<_, CloudError>>()?,
        load_balancer_backend_address_pools: pools,
        ..VirtualMachineScaleSetIpConfigurationProperties::new()
    });
    let mut interface = VirtualMachineScaleSetNetworkConfiguration::new(MAIN.to_owned());
    interface.properties = Some(VirtualMachineScaleSetNetworkConfigurationProperties {
        primary: Some(true),
        network_security_group: guard.map(|id| models::SubResource { id: Some(id.to_owned()) }),
        enable_ip_forwarding: Some(false),
        delete_option: Some(network::DeleteOption::Delete),
        ..VirtualMachineScaleSetNetworkConfigurationProperties::new(vec![address])
    });
    Ok(interface)
}

fn public_address() -> models::VirtualMachineScaleSetPublicIpAddressConfiguration {
    models::VirtualMachineScaleSetPublicIpAddressConfiguration {
        properties: Some(models::VirtualMachineScaleSetPublicIpAddressConfigurationProperties {
            delete_option: Some(public_ip::DeleteOption::Delete),
            ..models::VirtualMachineScaleSetPublicIpAddressConfigurationProperties::new()
        }),
        sku: Some(models::PublicIpAddressSku {
            name: Some(models::public_ip_address_sku::Name::Standard),
            tier: Some(models::public_ip_address_sku::Tier::Regional),
        }),
        ..models::VirtualMachineScaleSetPublicIpAddressConfiguration::new(MAIN.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use meridian_engine::Ref;
    use meridian_engine::field::Set;

    use super::*;

    fn set() -> ScaleSet {
        ScaleSet {
            group: Ref::existing("/subscriptions/s/resourceGroups/g"),
            name: "demo-general".to_owned(),
            hostname_prefix: "demo-general-".to_owned(),
            sizes: Set(vec!["Standard_D4s_v5".to_owned()]),
            zones: Set(vec!["1".to_owned()]),
            image_family: "a:b".to_owned(),
            image: "a:b:c:1".to_owned(),
            trusted_launch: true,
            identity: Ref::existing("/subscriptions/s"),
            ssh_public_key: ssh::NOBODY.to_owned(),
            subnet: Ref::existing("/subscriptions/s/subnet"),
            security_groups: Set(vec![Ref::existing("/subscriptions/s/group")]),
            network_security_group: Some(Ref::existing("/subscriptions/s/guard")),
            public_address: true,
            root_volume_gib: 60,
            volume_type: "Premium_LRS".to_owned(),
            volumes_gib: vec![100, 7],
            spot: true,
            mix: None,
            min: 0,
            max: 3,
            user_data_sha256: String::new(),
            user_data: Some("#cloud-config".to_owned()),
            bundle: None,
            tags: crate::client::Tags::new(),
        }
    }

    #[test]
    fn a_profile_is_read_as_it_was_written() {
        let set = set();
        let read = read(Some(&written(&set, None).unwrap()));
        assert_eq!((read.hostname_prefix, read.image), (set.hostname_prefix, set.image));
        assert_eq!(
            (read.subnet.as_str(), read.security_groups),
            ("/subscriptions/s/subnet", vec!["/subscriptions/s/group".to_owned()])
        );
        assert_eq!((read.root_volume_gib, read.volumes_gib, read.volume_type), (60, vec![100, 7], set.volume_type));
        assert_eq!(read.network_security_group.as_deref(), Some("/subscriptions/s/guard"));
        assert!(read.spot && read.public_address && read.trusted_launch);
        assert_eq!(read.ssh_public_key, ssh::NOBODY);
    }

    #[test]
    fn kubernetes_balancers_keep_their_pools() {
        let mut now = SdkSet::new(models::Resource::new("here".to_owned()));
        let pool = models::SubResource { id: Some("/subscriptions/s/pool".to_owned()) };
        let mut profile = written(&set(), None).unwrap();
        let network = profile.network_profile.as_mut().unwrap();
        let interface = network.network_interface_configurations[0].properties.as_mut().unwrap();
        let address = interface.ip_configurations[0].properties.as_mut().unwrap();
        address.load_balancer_backend_address_pools.push(pool.clone());
        now.properties = Some(models::VirtualMachineScaleSetProperties {
            virtual_machine_profile: Some(profile),
            ..models::VirtualMachineScaleSetProperties::new()
        });
        let profile = written(&set(), Some(&now)).unwrap();
        assert_eq!(super::address(Some(&profile)).unwrap().load_balancer_backend_address_pools, [pool]);
    }
}
