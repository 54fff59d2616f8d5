//! Machines of slots, and the bastion.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    AttachmentStatus, BlockDeviceMapping, EbsBlockDevice, Filter, HttpTokensState, IamInstanceProfileSpecification,
    Instance as SdkInstance, InstanceMetadataEndpointState, InstanceMetadataOptionsRequest,
    InstanceNetworkInterfaceSpecification, InstanceStateName, InstanceType, ResourceType, Volume as SdkVolume,
    VolumeType,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meridian_engine::Resource as _;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Ref, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::{KeyPair, NetworkInterface};
use crate::bootstrap::Object;
use crate::client::{ADDRESS_TAG, Aws, Owner, Tags};
use crate::disk::{Volume, volume};
use crate::ec2;
use crate::identity::InstanceProfile;
use crate::limits::{ec2_create, ec2_read, ec2_write, run_instances};

/// The name under which the data volume is attached; the bundle finds the disk by it.
pub const DATA_DEVICE: &str = "/dev/sdf";

/// Tag that holds the digest of the user data, which no list shows.
const USER_DATA_TAG: &str = "meridian:user-data";

resource! {
    /// A machine in a network interface that outlives it. Whatever it is made from makes it another machine.
    pub struct Instance = "aws_instance", "machine", Replacement::InTurn, runs_controllers;
    fields {
        /// Id of the image (`ami-…`).
        image: String => replace,
        instance_type: String => replace,
        network_interface: Ref<NetworkInterface> => replace,
        /// Role of the machine, by the name of its profile.
        instance_profile: Option<Ref<InstanceProfile>> => replace,
        key_pair: Option<Ref<KeyPair>> => replace,
        root_volume_gib: u32 => replace,
        /// Device name of the image's root (`/dev/sda1`), which the size is for.
        root_device: String => replace,
        /// The disk that stays when the machine goes; it is attached as [`DATA_DEVICE`].
        data_volume: Option<Ref<Volume>> => update,
        /// `required`: the metadata service answers to session tokens only (IMDSv2).
        metadata_tokens: String => update,
        /// How far an answer of the metadata service travels: with 1 no pod with a network of its own can reach it.
        metadata_hop_limit: i32 => update,
        /// SHA-256 of the user data.
        user_data_sha256: String => replace,
        /// The user data, as text.
        user_data: Option<String> => unread,
        /// An order, and nothing that is sent: what the machine fetches when it boots is there by then.
        bundle: Option<Ref<Object>> => unread,
        /// Tags of the machine and of its root volume.
        tags: Tags => update,
    }
    computed { private_ip, volatile public_ip }
}

/// The machines that are ours one by one; the pools' machines are their groups', and may be many.
async fn list(client: &Aws) -> Result<Arc<Vec<SdkInstance>>, CloudError> {
    const ID: &str = "instance-id";
    let states = ["pending", "running", "stopping", "stopped"].map(str::to_owned).to_vec();
    let alive = Filter::builder().name("instance-state-name").set_values(Some(states)).build();
    let single = Filter::builder().name(format!("tag:{ADDRESS_TAG}")).values("aws_instance.*").build();
    client
        .listing("DescribeInstances", || {
            ec2::marked_or_recorded(client, Instance::SCHEMA.kind, ID, SdkInstance::instance_id, |filter| {
                let single = Some(single.clone()).filter(|_| filter.name() != Some(ID));
                let filters: Vec<Filter> = [filter, alive.clone()].into_iter().chain(single).collect();
                ec2::pages(move |token| {
                    let filters = filters.clone();
                    async move {
                        let page = client
                            .call(ec2_read("DescribeInstances"), || {
                                let call = client.ec2.describe_instances().set_filters(Some(filters.clone()));
                                call.max_results(500).set_next_token(token.clone()).send()
                            })
                            .await?;
                        let reservations = page.reservations.unwrap_or_default();
                        let instances = reservations.into_iter().flat_map(|one| one.instances.unwrap_or_default());
                        Ok((Some(instances.collect()), page.next_token))
                    }
                })
            })
        })
        .await
}

/// One machine as it is now; `None` when it is gone, or not yet to be seen.
async fn look(client: &Aws, id: &str) -> Result<Option<SdkInstance>, CloudError> {
    let answer =
        client.call(ec2_read("DescribeInstances"), || client.ec2.describe_instances().instance_ids(id).send()).await;
    let reservations = ec2::found(answer)?.and_then(|answer| answer.reservations).unwrap_or_default();
    Ok(reservations.into_iter().find_map(|one| one.instances.unwrap_or_default().pop()))
}

