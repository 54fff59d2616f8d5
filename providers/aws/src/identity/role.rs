//! Roles with one inline policy.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_iam::types::{Role as SdkRole, Tag};
use futures::future::try_join_all;
use meridian_engine::Address;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::policy::normal;
use super::{address, api, create_api};
use crate::client::{Aws, Tags};
use crate::compile::names::{digest_of_tags, iam_path};
use crate::ec2::{computed, found, gone, pages, required, with_new};

/// Name of the inline policy.
const POLICY: &str = "meridian";

resource! {
    /// A role that machines take. Its id is its name.
    ///
    /// A list of roles has neither tags nor boundaries. Their digest stands in the description, which it has.
    pub struct Role = "aws_iam_role", "role", Replacement::DeleteFirst;
    fields {
        /// At most 64 characters, unique in the account.
        name: String => replace,
        /// Its last part is the role's name in the cluster.
        path: String => replace,
        /// Who may take the role; a policy document in the spelling of [`super::policy`].
        trust: String => update,
        /// What it may do; likewise.
        policy: String => update,
        /// Digest of tags and boundary, see [`settings`].
        settings: String => update,
        tags: Option<Tags> => unread,
        /// ARN of a policy that bounds what the role may do, whatever else it is given.
        permissions_boundary: Option<String> => unread,
    }
    computed { arn }
}

/// The digest of what a list of roles does not show.
#[must_use]
pub fn settings(tags: &Tags, permissions_boundary: Option<&str>) -> String {
    let mut all = tags.clone();
    // No tag can have an empty key.
    all.insert(String::new(), permissions_boundary.unwrap_or_default().to_owned());
    digest_of_tags(&all)
}

#[async_trait]
impl KindOps<Aws> for Role {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let roles = listing(client).await?;
        let read = roles.iter().map(|role| async move {
            let Some(address) = address(client, Self::SCHEMA.kind, &role.path) else { return Ok(None) };
            let answer = found(
                client
                    .call(api("GetRolePolicy"), || {
                        client.iam.get_role_policy().role_name(&role.role_name).policy_name(POLICY).send()
                    })
                    .await,
            )?;
            let policy = answer.map(|answer| normal(&answer.policy_document));
            Ok::<_, CloudError>(Some(Found {
                address,
                id: role.role_name.clone(),
                computed: computed([("arn", role.arn.clone())]),
                condition: match &policy {
                    Some(_) => Condition::Ready,
                    None => Condition::Unfinished("it has no policy yet".to_owned()),
                },
                resource: read(role, policy),
            }))
        });
        Ok(try_join_all(read).await?.into_iter().flatten().collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let tags = client.all_tags(&new.address, self.tags.as_ref().unwrap_or(&Tags::new()));
        let tags = sdk_tags(&tags)?;
        let description = self.description(client);
        let answer = client
            .call(create_api("CreateRole"), || {
                client
                    .iam
                    .create_role()
                    .role_name(&self.name)
                    .path(&self.path)
                    .assume_role_policy_document(&self.trust)
                    .description(&description)
                    .set_permissions_boundary(self.permissions_boundary.clone())
                    .set_tags(Some(tags.clone()))
                    .send()
            })
            .await?;
        let role = required(answer.role, "iam:CreateRole", "role")?;
        self.put_policy(client).await?;
        Ok(Made { id: role.role_name, computed: computed([("arn", role.arn)]) })
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let before = &existing.before;
        if self.trust != before.trust {
            client
                .call(api("UpdateAssumeRolePolicy"), || {
                    client.iam.update_assume_role_policy().role_name(&self.name).policy_document(&self.trust).send()
                })
                .await?;
        }
        if self.policy != before.policy {
            self.put_policy(client).await?;
        }
        if self.settings != before.settings {
            self.put_settings(client, &existing.address).await?;
        }
        Ok(Made { id: existing.id.clone(), computed: existing.computed.clone() })
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let name = existing.id.as_str();
        // Whatever someone else has given the role would keep it from going.
        let inline = pages(|marker| async move {
            let page = client
                .call(api("ListRolePolicies"), || {
                    client.iam.list_role_policies().role_name(name).set_marker(marker.clone()).send()
                })
                .await?;
            Ok((Some(page.policy_names), page.marker))
        });
        let attached = pages(|marker| async move {
            let page = client
                .call(api("ListAttachedRolePolicies"), || {
                    client.iam.list_attached_role_policies().role_name(name).set_marker(marker.clone()).send()
                })
                .await?;
            Ok((page.attached_policies, page.marker))
        });
        let (inline, attached) = tokio::try_join!(inline, attached)?;
        for policy in &inline {
            gone(
                client
                    .call(api("DeleteRolePolicy"), || {
                        client.iam.delete_role_policy().role_name(name).policy_name(policy).send()
                    })
                    .await,
            )?;
        }
        for policy in attached.iter().filter_map(|policy| policy.policy_arn()) {
            gone(
                client
                    .call(api("DetachRolePolicy"), || {
                        client.iam.detach_role_policy().role_name(name).policy_arn(policy).send()
                    })
                    .await,
            )?;
        }
        gone(client.call(api("DeleteRole"), || client.iam.delete_role().role_name(name).send()).await)
    }
}

