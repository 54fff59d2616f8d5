//! What machines are told at their first boot, and where on Azure they find it.

use meridian_engine::{Graph, Ref};
use meridian_node::{Boot, Bundle};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, Pool, Slot};
use meridian_templates::{AzureBlobStore, Device, Store};

use super::identity::{CONTROL_PLANE, WORKERS};
use super::names;
use crate::arm::id_in;
use crate::bootstrap::{Object, container};
use crate::client::id::{ArmId, group};
use crate::compute::virtual_machine::DATA_LUN;

/// How a machine boots into a slot, and the bundle that it is pointed to.
pub(super) fn slot(
    cluster: &Cluster,
    pins: &Pins,
    graph: &mut Graph,
    slot: &Slot,
) -> Result<(Boot, Ref<Object>), CompileError> {
    // Kubernetes' cloud provider calls a zone by its region, too (cloud-provider-azure, "Availability Zones").
    let zone = if slot.zone.is_empty() { String::new() } else { format!("{}-{}", cluster.region.name, slot.zone) };
    let slot = Slot { zone, ..slot.clone() };
    boot(cluster, pins, graph, &Bundle::slot(cluster, &slot, Device::AzureLun(DATA_LUN))?, CONTROL_PLANE)
}

/// How the machines of a pool boot. Its volumes are attached in their order.
pub(super) fn worker(
    cluster: &Cluster,
    pins: &Pins,
    graph: &mut Graph,
    pool: &Pool,
) -> Result<(Boot, Ref<Object>), CompileError> {
    let bundle = Bundle::pool(cluster, pool, (0..).map(Device::AzureLun))?;
    boot(cluster, pins, graph, &bundle, WORKERS)
}

/// Puts a bundle into the container and renders the user data that points there, for machines of an identity.
fn boot(
    cluster: &Cluster,
    pins: &Pins,
    graph: &mut Graph,
    bundle: &Bundle,
    identity: &str,
) -> Result<(Boot, Ref<Object>), CompileError> {
    let object = Object::bundle(Ref::to(names::BOOTSTRAP)?, &bundle.name, bundle.content.clone());
    let account = names::storage_account(cluster, pins);
    let store = Store::AzureBlob(AzureBlobStore {
        endpoint: format!("https://{account}.{}", names::blob_suffix(&cluster.region.partition)),
        container: container::NAME.to_owned(),
        identity: identity_id(cluster, pins, identity)?,
    });
    let boot = bundle.boot(store, &object.key)?;
    Ok((boot, graph.add(&bundle.name, object)?))
}

/// The id that an identity has or will have.
fn identity_id(cluster: &Cluster, pins: &Pins, name: &str) -> Result<String, CompileError> {
    let group: ArmId = group(names::subscription(pins), &names::group_name(cluster)).parse().map_err(|error| {
        CompileError::Render {
            what: "the resource group's id".to_owned(),
            source: Box::<crate::client::id::NoId>::new(error),
        }
    })?;
    Ok(id_in(&group, "Microsoft.ManagedIdentity/userAssignedIdentities", &names::inside(cluster, name)))
}
