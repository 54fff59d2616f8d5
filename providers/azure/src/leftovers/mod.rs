//! What Kubernetes' own controllers made for the cluster and would leave behind: balancers of services and their addresses,
//! disks of claims. Looked for at `destroy` only, and only ever removed.
//!
//! In a resource group of the cluster's own that is everything which is not ours and goes with nothing of ours: the group is
//! removed with the cluster. In another's group it is only what carries the cluster's name in the tag of Kubernetes' cloud
//! provider (cloud-provider-azure, "Tagging resources").

pub mod kinds;

pub use kinds::{KubernetesDisk, KubernetesLoadBalancer, KubernetesPublicIp, KubernetesResource};

use std::collections::BTreeSet;
use std::sync::Arc;

use azure_mgmt_compute::package_2024_07_01::models::{DeleteOption, VirtualMachine as SdkMachine};
use azure_mgmt_network::package_2024_03::models::NetworkInterface as SdkInterface;
use azure_mgmt_resources::package_resources_2021_04::models::{GenericResource, GenericResourceExpanded};
use meridian_engine::Resource as _;
use meridian_provider_api::{Client as _, CloudError};

use crate::bootstrap::StorageAccount;
use crate::client::id::{ArmId, location, normal};
use crate::client::{ADDRESS_TAG, Azure};
use crate::compute::{AvailabilitySet, NetworkInterface, ScaleSet, VirtualMachine, network_interface, virtual_machine};
use crate::disk::Disk;
use crate::dns::{Link, Zone};
use crate::firewall::{ApplicationSecurityGroup, NetworkSecurityGroup};
use crate::identity::UserAssignedIdentity;
use crate::limits::read;
use crate::load_balancer::LoadBalancer;
use crate::network::{NatGateway, PublicIp, RouteTable, VirtualNetwork, public_ip};

/// Tag by which the cloud provider says whose a resource is.
const CLUSTER: &str = "k8s-azure-cluster-name";

/// Our kinds that are listed among a group's resources, by their types.
const OURS: [(&str, &str); 16] = [
    ("Microsoft.Compute/availabilitySets", AvailabilitySet::SCHEMA.kind),
    (DISKS, Disk::SCHEMA.kind),
    ("Microsoft.Compute/virtualMachineScaleSets", ScaleSet::SCHEMA.kind),
    ("Microsoft.Compute/virtualMachines", VirtualMachine::SCHEMA.kind),
    ("Microsoft.ManagedIdentity/userAssignedIdentities", UserAssignedIdentity::SCHEMA.kind),
    ("Microsoft.Network/applicationSecurityGroups", ApplicationSecurityGroup::SCHEMA.kind),
    (LOAD_BALANCERS, LoadBalancer::SCHEMA.kind),
    ("Microsoft.Network/natGateways", NatGateway::SCHEMA.kind),
    ("Microsoft.Network/networkInterfaces", NetworkInterface::SCHEMA.kind),
    ("Microsoft.Network/networkSecurityGroups", NetworkSecurityGroup::SCHEMA.kind),
    ("Microsoft.Network/privateDnsZones", Zone::SCHEMA.kind),
    ("Microsoft.Network/privateDnsZones/virtualNetworkLinks", Link::SCHEMA.kind),
    (PUBLIC_IPS, PublicIp::SCHEMA.kind),
    ("Microsoft.Network/routeTables", RouteTable::SCHEMA.kind),
    ("Microsoft.Network/virtualNetworks", VirtualNetwork::SCHEMA.kind),
    ("Microsoft.Storage/storageAccounts", StorageAccount::SCHEMA.kind),
];

/// Types that controllers make.
const LOAD_BALANCERS: &str = "Microsoft.Network/loadBalancers";
const PUBLIC_IPS: &str = "Microsoft.Network/publicIPAddresses";
const DISKS: &str = "Microsoft.Compute/disks";

/// Something that is left over.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Leftover {
    id: ArmId,
    /// Name of the service or claim that it was made for, if it is told.
    made_for: Option<String>,
}

/// Everything that is left over, read once.
async fn all(client: &Azure) -> Result<Arc<Vec<Leftover>>, CloudError> {
    client
        .listing("leftovers", || async {
            let resources = client.in_groups(
                read("Microsoft.Resources", "Resources_ListByResourceGroup"),
                |group| {
                    client
                        .resources
                        .resources_client()
                        .list_by_resource_group(group, &client.subscription)
                        .into_stream()
                },
                |page| page.value,
            );
            let (resources, machines, interfaces, addresses) = tokio::try_join!(
                resources,
                virtual_machine::list(client),
                network_interface::list(client),
                public_ip::list(client)
            )?;
            let of_machines = going_with_machines(machines.iter().map(|machine| &machine.model), &interfaces);
            // Addresses of machine groups' interfaces are parts of them, too.
            let of_interfaces = addresses.iter().filter_map(|address| {
                let within = address.properties.as_ref()?.ip_configuration.as_ref()?.sub_resource.id.as_deref()?;
                let within = within.parse::<ArmId>().ok()?.within()?;
                of_machines.contains(&within).then(|| address.resource.id.as_deref().map(normal))?
            });
            let parts: BTreeSet<String> = of_interfaces.chain(of_machines.iter().cloned()).collect();
            Ok(left(client, &resources, &parts))
        })
        .await
}

