//! An address of our own: fixed inside a subnet, or public.

use async_trait::async_trait;
use google_cloud_compute_v1::model::address::{AddressType, NetworkTier, Purpose, Status};
use google_cloud_compute_v1::model::{Address as SdkAddress, RegionSetLabelsRequest};
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Ref, Resource as _, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::Subnetwork;
use crate::client::Gcp;
use crate::compute::relabelled;
use crate::gce::{computed, gone, id_of, last, pages, path_of, required, with_new};
use crate::limits::{compute_read, compute_write};
use crate::marks::{Labels, own_labels};

const TEXT: &str = "Reserved address of a Kubernetes cluster";

resource! {
    /// A reserved address. What it belongs to refers to it: a machine, the NAT, a forwarding rule.
    pub struct Address = "google_compute_address", "reserved address", Replacement::DeleteFirst;
    fields {
        name: String => replace,
        /// `EXTERNAL` or `INTERNAL`.
        address_type: String => replace,
        /// Subnet of an internal one.
        subnet: Option<Ref<Subnetwork>> => replace,
        /// Fixed address of an internal one, where the spec fixes it.
        fixed: Option<String> => replace,
        labels: Labels => update,
    }
    computed { address }
}

/// Begins the description of an address that was fixed: what Google chose reads the same otherwise.
const FIXED: &str = "fixed";

#[async_trait]
impl KindOps<Gcp> for Address {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let listing = client
            .listing("addresses.list", || {
                pages(|token| async move {
                    let answer = client
                        .call(compute_read("addresses.list"), || {
                            let service = &client.compute.addresses;
                            service
                                .list()
                                .set_project(&client.project)
                                .set_region(&client.region)
                                .set_filter(client.name_filter())
                                .set_or_clear_page_token(token.clone())
                                .send()
                        })
                        .await?;
                    Ok((answer.items, answer.next_page_token))
                })
            })
            .await?;
        Ok(listing.iter().filter_map(|address| read(client, address)).collect())
    }

    async fn create(&self, client: &Gcp, new: &New) -> Result<Made, CloudError> {
        let text = if self.fixed.is_some() { format!("{TEXT}, {FIXED}") } else { TEXT.to_owned() };
        let internal = self.subnet.is_some();
        let body = SdkAddress::new()
            .set_name(&self.name)
            .set_description(client.describe(&new.address, &text))
            .set_address_type(AddressType::from(self.address_type.as_str()))
            .set_or_clear_subnetwork(self.subnet.as_ref().map(id_of).transpose()?)
            .set_or_clear_purpose(internal.then_some(Purpose::GceEndpoint))
            .set_or_clear_network_tier((!internal).then_some(NetworkTier::Premium))
            .set_or_clear_address(self.fixed.clone())
            .set_labels(client.all_labels(&self.labels));
        let operation = client
            .insert(compute_write("addresses.insert"), &new.token, |id| {
                let service = &client.compute.addresses;
                service
                    .insert()
                    .set_project(&client.project)
                    .set_region(&client.region)
                    .set_request_id(id)
                    .set_body(body.clone())
                    .send()
            })
            .await?;
        reserved(client, &path_of(&required(operation.target_link, "addresses.insert", "target")?)).await
    }

    async fn update(&self, client: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let name = last(&existing.id);
        if self.labels != existing.before.labels {
            client
                .edit(|| async {
                    let now = get(client, name).await?;
                    let body = RegionSetLabelsRequest::new()
                        .set_or_clear_label_fingerprint(now.label_fingerprint)
                        .set_labels(relabelled(client, now.labels, &existing.before.labels, &self.labels));
                    client
                        .change(compute_write("addresses.setLabels"), || {
                            let service = &client.compute.addresses;
                            service
                                .set_labels()
                                .set_project(&client.project)
                                .set_region(&client.region)
                                .set_resource(name)
                                .set_body(body.clone())
                                .send()
                        })
                        .await
                })
                .await?;
        }
        reserved(client, &existing.id).await
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let service = &client.compute.addresses;
        gone(
            client
                .change(compute_write("addresses.delete"), || {
                    service
                        .delete()
                        .set_project(&client.project)
                        .set_region(&client.region)
                        .set_address(last(&existing.id))
                        .send()
                })
                .await,
        )
    }
}

async fn get(client: &Gcp, name: &str) -> Result<SdkAddress, CloudError> {
    let service = &client.compute.addresses;
    client
        .call(compute_read("addresses.get"), || {
            service.get().set_project(&client.project).set_region(&client.region).set_address(name).send()
        })
        .await
}

/// Waits until the address is known.
async fn reserved(client: &Gcp, id: &str) -> Result<Made, CloudError> {
    let address = client
        .caller
        .until("compute:addresses.insert", "the address to be reserved", || async {
            let now = with_new(client, || get(client, last(id))).await?;
            let is_known = now.status.is_none_or(|status| status != Status::Reserving);
            Ok(now.address.filter(|_| is_known))
        })
        .await?;
    Ok(Made { id: id.to_owned(), computed: computed([("address", address)]) })
}

fn read(client: &Gcp, address: &SdkAddress) -> Option<Found<Address>> {
    let marked = client.owned(Address::SCHEMA.kind, address.self_link.as_deref(), address.description.as_deref())?;
    let value = address.address.clone().unwrap_or_default();
    Some(Found {
        address: marked.address,
        id: path_of(address.self_link.as_deref()?),
        resource: Address {
            name: address.name.clone()?,
            address_type: address.address_type.as_ref()?.name()?.to_owned(),
            subnet: address.subnetwork.as_deref().map(|link| Ref::existing(path_of(link))),
            fixed: marked.text.ends_with(FIXED).then(|| value.clone()),
            labels: own_labels(&address.labels),
        },
        computed: computed([("address", value)]),
        condition: match &address.status {
            Some(Status::Reserving) => Condition::Unfinished("reserving".to_owned()),
            _ => Condition::Ready,
        },
    })
}
