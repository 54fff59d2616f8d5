//! Address records.

use async_trait::async_trait;
use google_cloud_dns_v1::model::ResourceRecordSet;
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, resource};
use meridian_node::names::dns_zone;
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::zone::{is_own, name, records};
use super::{Zone, api};
use crate::client::Gcp;
use crate::gce::{gone, id_of, made, with_new};

/// The only type of ours.
const TYPE: &str = "A";

resource! {
    /// An A record. Its id is `<zone>/<name>`; it is found through its zone, since a record has no labels.
    pub struct Record = "google_dns_record_set", "DNS record", Replacement::DeleteFirst;
    fields {
        zone: Ref<Zone> => replace,
        /// The whole name, without a dot at the end.
        name: String => replace,
        /// Seconds.
        ttl: i32 => update,
        addresses: Set<String> => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Gcp> for Record {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let (records, is_own) = tokio::try_join!(records(client), is_own(client))?;
        if !is_own {
            return Ok(Vec::new());
        }
        let (zone, dns_name) = (name(client), dns_zone(&client.cluster));
        Ok(records.iter().flatten().filter_map(|record| read(&zone, &dns_name, record)).collect())
    }

    /// A record that is there already was written by a create that was never answered.
    async fn create(&self, client: &Gcp, _: &New) -> Result<Made, CloudError> {
        let (zone, body) = (id_of(&self.zone)?, self.record());
        let created = with_new(client, || {
            client.call(api("resourceRecordSets.create", true), || {
                let request = client.dns.record_sets.create().set_project(&client.project).set_managed_zone(zone);
                request.set_body(body.clone()).send()
            })
        })
        .await;
        match created {
            Err(error) if error.kind == ErrorKind::AlreadyExists => self.patch(client).await,
            created => created.map(|_| made(format!("{zone}/{}", self.name))),
        }
    }

    async fn update(&self, client: &Gcp, _: &Existing<Self>) -> Result<Made, CloudError> {
        self.patch(client).await
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let before = &existing.before;
        let (zone, name) = (id_of(&before.zone)?, before.wire_name());
        gone(
            client
                .call(api("resourceRecordSets.delete", true), || {
                    let request = client.dns.record_sets.delete().set_project(&client.project).set_managed_zone(zone);
                    request.set_name(&name).set_type(TYPE).send()
                })
                .await,
        )
    }
}

impl Record {
    async fn patch(&self, client: &Gcp) -> Result<Made, CloudError> {
        let (zone, name, body) = (id_of(&self.zone)?, self.wire_name(), self.record());
        client
            .call(api("resourceRecordSets.patch", true), || {
                let request = client.dns.record_sets.patch().set_project(&client.project).set_managed_zone(zone);
                request.set_name(&name).set_type(TYPE).set_body(body.clone()).send()
            })
            .await?;
        Ok(made(format!("{zone}/{}", self.name)))
    }

    fn wire_name(&self) -> String {
        format!("{}.", self.name)
    }

    fn record(&self) -> ResourceRecordSet {
        ResourceRecordSet::new()
            .set_name(self.wire_name())
            .set_type(TYPE)
            .set_ttl(self.ttl)
            .set_rrdatas(self.addresses.0.clone())
    }
}

/// An A record directly below the zone's name; others are not ours.
fn read(zone: &str, dns_name: &str, record: &ResourceRecordSet) -> Option<Found<Record>> {
    let name = record.name.as_deref()?.trim_end_matches('.');
    let label = name.strip_suffix(dns_name)?.strip_suffix('.')?;
    if record.r#type.as_deref() != Some(TYPE) || label.contains('.') {
        return None;
    }
    Some(Found {
        address: Address::new(Record::SCHEMA.kind, label).ok()?,
        id: format!("{zone}/{name}"),
        resource: Record {
            zone: Ref::existing(zone),
            name: name.to_owned(),
            ttl: record.ttl.unwrap_or_default(),
            addresses: record.rrdatas.iter().cloned().collect(),
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
            zone: Ref::existing("demo-0a1b2c-main"),
            name: "api.demo.meridian.internal".to_owned(),
            ttl: 30,
            addresses: Set(vec!["10.0.0.1".to_owned()]),
        };
        let read = |record: &Record, zone: &str| read("demo-0a1b2c-main", zone, &record.record());
        let found = read(&record, "demo.meridian.internal").unwrap();
        assert_eq!(found.resource, record);
        assert_eq!(found.address.to_string(), "google_dns_record_set.api");
        assert!(read(&record, "emo.meridian.internal").is_none());
        let apex = Record { name: "demo.meridian.internal".to_owned(), ..record };
        assert!(read(&apex, "demo.meridian.internal").is_none());
    }
}