fn state(instance: &SdkInstance) -> Option<&InstanceStateName> {
    instance.state.as_ref()?.name.as_ref()
}

/// Id and attachment of the volume behind a device.
fn attached<'a>(instance: &'a SdkInstance, device: &str) -> Option<(&'a str, Option<&'a AttachmentStatus>)> {
    let mapping = instance.block_device_mappings().iter().find(|mapping| mapping.device_name() == Some(device))?;
    let ebs = mapping.ebs()?;
    Some((ebs.volume_id()?, ebs.status()))
}

/// The machine as a resource, when it is one of ours and not on its way out. The size of its root volume comes out of
/// the list of volumes.
fn observe(owner: Owner<'_>, instance: &SdkInstance, volumes: &[SdkVolume]) -> Option<Found<Instance>> {
    let (address, mut tags) =
        ec2::own(owner, "aws_instance", instance.instance_id.as_deref(), instance.tags.as_deref())?;
    let condition = match state(instance)? {
        InstanceStateName::Running => Condition::Ready,
        InstanceStateName::Pending => Condition::Unfinished("it is starting".to_owned()),
        InstanceStateName::Stopping | InstanceStateName::Stopped => Condition::Unfinished("it is stopped".to_owned()),
        _ => return None,
    };
    let data_volume = attached(instance, DATA_DEVICE);
    let condition = match (condition, data_volume) {
        (Condition::Ready, Some((_, Some(status)))) if *status != AttachmentStatus::Attached => {
            Condition::Unfinished(format!("its data volume is {}", status.as_str()))
        }
        (condition, _) => condition,
    };
    let root_device = instance.root_device_name.clone().unwrap_or_default();
    let root = attached(instance, &root_device)
        .and_then(|(id, _)| volumes.iter().find(|volume| volume.volume_id() == Some(id)));
    let metadata = instance.metadata_options.as_ref();
    // Device 0 is the one that the machine was launched with.
    let interface = instance.network_interfaces().iter().min_by_key(|interface| {
        interface.attachment().and_then(aws_sdk_ec2::types::InstanceNetworkInterfaceAttachment::device_index)
    });
    let resource = Instance {
        image: instance.image_id.clone().unwrap_or_default(),
        instance_type: instance.instance_type.as_ref().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        network_interface: Ref::existing(
            interface.and_then(|interface| interface.network_interface_id()).unwrap_or_default(),
        ),
        instance_profile: instance
            .iam_instance_profile
            .as_ref()
            .and_then(|profile| profile.arn()?.rsplit('/').next())
            .map(Ref::existing),
        key_pair: instance.key_name.clone().filter(|name| !name.is_empty()).map(Ref::existing),
        root_volume_gib: root.and_then(|volume| volume.size?.try_into().ok()).unwrap_or_default(),
        root_device,
        data_volume: data_volume.map(|(id, _)| Ref::existing(id)),
        metadata_tokens: metadata
            .and_then(|options| Some(options.http_tokens()?.as_str().to_owned()))
            .unwrap_or_default(),
        metadata_hop_limit: metadata.and_then(|options| options.http_put_response_hop_limit).unwrap_or_default(),
        user_data_sha256: tags.remove(USER_DATA_TAG).unwrap_or_default(),
        user_data: None,
        bundle: None,
        tags,
    };
    Some(Found { address, id: instance.instance_id.clone()?, resource, computed: computed(instance), condition })
}

fn computed(instance: &SdkInstance) -> meridian_engine::Fields {
    ec2::computed([
        ("private_ip", instance.private_ip_address.clone().unwrap_or_default()),
        ("public_ip", instance.public_ip_address.clone().unwrap_or_default()),
    ])
}

