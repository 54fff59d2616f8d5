//! What an instance is launched from: the members that `RunInstances` and launch templates share.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::volume_shape::ShapeWish;
use super::{Params, Tags, Xml, network_interface, tag};
use crate::aws::ApiError;

/// The largest user data, in bytes before encoding
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html>).
const USER_DATA_LIMIT: usize = 16 * 1024;

/// The types that a launch can tag.
const TAGGABLE: [&str; 4] = ["instance", "volume", "network-interface", "spot-instances-request"];

/// What an instance is launched from. What is left out follows from a template or from defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchSpec {
    /// The image.
    pub image: Option<String>,
    /// The instance type.
    pub instance_type: Option<String>,
    /// The key pair's name.
    pub key_name: Option<String>,
    /// The user data in Base64.
    pub user_data: Option<String>,
    /// The instance profile, by name or ARN.
    pub profile: Option<Profile>,
    /// Security groups for the one interface that is not described.
    pub groups: Vec<String>,
    /// Interfaces.
    pub interfaces: Vec<InterfaceSpec>,
    /// Block devices.
    pub devices: Vec<DeviceSpec>,
    /// The metadata service.
    pub metadata: Metadata,
    /// Detailed monitoring.
    pub monitoring: Option<bool>,
    /// Whether the instance is EBS-optimised.
    pub ebs_optimized: Option<bool>,
    /// The zone.
    pub zone: Option<String>,
    /// The tenancy.
    pub tenancy: Option<String>,
    /// Protection against termination.
    pub termination_disabled: Option<bool>,
    /// Protection against stopping.
    pub stop_disabled: Option<bool>,
    /// What a shutdown from inside does.
    pub shutdown_behavior: Option<String>,
    /// Whether it is a spot instance, and its highest price.
    pub spot: Option<Spot>,
    /// The credit option of burstable types.
    pub credits: Option<String>,
    /// Tags by type of resource.
    pub tags: Vec<(String, Tags)>,
    /// The subnet, with `RunInstances` only.
    pub subnet: Option<String>,
    /// The private address, with `RunInstances` only.
    pub private_address: Option<String>,
}

/// An instance profile as a request names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Profile {
    /// By ARN.
    Arn(String),
    /// By name.
    Name(String),
}

/// A network interface that an instance is to have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceSpec {
    /// The place on the instance.
    pub device_index: i64,
    /// One that exists.
    pub interface: Option<String>,
    /// The subnet of a new one.
    pub subnet: Option<String>,
    /// The groups of a new one.
    pub groups: Vec<String>,
    /// The address of a new one.
    pub private_address: Option<String>,
    /// The description of a new one.
    pub description: Option<String>,
    /// Whether it gets a public address.
    pub public_address: Option<bool>,
    /// Whether it goes with the instance.
    pub delete_on_termination: Option<bool>,
}

/// A block device that an instance is to have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceSpec {
    /// The device.
    pub device: String,
    /// The volume.
    pub volume: ShapeWish,
    /// Whether it goes with the instance.
    pub delete_on_termination: Option<bool>,
    /// Whether the image's device of this name is left out.
    pub none: bool,
}

/// The options of the metadata service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// `optional` or `required`.
    pub tokens: Option<String>,
    /// How far an answer may travel.
    pub hop_limit: Option<i64>,
    /// `enabled` or `disabled`.
    pub endpoint: Option<String>,
    /// Whether tags can be read: `enabled` or `disabled`.
    pub tags: Option<String>,
    /// The IPv6 endpoint: `enabled` or `disabled`.
    pub ipv6: Option<String>,
}

/// The market options of a spot instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    max_price: Option<String>,
    /// `one-time` or `persistent`.
    kind: Option<String>,
    interruption: Option<String>,
}

