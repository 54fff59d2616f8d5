//! Instance templates: what the machines of a pool are made from.

use async_trait::async_trait;
use google_cloud_compute_v1::model::access_config::{NetworkTier, Type as AccessType};
use google_cloud_compute_v1::model::scheduling::{OnHostMaintenance, ProvisioningModel};
use google_cloud_compute_v1::model::{
    AccessConfig, AttachedDisk, AttachedDiskInitializeParams, InstanceProperties, InstanceTemplate as SdkTemplate,
    NetworkInterface, Scheduling,
};
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource as _, record, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::InstanceGroupManager;
use super::machine::{read_metadata, service_account, shielded, with_metadata};
use crate::client::Gcp;
use crate::compile::names::digest;
use crate::gce::{gone, id_of, last, made, pages, path_of};
use crate::identity::ServiceAccount;
use crate::limits::{compute_read, compute_write};
use crate::marks::{Labels, own_labels};
use crate::network::Subnetwork;

/// Room that a template's name takes after what it begins with.
pub const DIGEST: usize = 9;

record! {
    /// A disk that comes and goes with each machine.
    pub struct TemplateDisk {
        /// The bundle finds it as `/dev/disk/by-id/google-<device>`.
        device: String,
        size_gib: u32,
        /// `pd-balanced`.
        disk_type: String,
        /// Path of the image; `None` for an empty disk. The disk with an image is booted.
        image: Option<String>,
    }
}

resource! {
    /// What the machines of a pool are made from. Nothing of a template ever changes, so that its successor is made beside it:
    /// its name ends in a digest of the create's token, which no other has.
    pub struct InstanceTemplate = "google_compute_instance_template", "instance template", Replacement::CreateFirst;
    fields {
        /// What its name begins with; it leaves room of [`DIGEST`].
        base: String => replace,
        machine_type: String => replace,
        subnetwork: Ref<Subnetwork> => replace,
        /// Whether machines get a public address of Google's.
        public_address: bool => replace,
        /// Who the machines are.
        service_account: Ref<ServiceAccount> => replace,
        /// The root first.
        disks: Vec<TemplateDisk> => replace,
        /// Whether they cost less and may be taken away at any time.
        spot: bool => replace,
        /// Whether only signed software is booted.
        secure_boot: bool => replace,
        /// Whether the metadata shut out what nobody needs.
        hardened: bool => replace,
        /// `<user>:<key>`.
        ssh_keys: Option<String> => replace,
        /// SHA-256 of the user data.
        user_data_sha256: String => replace,
        /// The user data, as text.
        user_data: Option<String> => unread,
        /// Labels of the machines and their disks.
        labels: Labels => replace,
    }
    computed {}
}

impl InstanceTemplate {
    /// The name that a create with this token gives. A digest of the content would not do: what stands behind a reference may be
    /// another by the time, under the same name, as an account is that was made again.
    fn name(&self, token: &str) -> String {
        format!("{}-{}", self.base, digest(token, DIGEST - 1))
    }

    fn body(&self, client: &Gcp, address: &Address, name: &str) -> Result<SdkTemplate, CloudError> {
        let labels = client.all_labels(&self.labels);
        let disks = self.disks.iter().map(|disk| {
            let params = AttachedDiskInitializeParams::new()
                .set_disk_size_gb(i64::from(disk.size_gib))
                .set_disk_type(&disk.disk_type)
                .set_or_clear_source_image(disk.image.clone())
                .set_labels(labels.clone());
            AttachedDisk::new()
                .set_device_name(&disk.device)
                .set_boot(disk.image.is_some())
                .set_auto_delete(true)
                .set_initialize_params(params)
        });
        let access = self.public_address.then(|| {
            let access = AccessConfig::new().set_type(AccessType::OneToOneNat).set_name("external-nat");
            access.set_network_tier(NetworkTier::Premium)
        });
        let interface = NetworkInterface::new().set_subnetwork(id_of(&self.subnetwork)?).set_access_configs(access);
        // What the group makes says whose it is.
        let machines = Address::new(InstanceGroupManager::SCHEMA.kind, address.name()).unwrap_or(address.clone());
        let mut properties = InstanceProperties::new()
            .set_description(client.describe(&machines, "Machine of a pool"))
            .set_machine_type(&self.machine_type)
            .set_disks(disks)
            .set_network_interfaces([interface])
            .set_service_accounts([service_account(id_of(&self.service_account)?)])
            .set_metadata(with_metadata(None, self.user_data.as_deref(), self.ssh_keys.as_deref()))
            .set_labels(labels.clone());
        if self.secure_boot {
            properties = properties.set_shielded_instance_config(shielded(true));
        }
        if self.spot {
            let scheduling = Scheduling::new()
                .set_provisioning_model(ProvisioningModel::Spot)
                .set_on_host_maintenance(OnHostMaintenance::Terminate)
                .set_automatic_restart(false);
            properties = properties.set_scheduling(scheduling);
        }
        Ok(SdkTemplate::new()
            .set_name(name)
            .set_description(client.describe(address, "Machines of a pool"))
            .set_properties(properties))
    }
}

