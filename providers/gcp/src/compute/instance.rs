//! Machines of slots, and the bastion.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use google_cloud_compute_v1::model::access_config::{NetworkTier, Type as AccessType};
use google_cloud_compute_v1::model::instance::Status;
use google_cloud_compute_v1::model::{
    AccessConfig, AttachedDisk, AttachedDiskInitializeParams, Disk as SdkDisk, Instance as SdkInstance,
    InstancesSetLabelsRequest, NetworkInterface,
};
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Attr, Fields, Ref, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::machine::{read_metadata, service_account, shielded, with_metadata};
use super::{relabelled, single};
use crate::bootstrap::{BucketPolicy, Object};
use crate::client::Gcp;
use crate::disk::{Disk, persistent_disk};
use crate::gce::{computed, found, gone, id_of, last, pages, path_of, with_new};
use crate::identity::ServiceAccount;
use crate::limits::{compute_read, compute_write};
use crate::load_balancer::{InstanceGroup, instance_group};
use crate::marks::{Labels, own_labels};
use crate::network::{Address, Subnetwork};

/// The name under which the data disk is attached; the bundle finds the disk by it, as `/dev/disk/by-id/google-etcd`.
pub const DATA_DEVICE: &str = "etcd";

/// What the description says, and what it ends in where the private address was given: one that Google chose reads the
/// same otherwise.
const TEXT: &str = "Machine of a Kubernetes cluster";
const FIXED: &str = ", at an address of its own";

/// What Google's own tools call the one public way to a machine.
const ACCESS: &str = "external-nat";

resource! {
    /// A machine at an address that outlives it. Whatever it is made from makes it another machine.
    pub struct Instance = "google_compute_instance", "machine", Replacement::InTurn, runs_controllers;
    fields {
        /// Unique in the zone.
        name: String => replace,
        zone: String => replace,
        /// Path of the image.
        image: String => replace,
        machine_type: String => replace,
        subnetwork: Ref<Subnetwork> => replace,
        /// Its private address, where it is given one.
        private_address: Option<String> => replace,
        public_address: Option<Attr<String>> => replace,
        /// An order, and nothing that is sent: the private address is ours by then.
        reservation: Option<Ref<Address>> => unread,
        /// Who the machine is; firewall rules know it by this, too.
        service_account: Ref<ServiceAccount> => replace,
        root_volume_gib: u32 => replace,
        /// `pd-balanced`.
        root_volume_type: String => replace,
        /// The disk that stays when the machine goes; it is attached as [`DATA_DEVICE`].
        data_disk: Option<Ref<Disk>> => update,
        /// Where the load balancer looks for it. It joins once it is there, so that the group outlives it.
        group: Option<Ref<InstanceGroup>> => update,
        /// Whether only signed software is booted.
        secure_boot: bool => replace,
        /// Whether the metadata shut out what nobody needs.
        hardened: bool => update,
        /// `<user>:<key>`.
        ssh_keys: Option<String> => update,
        /// SHA-256 of the user data.
        user_data_sha256: String => replace,
        /// The user data, as text.
        user_data: Option<String> => unread,
        /// An order, and nothing that is sent: what the machine fetches when it boots is there by then.
        bundle: Option<Ref<Object>> => unread,
        /// Likewise: it may read it by then.
        access: Option<Ref<BucketPolicy>> => unread,
        labels: Labels => update,
    }
    computed { private_ip, public_ip }
}

/// The machines that are ours one by one.
async fn list(client: &Gcp) -> Result<Arc<Vec<SdkInstance>>, CloudError> {
    let filter = single(client);
    client
        .listing("instances.aggregatedList", || {
            pages(|token| {
                let filter = filter.as_str();
                async move {
                    let page = client
                        .call(compute_read("instances.aggregatedList"), || {
                            let request = client.compute.instances.aggregated_list().set_project(&client.project);
                            request.set_filter(filter).set_or_clear_page_token(token.clone()).send()
                        })
                        .await?;
                    let instances = page.items.into_values().flat_map(|scoped| scoped.instances);
                    Ok((instances.collect(), page.next_page_token))
                }
            })
        })
        .await
}

