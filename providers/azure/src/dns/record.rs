//! Records with addresses.

use async_trait::async_trait;
use azure_mgmt_privatedns::package_2024_06::models::{ARecord, RecordSet as SdkRecord, RecordSetProperties};
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource as _, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::{Zone, in_zones};
use crate::arm::{arm_id, gone, made};
use crate::client::Azure;
use crate::client::id::{ArmId, normal};
use crate::limits::{delete, read, write};
use crate::network::NETWORK;

/// The type of record, as paths have it.
const A: &str = "A";

resource! {
    /// A name of the zone and its addresses. It takes no tags, and is known by its name.
    pub struct Record = "azure_private_dns_a_record", "DNS record", Replacement::DeleteFirst;
    fields {
        zone: Ref<Zone> => replace,
        /// Without the zone's.
        name: String => replace,
        /// Seconds.
        ttl: i64 => update,
        addresses: Set<String> => update,
    }
    computed {}
}

fn observe(id: &ArmId, record: &SdkRecord) -> Option<Found<Record>> {
    let (kind, name) = id.path.last()?;
    let properties = record.properties.as_ref()?;
    if !kind.eq_ignore_ascii_case(A) {
        return None;
    }
    Some(Found {
        address: Address::new(Record::SCHEMA.kind, name).ok()?,
        id: id.to_string(),
        resource: Record {
            zone: Ref::existing(id.within()?),
            name: name.clone(),
            ttl: properties.ttl.unwrap_or_default(),
            addresses: properties.a_records.iter().filter_map(|record| record.ipv4_address.clone()).collect(),
        },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}

impl Record {
    fn body(&self) -> SdkRecord {
        let records = self.addresses.0.iter().map(|address| ARecord { ipv4_address: Some(address.clone()) });
        SdkRecord {
            properties: Some(RecordSetProperties {
                ttl: Some(self.ttl),
                a_records: records.collect(),
                ..RecordSetProperties::new()
            }),
            ..SdkRecord::new()
        }
    }
}

#[async_trait]
impl KindOps<Azure> for Record {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let records = in_zones(
            client,
            read(NETWORK, "RecordSets_ListByType"),
            |group, zone| {
                client.private_dns.record_sets_client().list_by_type(group, zone, A, &client.subscription).into_stream()
            },
            |page| page.value,
            |record: &SdkRecord| record.id.as_deref().or(record.proxy_resource.resource.id.as_deref()),
        )
        .await?;
        Ok(records.iter().filter_map(|(id, record)| observe(id, record)).collect())
    }

    async fn create(&self, client: &Azure, _: &New) -> Result<Made, CloudError> {
        let zone = arm_id(&self.zone)?;
        let body = self.body();
        let sets = client.private_dns.record_sets_client();
        client
            .call(write(NETWORK, "RecordSets_CreateOrUpdate"), || {
                sets.create_or_update(&zone.group, zone.name(), A, &self.name, body.clone(), &zone.subscription).send()
            })
            .await?;
        Ok(made(normal(&format!("{zone}/{A}/{}", self.name))))
    }

    /// A patch: it leaves alone what others noted on the set.
    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        let zone = id.parent()?;
        let body = self.body();
        let sets = client.private_dns.record_sets_client();
        client
            .call(write(NETWORK, "RecordSets_Update"), || {
                sets.update(&id.group, zone, A, id.name(), body.clone(), &id.subscription).send()
            })
            .await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let zone = id.parent()?;
        let sets = client.private_dns.record_sets_client();
        let api = delete(NETWORK, "RecordSets_Delete");
        gone(client.call(api, || sets.delete(&id.group, zone, A, id.name(), &id.subscription).send()).await)
    }
}