impl Role {
    /// With the digest at the end, in brackets.
    fn description(&self, client: &Aws) -> String {
        format!("Machines of the cluster {} in {} [{}]", client.cluster, client.region, self.settings)
    }

    async fn put_policy(&self, client: &Aws) -> Result<(), CloudError> {
        with_new(client, || {
            client.call(api("PutRolePolicy"), || {
                client
                    .iam
                    .put_role_policy()
                    .role_name(&self.name)
                    .policy_name(POLICY)
                    .policy_document(&self.policy)
                    .send()
            })
        })
        .await?;
        Ok(())
    }

    /// Puts tags and boundary in place and writes their digest last, so that what was cut short is seen.
    async fn put_settings(&self, client: &Aws, address: &Address) -> Result<(), CloudError> {
        let name = self.name.as_str();
        let present = pages(|marker| async move {
            let page = client
                .call(api("ListRoleTags"), || {
                    client.iam.list_role_tags().role_name(name).set_marker(marker.clone()).send()
                })
                .await?;
            Ok((Some(page.tags), page.marker))
        })
        .await?;
        let wanted = client.all_tags(address, self.tags.as_ref().unwrap_or(&Tags::new()));
        let stale: Vec<String> =
            present.into_iter().map(|tag| tag.key).filter(|key| !wanted.contains_key(key)).collect();
        let wanted = sdk_tags(&wanted)?;
        client
            .call(api("TagRole"), || client.iam.tag_role().role_name(name).set_tags(Some(wanted.clone())).send())
            .await?;
        if !stale.is_empty() {
            client
                .call(api("UntagRole"), || {
                    client.iam.untag_role().role_name(name).set_tag_keys(Some(stale.clone())).send()
                })
                .await?;
        }
        if let Some(boundary) = &self.permissions_boundary {
            client
                .call(api("PutRolePermissionsBoundary"), || {
                    client.iam.put_role_permissions_boundary().role_name(name).permissions_boundary(boundary).send()
                })
                .await?;
        } else {
            gone(
                client
                    .call(api("DeleteRolePermissionsBoundary"), || {
                        client.iam.delete_role_permissions_boundary().role_name(name).send()
                    })
                    .await,
            )?;
        }
        let description = self.description(client);
        client
            .call(api("UpdateRole"), || client.iam.update_role().role_name(name).description(&description).send())
            .await?;
        Ok(())
    }
}

fn read(role: &SdkRole, policy: Option<String>) -> Role {
    Role {
        name: role.role_name.clone(),
        path: role.path.clone(),
        trust: normal(role.assume_role_policy_document().unwrap_or_default()),
        policy: policy.unwrap_or_default(),
        settings: settings_of(role.description().unwrap_or_default()),
        tags: None,
        permissions_boundary: None,
    }
}

/// The digest at the end of a description; empty when someone else wrote it.
fn settings_of(description: &str) -> String {
    let digest = description.strip_suffix(']').and_then(|text| text.rsplit_once('['));
    digest.map_or_else(String::new, |(_, digest)| digest.to_owned())
}

async fn listing(client: &Aws) -> Result<Arc<Vec<SdkRole>>, CloudError> {
    client
        .listing("ListRoles", || {
            pages(|marker| async move {
                let page = client
                    .call(api("ListRoles"), || {
                        let path = iam_path(&client.cluster, &client.region);
                        client.iam.list_roles().path_prefix(path).set_marker(marker.clone()).send()
                    })
                    .await?;
                Ok((Some(page.roles), page.marker))
            })
        })
        .await
}

fn sdk_tags(tags: &Tags) -> Result<Vec<Tag>, CloudError> {
    tags.iter().map(|(key, value)| tag(key, value)).collect()
}

/// A tag as the SDK has it.
pub(super) fn tag(key: &str, value: &str) -> Result<Tag, CloudError> {
    Tag::builder()
        .key(key)
        .value(value)
        .build()
        .map_err(|error| CloudError::new(meridian_provider_api::ErrorKind::Invalid, "iam:Tag", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_found_in_the_description() {
        assert_eq!(settings_of("Machines of the cluster [x] in eu-west-1 [0123456789ab]"), "0123456789ab");
        assert_eq!(settings_of("mine now"), "");
    }

    #[test]
    fn the_digest_tells_boundary_from_tags() {
        let tags = Tags::from([("a".to_owned(), "b".to_owned())]);
        assert_ne!(settings(&tags, None), settings(&tags, Some("arn:aws:iam::1:policy/x")));
        assert_ne!(settings(&tags, None), settings(&Tags::new(), None));
    }
}