impl LaunchSpec {
    /// Reads the members. `direct` is `RunInstances`, which has some that templates have not.
    pub fn read(p: &Params, direct: bool) -> Result<Self, ApiError> {
        let flag = |name: &str| -> Result<Option<bool>, ApiError> {
            Ok(p.opt_struct(name).map(|inner| inner.opt_bool("Enabled")).transpose()?.flatten())
        };
        let placement = p.opt_struct("Placement");
        let spec = Self {
            image: p.opt_str("ImageId"),
            instance_type: p.opt_str("InstanceType"),
            key_name: p.opt_str("KeyName"),
            user_data: p.opt_str("UserData").filter(|data| !data.is_empty()),
            profile: p.opt_struct("IamInstanceProfile").map(|profile| read_profile(&profile)).transpose()?,
            groups: p.list("SecurityGroupId"),
            interfaces: p.structs("NetworkInterface").iter().map(InterfaceSpec::read).collect::<Result<_, _>>()?,
            devices: p.structs("BlockDeviceMapping").iter().map(DeviceSpec::read).collect::<Result<_, _>>()?,
            metadata: p
                .opt_struct("MetadataOptions")
                .map_or_else(|| Ok(Metadata::default()), |m| Metadata::read(&m))?,
            monitoring: flag("Monitoring")?,
            ebs_optimized: p.opt_bool("EbsOptimized")?,
            zone: placement.as_ref().and_then(|placement| placement.opt_str("AvailabilityZone")),
            tenancy: match &placement {
                Some(placement) => placement.opt_one_of("Tenancy", &["default", "dedicated", "host"])?,
                None => None,
            },
            termination_disabled: p.opt_bool("DisableApiTermination")?,
            stop_disabled: p.opt_bool("DisableApiStop")?,
            shutdown_behavior: p.opt_one_of("InstanceInitiatedShutdownBehavior", &["stop", "terminate"])?,
            spot: p.opt_struct("InstanceMarketOptions").map(|options| Spot::read(&options)).transpose()?.flatten(),
            credits: match p.opt_struct("CreditSpecification") {
                Some(credits) => credits.opt_one_of("CpuCredits", &["standard", "unlimited"])?,
                None => None,
            },
            tags: tag::specified_for(p, &TAGGABLE)?,
            subnet: if direct { p.opt_str("SubnetId") } else { None },
            private_address: if direct { p.opt_str("PrivateIpAddress") } else { None },
        };
        if let Some(data) = &spec.user_data {
            check_user_data(data)?;
        }
        Ok(spec)
    }

