//! The way out for machines without a public address.

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    ConnectivityType, Filter, NatGateway as SdkNatGateway, NatGatewayState as State, ResourceType,
};
use meridian_engine::observed::Condition;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource as _};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::{ElasticIp, InternetGateway, Subnet};
use crate::client::{Aws, Owner, Tags};
use crate::ec2::{
    found, gone, id_of, made, marked_or_recorded, own, pages, required, retag, tag_specification, token, with_new,
};
use crate::limits::{ec2_read, ec2_write, nat_gateway_create};

resource! {
    /// A public NAT gateway in one zone. Its address can't be in two gateways, so the old one goes first.
    pub struct NatGateway = "aws_nat_gateway", "NAT gateway", Replacement::DeleteFirst;
    fields {
        /// The public subnet it stands in.
        subnet: Ref<Subnet> => replace,
        /// The address that the world sees.
        public_address: Ref<ElasticIp> => replace,
        /// An edge only: without an attached gateway in the VPC a NAT gateway fails. It is not told back.
        internet_gateway: Option<Ref<InternetGateway>> => unread,
        tags: Tags => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Aws> for NatGateway {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        // Deleted ones are listed for about an hour.
        let alive = Filter::builder()
            .name("state")
            .set_values(Some(
                [State::Pending, State::Available, State::Failed]
                    .iter()
                    .map(|state| state.as_str().to_owned())
                    .collect(),
            ))
            .build();
        let alive = &alive;
        let listing = client
            .listing("DescribeNatGateways", || {
                marked_or_recorded(
                    client,
                    NatGateway::SCHEMA.kind,
                    "nat-gateway-id",
                    SdkNatGateway::nat_gateway_id,
                    |filter| {
                        pages(move |token| {
                            let filter = filter.clone();
                            async move {
                                let answer = client
                                    .call(ec2_read("DescribeNatGateways"), || {
                                        client
                                            .ec2
                                            .describe_nat_gateways()
                                            .filter(filter.clone())
                                            .filter(alive.clone())
                                            .set_next_token(token.clone())
                                            .send()
                                    })
                                    .await?;
                                Ok((answer.nat_gateways, answer.next_token))
                            }
                        })
                    },
                )
            })
            .await?;
        Ok(listing.iter().filter_map(|found| read(client.owner(), found)).collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let tags = client.all_tags(&new.address, &self.tags);
        let subnet = id_of(&self.subnet)?;
        let allocation = id_of(&self.public_address)?;
        let mut client_token = token(&new.token, &[subnet, allocation]);
        let id = loop {
            let answer = with_new(client, || {
                client.call(nat_gateway_create(), || {
                    client
                        .ec2
                        .create_nat_gateway()
                        .connectivity_type(ConnectivityType::Public)
                        .subnet_id(subnet)
                        .allocation_id(allocation)
                        .client_token(&client_token)
                        .tag_specifications(tag_specification(ResourceType::Natgateway, &tags))
                        .send()
                })
            })
            .await?;
            let gateway = required(answer.nat_gateway, "ec2:CreateNatGateway", "gateway")?;
            let id = required(gateway.nat_gateway_id, "ec2:CreateNatGateway", "id")?;
            let next = token(&new.token, &[subnet, allocation, &id]);
            // A token that was used for a gateway which has failed since gives that gateway again.
            if !matches!(gateway.state, Some(State::Failed | State::Deleting | State::Deleted)) || client_token == next
            {
                break id;
            }
            client_token = next;
        };
        available(client, &id).await?;
        Ok(made(id))
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        available(client, &existing.id).await?;
        retag(client, &existing.id, &existing.before.tags, &client.tags_of(existing, &self.tags)).await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id = existing.id.as_str();
        gone(
            client
                .call(ec2_write("DeleteNatGateway"), || client.ec2.delete_nat_gateway().nat_gateway_id(id).send())
                .await,
        )?;
        client
            .caller
            .until("ec2:DescribeNatGateways", &format!("{id} to be deleted"), || async {
                let gateway = look(client, id).await?;
                Ok(gateway.is_none_or(|gateway| gateway.state == Some(State::Deleted)).then_some(()))
            })
            .await
    }
}

async fn look(client: &Aws, id: &str) -> Result<Option<SdkNatGateway>, CloudError> {
    let answer = found(
        client
            .call(ec2_read("DescribeNatGateways"), || client.ec2.describe_nat_gateways().nat_gateway_ids(id).send())
            .await,
    )?;
    Ok(answer.and_then(|answer| answer.nat_gateways).and_then(|gateways| gateways.into_iter().next()))
}

/// It takes a minute or two; a gateway that fails says why, and stays failed.
async fn available(client: &Aws, id: &str) -> Result<(), CloudError> {
    client
        .caller
        .until("ec2:DescribeNatGateways", &format!("{id} to be available"), || async {
            let Some(gateway) = look(client, id).await? else { return Ok(None) };
            match gateway.state {
                Some(State::Available) => Ok(Some(())),
                Some(State::Failed | State::Deleting | State::Deleted) => Err(CloudError::new(
                    ErrorKind::Invalid,
                    "ec2:CreateNatGateway",
                    format!("{id} {}", failure(&gateway)),
                )),
                _ => Ok(None),
            }
        })
        .await
}

fn failure(gateway: &SdkNatGateway) -> String {
    let state = gateway.state.as_ref().map_or("failed", State::as_str);
    match (gateway.failure_code(), gateway.failure_message()) {
        (Some(code), Some(message)) => format!("{state}: {code}: {message}"),
        (_, Some(text)) | (Some(text), None) => format!("{state}: {text}"),
        (None, None) => state.to_owned(),
    }
}

fn read(owner: Owner<'_>, gateway: &SdkNatGateway) -> Option<Found<NatGateway>> {
    let (address, tags) =
        own(owner, NatGateway::SCHEMA.kind, gateway.nat_gateway_id.as_deref(), gateway.tags.as_deref())?;
    let condition = match &gateway.state {
        Some(State::Deleting | State::Deleted) => return None,
        Some(State::Failed) => Condition::Failed(failure(gateway)),
        Some(State::Pending) => Condition::Unfinished("pending".to_owned()),
        _ => Condition::Ready,
    };
    let addresses = gateway.nat_gateway_addresses();
    let primary = addresses.iter().find(|address| address.is_primary == Some(true)).or(addresses.first());
    Some(Found {
        address,
        id: gateway.nat_gateway_id.clone()?,
        resource: NatGateway {
            subnet: Ref::existing(gateway.subnet_id.clone().unwrap_or_default()),
            public_address: Ref::existing(primary.and_then(|address| address.allocation_id()).unwrap_or_default()),
            internet_gateway: None,
            tags,
        },
        computed: Fields::new(),
        condition,
    })
}
