//! Network interfaces: the fixed addresses of machines.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ec2::types::{AttributeBooleanValue, NetworkInterface as SdkInterface, ResourceType};
use meridian_engine::Resource as _;
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Ref, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use crate::client::{Aws, Owner, Tags};
use crate::ec2;
use crate::firewall::SecurityGroup;
use crate::limits::{ec2_read, ec2_write};
use crate::network::{ElasticIp, InternetGateway, Subnet};

/// Tag of an interface whose private address we chose; EC2 does not tell whose choice it was.
const FIXED_TAG: &str = "meridian:fixed-address";

/// State of an interface that is being made; the SDK has no name for it (EC2 API reference, `CreateNetworkInterface`).
const PENDING: &str = "pending";

resource! {
    /// The network interface of a slot or of the bastion. It keeps its addresses over all the machines that it is in.
    pub struct NetworkInterface = "aws_network_interface", "network interface", Replacement::DeleteFirst;
    fields {
        subnet: Ref<Subnet> => replace,
        /// Fixed private address; `None` takes any of the subnet's.
        address: Option<String> => replace,
        security_groups: Set<Ref<SecurityGroup>> => update,
        /// Whether packets must be to or from the interface's own addresses.
        source_dest_check: bool => update,
        /// The public address that belongs to it. An interface that exists before its machine can't be given one of
        /// EC2's pool at launch, so that it has an elastic one.
        public_address: Option<Ref<ElasticIp>> => update,
        /// An order, and nothing that is sent: a public address can be associated only when the network has its
        /// gateway.
        gateway: Option<Ref<InternetGateway>> => unread,
        tags: Tags => update,
    }
    computed { private_ip }
}

async fn list(client: &Aws) -> Result<Arc<Vec<SdkInterface>>, CloudError> {
    client
        .listing("DescribeNetworkInterfaces", || {
            ec2::marked_or_recorded(
                client,
                NetworkInterface::SCHEMA.kind,
                "network-interface-id",
                SdkInterface::network_interface_id,
                |filter| {
                    ec2::pages(move |token| {
                        let filter = filter.clone();
                        async move {
                            let page = client
                                .call(ec2_read("DescribeNetworkInterfaces"), || {
                                    client
                                        .ec2
                                        .describe_network_interfaces()
                                        .filters(filter.clone())
                                        .max_results(500)
                                        .set_next_token(token.clone())
                                        .send()
                                })
                                .await?;
                            Ok((page.network_interfaces, page.next_token))
                        }
                    })
                },
            )
        })
        .await
}

/// One interface as it is now; `None` when it is gone.
async fn look(client: &Aws, id: &str) -> Result<Option<SdkInterface>, CloudError> {
    let answer = client
        .call(ec2_read("DescribeNetworkInterfaces"), || {
            client.ec2.describe_network_interfaces().network_interface_ids(id).send()
        })
        .await;
    Ok(ec2::found(answer)?.and_then(|answer| answer.network_interfaces.unwrap_or_default().pop()))
}

fn observe(owner: Owner<'_>, interface: &SdkInterface) -> Option<Found<NetworkInterface>> {
    let (address, mut tags) = ec2::own(
        owner,
        "aws_network_interface",
        interface.network_interface_id.as_deref(),
        interface.tag_set.as_deref(),
    )?;
    let private_ip = interface.private_ip_address.clone().unwrap_or_default();
    let is_fixed = tags.remove(FIXED_TAG).is_some();
    let condition = match interface.status.as_ref() {
        Some(status) if status.as_str() == PENDING => Condition::Unfinished("it is being made".to_owned()),
        _ => Condition::Ready,
    };
    let resource = NetworkInterface {
        subnet: Ref::existing(interface.subnet_id.clone().unwrap_or_default()),
        address: is_fixed.then(|| private_ip.clone()),
        security_groups: interface.groups().iter().filter_map(|group| group.group_id()).map(Ref::existing).collect(),
        source_dest_check: interface.source_dest_check.unwrap_or(true),
        public_address: interface
            .association
            .as_ref()
            .and_then(|association| association.allocation_id.clone())
            .map(Ref::existing),
        gateway: None,
        tags,
    };
    let computed = ec2::computed([("private_ip", private_ip)]);
    Some(Found { address, id: interface.network_interface_id.clone()?, resource, computed, condition })
}

impl NetworkInterface {
    fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        if let Some(address) = &self.address {
            tags.insert(FIXED_TAG.to_owned(), address.clone());
        }
        tags
    }

    fn groups(&self) -> Result<Vec<String>, CloudError> {
        self.security_groups.0.iter().map(|group| ec2::id_of(group).map(str::to_owned)).collect()
    }

    /// What a create can't say.
    async fn settle(&self, client: &Aws, id: &str, now: &SdkInterface) -> Result<(), CloudError> {
        if now.source_dest_check != Some(self.source_dest_check) {
            let check = AttributeBooleanValue::builder().value(self.source_dest_check).build();
            client
                .call(ec2_write("ModifyNetworkInterfaceAttribute"), || {
                    client
                        .ec2
                        .modify_network_interface_attribute()
                        .network_interface_id(id)
                        .source_dest_check(check.clone())
                        .send()
                })
                .await?;
        }
        let wanted = self.public_address.as_ref().map(ec2::id_of).transpose()?;
        let associated = now.association.as_ref().and_then(|association| association.allocation_id());
        if wanted == associated {
            return Ok(());
        }
        match wanted {
            Some(allocation) => ec2::with_new(client, || {
                client.call(ec2_write("AssociateAddress"), || {
                    client
                        .ec2
                        .associate_address()
                        .allocation_id(allocation)
                        .network_interface_id(id)
                        .allow_reassociation(true)
                        .send()
                })
            })
            .await
            .map(|_| ()),
            None => disassociate(client, now).await,
        }
    }
}