    /// This over a template: what is given here replaces what is there, tags are put together, and block devices and
    /// interfaces by their place.
    #[must_use]
    pub fn over(self, template: Self) -> Self {
        let mut tags = template.tags;
        for (kind, own) in self.tags {
            match tags.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, all)) => all.extend(own),
                None => tags.push((kind, own)),
            }
        }
        let mut devices = template.devices;
        for own in self.devices {
            devices.retain(|device| device.device != own.device);
            devices.push(own);
        }
        let mut interfaces = template.interfaces;
        // An instance-level subnet goes into the template's one interface.
        let mut subnet = self.subnet.or(template.subnet);
        if let (Some(wanted), [only]) = (&subnet, interfaces.as_mut_slice())
            && only.subnet.is_none()
            && only.interface.is_none()
        {
            only.subnet = Some(wanted.clone());
            subnet = None;
        }
        for own in self.interfaces {
            interfaces.retain(|interface| interface.device_index != own.device_index);
            interfaces.push(own);
        }
        Self {
            image: self.image.or(template.image),
            instance_type: self.instance_type.or(template.instance_type),
            key_name: self.key_name.or(template.key_name),
            user_data: self.user_data.or(template.user_data),
            profile: self.profile.or(template.profile),
            groups: if self.groups.is_empty() { template.groups } else { self.groups },
            interfaces,
            devices,
            metadata: self.metadata.over(template.metadata),
            monitoring: self.monitoring.or(template.monitoring),
            ebs_optimized: self.ebs_optimized.or(template.ebs_optimized),
            zone: self.zone.or(template.zone),
            tenancy: self.tenancy.or(template.tenancy),
            termination_disabled: self.termination_disabled.or(template.termination_disabled),
            stop_disabled: self.stop_disabled.or(template.stop_disabled),
            shutdown_behavior: self.shutdown_behavior.or(template.shutdown_behavior),
            spot: self.spot.or(template.spot),
            credits: self.credits.or(template.credits),
            tags,
            subnet,
            private_address: self.private_address.or(template.private_address),
        }
    }

    /// The tags for a type of resource.
    pub fn tags_for(&self, kind: &str) -> Tags {
        self.tags.iter().find(|(known, _)| known == kind).map(|(_, tags)| tags.clone()).unwrap_or_default()
    }

    /// Writes the members of `launchTemplateData`.
    pub fn write(&self, x: &mut Xml) {
        x.opt("ebsOptimized", self.ebs_optimized);
        match &self.profile {
            Some(Profile::Arn(arn)) => x.nest("iamInstanceProfile", |x| x.text("arn", arn)),
            Some(Profile::Name(name)) => x.nest("iamInstanceProfile", |x| x.text("name", name)),
            None => {}
        }
        if !self.devices.is_empty() {
            x.list("blockDeviceMappingSet", "item", &self.devices, |x, device| device.write(x));
        }
        if !self.interfaces.is_empty() {
            x.list("networkInterfaceSet", "item", &self.interfaces, |x, interface| interface.write(x));
        }
        x.opt("imageId", self.image.as_ref());
        x.opt("instanceType", self.instance_type.as_ref());
        x.opt("keyName", self.key_name.as_ref());
        if let Some(monitoring) = self.monitoring {
            x.nest("monitoring", |x| x.text("enabled", monitoring));
        }
        if self.zone.is_some() || self.tenancy.is_some() {
            x.nest("placement", |x| {
                x.opt("availabilityZone", self.zone.as_ref());
                x.opt("tenancy", self.tenancy.as_ref());
            });
        }
        x.opt("disableApiTermination", self.termination_disabled);
        x.opt("disableApiStop", self.stop_disabled);
        x.opt("instanceInitiatedShutdownBehavior", self.shutdown_behavior.as_ref());
        x.opt("userData", self.user_data.as_ref());
        if !self.tags.is_empty() {
            x.list("tagSpecificationSet", "item", &self.tags, |x, (kind, tags)| {
                x.text("resourceType", kind);
                tag::write_set(x, tags);
            });
        }
        if !self.groups.is_empty() {
            x.values("securityGroupIdSet", "item", &self.groups);
        }
        if let Some(spot) = &self.spot {
            x.nest("instanceMarketOptions", |x| {
                x.text("marketType", "spot");
                x.nest("spotOptions", |x| {
                    x.opt("maxPrice", spot.max_price.as_ref());
                    x.opt("spotInstanceType", spot.kind.as_ref());
                    x.opt("instanceInterruptionBehavior", spot.interruption.as_ref());
                });
            });
        }
        if let Some(credits) = &self.credits {
            x.nest("creditSpecification", |x| x.text("cpuCredits", credits));
        }
        if self.metadata != Metadata::default() {
            x.nest("metadataOptions", |x| {
                x.opt("httpTokens", self.metadata.tokens.as_ref());
                x.opt("httpPutResponseHopLimit", self.metadata.hop_limit);
                x.opt("httpEndpoint", self.metadata.endpoint.as_ref());
                x.opt("httpProtocolIpv6", self.metadata.ipv6.as_ref());
                x.opt("instanceMetadataTags", self.metadata.tags.as_ref());
            });
        }
    }
}

/// Refuses user data that is not Base64 or too large.
pub fn check_user_data(data: &str) -> Result<(), ApiError> {
    let bytes = STANDARD
        .decode(data)
        .map_err(|_| ApiError::bad("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data"))?;
    if bytes.len() > USER_DATA_LIMIT {
        return Err(ApiError::value(format!("User data is limited to {USER_DATA_LIMIT} bytes")));
    }
    Ok(())
}

fn read_profile(p: &Params) -> Result<Profile, ApiError> {
    match (p.opt_str("Arn"), p.opt_str("Name")) {
        (Some(arn), None) => Ok(Profile::Arn(arn)),
        (None, Some(name)) => Ok(Profile::Name(name)),
        _ => Err(ApiError::combination("Either iamInstanceProfile.arn or iamInstanceProfile.name must be given")),
    }
}

impl InterfaceSpec {
    fn read(p: &Params) -> Result<Self, ApiError> {
        p.opt_one_of("InterfaceType", &["interface"])?;
        p.opt_int("NetworkCardIndex")?;
        Ok(Self {
            device_index: p.opt_int("DeviceIndex")?.unwrap_or(0),
            interface: p.opt_str("NetworkInterfaceId"),
            subnet: p.opt_str("SubnetId"),
            groups: p.list("SecurityGroupId"),
            private_address: network_interface::private_address(p)?,
            description: p.opt_str("Description"),
            public_address: p.opt_bool("AssociatePublicIpAddress")?,
            delete_on_termination: p.opt_bool("DeleteOnTermination")?,
        })
    }