/// Ids of machines that are a scale set's, and of what goes with any machine: its root disk, disks that were made with it,
/// interfaces that it is using.
fn going_with_machines<'a>(
    machines: impl IntoIterator<Item = &'a SdkMachine>,
    interfaces: &[SdkInterface],
) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    for machine in machines {
        let is_member =
            machine.properties.as_ref().is_some_and(|properties| properties.virtual_machine_scale_set.is_some());
        if is_member {
            parts.extend(machine.resource.id.as_deref().map(normal));
        }
        parts.extend(virtual_machine::root_disk(machine));
        let made_with = virtual_machine::data_disks(machine)
            .iter()
            .filter(|disk| disk.delete_option == Some(DeleteOption::Delete))
            .filter_map(virtual_machine::managed);
        parts.extend(made_with);
    }
    for interface in interfaces {
        let is_used = interface
            .properties
            .as_ref()
            .is_some_and(|properties| properties.virtual_machine.is_some() || properties.private_endpoint.is_some());
        if is_used {
            parts.extend(interface.resource.id.as_deref().map(normal));
        }
    }
    parts
}

fn left(client: &Azure, resources: &[GenericResourceExpanded], parts: &BTreeSet<String>) -> Vec<Leftover> {
    let strangers: Vec<(ArmId, &GenericResource)> = resources
        .iter()
        .filter_map(|one| Some((one.generic_resource.resource.id.as_deref()?.parse().ok()?, &one.generic_resource)))
        .filter(|(id, resource): &(ArmId, _)| is_left(client, id, resource) && !parts.contains(&id.to_string()))
        .collect();
    let ids: BTreeSet<String> = strangers.iter().map(|(id, _)| id.to_string()).collect();
    strangers
        .into_iter()
        // What is inside of another goes with it.
        .filter(|(id, _)| id.within().is_none_or(|outer| !ids.contains(&outer) && !parts.contains(&outer)))
        .map(|(id, resource)| Leftover { id, made_for: made_for(resource) })
        .collect()
}

fn tag<'a>(resource: &'a GenericResource, name: &str) -> Option<&'a str> {
    resource.resource.tags.as_ref()?.get(name)?.as_str()
}

fn is_left(client: &Azure, id: &ArmId, resource: &GenericResource) -> bool {
    let is_ours = client.tags_of_cluster(resource.resource.tags.as_ref()).is_some()
        && tag(resource, ADDRESS_TAG).is_some_and(|address| is_about(address, id));
    let is_own_group = id.group.eq_ignore_ascii_case(&client.own_group);
    // A cluster of the same name may stand in the same group, in another region.
    let is_of_cluster = || {
        tag(resource, CLUSTER) == Some(client.cluster.as_str())
            && resource.resource.location.as_deref().is_some_and(|place| location(place) == client.region)
    };
    // What was adopted may not bear the marks yet.
    let is_recorded = || client.recorded().contains(&id.to_string());
    !is_ours && !is_recorded() && (is_own_group || is_of_cluster())
}

/// Whether an address is that of the resource itself. What is made with a machine gets the machine's tags.
fn is_about(address: &str, id: &ArmId) -> bool {
    let kind = address.split_once('.').map(|(kind, _)| kind);
    OURS.iter().any(|(known, ours)| *known == id.kind() && Some(*ours) == kind)
}

/// Names under which controllers say what something was made for.
const MADE_FOR: [&str; 2] = ["k8s-azure-service", "kubernetes.io-created-for-pvc-name"];

fn made_for(resource: &GenericResource) -> Option<String> {
    MADE_FOR.iter().find_map(|name| tag(resource, name)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use azure_mgmt_compute::package_2024_07_01::models::{
        DataDisk, ManagedDiskParameters, Resource, StorageProfile, SubResource, VirtualMachineProperties,
    };

    use super::*;

    fn id(kind: &str, name: &str) -> String {
        format!("/subscriptions/s/resourceGroups/g/providers/{kind}/{name}")
    }

    #[test]
    fn a_root_disk_with_its_machines_tags_is_no_disk_of_ours() {
        let disk = id(DISKS, "demo-control-plane-0-root").parse().unwrap();
        assert!(is_about("azure_disk.control-plane-0", &disk));
        assert!(!is_about("azure_virtual_machine.control-plane-0", &disk));
        let balancer = id(LOAD_BALANCERS, "demo-api").parse().unwrap();
        assert!(is_about("azure_lb.api", &balancer));
    }

    #[test]
    fn a_claims_disk_is_left_when_its_machine_goes() {
        let disk = |name: &str, option: DeleteOption| DataDisk {
            managed_disk: Some(ManagedDiskParameters {
                sub_resource: SubResource { id: Some(id(DISKS, name)) },
                ..ManagedDiskParameters::new()
            }),
            delete_option: Some(option),
            ..DataDisk::new(1, azure_mgmt_compute::package_2024_07_01::models::CreateOption::Attach)
        };
        let mut machine = SdkMachine::new(Resource::new("westeurope".to_owned()));
        machine.resource.id = Some(id("Microsoft.Compute/virtualMachines", "general_1"));
        machine.properties = Some(VirtualMachineProperties {
            virtual_machine_scale_set: Some(SubResource { id: Some("/x".to_owned()) }),
            storage_profile: Some(StorageProfile {
                data_disks: vec![disk("scratch", DeleteOption::Delete), disk("pvc", DeleteOption::Detach)],
                ..StorageProfile::new()
            }),
            ..VirtualMachineProperties::new()
        });
        let parts = going_with_machines(&[machine], &[]);
        let expected = [id(DISKS, "scratch"), id("Microsoft.Compute/virtualMachines", "general_1")];
        assert_eq!(parts.into_iter().collect::<Vec<_>>(), expected);
    }
}