impl Instance {
    fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        tags.insert(USER_DATA_TAG.to_owned(), self.user_data_sha256.clone());
        tags
    }

    fn root(&self) -> Result<BlockDeviceMapping, CloudError> {
        let size = i32::try_from(self.root_volume_gib).map_err(|_| {
            let message = format!("{} GiB is no size of a disk", self.root_volume_gib);
            CloudError::new(ErrorKind::Invalid, "ec2:RunInstances", message)
        })?;
        let disk = EbsBlockDevice::builder()
            .volume_size(size)
            .volume_type(VolumeType::Gp3)
            .encrypted(true)
            .delete_on_termination(true)
            .build();
        Ok(BlockDeviceMapping::builder().device_name(&self.root_device).ebs(disk).build())
    }

    /// Launches the machine.
    async fn launch(&self, client: &Aws, new: &New, token: &str) -> Result<String, CloudError> {
        let tags = client.all_tags(&new.address, &self.all_tags());
        let root = self.root()?;
        let interface = InstanceNetworkInterfaceSpecification::builder()
            .device_index(0)
            .network_interface_id(ec2::id_of(&self.network_interface)?)
            .delete_on_termination(false)
            .build();
        let profile = match &self.instance_profile {
            Some(profile) => Some(IamInstanceProfileSpecification::builder().name(ec2::id_of(profile)?).build()),
            None => None,
        };
        let key = self.key_pair.as_ref().map(ec2::id_of).transpose()?;
        let metadata = InstanceMetadataOptionsRequest::builder()
            .http_endpoint(InstanceMetadataEndpointState::Enabled)
            .http_tokens(HttpTokensState::from(self.metadata_tokens.as_str()))
            .http_put_response_hop_limit(self.metadata_hop_limit)
            .build();
        // Its key, its interface and its profile may be seconds old.
        let answer = ec2::with_new(client, || {
            client.call(run_instances(), || {
                client
                    .ec2
                    .run_instances()
                    .min_count(1)
                    .max_count(1)
                    .client_token(token)
                    .image_id(&self.image)
                    .instance_type(InstanceType::from(self.instance_type.as_str()))
                    .network_interfaces(interface.clone())
                    .set_iam_instance_profile(profile.clone())
                    .set_key_name(key.map(str::to_owned))
                    .block_device_mappings(root.clone())
                    .metadata_options(metadata.clone())
                    .set_user_data(self.user_data.as_ref().map(|text| STANDARD.encode(text)))
                    .tag_specifications(ec2::tag_specification(ResourceType::Instance, &tags))
                    .tag_specifications(ec2::tag_specification(ResourceType::Volume, &tags))
                    .send()
            })
        })
        .await?;
        let instance = answer.instances.unwrap_or_default().pop();
        ec2::required(instance.and_then(|instance| instance.instance_id), "ec2:RunInstances", "instance")
    }

    /// Waits for the machine to run, starting it if it was stopped.
    async fn until_running(client: &Aws, id: &str) -> Result<SdkInstance, CloudError> {
        client
            .caller
            .until("ec2:RunInstances", "the machine to run", || async move {
                let Some(instance) = look(client, id).await? else { return Ok(None) };
                match state(&instance) {
                    Some(InstanceStateName::Running) => Ok(Some(instance)),
                    Some(InstanceStateName::Stopped) => {
                        client
                            .call(ec2_write("StartInstances"), || client.ec2.start_instances().instance_ids(id).send())
                            .await?;
                        Ok(None)
                    }
                    Some(InstanceStateName::ShuttingDown | InstanceStateName::Terminated) => Err(died(&instance)),
                    _ => Ok(None),
                }
            })
            .await
    }

    /// Attaches the data volume and detaches another.
    async fn settle_disk(&self, client: &Aws, now: &SdkInstance, id: &str) -> Result<(), CloudError> {
        let wanted = self.data_volume.as_ref().map(ec2::id_of).transpose()?;
        let present = attached(now, DATA_DEVICE).map(|(volume, _)| volume);
        if let Some(other) = present.filter(|present| Some(*present) != wanted) {
            ec2::gone(
                client
                    .call(ec2_write("DetachVolume"), || {
                        client.ec2.detach_volume().volume_id(other).instance_id(id).send()
                    })
                    .await,
            )?;
            until_device(client, id, None).await?;
        }
        let Some(volume) = wanted else { return Ok(()) };
        if present != wanted {
            ec2::with_new(client, || {
                client.call(ec2_create("AttachVolume"), || {
                    client.ec2.attach_volume().volume_id(volume).instance_id(id).device(DATA_DEVICE).send()
                })
            })
            .await?;
        }
        until_device(client, id, Some(volume)).await
    }
}