    fn write(&self, x: &mut Xml) {
        x.opt("associatePublicIpAddress", self.public_address);
        x.opt("deleteOnTermination", self.delete_on_termination);
        x.opt("description", self.description.as_ref());
        x.text("deviceIndex", self.device_index);
        if !self.groups.is_empty() {
            x.values("groupSet", "groupId", &self.groups);
        }
        x.opt("networkInterfaceId", self.interface.as_ref());
        x.opt("privateIpAddress", self.private_address.as_ref());
        x.opt("subnetId", self.subnet.as_ref());
    }
}

impl DeviceSpec {
    fn read(p: &Params) -> Result<Self, ApiError> {
        let none = p.opt_str("NoDevice").is_some();
        let ebs = p.opt_struct("Ebs");
        Ok(Self {
            device: p.str("DeviceName")?,
            volume: ebs.as_ref().map(|ebs| ShapeWish::read(ebs, "VolumeSize")).transpose()?.unwrap_or_default(),
            delete_on_termination: ebs.map(|ebs| ebs.opt_bool("DeleteOnTermination")).transpose()?.flatten(),
            none,
        })
    }

    fn write(&self, x: &mut Xml) {
        x.text("deviceName", &self.device);
        if self.none {
            x.text("noDevice", "");
            return;
        }
        x.nest("ebs", |x| {
            x.opt("encrypted", self.volume.encrypted);
            x.opt("deleteOnTermination", self.delete_on_termination);
            x.opt("iops", self.volume.iops);
            x.opt("kmsKeyId", self.volume.key.as_ref());
            x.opt("snapshotId", self.volume.snapshot.as_ref());
            x.opt("volumeSize", self.volume.size);
            x.opt("volumeType", self.volume.kind.as_ref());
            x.opt("throughput", self.volume.throughput);
        });
    }
}

impl Metadata {
    /// Reads and checks the options.
    pub fn read(p: &Params) -> Result<Self, ApiError> {
        let hop_limit = p.opt_int("HttpPutResponseHopLimit")?;
        if let Some(hops) = hop_limit.filter(|hops| !(1..=64).contains(hops)) {
            return Err(ApiError::value(format!("The hop limit {hops} is not between 1 and 64")));
        }
        Ok(Self {
            tokens: p.opt_one_of("HttpTokens", &["optional", "required"])?,
            hop_limit,
            endpoint: p.opt_one_of("HttpEndpoint", &["enabled", "disabled"])?,
            tags: p.opt_one_of("InstanceMetadataTags", &["enabled", "disabled"])?,
            ipv6: p.opt_one_of("HttpProtocolIpv6", &["enabled", "disabled"])?,
        })
    }

    /// These over others.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.or(other.tokens),
            hop_limit: self.hop_limit.or(other.hop_limit),
            endpoint: self.endpoint.or(other.endpoint),
            tags: self.tags.or(other.tags),
            ipv6: self.ipv6.or(other.ipv6),
        }
    }

    /// Writes the options of an instance, with the defaults of those that nobody has set.
    pub fn write(&self, x: &mut Xml) {
        x.text("state", "applied");
        x.text("httpTokens", self.tokens.as_deref().unwrap_or("optional"));
        x.text("httpPutResponseHopLimit", self.hop_limit.unwrap_or(1));
        x.text("httpEndpoint", self.endpoint.as_deref().unwrap_or("enabled"));
        x.text("httpProtocolIpv6", self.ipv6.as_deref().unwrap_or("disabled"));
        x.text("instanceMetadataTags", self.tags.as_deref().unwrap_or("disabled"));
    }
}

impl Spot {
    fn read(p: &Params) -> Result<Option<Self>, ApiError> {
        let market = p.opt_one_of("MarketType", &["spot"])?;
        let options = p.opt_struct("SpotOptions");
        if market.is_none() {
            return match options {
                Some(_) => Err(ApiError::combination("Spot options need the market type spot")),
                None => Ok(None),
            };
        }
        let Some(options) = options else {
            return Ok(Some(Self::default()));
        };
        Ok(Some(Self {
            max_price: options.opt_str("MaxPrice"),
            kind: options.opt_one_of("SpotInstanceType", &["one-time", "persistent"])?,
            interruption: options.opt_one_of("InstanceInterruptionBehavior", &["hibernate", "stop", "terminate"])?,
        }))
    }

    /// Whether the instance may be stopped.
    pub fn is_persistent(&self) -> bool {
        self.kind.as_deref() == Some("persistent")
    }
}
