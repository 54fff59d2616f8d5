//! What machines are told at their first boot, where on Google Cloud they find it, and who may log in.

use meridian_engine::{Graph, Ref};
use meridian_node::{Boot, Bundle};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Architecture, Cluster, Machine, Pool, Slot};
use meridian_templates::{Device, GCS_ENDPOINT, GcsStore, Store};

use super::names;
use crate::bootstrap::{BOOTSTRAP, Object};
use crate::compute::instance::DATA_DEVICE;

/// The user that Ubuntu's images have.
const USER: &str = "ubuntu";

/// How a machine boots into a slot, and the bundle that it is pointed to.
pub(super) fn slot(
    cluster: &Cluster,
    pins: &Pins,
    graph: &mut Graph,
    slot: &Slot,
) -> Result<(Boot, Ref<Object>), CompileError> {
    boot(cluster, pins, graph, &Bundle::slot(cluster, slot, device(DATA_DEVICE))?)
}

/// How the machines of a pool boot. A volume is attached under its own name.
pub(super) fn worker(
    cluster: &Cluster,
    pins: &Pins,
    graph: &mut Graph,
    pool: &Pool,
) -> Result<(Boot, Ref<Object>), CompileError> {
    let devices = pool.volumes.iter().map(|volume| device(&volume.name));
    boot(cluster, pins, graph, &Bundle::pool(cluster, pool, devices)?)
}

/// Puts a bundle into the bucket and renders the user data that points there.
fn boot(
    cluster: &Cluster,
    pins: &Pins,
    graph: &mut Graph,
    bundle: &Bundle,
) -> Result<(Boot, Ref<Object>), CompileError> {
    let object = Object::bundle(Ref::to(BOOTSTRAP)?, &bundle.name, bundle.content.clone());
    let store = Store::Gcs(GcsStore { bucket: names::bucket_name(cluster, pins), endpoint: GCS_ENDPOINT.to_owned() });
    let boot = bundle.boot(store, &object.key)?;
    Ok((boot, graph.add(&bundle.name, object)?))
}

/// A disk by the name that it is attached under (Compute Engine, "Symbolic links of disks").
fn device(name: &str) -> Device {
    Device::Path(format!("/dev/disk/by-id/google-{name}"))
}

/// The operator's key for the image's user, without what people write behind it.
pub(super) fn ssh_keys(cluster: &Cluster) -> Option<String> {
    let key: Vec<&str> = cluster.ssh_public_key.as_deref()?.split_whitespace().take(2).collect();
    Some(format!("{USER}:{}", key.join(" ")))
}

/// Whether a machine can be told to boot signed software only: those of Arm can't all.
pub(super) fn secure_boot(machine: &Machine) -> bool {
    machine.architecture == Architecture::Amd64
}
