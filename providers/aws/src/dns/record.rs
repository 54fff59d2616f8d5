//! Address records.

use async_trait::async_trait;
use aws_sdk_route53::types::{ChangeAction, ResourceRecord, ResourceRecordSet, RrType};
use futures::future::try_join_all;
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::zone::{change, listing, records, send};
use super::{Zone, build_error};
use crate::client::Aws;
use crate::ec2::{found, id_of, made, with_new};

resource! {
    /// An A record. Its id is `<zone>/<name>`; it is found through its zone, since a record has no tags.
    pub struct Record = "aws_route53_record", "DNS record", Replacement::DeleteFirst;
    fields {
        zone: Ref<Zone> => replace,
        /// The whole name, without a dot at the end.
        name: String => replace,
        /// Seconds.
        ttl: i64 => update,
        addresses: Set<String> => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Aws> for Record {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let zones = listing(client).await?;
        let all = try_join_all(zones.iter().map(|zone| async move {
            let id = zone.id.rsplit('/').next().unwrap_or_default();
            let records = found(records(client, id).await)?.unwrap_or_default();
            Ok::<_, CloudError>(records.iter().filter_map(|record| read(id, &zone.name, record)).collect::<Vec<_>>())
        }))
        .await?;
        Ok(all.into_iter().flatten().collect())
    }

    async fn create(&self, client: &Aws, _: &New) -> Result<Made, CloudError> {
        self.put(client).await
    }

    async fn update(&self, client: &Aws, _: &Existing<Self>) -> Result<Made, CloudError> {
        self.put(client).await
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let before = &existing.before;
        let zone = id_of(&before.zone)?;
        let deleted = send(client, zone, vec![change(ChangeAction::Delete, before.record()?)?]).await;
        match deleted {
            // Route 53 deletes only what is given exactly: it is gone already, or is another by now.
            Err(error) if error.code.as_deref() == Some("InvalidChangeBatch") => {
                let record = records(client, zone)
                    .await?
                    .into_iter()
                    .find(|record| record.r#type == RrType::A && record.name.trim_end_matches('.') == before.name);
                match record {
                    Some(record) => send(client, zone, vec![change(ChangeAction::Delete, record)?]).await,
                    None => Ok(()),
                }
            }
            result => result,
        }
    }
}

impl Record {
    /// The zone may be seconds old.
    async fn put(&self, client: &Aws) -> Result<Made, CloudError> {
        let zone = id_of(&self.zone)?;
        let upsert = change(ChangeAction::Upsert, self.record()?)?;
        with_new(client, || send(client, zone, vec![upsert.clone()])).await?;
        Ok(made(format!("{zone}/{}", self.name)))
    }

    fn record(&self) -> Result<ResourceRecordSet, CloudError> {
        let addresses = self
            .addresses
            .0
            .iter()
            .map(|address| ResourceRecord::builder().value(address).build())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| build_error(&error))?;
        ResourceRecordSet::builder()
            .name(format!("{}.", self.name))
            .r#type(RrType::A)
            .ttl(self.ttl)
            .set_resource_records(Some(addresses))
            .build()
            .map_err(|error| build_error(&error))
    }
}

/// An A record directly below the zone's name; others are not ours.
fn read(zone: &str, zone_name: &str, record: &ResourceRecordSet) -> Option<Found<Record>> {
    let label = record.name.strip_suffix(zone_name)?.strip_suffix('.')?;
    if record.r#type != RrType::A || label.contains('.') || record.alias_target.is_some() {
        return None;
    }
    let name = record.name.trim_end_matches('.').to_owned();
    Some(Found {
        address: Address::new(Record::SCHEMA.kind, label).ok()?,
        id: format!("{zone}/{name}"),
        resource: Record {
            zone: Ref::existing(zone),
            name,
            ttl: record.ttl.unwrap_or_default(),
            addresses: record.resource_records().iter().map(|address| address.value.clone()).collect(),
        },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_the_zone_are_read_and_others_are_not() {
        let record = Record {
            zone: Ref::existing("Z1"),
            name: "api.demo.meridian.internal".to_owned(),
            ttl: 30,
            addresses: Set(vec!["10.0.0.1".to_owned()]),
        };
        let sdk = record.record().unwrap();
        let found = read("Z1", "demo.meridian.internal.", &sdk).unwrap();
        assert_eq!(found.resource, record);
        assert_eq!(found.address.to_string(), "aws_route53_record.api");
        assert!(read("Z1", "emo.meridian.internal.", &sdk).is_none());
        let apex = Record { name: "demo.meridian.internal".to_owned(), ..record }.record().unwrap();
        assert!(read("Z1", "demo.meridian.internal.", &apex).is_none());
    }
}