/// Waits until just the volume stands behind [`DATA_DEVICE`].
async fn until_device(client: &Aws, id: &str, volume: Option<&str>) -> Result<(), CloudError> {
    client
        .caller
        .until("ec2:AttachVolume", "the data volume to be attached", || async move {
            let now = look(client, id).await?;
            let settled = match (now.as_ref().and_then(|now| attached(now, DATA_DEVICE)), volume) {
                (None, None) => true,
                (Some((present, status)), Some(wanted)) => {
                    present == wanted && status.is_none_or(|status| *status == AttachmentStatus::Attached)
                }
                _ => false,
            };
            Ok(settled.then_some(()))
        })
        .await
}

/// Why a machine ended before it ran (EC2 User Guide, "Instance terminates immediately").
fn died(instance: &SdkInstance) -> CloudError {
    let reason = instance.state_reason.as_ref();
    let code = reason.and_then(|reason| reason.code()).unwrap_or_default();
    let kind = if code == "Server.InsufficientInstanceCapacity" { ErrorKind::Capacity } else { ErrorKind::Invalid };
    let message = reason.and_then(|reason| reason.message()).unwrap_or("no reason was given");
    CloudError::new(kind, "ec2:RunInstances", format!("the machine ended before it ran: {message}"))
}

#[async_trait]
impl KindOps<Aws> for Instance {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let (instances, volumes) = tokio::try_join!(list(client), volume::list(client))?;
        Ok(instances.iter().filter_map(|instance| observe(client.owner(), instance, &volumes)).collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let launch = |token: String| async move { self.launch(client, new, &token).await };
        let id = unspent(&new.token, launch).await?;
        let now = Self::until_running(client, &id).await?;
        self.settle_disk(client, &now, &id).await?;
        Ok(Made { id, computed: computed(&now) })
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id = existing.id.as_str();
        let now = Self::until_running(client, id).await?;
        self.settle_disk(client, &now, id).await?;
        let before = &existing.before;
        if before.metadata_tokens != self.metadata_tokens || before.metadata_hop_limit != self.metadata_hop_limit {
            client
                .call(ec2_write("ModifyInstanceMetadataOptions"), || {
                    client
                        .ec2
                        .modify_instance_metadata_options()
                        .instance_id(id)
                        .http_endpoint(InstanceMetadataEndpointState::Enabled)
                        .http_tokens(HttpTokensState::from(self.metadata_tokens.as_str()))
                        .http_put_response_hop_limit(self.metadata_hop_limit)
                        .send()
                })
                .await?;
        }
        ec2::retag(client, id, &before.tags, &client.tags_of(existing, &self.tags)).await?;
        if let Some((root, _)) = attached(&now, &self.root_device) {
            ec2::retag(client, root, &before.tags, &client.tags_of(existing, &self.tags)).await?;
        }
        Ok(Made { id: id.to_owned(), computed: computed(&now) })
    }

    /// The network interface and the data volume stay, and are free when this returns.
    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id = existing.id.as_str();
        ec2::gone(
            client
                .call(ec2_write("TerminateInstances"), || client.ec2.terminate_instances().instance_ids(id).send())
                .await,
        )?;
        client
            .caller
            .until("ec2:TerminateInstances", "the machine to be gone", || async move {
                let now = look(client, id).await?;
                let gone = now.as_ref().is_none_or(|now| state(now) == Some(&InstanceStateName::Terminated));
                Ok(gone.then_some(()))
            })
            .await
    }
}