async fn disassociate(client: &Aws, now: &SdkInterface) -> Result<(), CloudError> {
    let Some(association) = now.association.as_ref().and_then(|association| association.association_id()) else {
        return Ok(());
    };
    ec2::gone(
        client
            .call(ec2_write("DisassociateAddress"), || {
                client.ec2.disassociate_address().association_id(association).send()
            })
            .await,
    )
}

#[async_trait]
impl KindOps<Aws> for NetworkInterface {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|found| observe(client.owner(), found)).collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let subnet = ec2::id_of(&self.subnet)?;
        let groups = self.groups()?;
        let tags = client.all_tags(&new.address, &self.all_tags());
        // Its subnet and its groups may be seconds old.
        let answer = ec2::with_new(client, || {
            client.call(ec2_write("CreateNetworkInterface"), || {
                client
                    .ec2
                    .create_network_interface()
                    .subnet_id(subnet)
                    .set_private_ip_address(self.address.clone())
                    .set_groups(Some(groups.clone()))
                    .description(new.address.to_string())
                    .client_token(&new.token)
                    .tag_specifications(ec2::tag_specification(ResourceType::NetworkInterface, &tags))
                    .send()
            })
        })
        .await?;
        let interface = ec2::required(answer.network_interface, "ec2:CreateNetworkInterface", "interface")?;
        let id = ec2::required(interface.network_interface_id.clone(), "ec2:CreateNetworkInterface", "id")?;
        let now = until_made(client, &id).await?;
        self.settle(client, &id, &now).await?;
        Ok(made(id, &now))
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id = existing.id.as_str();
        let now = until_made(client, id).await?;
        if existing.changed.contains("security_groups") {
            let groups = self.groups()?;
            client
                .call(ec2_write("ModifyNetworkInterfaceAttribute"), || {
                    client
                        .ec2
                        .modify_network_interface_attribute()
                        .network_interface_id(id)
                        .set_groups(Some(groups.clone()))
                        .send()
                })
                .await?;
        }
        self.settle(client, id, &now).await?;
        ec2::retag(client, id, &existing.before.all_tags(), &client.tags_of(existing, &self.all_tags())).await?;
        Ok(made(id.to_owned(), &now))
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id = existing.id.as_str();
        let Some(now) = look(client, id).await? else { return Ok(()) };
        disassociate(client, &now).await?;
        ec2::gone(
            client
                .call(ec2_write("DeleteNetworkInterface"), || {
                    client.ec2.delete_network_interface().network_interface_id(id).send()
                })
                .await,
        )?;
        client
            .caller
            .until("ec2:DeleteNetworkInterface", "the network interface to be gone", || async move {
                Ok(look(client, id).await?.is_none().then_some(()))
            })
            .await
    }
}

fn made(id: String, now: &SdkInterface) -> Made {
    let private_ip = now.private_ip_address.clone().unwrap_or_default();
    Made { id, computed: ec2::computed([("private_ip", private_ip)]) }
}

async fn until_made(client: &Aws, id: &str) -> Result<SdkInterface, CloudError> {
    client
        .caller
        .until("ec2:CreateNetworkInterface", "the network interface to be available", || async move {
            Ok(look(client, id).await?.filter(|now| now.status().is_none_or(|status| status.as_str() != PENDING)))
        })
        .await
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{GroupIdentifier, NetworkInterfaceAssociation, NetworkInterfaceStatus, Tag};

    use meridian_provider_api::Recorded;

    use super::*;

    #[test]
    fn ids_stand_in_the_place_of_references() {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let interface = SdkInterface::builder()
            .network_interface_id("eni-1")
            .subnet_id("subnet-1")
            .private_ip_address("10.0.0.4")
            .groups(GroupIdentifier::builder().group_id("sg-1").build())
            .source_dest_check(true)
            .association(NetworkInterfaceAssociation::builder().allocation_id("eipalloc-1").build())
            .status(NetworkInterfaceStatus::InUse)
            .tag_set(tag("meridian:cluster", "prod"))
            .tag_set(tag("meridian:address", "aws_network_interface.control-plane-0"))
            .tag_set(tag(FIXED_TAG, "10.0.0.4"))
            .build();
        let found = observe(Owner { cluster: "prod", recorded: &Recorded::default() }, &interface).unwrap();
        assert_eq!(found.resource.address.as_deref(), Some("10.0.0.4"));
        assert_eq!(found.resource.public_address, Some(Ref::existing("eipalloc-1")));
        assert_eq!(found.resource.security_groups, Set(vec![Ref::existing("sg-1")]));
        assert!(found.resource.tags.is_empty());
    }
}
