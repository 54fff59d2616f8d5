//! Private hosted zones.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, HostedZone, HostedZoneConfig, ResourceRecordSet, RrType, Tag, TagResourceType,
    Vpc as SdkVpc, VpcRegion,
};
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, resource};
use meridian_node::names::dns_zone;
use meridian_provider_api::{Client as _, CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::{api, build_error};
use crate::client::{ADDRESS_TAG, Aws, CLUSTER_TAG, Tags};
use crate::ec2::{found, gone, id_of, made, pages, required, with_new};
use crate::limits::other;
use crate::network::Vpc;

resource! {
    /// A private zone of one VPC. Its id is the part after `/hostedzone/`.
    ///
    /// A list of zones has neither tags nor VPCs. The VPC's id and the tags' digest stand in the comment, which it has;
    /// whose the zone is stands in the caller reference, which never changes.
    pub struct Zone = "aws_route53_zone", "DNS zone", Replacement::DeleteFirst;
    fields {
        /// Without a dot at the end.
        name: String => replace,
        vpc: Ref<Vpc> => replace,
        /// Digest of the tags.
        settings: String => update,
        tags: Option<Tags> => unread,
    }
    computed {}
}

#[async_trait]
impl KindOps<Aws> for Zone {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let zones = listing(client).await?;
        let mut all = Vec::new();
        for zone in zones.iter() {
            let Ok(address) = Address::new(Self::SCHEMA.kind, "main") else { continue };
            let id = short_id(&zone.id);
            let comment = Comment::parse(zone.config().and_then(|config| config.comment()).unwrap_or_default());
            // Someone else's words in the comment must not look as if the zone were another VPC's.
            let vpc = match comment.vpc {
                Some(vpc) => vpc,
                None => vpc_of(client, id).await?.unwrap_or_default(),
            };
            let condition = match &comment.settings {
                Some(_) => Condition::Ready,
                None => Condition::Unfinished("its tags are not all there yet".to_owned()),
            };
            all.push(Found {
                address,
                id: id.to_owned(),
                resource: Self {
                    name: zone.name.trim_end_matches('.').to_owned(),
                    vpc: Ref::existing(vpc),
                    settings: comment.settings.unwrap_or_default(),
                    tags: None,
                },
                computed: Fields::new(),
                condition,
            });
        }
        Ok(all)
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let vpc = id_of(&self.vpc)?;
        let reference = format!("{}{}", caller_reference(client), new.token);
        let config = HostedZoneConfig::builder().comment(comment(client, vpc, None)).private_zone(true).build();
        // Route 53 may not have heard of a VPC that was just made.
        let answer = with_new(client, || {
            client.call(other("route53", "CreateHostedZone", false), || {
                client
                    .route53
                    .create_hosted_zone()
                    .name(&self.name)
                    .caller_reference(&reference)
                    .hosted_zone_config(config.clone())
                    .vpc(SdkVpc::builder().vpc_id(vpc).vpc_region(VpcRegion::from(client.region.as_str())).build())
                    .send()
            })
        })
        .await?;
        let zone = required(answer.hosted_zone, "route53:CreateHostedZone", "zone")?;
        let id = short_id(&zone.id).to_owned();
        with_new(client, || self.put_tags(client, &new.address, &id, vpc)).await?;
        Ok(made(id))
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        self.put_tags(client, &existing.address, &existing.id, id_of(&self.vpc)?).await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id = existing.id.as_str();
        let Some(records) = found(records(client, id).await)? else { return Ok(()) };
        // The zone's own two records go with it.
        let changes = records
            .into_iter()
            .filter(|record| !matches!(record.r#type, RrType::Ns | RrType::Soa))
            .map(|record| change(ChangeAction::Delete, record))
            .collect::<Result<Vec<_>, _>>()?;
        if !changes.is_empty() {
            send(client, id, changes).await?;
        }
        gone(client.call(api("DeleteHostedZone"), || client.route53.delete_hosted_zone().id(id).send()).await)
    }
}

impl Zone {
    /// Tags the zone and writes their digest last, so that what was cut short is seen.
    async fn put_tags(&self, client: &Aws, address: &Address, id: &str, vpc: &str) -> Result<(), CloudError> {
        let own = self.tags.clone().unwrap_or_default();
        let present = client
            .call(api("ListTagsForResource"), || {
                client
                    .route53
                    .list_tags_for_resource()
                    .resource_type(TagResourceType::Hostedzone)
                    .resource_id(id)
                    .send()
            })
            .await?;
        let stale: Vec<String> = present
            .resource_tag_set
            .and_then(|set| set.tags)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|tag| tag.key)
            .filter(|key| key != CLUSTER_TAG && key != ADDRESS_TAG && !own.contains_key(key))
            .collect();
        let tags: Vec<Tag> = client
            .all_tags(address, &own)
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect();
        // One call takes ten tags at most (Route 53 API reference, "ChangeTagsForResource").
        for tags in tags.chunks(10) {
            client
                .call(api("ChangeTagsForResource"), || {
                    client
                        .route53
                        .change_tags_for_resource()
                        .resource_type(TagResourceType::Hostedzone)
                        .resource_id(id)
                        .set_add_tags(Some(tags.to_vec()))
                        .send()
                })
                .await?;
        }
        for stale in stale.chunks(10) {
            client
                .call(api("ChangeTagsForResource"), || {
                    client
                        .route53
                        .change_tags_for_resource()
                        .resource_type(TagResourceType::Hostedzone)
                        .resource_id(id)
                        .set_remove_tag_keys(Some(stale.to_vec()))
                        .send()
                })
                .await?;
        }
        let comment = comment(client, vpc, Some(&self.settings));
        client
            .call(api("UpdateHostedZoneComment"), || {
                client.route53.update_hosted_zone_comment().id(id).comment(&comment).send()
            })
            .await?;
        Ok(())
    }
}

/// What every caller reference of the cluster's zones begins with. With a token behind it, it stays below Route 53's
/// limit of 128 characters.
fn caller_reference(client: &Aws) -> String {
    format!("meridian/{}/{}/", client.region, client.cluster)
}

fn comment(client: &Aws, vpc: &str, settings: Option<&str>) -> String {
    let settings = settings.map(|settings| format!(" [{settings}]")).unwrap_or_default();
    format!("Machines of the cluster {} ({vpc}){settings}", client.cluster)
}

/// What the comment says.
#[derive(Debug, PartialEq, Eq)]
struct Comment {
    vpc: Option<String>,
    settings: Option<String>,
}

impl Comment {
    fn parse(text: &str) -> Self {
        let (rest, settings) = match text.strip_suffix(']').and_then(|text| text.rsplit_once(" [")) {
            Some((rest, settings)) => (rest, Some(settings.to_owned())),
            None => (text, None),
        };
        let vpc = rest
            .strip_suffix(')')
            .and_then(|text| text.rsplit_once('('))
            .map(|(_, vpc)| vpc.to_owned())
            .filter(|vpc| vpc.starts_with("vpc-"));
        Self { vpc, settings }
    }
}

/// The id without `/hostedzone/`, which some answers put before it.
fn short_id(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

async fn vpc_of(client: &Aws, id: &str) -> Result<Option<String>, CloudError> {
    let answer = found(client.call(api("GetHostedZone"), || client.route53.get_hosted_zone().id(id).send()).await)?;
    Ok(answer.and_then(|answer| answer.vpcs).and_then(|vpcs| vpcs.into_iter().next()).and_then(|vpc| vpc.vpc_id))
}

/// The cluster's zones. Several may have the name, other regions' and other people's.
pub(super) async fn listing(client: &Aws) -> Result<Arc<Vec<HostedZone>>, CloudError> {
    client
        .listing("ListHostedZonesByName", || async {
            let name = format!("{}.", dns_zone(&client.cluster));
            let mut zones = Vec::new();
            let mut after = None;
            loop {
                let page = client
                    .call(api("ListHostedZonesByName"), || {
                        client
                            .route53
                            .list_hosted_zones_by_name()
                            .dns_name(&name)
                            .set_hosted_zone_id(after.clone())
                            .send()
                    })
                    .await?;
                zones.extend(page.hosted_zones);
                after = page.next_hosted_zone_id;
                // The list is in order, so that the name's zones stand at its beginning.
                if !page.is_truncated || after.is_none() || page.next_dns_name.as_deref() != Some(name.as_str()) {
                    break;
                }
            }
            let mark = caller_reference(client);
            // A reference can't be written later: a zone that someone else made is known by its id alone.
            let recorded: Vec<&str> = client.recorded().ids(Zone::SCHEMA.kind).collect();
            zones.retain(|zone| {
                zone.name == name
                    && (zone.caller_reference.starts_with(&mark) || recorded.contains(&short_id(&zone.id)))
            });
            Ok(zones)
        })
        .await
}

/// Every record of a zone.
pub(super) async fn records(client: &Aws, zone: &str) -> Result<Vec<ResourceRecordSet>, CloudError> {
    pages(|next| async move {
        let (name, kind) = next.as_deref().and_then(|next: &str| next.split_once(' ')).unzip();
        let page = client
            .call(api("ListResourceRecordSets"), || {
                client
                    .route53
                    .list_resource_record_sets()
                    .hosted_zone_id(zone)
                    .set_start_record_name(name.map(str::to_owned))
                    .set_start_record_type(kind.map(RrType::from))
                    .send()
            })
            .await?;
        let next = page.next_record_name.zip(page.next_record_type);
        Ok((Some(page.resource_record_sets), next.map(|(name, kind)| format!("{name} {kind}"))))
    })
    .await
}

pub(super) fn change(action: ChangeAction, record: ResourceRecordSet) -> Result<Change, CloudError> {
    Change::builder().action(action).resource_record_set(record).build().map_err(|error| build_error(&error))
}

/// Sends changes as one batch: all are made, or none.
pub(super) async fn send(client: &Aws, zone: &str, changes: Vec<Change>) -> Result<(), CloudError> {
    let batch = ChangeBatch::builder().set_changes(Some(changes)).build().map_err(|error| build_error(&error))?;
    client
        .call(api("ChangeResourceRecordSets"), || {
            client.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch.clone()).send()
        })
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comment_says_which_vpc_and_whether_the_tags_are_done() {
        let some = |text: &str| Some(text.to_owned());
        for (text, vpc, settings) in [
            ("Machines of the cluster a (vpc-1) [0123]", some("vpc-1"), some("0123")),
            ("Machines of the cluster a (vpc-1)", some("vpc-1"), None),
            ("do not touch (ask Eve)", None, None),
            ("", None, None),
        ] {
            assert_eq!(Comment::parse(text), Comment { vpc, settings }, "{text}");
        }
        assert_eq!(short_id("/hostedzone/Z1"), "Z1");
        assert_eq!(short_id("Z1"), "Z1");
    }
}
