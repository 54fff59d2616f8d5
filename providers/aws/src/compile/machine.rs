//! What machines are told at their first boot, and where on AWS they find it.

use meridian_engine::{Graph, Ref};
use meridian_node::{Boot, Bundle};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, Pool, Slot};
use meridian_templates::{Device, S3Endpoint, S3Store, Store};

use super::names;
use crate::bootstrap::Object;
use crate::compute::instance::DATA_DEVICE;

/// How a machine boots into a slot, and the bundle that it is pointed to.
pub(super) fn slot(
    cluster: &Cluster,
    pins: &Pins,
    graph: &mut Graph,
    slot: &Slot,
) -> Result<(Boot, Ref<Object>), CompileError> {
    boot(cluster, pins, graph, &Bundle::slot(cluster, slot, device(DATA_DEVICE))?)
}

/// How the machines of a pool boot. `volumes` are the pool's, each with the device that it is attached as.
pub(super) fn worker(
    cluster: &Cluster,
    pins: &Pins,
    graph: &mut Graph,
    pool: &Pool,
    devices: &[String],
) -> Result<(Boot, Ref<Object>), CompileError> {
    boot(cluster, pins, graph, &Bundle::pool(cluster, pool, devices.iter().map(|attached| device(attached)))?)
}

/// Puts a bundle into the bucket and renders the user data that points there.
fn boot(
    cluster: &Cluster,
    pins: &Pins,
    graph: &mut Graph,
    bundle: &Bundle,
) -> Result<(Boot, Ref<Object>), CompileError> {
    let object = Object::bundle(Ref::to(names::BOOTSTRAP)?, &bundle.name, bundle.content.clone());
    let store = Store::S3(S3Store {
        bucket: names::bucket_name(cluster, pins),
        region: cluster.region.name.clone(),
        endpoint: S3Endpoint::Partition { suffix: cluster.region.dns_suffix.clone() },
    });
    let boot = bundle.boot(store, &object.key)?;
    Ok((boot, graph.add(&bundle.name, object)?))
}

/// A disk by the last part of the path that it is attached as.
fn device(path: &str) -> Device {
    Device::AttachedAs(path.trim_start_matches("/dev/").to_owned())
}
