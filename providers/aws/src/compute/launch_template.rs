//! Launch templates: what the machines of a pool are made from.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    InstanceType, LaunchTemplate as SdkTemplate, LaunchTemplateBlockDeviceMapping,
    LaunchTemplateBlockDeviceMappingRequest, LaunchTemplateEbsBlockDeviceRequest, LaunchTemplateHttpTokensState,
    LaunchTemplateIamInstanceProfileSpecificationRequest, LaunchTemplateInstanceMetadataEndpointState,
    LaunchTemplateInstanceMetadataOptionsRequest, LaunchTemplateInstanceNetworkInterfaceSpecificationRequest,
    LaunchTemplateTagSpecificationRequest, LaunchTemplateVersion, RequestLaunchTemplateData, ResourceType,
    ResponseLaunchTemplateData, VolumeType,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::try_join_all;
use meridian_engine::Resource as _;
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, record, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};
use sha2::{Digest as _, Sha256};

use super::KeyPair;
use crate::client::{Aws, Owner, Tags};
use crate::compile::names;
use crate::ec2;
use crate::firewall::SecurityGroup;
use crate::identity::InstanceProfile;
use crate::limits::{ec2_read, ec2_write};

record! {
    /// An encrypted gp3 disk that comes and goes with each machine.
    pub struct Disk {
        /// `/dev/sda1`: the image's root, or a name under which the bundle finds the disk.
        device: String,
        size_gib: u32,
    }
}

resource! {
    /// What the machines of a pool are made from. A change makes a new version and leaves the machines that run alone.
    /// The attribute `version` is the number of the version that machines are made from.
    pub struct LaunchTemplate = "aws_launch_template", "launch template", Replacement::CreateFirst;
    fields {
        name: String => replace,
        /// Id of the image (`ami-…`).
        image: String => update,
        instance_type: String => update,
        /// Role of the machines, by the name of its profile.
        instance_profile: Ref<InstanceProfile> => update,
        key_pair: Option<Ref<KeyPair>> => update,
        security_groups: Set<Ref<SecurityGroup>> => update,
        /// Whether machines get a public address of EC2's.
        public_address: bool => update,
        /// The root first.
        disks: Vec<Disk> => update,
        /// `required`: the metadata service answers to session tokens only (IMDSv2).
        metadata_tokens: String => update,
        /// How far an answer of the metadata service travels: with 1 no pod with a network of its own can reach it.
        metadata_hop_limit: i32 => update,
        /// SHA-256 of the user data.
        user_data_sha256: String => update,
        /// The user data, as text.
        user_data: Option<String> => unread,
        /// Every tag of the machines and their disks.
        machine_tags: Tags => update,
        tags: Tags => update,
    }
    computed { volatile version }
}