/// Launches with a token. One whose machine was terminated meanwhile, by hand after a crash, is spent: the next one that
/// follows from it is taken.
async fn unspent<F, Fut>(token: &str, launch: F) -> Result<String, CloudError>
where
    F: Fn(String) -> Fut,
    Fut: Future<Output = Result<String, CloudError>>,
{
    let mut token = token.to_owned();
    for _ in 0..4 {
        match launch(token.clone()).await {
            Err(error) if error.code.as_deref() == Some("IdempotentInstanceTerminated") => {
                token = ec2::token(&token, &["terminated"]);
            }
            launched => return launched,
        }
    }
    launch(token).await
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use aws_sdk_ec2::types::{
        EbsInstanceBlockDevice, IamInstanceProfile, InstanceBlockDeviceMapping, InstanceMetadataOptionsResponse,
        InstanceNetworkInterface, InstanceState, Tag,
    };

    use meridian_provider_api::ErrorKind;

    use meridian_provider_api::Recorded;

    use super::*;

    #[tokio::test]
    async fn a_token_whose_machine_was_terminated_is_not_sent_again() {
        let sent = RefCell::new(Vec::new());
        let launch = |token: String| {
            sent.borrow_mut().push(token);
            let mut error = CloudError::new(ErrorKind::Invalid, "ec2:RunInstances", "terminated");
            error.code = Some("IdempotentInstanceTerminated".to_owned());
            std::future::ready(if sent.borrow().len() > 2 { Ok("i-1".to_owned()) } else { Err(error) })
        };
        assert_eq!(unspent("token", launch).await.unwrap(), "i-1");
        let first = sent.take();
        assert_eq!(first[0], "token");
        assert!(first[1] != first[0] && first[2] != first[1] && first[2] != first[0], "{first:?}");
        // The same ones follow from the same token, so that a run after a crash finds what the one before it made.
        assert_eq!(unspent("token", launch).await.unwrap(), "i-1");
        assert_eq!(sent.take(), first);
        let none = |_| std::future::ready(Err(CloudError::new(ErrorKind::Capacity, "ec2:RunInstances", "none left")));
        assert_eq!(unspent("token", none).await.unwrap_err().kind, ErrorKind::Capacity);
    }

    fn mapping(device: &str, volume: &str, status: AttachmentStatus) -> InstanceBlockDeviceMapping {
        let disk = EbsInstanceBlockDevice::builder().volume_id(volume).status(status).build();
        InstanceBlockDeviceMapping::builder().device_name(device).ebs(disk).build()
    }

    fn instance(state: InstanceStateName, data: AttachmentStatus) -> SdkInstance {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        SdkInstance::builder()
            .instance_id("i-1")
            .image_id("ami-1")
            .instance_type(InstanceType::M7iLarge)
            .state(InstanceState::builder().name(state).build())
            .iam_instance_profile(
                IamInstanceProfile::builder()
                    .arn("arn:aws:iam::123456789012:instance-profile/meridian/demo/demo-control-plane")
                    .build(),
            )
            .network_interfaces(InstanceNetworkInterface::builder().network_interface_id("eni-1").build())
            .root_device_name("/dev/sda1")
            .block_device_mappings(mapping("/dev/sda1", "vol-root", AttachmentStatus::Attached))
            .block_device_mappings(mapping(DATA_DEVICE, "vol-data", data))
            .metadata_options(
                InstanceMetadataOptionsResponse::builder()
                    .http_tokens(HttpTokensState::Required)
                    .http_put_response_hop_limit(2)
                    .build(),
            )
            .tags(tag("meridian:cluster", "prod"))
            .tags(tag("meridian:address", "aws_instance.control-plane-0"))
            .tags(tag(USER_DATA_TAG, "abc"))
            .build()
    }

    fn root() -> SdkVolume {
        SdkVolume::builder().volume_id("vol-root").size(40).build()
    }

    #[test]
    fn a_machine_is_read_with_its_disks_and_its_role() {
        let instance = instance(InstanceStateName::Running, AttachmentStatus::Attached);
        let found = observe(Owner { cluster: "prod", recorded: &Recorded::default() }, &instance, &[root()]).unwrap();
        assert_eq!(found.condition, Condition::Ready);
        assert_eq!(found.resource.root_volume_gib, 40);
        assert_eq!(found.resource.data_volume, Some(Ref::existing("vol-data")));
        assert_eq!(found.resource.instance_profile, Some(Ref::existing("demo-control-plane")));
        assert_eq!(found.resource.user_data_sha256, "abc");
        assert!(found.resource.tags.is_empty());
    }

    #[test]
    fn a_machine_counts_once_it_runs_with_its_disk() {
        let condition = |state, data| {
            observe(Owner { cluster: "prod", recorded: &Recorded::default() }, &instance(state, data), &[])
                .map(|found| found.condition)
        };
        for (state, data) in [
            (InstanceStateName::Pending, AttachmentStatus::Attached),
            (InstanceStateName::Stopped, AttachmentStatus::Attached),
            (InstanceStateName::Running, AttachmentStatus::Attaching),
        ] {
            assert!(matches!(condition(state, data), Some(Condition::Unfinished(_))));
        }
        assert_eq!(condition(InstanceStateName::ShuttingDown, AttachmentStatus::Attached), None);
    }
}