/// One machine as it is now.
async fn look(client: &Gcp, zone: &str, name: &str) -> Result<SdkInstance, CloudError> {
    client
        .call(compute_read("instances.get"), || {
            client.compute.instances.get().set_project(&client.project).set_zone(zone).set_instance(name).send()
        })
        .await
}

/// Path of the disk that is attached as `device`.
fn attached(instance: &SdkInstance, device: &str) -> Option<String> {
    let disk = instance.disks.iter().find(|disk| disk.device_name.as_deref() == Some(device))?;
    disk.source.as_deref().map(path_of)
}

fn public_ip(instance: &SdkInstance) -> Option<&str> {
    instance.network_interfaces.first()?.access_configs.first()?.nat_ip.as_deref()
}

/// The machine as a resource, when it is one of ours. What its own disk was made from, the list of disks tells; and those of
/// groups, in which one it is.
fn observe(
    client: &Gcp,
    instance: &SdkInstance,
    disks: &[SdkDisk],
    groups: &BTreeMap<String, String>,
) -> Option<Found<Instance>> {
    let marked =
        client.owned("google_compute_instance", instance.self_link.as_deref(), instance.description.as_deref())?;
    let condition = match instance.status.as_ref()? {
        Status::Running => Condition::Ready,
        Status::Provisioning | Status::Staging | Status::Pending | Status::Repairing => {
            Condition::Unfinished("it is starting".to_owned())
        }
        other => Condition::Unfinished(format!("it is {}", other.name().unwrap_or("in no known state").to_lowercase())),
    };
    let interface = instance.network_interfaces.first();
    let root = instance.disks.iter().find(|disk| disk.boot == Some(true)).and_then(|disk| {
        let path = path_of(disk.source.as_deref()?);
        disks.iter().find(|disk| disk.self_link.as_deref().is_some_and(|link| path_of(link) == path))
    });
    let told = read_metadata(instance.metadata.as_ref());
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let id = path_of(instance.self_link.as_deref()?);
    let resource = Instance {
        name: text(&instance.name),
        zone: last(&text(&instance.zone)).to_owned(),
        image: root.and_then(|disk| disk.source_image.as_deref()).map(path_of).unwrap_or_default(),
        machine_type: last(&text(&instance.machine_type)).to_owned(),
        subnetwork: Ref::existing(
            interface.and_then(|interface| interface.subnetwork.as_deref()).map(path_of).unwrap_or_default(),
        ),
        private_address: interface
            .and_then(|interface| interface.network_ip.clone())
            .filter(|_| marked.text.ends_with(FIXED)),
        public_address: public_ip(instance).map(|address| Attr::Known(address.to_owned())),
        reservation: None,
        service_account: Ref::existing(
            instance.service_accounts.first().and_then(|one| one.email.as_deref()).unwrap_or_default(),
        ),
        root_volume_gib: root.and_then(|disk| disk.size_gb?.try_into().ok()).unwrap_or_default(),
        root_volume_type: root.and_then(|disk| disk.r#type.as_deref()).map(last).unwrap_or_default().to_owned(),
        data_disk: attached(instance, DATA_DEVICE).map(Ref::existing),
        group: groups.get(&id).map(Ref::existing),
        secure_boot: instance.shielded_instance_config.as_ref().is_some_and(|one| one.enable_secure_boot == Some(true)),
        hardened: told.hardened,
        ssh_keys: told.ssh_keys,
        user_data_sha256: told.user_data_sha256,
        user_data: None,
        bundle: None,
        access: None,
        labels: own_labels(instance.labels.clone()),
    };
    Some(Found { address: marked.address, id, resource, computed: addresses(instance), condition })
}

fn addresses(instance: &SdkInstance) -> Fields {
    let interface = instance.network_interfaces.first();
    computed([
        ("private_ip", interface.and_then(|interface| interface.network_ip.clone()).unwrap_or_default()),
        ("public_ip", public_ip(instance).unwrap_or_default().to_owned()),
    ])
}

/// A disk that outlives the machine.
fn data_disk(path: &str) -> AttachedDisk {
    AttachedDisk::new().set_source(path).set_device_name(DATA_DEVICE).set_auto_delete(false)
}

impl Instance {
    fn text(&self) -> String {
        format!("{TEXT}{}", if self.private_address.is_some() { FIXED } else { "" })
    }

    fn body(&self, client: &Gcp, new: &New) -> Result<SdkInstance, CloudError> {
        let zone = format!("projects/{}/zones/{}", client.project, self.zone);
        let labels = client.all_labels(&self.labels);
        let root = AttachedDiskInitializeParams::new()
            .set_disk_name(&self.name)
            .set_source_image(&self.image)
            .set_disk_size_gb(i64::from(self.root_volume_gib))
            .set_disk_type(format!("{zone}/diskTypes/{}", self.root_volume_type))
            .set_labels(labels.clone());
        let root = AttachedDisk::new().set_boot(true).set_auto_delete(true).set_initialize_params(root);
        let data = self.data_disk.as_ref().map(id_of).transpose()?.map(data_disk);
        let public = match &self.public_address {
            Some(address) => {
                let address = address
                    .get()
                    .map_err(|error| CloudError::new(ErrorKind::Invalid, "reading a reference", error.to_string()))?;
                let access = AccessConfig::new().set_type(AccessType::OneToOneNat).set_name(ACCESS);
                Some(access.set_nat_ip(address).set_network_tier(NetworkTier::Premium))
            }
            None => None,
        };
        let interface = NetworkInterface::new()
            .set_subnetwork(id_of(&self.subnetwork)?)
            .set_or_clear_network_ip(self.private_address.clone())
            .set_access_configs(public);
        let body = SdkInstance::new()
            .set_name(&self.name)
            .set_description(client.describe(&new.address, &self.text()))
            .set_machine_type(format!("{zone}/machineTypes/{}", self.machine_type))
            .set_disks(std::iter::once(root).chain(data))
            .set_network_interfaces([interface])
            .set_service_accounts([service_account(id_of(&self.service_account)?)])
            .set_metadata(with_metadata(None, self.user_data.as_deref(), self.ssh_keys.as_deref()))
            .set_labels(labels);
        Ok(if self.secure_boot { body.set_shielded_instance_config(shielded(true)) } else { body })
    }

    /// Waits for the machine to run, starting it if it was stopped.
    async fn until_running(&self, client: &Gcp) -> Result<SdkInstance, CloudError> {
        let (zone, name) = (self.zone.as_str(), self.name.as_str());
        client
            .caller
            .until("compute:instances.insert", "the machine to run", || async move {
                // One that stays away was on its way out; the next run makes it anew.
                let instance = with_new(client, || look(client, zone, name)).await?;
                match instance.status {
                    Some(Status::Running) => Ok(Some(instance)),
                    Some(Status::Terminated | Status::Stopped) => {
                        client
                            .change(compute_write("instances.start"), || {
                                let request = client.compute.instances.start().set_project(&client.project);
                                request.set_zone(zone).set_instance(name).send()
                            })
                            .await?;
                        Ok(None)
                    }
                    Some(Status::Suspended) => {
                        client
                            .change(compute_write("instances.resume"), || {
                                let request = client.compute.instances.resume().set_project(&client.project);
                                request.set_zone(zone).set_instance(name).send()
                            })
                            .await?;
                        Ok(None)
                    }
                    _ => Ok(None),
                }
            })
            .await
    }

    /// Attaches the data disk and detaches another.
    async fn settle_disk(&self, client: &Gcp, now: &SdkInstance) -> Result<(), CloudError> {
        let wanted = self.data_disk.as_ref().map(id_of).transpose()?;
        let present = attached(now, DATA_DEVICE);
        if present.as_deref() == wanted {
            return Ok(());
        }
        let (zone, name) = (self.zone.as_str(), self.name.as_str());
        if present.is_some() {
            client
                .change(compute_write("instances.detachDisk"), || {
                    let request = client.compute.instances.detach_disk().set_project(&client.project).set_zone(zone);
                    request.set_instance(name).set_device_name(DATA_DEVICE).send()
                })
                .await?;
        }
        if let Some(wanted) = wanted {
            client
                .change(compute_write("instances.attachDisk"), || {
                    let request = client.compute.instances.attach_disk().set_project(&client.project).set_zone(zone);
                    request.set_instance(name).set_body(data_disk(wanted)).send()
                })
                .await?;
        }
        Ok(())
    }

    /// Joins the load balancer's group and leaves another.
    async fn settle_group(
        &self,
        client: &Gcp,
        id: &str,
        before: Option<&Ref<InstanceGroup>>,
    ) -> Result<(), CloudError> {
        let (before, wanted) = (before.map(id_of).transpose()?, self.group.as_ref().map(id_of).transpose()?);
        if let Some(before) = before.filter(|before| Some(*before) != wanted) {
            instance_group::leave(client, before, id).await?;
        }
        match wanted {
            Some(wanted) if before != Some(wanted) => instance_group::join(client, wanted, id).await,
            _ => Ok(()),
        }
    }

    /// Puts the keys and what shuts others out into the metadata, beside those of others.
    async fn settle_metadata(&self, client: &Gcp) -> Result<(), CloudError> {
        let (zone, name) = (self.zone.as_str(), self.name.as_str());
        let Some(now) = found(look(client, zone, name).await)? else { return Ok(()) };
        let body = with_metadata(now.metadata, None, self.ssh_keys.as_deref());
        client
            .change(compute_write("instances.setMetadata"), || {
                let request = client.compute.instances.set_metadata().set_project(&client.project).set_zone(zone);
                request.set_instance(name).set_body(body.clone()).send()
            })
            .await
            .map(drop)
    }

    async fn relabel(&self, client: &Gcp, before: &Labels) -> Result<(), CloudError> {
        let (zone, name) = (self.zone.as_str(), self.name.as_str());
        let Some(now) = found(look(client, zone, name).await)? else { return Ok(()) };
        let mut body =
            InstancesSetLabelsRequest::new().set_labels(relabelled(client, now.labels, before, &self.labels));
        body.label_fingerprint = now.label_fingerprint;
        client
            .change(compute_write("instances.setLabels"), || {
                let request = client.compute.instances.set_labels().set_project(&client.project).set_zone(zone);
                request.set_instance(name).set_body(body.clone()).send()
            })
            .await
            .map(drop)
    }
}

#[async_trait]
impl KindOps<Gcp> for Instance {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let (instances, disks, groups) =
            tokio::try_join!(list(client), persistent_disk::list(client), instance_group::memberships(client))?;
        Ok(instances.iter().filter_map(|instance| observe(client, instance, &disks, &groups)).collect())
    }

    async fn create(&self, client: &Gcp, new: &New) -> Result<Made, CloudError> {
        let body = self.body(client, new)?;
        client
            .insert(compute_write("instances.insert"), &new.token, |id| {
                let request = client.compute.instances.insert().set_project(&client.project).set_zone(&self.zone);
                request.set_request_id(id).set_body(body.clone()).send()
            })
            .await?;
        let id = format!("projects/{}/zones/{}/instances/{}", client.project, self.zone, self.name);
        let (now, ()) = tokio::try_join!(self.until_running(client), self.settle_group(client, &id, None))?;
        Ok(Made { id, computed: addresses(&now) })
    }

    async fn update(&self, client: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let now = self.until_running(client).await?;
        self.settle_disk(client, &now).await?;
        let before = &existing.before;
        self.settle_group(client, &existing.id, before.group.as_ref()).await?;
        if (before.hardened, &before.ssh_keys) != (self.hardened, &self.ssh_keys) {
            client.edit(|| self.settle_metadata(client)).await?;
        }
        if before.labels != self.labels {
            client.edit(|| self.relabel(client, &before.labels)).await?;
        }
        Ok(Made { id: existing.id.clone(), computed: addresses(&now) })
    }

    /// The addresses and the data disk stay, and are free when this returns.
    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let before = &existing.before;
        gone(
            client
                .change(compute_write("instances.delete"), || {
                    let request = client.compute.instances.delete().set_project(&client.project);
                    request.set_zone(&before.zone).set_instance(&before.name).send()
                })
                .await,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::testing::client;

    const ZONE: &str = "https://www.googleapis.com/compute/v1/projects/p/zones/europe-west1-b";

    fn instance(client: &Gcp, status: Status) -> SdkInstance {
        let address = "google_compute_instance.control-plane-0".parse().unwrap();
        let disk = |device: &str, name: &str, boot| {
            AttachedDisk::new().set_device_name(device).set_source(format!("{ZONE}/disks/{name}")).set_boot(boot)
        };
        let subnet = "https://www.googleapis.com/compute/v1/projects/p/regions/europe-west1/subnetworks/s";
        SdkInstance::new()
            .set_name("demo-0a1b2c-control-plane-0")
            .set_self_link(format!("{ZONE}/instances/demo-0a1b2c-control-plane-0"))
            .set_zone(ZONE)
            .set_machine_type(format!("{ZONE}/machineTypes/n2-standard-2"))
            .set_description(client.describe(&address, &format!("{TEXT}{FIXED}")))
            .set_status(status)
            .set_disks([disk("persistent-disk-0", "root", true), disk(DATA_DEVICE, "data", false)])
            .set_network_interfaces([NetworkInterface::new().set_subnetwork(subnet).set_network_ip("10.40.0.10")])
            .set_service_accounts([service_account("a@p.iam.gserviceaccount.com")])
            .set_metadata(with_metadata(None, Some("hello"), None))
            .set_labels([("meridian-cluster", "demo")])
    }

    #[tokio::test]
    async fn a_machine_is_read_with_its_disks_and_its_account() {
        let client = client().await;
        let root = SdkDisk::new()
            .set_self_link(format!("{ZONE}/disks/root"))
            .set_size_gb(40)
            .set_type(format!("{ZONE}/diskTypes/pd-balanced"))
            .set_source_image("https://www.googleapis.com/compute/v1/projects/ubuntu-os-cloud/global/images/u");
        let group = "projects/p/zones/europe-west1-b/instanceGroups/g";
        let groups = [(path_of(&format!("{ZONE}/instances/demo-0a1b2c-control-plane-0")), group.to_owned())].into();
        let found = observe(&client, &instance(&client, Status::Running), &[root], &groups).unwrap();
        assert_eq!(found.condition, Condition::Ready);
        let machine = found.resource;
        assert_eq!((machine.root_volume_gib, machine.root_volume_type.as_str()), (40, "pd-balanced"));
        assert_eq!(machine.image, "projects/ubuntu-os-cloud/global/images/u");
        assert_eq!(machine.data_disk, Some(Ref::existing("projects/p/zones/europe-west1-b/disks/data")));
        assert_eq!(machine.group, Some(Ref::existing(group)));
        assert_eq!(machine.service_account, Ref::existing("a@p.iam.gserviceaccount.com"));
        assert_eq!((machine.zone.as_str(), machine.machine_type.as_str()), ("europe-west1-b", "n2-standard-2"));
        assert_eq!(machine.private_address.as_deref(), Some("10.40.0.10"));
        assert!(machine.hardened && !machine.secure_boot && machine.labels.is_empty());
    }

    #[tokio::test]
    async fn a_machine_counts_once_it_runs() {
        let client = client().await;
        for status in [Status::Staging, Status::Terminated, Status::Stopping] {
            let found = observe(&client, &instance(&client, status), &[], &BTreeMap::new()).unwrap();
            assert!(matches!(found.condition, Condition::Unfinished(_)));
        }
    }
}