/// The templates of the cluster. They tell their tags; what they hold is told by [`defaults`].
async fn templates(client: &Aws) -> Result<Vec<SdkTemplate>, CloudError> {
    let mut all = ec2::pages(|token| async move {
        let page = client
            .call(ec2_read("DescribeLaunchTemplates"), || {
                client
                    .ec2
                    .describe_launch_templates()
                    .filters(client.owner_filter())
                    .max_results(200)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        Ok((page.launch_templates, page.next_token))
    })
    .await?;
    let found = all.iter().filter_map(SdkTemplate::launch_template_id).collect();
    // No filter goes by id, and one id that is not there would fail the call for all.
    let recorded = ec2::missing(client, LaunchTemplate::SCHEMA.kind, &found).into_iter().map(|id| async move {
        let answer = client
            .call(ec2_read("DescribeLaunchTemplates"), || {
                client.ec2.describe_launch_templates().launch_template_ids(&id).send()
            })
            .await;
        Ok::<_, CloudError>(ec2::found(answer)?.and_then(|answer| answer.launch_templates).unwrap_or_default())
    });
    all.extend(try_join_all(recorded).await?.into_iter().flatten());
    Ok(all)
}

/// The default versions of all templates of the account and region. The call can't be narrowed to several templates:
/// this is one call for each 200 templates, where asking by id would be one for each of ours.
async fn defaults(client: &Aws) -> Result<Vec<LaunchTemplateVersion>, CloudError> {
    ec2::pages(|token| async move {
        let page = client
            .call(ec2_read("DescribeLaunchTemplateVersions"), || {
                client
                    .ec2
                    .describe_launch_template_versions()
                    .versions("$Default")
                    .max_results(200)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        Ok((page.launch_template_versions, page.next_token))
    })
    .await
}

/// A template as a resource, when it is one of ours.
fn observe(
    owner: Owner<'_>,
    template: &SdkTemplate,
    data: &ResponseLaunchTemplateData,
) -> Option<Found<LaunchTemplate>> {
    let (address, tags) =
        ec2::own(owner, "aws_launch_template", template.launch_template_id.as_deref(), template.tags.as_deref())?;
    let interface = data.network_interfaces().first();
    let metadata = data.metadata_options();
    let user_data = data.user_data().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    let machine_tags = data
        .tag_specifications()
        .iter()
        .find(|specification| specification.resource_type() == Some(&ResourceType::Instance))
        .map(|specification| {
            let pair = |tag: &aws_sdk_ec2::types::Tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()));
            specification.tags().iter().filter_map(pair).collect()
        })
        .unwrap_or_default();
    let resource = LaunchTemplate {
        name: template.launch_template_name.clone().unwrap_or_default(),
        image: data.image_id.clone().unwrap_or_default(),
        instance_type: data.instance_type.as_ref().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        instance_profile: Ref::existing(
            data.iam_instance_profile().and_then(|profile| profile.name()).unwrap_or_default(),
        ),
        key_pair: data.key_name.clone().map(Ref::existing),
        security_groups: interface
            .map(|interface| interface.groups().iter().map(Ref::existing).collect())
            .unwrap_or_default(),
        public_address: interface.and_then(|interface| interface.associate_public_ip_address).unwrap_or_default(),
        disks: data.block_device_mappings().iter().filter_map(disk).collect(),
        metadata_tokens: metadata
            .and_then(|options| Some(options.http_tokens()?.as_str().to_owned()))
            .unwrap_or_default(),
        metadata_hop_limit: metadata.and_then(|options| options.http_put_response_hop_limit).unwrap_or_default(),
        user_data_sha256: names::hex(&Sha256::digest(&user_data)),
        user_data: None,
        machine_tags,
        tags,
    };
    let computed = version(template.default_version_number.unwrap_or_default());
    let id = template.launch_template_id.clone()?;
    Some(Found { address, id, resource, computed, condition: Condition::Ready })
}

/// A disk of a template. One that is not encrypted is told as having no size, so that it is put right.
fn disk(mapping: &LaunchTemplateBlockDeviceMapping) -> Option<Disk> {
    let ebs = mapping.ebs()?;
    let size = ebs.volume_size().filter(|_| ebs.encrypted() == Some(true));
    Some(Disk {
        device: mapping.device_name()?.to_owned(),
        size_gib: size.and_then(|size| size.try_into().ok()).unwrap_or_default(),
    })
}

fn version(number: i64) -> Fields {
    ec2::computed([("version", number.to_string())])
}

impl Disk {
    fn mapping(&self) -> Result<LaunchTemplateBlockDeviceMappingRequest, CloudError> {
        let size = i32::try_from(self.size_gib).map_err(|_| {
            let message = format!("{} GiB is no size of a disk", self.size_gib);
            CloudError::new(ErrorKind::Invalid, "ec2:CreateLaunchTemplateVersion", message)
        })?;
        let ebs = LaunchTemplateEbsBlockDeviceRequest::builder()
            .volume_size(size)
            .volume_type(VolumeType::Gp3)
            .encrypted(true)
            .delete_on_termination(true)
            .build();
        Ok(LaunchTemplateBlockDeviceMappingRequest::builder().device_name(&self.device).ebs(ebs).build())
    }
}

impl LaunchTemplate {
    fn data(&self) -> Result<RequestLaunchTemplateData, CloudError> {
        let groups = self.security_groups.0.iter().map(|group| ec2::id_of(group).map(str::to_owned));
        let interface = LaunchTemplateInstanceNetworkInterfaceSpecificationRequest::builder()
            .device_index(0)
            .associate_public_ip_address(self.public_address)
            .delete_on_termination(true)
            .set_groups(Some(groups.collect::<Result<_, _>>()?))
            .build();
        let profile = LaunchTemplateIamInstanceProfileSpecificationRequest::builder()
            .name(ec2::id_of(&self.instance_profile)?)
            .build();
        let metadata = LaunchTemplateInstanceMetadataOptionsRequest::builder()
            .http_endpoint(LaunchTemplateInstanceMetadataEndpointState::Enabled)
            .http_tokens(LaunchTemplateHttpTokensState::from(self.metadata_tokens.as_str()))
            .http_put_response_hop_limit(self.metadata_hop_limit)
            .build();
        let tags = |kind| {
            LaunchTemplateTagSpecificationRequest::builder()
                .resource_type(kind)
                .set_tags(Some(ec2::sdk_tags(&self.machine_tags)))
                .build()
        };
        let key = self.key_pair.as_ref().map(ec2::id_of).transpose()?;
        Ok(RequestLaunchTemplateData::builder()
            .image_id(&self.image)
            .instance_type(InstanceType::from(self.instance_type.as_str()))
            .iam_instance_profile(profile)
            .set_key_name(key.map(str::to_owned))
            .network_interfaces(interface)
            .set_block_device_mappings(Some(self.disks.iter().map(Disk::mapping).collect::<Result<_, _>>()?))
            .metadata_options(metadata)
            .set_user_data(self.user_data.as_ref().map(|text| STANDARD.encode(text)))
            .tag_specifications(tags(ResourceType::Instance))
            .tag_specifications(tags(ResourceType::Volume))
            .build())
    }
}

#[async_trait]
impl KindOps<Aws> for LaunchTemplate {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let (templates, versions) = tokio::try_join!(templates(client), defaults(client))?;
        let data: BTreeMap<&str, &ResponseLaunchTemplateData> = versions
            .iter()
            .filter_map(|version| Some((version.launch_template_id()?, version.launch_template_data()?)))
            .collect();
        // A template that only one of the two lists has heard of came or went between them.
        Ok(templates
            .iter()
            .filter_map(|template| observe(client.owner(), template, data.get(template.launch_template_id()?)?))
            .collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let tags = client.all_tags(&new.address, &self.tags);
        let data = self.data()?;
        // Its groups may be seconds old.
        let answer = ec2::with_new(client, || {
            client.call(ec2_write("CreateLaunchTemplate"), || {
                client
                    .ec2
                    .create_launch_template()
                    .launch_template_name(&self.name)
                    .launch_template_data(data.clone())
                    .client_token(&new.token)
                    .tag_specifications(ec2::tag_specification(ResourceType::LaunchTemplate, &tags))
                    .send()
            })
        })
        .await?;
        let template = ec2::required(answer.launch_template, "ec2:CreateLaunchTemplate", "template")?;
        let id = ec2::required(template.launch_template_id, "ec2:CreateLaunchTemplate", "id")?;
        Ok(Made { id, computed: version(template.latest_version_number.unwrap_or(1)) })
    }

    /// Makes a new version and then the default. After a crash between the two the default is still the old one, and
    /// the next run makes another version.
    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id = existing.id.as_str();
        ec2::retag(client, id, &existing.before.tags, &client.tags_of(existing, &self.tags)).await?;
        if existing.changed.iter().all(|field| field == "tags") {
            return Ok(Made { id: id.to_owned(), computed: existing.computed.clone() });
        }
        let data = self.data()?;
        let answer = client
            .call(ec2_write("CreateLaunchTemplateVersion"), || {
                client
                    .ec2
                    .create_launch_template_version()
                    .launch_template_id(id)
                    .launch_template_data(data.clone())
                    .send()
            })
            .await?;
        let number = ec2::required(
            answer.launch_template_version.and_then(|version| version.version_number),
            "ec2:CreateLaunchTemplateVersion",
            "version",
        )?;
        client
            .call(ec2_write("ModifyLaunchTemplate"), || {
                client.ec2.modify_launch_template().launch_template_id(id).default_version(number.to_string()).send()
            })
            .await?;
        Ok(Made { id: id.to_owned(), computed: version(number) })
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        ec2::gone(
            client
                .call(ec2_write("DeleteLaunchTemplate"), || {
                    client.ec2.delete_launch_template().launch_template_id(&existing.id).send()
                })
                .await,
        )
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{LaunchTemplateEbsBlockDevice, Tag};

    use meridian_provider_api::Recorded;

    use super::*;

    #[test]
    fn user_data_is_read_as_its_digest_and_plain_disks_are_noticed() {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let template = SdkTemplate::builder()
            .launch_template_id("lt-1")
            .launch_template_name("general.demo")
            .default_version_number(3)
            .tags(tag("meridian:cluster", "prod"))
            .tags(tag("meridian:address", "aws_launch_template.general"))
            .build();
        let mapping = |device: &str, encrypted| {
            let ebs = LaunchTemplateEbsBlockDevice::builder().volume_size(30).encrypted(encrypted).build();
            LaunchTemplateBlockDeviceMapping::builder().device_name(device).ebs(ebs).build()
        };
        let data = ResponseLaunchTemplateData::builder()
            .user_data(STANDARD.encode("hello"))
            .block_device_mappings(mapping("/dev/sda1", true))
            .block_device_mappings(mapping("/dev/sdg", false))
            .build();
        let found = observe(Owner { cluster: "prod", recorded: &Recorded::default() }, &template, &data).unwrap();
        assert_eq!(found.computed, version(3));
        assert_eq!(found.resource.user_data_sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert_eq!(found.resource.disks.iter().map(|disk| disk.size_gib).collect::<Vec<_>>(), [30, 0]);
    }
}
