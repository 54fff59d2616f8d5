//! EBS volumes that hold etcd's data.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ec2::types::{ResourceType, Volume as SdkVolume, VolumeState, VolumeType};
use meridian_engine::Fields;
use meridian_engine::Resource as _;
use meridian_engine::observed::Condition;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_node::settled;
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use crate::client::{Aws, Owner, Tags};
use crate::ec2;
use crate::limits::{ec2_read, ec2_write};

/// Tag that holds the names and addresses of etcd's members.
const MEMBERS_TAG: &str = "meridian:members";

/// Tag that holds what of the cluster can't change.
const SETTLED_TAG: &str = "meridian:settled";

/// Tag that holds the version of Kubernetes.
const KUBERNETES_TAG: &str = "meridian:kubernetes";

/// What can't be lost without losing a member of etcd.
const REFUSAL: &str = "the disk holds the data of a member of etcd. Its zone, its encryption and the members of etcd \
                       with their addresses are fixed when the cluster is made; to change them, build a new cluster and \
                       move to it, or restore a snapshot there";

resource! {
    /// The disk that holds the data of a slot's etcd member. It outlives the slot's machines.
    pub struct Volume = "aws_ebs_volume", "volume", Replacement::Refused(REFUSAL);
    fields {
        /// Where it is; a volume can't leave its zone.
        zone: String => replace,
        /// Size in GiB. It can grow and not shrink, and at most once in six hours (EC2 User Guide, "Modify an EBS
        /// volume").
        size_gib: u32 => update_if(settled::grows),
        /// `gp3`.
        volume_type: String => update,
        encrypted: bool => replace,
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

/// Volumes of the cluster, whatever they are for: those of machines carry the machine's address.
pub(crate) async fn list(client: &Aws) -> Result<Arc<Vec<SdkVolume>>, CloudError> {
    client
        .listing("DescribeVolumes", || {
            ec2::marked_or_recorded(client, Volume::SCHEMA.kind, "volume-id", SdkVolume::volume_id, |filter| {
                ec2::pages(move |token| {
                    let filter = filter.clone();
                    async move {
                        let page = client
                            .call(ec2_read("DescribeVolumes"), || {
                                client
                                    .ec2
                                    .describe_volumes()
                                    .filters(filter.clone())
                                    .max_results(500)
                                    .set_next_token(token.clone())
                                    .send()
                            })
                            .await?;
                        Ok((page.volumes, page.next_token))
                    }
                })
            })
        })
        .await
}

/// One volume as it is now; `None` when it is gone.
async fn look(client: &Aws, id: &str) -> Result<Option<SdkVolume>, CloudError> {
    let answer = client.call(ec2_read("DescribeVolumes"), || client.ec2.describe_volumes().volume_ids(id).send()).await;
    Ok(ec2::found(answer)?
        .and_then(|answer| answer.volumes.unwrap_or_default().pop())
        .filter(|volume| volume.state != Some(VolumeState::Deleted)))
}

impl Volume {
    fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        for (tag, value) in
            [(MEMBERS_TAG, &self.members), (SETTLED_TAG, &self.settled), (KUBERNETES_TAG, &self.kubernetes)]
        {
            tags.insert(tag.to_owned(), value.clone());
        }
        tags
    }

    fn size(&self) -> Result<i32, CloudError> {
        i32::try_from(self.size_gib).map_err(|_| {
            CloudError::new(ErrorKind::Invalid, "ec2:CreateVolume", format!("{} GiB is no size", self.size_gib))
        })
    }

    async fn until_available(client: &Aws, id: &str) -> Result<(), CloudError> {
        client
            .caller
            .until("ec2:CreateVolume", "the volume to be available", || async move {
                match look(client, id).await?.and_then(|volume| volume.state) {
                    Some(VolumeState::Available | VolumeState::InUse) => Ok(Some(())),
                    Some(VolumeState::Error) => Err(CloudError::new(
                        ErrorKind::Invalid,
                        "ec2:CreateVolume",
                        "the volume came up in the state `error`; a KMS key that can't be used is the usual reason",
                    )),
                    _ => Ok(None),
                }
            })
            .await
    }
}

/// The volume as a resource, when it is one of ours and here to stay.
fn observe(owner: Owner<'_>, volume: &SdkVolume) -> Option<Found<Volume>> {
    let (address, mut tags) = ec2::own(owner, "aws_ebs_volume", volume.volume_id.as_deref(), volume.tags.as_deref())?;
    let condition = match volume.state.as_ref()? {
        VolumeState::Available | VolumeState::InUse => Condition::Ready,
        VolumeState::Creating => Condition::Unfinished("it is being made".to_owned()),
        VolumeState::Error => Condition::Failed("it is in the state `error`".to_owned()),
        _ => return None,
    };
    let resource = Volume {
        zone: volume.availability_zone.clone().unwrap_or_default(),
        size_gib: volume.size.and_then(|size| size.try_into().ok()).unwrap_or_default(),
        volume_type: volume.volume_type.as_ref().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        encrypted: volume.encrypted.unwrap_or_default(),
        members: tags.remove(MEMBERS_TAG).unwrap_or_default(),
        settled: tags.remove(SETTLED_TAG).unwrap_or_default(),
        kubernetes: tags.remove(KUBERNETES_TAG).unwrap_or_default(),
        tags,
    };
    Some(Found { address, id: volume.volume_id.clone()?, resource, computed: Fields::new(), condition })
}

#[async_trait]
impl KindOps<Aws> for Volume {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|found| observe(client.owner(), found)).collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let tags = client.all_tags(&new.address, &self.all_tags());
        let size = self.size()?;
        let volume = client
            .call(ec2_write("CreateVolume"), || {
                client
                    .ec2
                    .create_volume()
                    .availability_zone(&self.zone)
                    .size(size)
                    .volume_type(VolumeType::from(self.volume_type.as_str()))
                    .encrypted(self.encrypted)
                    .client_token(&new.token)
                    .tag_specifications(ec2::tag_specification(ResourceType::Volume, &tags))
                    .send()
            })
            .await?;
        let id = ec2::required(volume.volume_id, "ec2:CreateVolume", "id")?;
        Self::until_available(client, &id).await?;
        Ok(ec2::made(id))
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id = existing.id.as_str();
        Self::until_available(client, id).await?;
        let before = &existing.before;
        if before.size_gib != self.size_gib || before.volume_type != self.volume_type {
            let size = self.size()?;
            client
                .call(ec2_write("ModifyVolume"), || {
                    client
                        .ec2
                        .modify_volume()
                        .volume_id(id)
                        .size(size)
                        .volume_type(VolumeType::from(self.volume_type.as_str()))
                        .send()
                })
                .await?;
            client
                .caller
                .until("ec2:ModifyVolume", "the volume to have its new size", || async move {
                    Ok(look(client, id).await?.filter(|volume| volume.size == Some(size)).map(|_| ()))
                })
                .await?;
        }
        ec2::retag(client, id, &before.all_tags(), &client.tags_of(existing, &self.all_tags())).await?;
        Ok(ec2::made(id))
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id = existing.id.as_str();
        ec2::gone(client.call(ec2_write("DeleteVolume"), || client.ec2.delete_volume().volume_id(id).send()).await)?;
        client
            .caller
            .until("ec2:DeleteVolume", "the volume to be gone", || async move {
                Ok(look(client, id).await?.is_none().then_some(()))
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::Tag;

    use meridian_provider_api::Recorded;

    use super::*;

    fn volume(state: VolumeState) -> SdkVolume {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        SdkVolume::builder()
            .volume_id("vol-1")
            .availability_zone("eu-west-1a")
            .size(20)
            .volume_type(VolumeType::Gp3)
            .encrypted(true)
            .state(state)
            .tags(tag("meridian:cluster", "prod"))
            .tags(tag("meridian:address", "aws_ebs_volume.control-plane-0"))
            .tags(tag(MEMBERS_TAG, "control-plane-0=10.0.0.10"))
            .tags(tag(SETTLED_TAG, "topology=private"))
            .tags(tag(KUBERNETES_TAG, "1.36.3"))
            .tags(tag("Name", "control-plane-0.demo"))
            .build()
    }

    #[test]
    fn what_the_disk_says_of_the_cluster_is_read_from_its_tags() {
        let found =
            observe(Owner { cluster: "prod", recorded: &Recorded::default() }, &volume(VolumeState::InUse)).unwrap();
        assert_eq!(found.resource.members, "control-plane-0=10.0.0.10");
        assert_eq!(
            (found.resource.settled.as_str(), found.resource.kubernetes.as_str()),
            ("topology=private", "1.36.3")
        );
        assert_eq!(found.resource.tags.keys().collect::<Vec<_>>(), ["Name"]);
        assert_eq!(found.condition, Condition::Ready);
    }

    #[test]
    fn what_is_being_deleted_is_not_there() {
        assert!(
            observe(Owner { cluster: "prod", recorded: &Recorded::default() }, &volume(VolumeState::Deleting))
                .is_none()
        );
        assert!(matches!(
            observe(Owner { cluster: "prod", recorded: &Recorded::default() }, &volume(VolumeState::Creating))
                .unwrap()
                .condition,
            Condition::Unfinished(_)
        ));
        assert!(matches!(
            observe(Owner { cluster: "prod", recorded: &Recorded::default() }, &volume(VolumeState::Error))
                .unwrap()
                .condition,
            Condition::Failed(_)
        ));
    }
}
