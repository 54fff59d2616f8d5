//! Instance profiles: what hands a role to a machine.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_iam::types::InstanceProfile as SdkInstanceProfile;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Ref, Resource, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::role::tag;
use super::{Role, address, api, create_api};
use crate::client::{Aws, Tags};
use crate::compile::names::iam_path;
use crate::ec2::{computed, gone, id_of, pages, required, with_new};

resource! {
    /// An instance profile with one role. Its id is its name.
    ///
    /// IAM lists profiles without tags. So it carries the two tags of its owner, which never change, and no others.
    pub struct InstanceProfile = "aws_iam_instance_profile", "instance profile", Replacement::DeleteFirst;
    fields {
        /// At most 128 characters, unique in the account.
        name: String => replace,
        /// Its last part is the profile's name in the cluster.
        path: String => replace,
        role: Ref<Role> => update,
    }
    computed { arn }
}

#[async_trait]
impl KindOps<Aws> for InstanceProfile {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let profiles = listing(client).await?;
        Ok(profiles.iter().filter_map(|profile| read(client, profile)).collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let tags = client
            .all_tags(&new.address, &Tags::new())
            .iter()
            .map(|(key, value)| tag(key, value))
            .collect::<Result<Vec<_>, _>>()?;
        let answer = client
            .call(create_api("CreateInstanceProfile"), || {
                client
                    .iam
                    .create_instance_profile()
                    .instance_profile_name(&self.name)
                    .path(&self.path)
                    .set_tags(Some(tags.clone()))
                    .send()
            })
            .await?;
        let profile = required(answer.instance_profile, "iam:CreateInstanceProfile", "profile")?;
        self.add_role(client).await?;
        Ok(Made { id: profile.instance_profile_name, computed: computed([("arn", profile.arn)]) })
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        if self.role != existing.before.role {
            remove_role(client, &existing.id, &existing.before).await?;
        }
        self.add_role(client).await?;
        Ok(Made { id: existing.id.clone(), computed: existing.computed.clone() })
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let name = existing.id.as_str();
        remove_role(client, name, &existing.before).await?;
        let api = api("DeleteInstanceProfile");
        gone(client.call(api, || client.iam.delete_instance_profile().instance_profile_name(name).send()).await)
    }
}

impl InstanceProfile {
    /// That there is a role already means that it is ours: another was taken out before.
    async fn add_role(&self, client: &Aws) -> Result<(), CloudError> {
        let role = id_of(&self.role)?;
        let added = with_new(client, || {
            client.call(api("AddRoleToInstanceProfile"), || {
                client.iam.add_role_to_instance_profile().instance_profile_name(&self.name).role_name(role).send()
            })
        })
        .await;
        // A profile has room for one role, and that it is there already is told as a limit that is exceeded.
        match added {
            Err(error) if matches!(error.kind, ErrorKind::Quota | ErrorKind::AlreadyExists) => Ok(()),
            other => other.map(|_| ()),
        }
    }
}

async fn remove_role(client: &Aws, name: &str, before: &InstanceProfile) -> Result<(), CloudError> {
    let role = id_of(&before.role)?;
    if role.is_empty() {
        return Ok(());
    }
    let api = api("RemoveRoleFromInstanceProfile");
    gone(
        client
            .call(api, || {
                client.iam.remove_role_from_instance_profile().instance_profile_name(name).role_name(role).send()
            })
            .await,
    )
}

fn read(client: &Aws, profile: &SdkInstanceProfile) -> Option<Found<InstanceProfile>> {
    let role = profile.roles.first().map(|role| role.role_name.clone());
    Some(Found {
        address: address(client, InstanceProfile::SCHEMA.kind, &profile.path)?,
        id: profile.instance_profile_name.clone(),
        computed: computed([("arn", profile.arn.clone())]),
        condition: match role {
            Some(_) => Condition::Ready,
            None => Condition::Unfinished("it has no role yet".to_owned()),
        },
        resource: InstanceProfile {
            name: profile.instance_profile_name.clone(),
            path: profile.path.clone(),
            role: Ref::existing(role.unwrap_or_default()),
        },
    })
}

async fn listing(client: &Aws) -> Result<Arc<Vec<SdkInstanceProfile>>, CloudError> {
    client
        .listing("ListInstanceProfiles", || {
            pages(|marker| async move {
                let page = client
                    .call(api("ListInstanceProfiles"), || {
                        let path = iam_path(&client.cluster, &client.region);
                        client.iam.list_instance_profiles().path_prefix(path).set_marker(marker.clone()).send()
                    })
                    .await?;
                Ok((Some(page.instance_profiles), page.marker))
            })
        })
        .await
}
