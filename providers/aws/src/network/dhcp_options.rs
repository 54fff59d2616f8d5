//! What machines are told about names when they ask for an address.

use async_trait::async_trait;
use aws_sdk_ec2::types::{DhcpConfiguration, DhcpOptions as SdkDhcpOptions, NewDhcpConfiguration, ResourceType};
use meridian_engine::observed::Condition;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Resource as _};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use crate::client::{Aws, Owner, Tags};
use crate::ec2::{gone, made, marked_or_recorded, own, pages, required, retag, tag_specification};
use crate::limits::{ec2_create, ec2_read, ec2_write};

resource! {
    /// A set of DHCP options. It can't be changed, only exchanged for another.
    pub struct DhcpOptions = "aws_dhcp_options", "DHCP option set", Replacement::CreateFirst;
    fields {
        /// Appended to a name without dots.
        domain_name: String => replace,
        /// Addresses of name servers, or `AmazonProvidedDNS`.
        name_servers: Vec<String> => replace,
        tags: Tags => update,
    }
    computed {}
}

const DOMAIN_NAME: &str = "domain-name";
const NAME_SERVERS: &str = "domain-name-servers";

#[async_trait]
impl KindOps<Aws> for DhcpOptions {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let listing = client
            .listing("DescribeDhcpOptions", || {
                marked_or_recorded(
                    client,
                    DhcpOptions::SCHEMA.kind,
                    "dhcp-options-id",
                    SdkDhcpOptions::dhcp_options_id,
                    |filter| {
                        pages(move |token| {
                            let filter = filter.clone();
                            async move {
                                let answer = client
                                    .call(ec2_read("DescribeDhcpOptions"), || {
                                        client
                                            .ec2
                                            .describe_dhcp_options()
                                            .filters(filter.clone())
                                            .set_next_token(token.clone())
                                            .send()
                                    })
                                    .await?;
                                Ok((answer.dhcp_options, answer.next_token))
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
        let configuration = |key: &str, values: &[String]| {
            NewDhcpConfiguration::builder().key(key).set_values(Some(values.to_vec())).build()
        };
        let answer = client
            .call(ec2_create("CreateDhcpOptions"), || {
                client
                    .ec2
                    .create_dhcp_options()
                    .dhcp_configurations(configuration(DOMAIN_NAME, std::slice::from_ref(&self.domain_name)))
                    .dhcp_configurations(configuration(NAME_SERVERS, &self.name_servers))
                    .tag_specifications(tag_specification(ResourceType::DhcpOptions, &tags))
                    .send()
            })
            .await?;
        let options = required(answer.dhcp_options, "ec2:CreateDhcpOptions", "option set")?;
        // EC2 answers with the tags. An endpoint in its place may have taken no notice of them (moto does not), and what
        // carries no tags is never found again.
        if options.tags().is_empty() {
            let id = options.dhcp_options_id().unwrap_or_default();
            retag(client, id, &Tags::new(), &tags).await?;
        }
        Ok(made(required(options.dhcp_options_id, "ec2:CreateDhcpOptions", "id")?))
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        retag(client, &existing.id, &existing.before.tags, &client.tags_of(existing, &self.tags)).await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        gone(
            client
                .call(ec2_write("DeleteDhcpOptions"), || {
                    client.ec2.delete_dhcp_options().dhcp_options_id(&existing.id).send()
                })
                .await,
        )
    }
}

fn read(owner: Owner<'_>, options: &SdkDhcpOptions) -> Option<Found<DhcpOptions>> {
    let (address, tags) =
        own(owner, DhcpOptions::SCHEMA.kind, options.dhcp_options_id.as_deref(), options.tags.as_deref())?;
    let values = |key: &str| -> Vec<String> {
        options
            .dhcp_configurations()
            .iter()
            .filter(|configuration| configuration.key() == Some(key))
            .flat_map(DhcpConfiguration::values)
            .filter_map(|value| value.value().map(str::to_owned))
            .collect()
    };
    Some(Found {
        address,
        id: options.dhcp_options_id.clone()?,
        resource: DhcpOptions { domain_name: values(DOMAIN_NAME).join(" "), name_servers: values(NAME_SERVERS), tags },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}
