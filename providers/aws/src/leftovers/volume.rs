//! Volumes of claims.

use async_trait::async_trait;
use aws_sdk_ec2::types::{Volume, VolumeState};
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, LeftoverOps, Scope};

use super::{filter, is_leftover, tags_of};
use crate::client::Aws;
use crate::ec2::{found, gone, pages};
use crate::limits::{ec2_read, ec2_write};

resource! {
    /// A volume that a controller made. Its id is its own.
    pub struct KubernetesVolume = "aws_kubernetes_volume", "volume of a claim", Replacement::DeleteFirst;
    fields {
        /// Name of the claim that it was made for, if it is told.
        claim: Option<String> => replace,
        size_gib: Option<i32> => replace,
    }
    computed {}
}

/// Tag by which the driver says what a volume is for.
const CLAIM: &str = "kubernetes.io/created-for/pvc/name";

#[async_trait]
impl LeftoverOps<Aws> for KubernetesVolume {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let volumes = pages(|token| async move {
            let page = client
                .call(ec2_read("DescribeVolumes"), || {
                    client.ec2.describe_volumes().filters(filter(&client.cluster)).set_next_token(token.clone()).send()
                })
                .await?;
            Ok((page.volumes, page.next_token))
        })
        .await?;
        Ok(volumes.iter().filter_map(|volume| read(&client.cluster, volume)).collect())
    }

    /// One that a machine still has attached is refused, and tried again until the machine is gone.
    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id = existing.id.as_str();
        gone(client.call(ec2_write("DeleteVolume"), || client.ec2.delete_volume().volume_id(id).send()).await)?;
        client
            .caller
            .until("ec2:DescribeVolumes", &format!("{id} to be gone"), || async {
                let api = ec2_read("DescribeVolumes");
                let answer = found(client.call(api, || client.ec2.describe_volumes().volume_ids(id).send()).await)?;
                let left = answer.and_then(|answer| answer.volumes).unwrap_or_default();
                Ok(left.iter().all(|volume| volume.state == Some(VolumeState::Deleted)).then_some(()))
            })
            .await
    }
}

fn read(cluster: &str, volume: &Volume) -> Option<Found<KubernetesVolume>> {
    let mut tags = tags_of(volume.tags.as_deref());
    let leaves = matches!(volume.state, Some(VolumeState::Deleting | VolumeState::Deleted));
    if leaves || !is_leftover(cluster, &tags) {
        return None;
    }
    let id = volume.volume_id()?;
    Some(Found {
        address: Address::new(KubernetesVolume::SCHEMA.kind, id).ok()?,
        id: id.to_owned(),
        resource: KubernetesVolume { claim: tags.remove(CLAIM), size_gib: volume.size },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}