/// A template as a resource, when it is one of ours.
fn observe(client: &Gcp, template: SdkTemplate) -> Option<Found<InstanceTemplate>> {
    let marked = client.owned(
        "google_compute_instance_template",
        template.self_link.as_deref(),
        template.description.as_deref(),
    )?;
    let id = path_of(template.self_link.as_deref()?);
    let properties = template.properties.unwrap_or_default();
    let interface = properties.network_interfaces.first();
    let told = read_metadata(properties.metadata.as_ref());
    let disks = properties.disks.iter().map(|disk| {
        let params = disk.initialize_params.clone().unwrap_or_default();
        TemplateDisk {
            device: disk.device_name.clone().unwrap_or_default(),
            size_gib: params.disk_size_gb.and_then(|size| size.try_into().ok()).unwrap_or_default(),
            disk_type: last(params.disk_type.as_deref().unwrap_or_default()).to_owned(),
            image: params.source_image.as_deref().map(path_of),
        }
    });
    let resource = InstanceTemplate {
        base: template.name.as_deref().and_then(|name| name.rsplit_once('-')).map_or("", |(base, _)| base).to_owned(),
        machine_type: properties.machine_type.clone().unwrap_or_default(),
        subnetwork: Ref::existing(
            interface.and_then(|interface| interface.subnetwork.as_deref()).map(path_of).unwrap_or_default(),
        ),
        public_address: interface.is_some_and(|interface| !interface.access_configs.is_empty()),
        service_account: Ref::existing(
            properties.service_accounts.first().and_then(|one| one.email.clone()).unwrap_or_default(),
        ),
        disks: disks.collect(),
        spot: properties
            .scheduling
            .as_ref()
            .is_some_and(|scheduling| scheduling.provisioning_model == Some(ProvisioningModel::Spot)),
        secure_boot: properties
            .shielded_instance_config
            .as_ref()
            .is_some_and(|config| config.enable_secure_boot == Some(true)),
        hardened: told.hardened,
        ssh_keys: told.ssh_keys,
        user_data_sha256: told.user_data_sha256,
        user_data: None,
        labels: own_labels(properties.labels),
    };
    Some(Found { address: marked.address, id, resource, computed: Fields::new(), condition: Condition::Ready })
}

#[async_trait]
impl KindOps<Gcp> for InstanceTemplate {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let filter = client.name_filter();
        let templates = pages(|token| {
            let filter = filter.as_str();
            async move {
                let page = client
                    .call(compute_read("instanceTemplates.list"), || {
                        let request = client.compute.instance_templates.list().set_project(&client.project);
                        request.set_filter(filter).set_or_clear_page_token(token.clone()).send()
                    })
                    .await?;
                Ok((page.items, page.next_page_token))
            }
        })
        .await?;
        Ok(templates.into_iter().filter_map(|template| observe(client, template)).collect())
    }

    async fn create(&self, client: &Gcp, new: &New) -> Result<Made, CloudError> {
        let name = self.name(&new.token);
        let body = self.body(client, &new.address, &name)?;
        client
            .insert(compute_write("instanceTemplates.insert"), &new.token, |id| {
                let request = client.compute.instance_templates.insert().set_project(&client.project);
                request.set_request_id(id).set_body(body.clone()).send()
            })
            .await?;
        Ok(made(format!("projects/{}/global/instanceTemplates/{name}", client.project)))
    }

    /// A template has nothing that could be changed or left half made.
    async fn update(&self, _: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        Ok(made(&existing.id))
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        gone(
            client
                .change(compute_write("instanceTemplates.delete"), || {
                    let request = client.compute.instance_templates.delete().set_project(&client.project);
                    request.set_instance_template(last(&existing.id)).send()
                })
                .await,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::testing::client;

    fn template() -> InstanceTemplate {
        InstanceTemplate {
            base: "demo-0a1b2c-pool-general".to_owned(),
            machine_type: "n2-standard-4".to_owned(),
            subnetwork: Ref::existing("projects/p/regions/europe-west1/subnetworks/s"),
            public_address: false,
            service_account: Ref::existing("a@p.iam.gserviceaccount.com"),
            disks: vec![
                TemplateDisk {
                    device: "root".to_owned(),
                    size_gib: 60,
                    disk_type: "pd-balanced".to_owned(),
                    image: Some("projects/ubuntu-os-cloud/global/images/u".to_owned()),
                },
                TemplateDisk {
                    device: "scratch".to_owned(),
                    size_gib: 100,
                    disk_type: "pd-balanced".to_owned(),
                    image: None,
                },
            ],
            spot: true,
            secure_boot: true,
            hardened: true,
            ssh_keys: None,
            user_data_sha256: meridian_templates::Sha256::of("hello").to_string(),
            user_data: Some("hello".to_owned()),
            labels: Labels::from([("team".to_owned(), "platform".to_owned())]),
        }
    }

    #[tokio::test]
    async fn a_template_is_read_as_it_was_written() {
        let client = client().await;
        let address: Address = "google_compute_instance_template.general".parse().unwrap();
        let link = "https://www.googleapis.com/compute/v1/projects/p/global/instanceTemplates/t";
        let name = template().name("token");
        let sent = template().body(&client, &address, &name).unwrap().set_self_link(link);
        let found = observe(&client, sent).unwrap();
        assert_eq!(found.address, address);
        assert_eq!(found.resource, InstanceTemplate { user_data: None, ..template() });
    }

    #[test]
    fn every_create_has_a_name_of_its_own() {
        assert_ne!(template().name("one"), template().name("another"));
        assert_eq!(template().name("one"), template().name("one"));
        assert_eq!(template().name("one").len(), template().base.len() + DIGEST);
    }
}
