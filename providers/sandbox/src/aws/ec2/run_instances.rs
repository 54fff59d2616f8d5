//! Launching instances.

use super::image::{self, Image};
use super::instance::{Instance, give_public_address};
use super::instance_type;
use super::launch_spec::{DeviceSpec, InterfaceSpec, LaunchSpec, Profile};
use super::network_interface::{self, NetworkInterface};
use super::subnet::Subnet;
use super::volume::{Attachment, Volume};
use super::volume_shape::Shape;
use super::{Answer, Cx, Params, Tags, Xml, instance_describe, interface_attachment, key_pair, launch_template, tag};
use crate::aws::ApiError;

/// `RunInstances`.
pub fn run(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (least, most) = (p.int("MinCount")?, p.int("MaxCount")?);
    if least < 1 || most < least {
        return Err(ApiError::value(format!("Invalid value '{most}' for maxCount, with {least} for minCount")));
    }
    let count = usize::try_from(most).unwrap_or(usize::MAX);
    let mut spec = LaunchSpec::read(p, true)?;
    let template = match p.opt_struct("LaunchTemplate") {
        Some(named) => {
            let template = launch_template::named(cx.ec2(), &named)?;
            let version = template.version(&named.opt_str("Version").unwrap_or_default())?;
            let marks = template_tags(&template.id, version.number);
            spec = spec.over(version.spec.clone());
            marks
        }
        None => Tags::new(),
    };
    let token = p.opt_str("ClientToken");
    let ids = launch(cx, &spec, count, &template, token.as_deref())?;
    let ec2 = cx.ec2();
    let reservation = ids.first().and_then(|id| ec2.instances.get(id)).map(|instance| instance.reservation.clone());
    let mut x = Xml::new();
    x.opt("reservationId", reservation);
    x.text("ownerId", crate::aws::world::ACCOUNT);
    x.nest("groupSet", |_| {});
    let launched = ids.iter().filter_map(|id| ec2.instances.get(id));
    x.list("instancesSet", "item", launched, |x, instance| {
        instance_describe::write(x, ec2, instance);
    });
    Ok(x)
}

/// The tags that tell which template an instance came from.
pub fn template_tags(id: &str, version: i64) -> Tags {
    Tags::from([
        ("aws:ec2launchtemplate:id".to_owned(), id.to_owned()),
        ("aws:ec2launchtemplate:version".to_owned(), version.to_string()),
    ])
}

/// What has been found out before the first instance is made.
struct Plan {
    image: Image,
    instance_type: String,
    profile: Option<(String, String)>,
    interfaces: Vec<InterfacePlan>,
    devices: Vec<(String, Shape, bool)>,
    subnet: Subnet,
    public: bool,
}

enum InterfacePlan {
    Existing { id: String, device_index: i64 },
    New { subnet: Box<Subnet>, groups: Vec<String>, spec: Box<InterfaceSpec> },
}

/// Launches instances, all or none. `marks` are tags that only services may set.
pub fn launch(
    cx: &mut Cx<'_>,
    spec: &LaunchSpec,
    count: usize,
    marks: &Tags,
    token: Option<&str>,
) -> Result<Vec<String>, ApiError> {
    let plan = plan(cx, spec, count)?;
    if cx.ec2().instances.values().filter(|instance| instance.alive()).count().saturating_add(count)
        > cx.quotas.instances
    {
        return Err(ApiError::bad(
            "VcpuLimitExceeded",
            "You have requested more vCPU capacity than your current vCPU limit allows.",
        ));
    }
    let reservation = cx.ids.ec2("r");
    let mut ids = Vec::new();
    for launch_index in 0..count {
        let id = cx.ids.ec2("i");
        let instance = Instance {
            id: id.clone(),
            state: "pending".to_owned(),
            due: cx.now + cx.pace.instance_pending,
            zone: plan.subnet.zone.clone(),
            vpc: plan.subnet.vpc.clone(),
            subnet: plan.subnet.id.clone(),
            spec: spec.clone(),
            instance_type: plan.instance_type.clone(),
            image: plan.image.id.clone(),
            architecture: plan.image.architecture.to_owned(),
            profile: plan.profile.clone(),
            reservation: reservation.clone(),
            launch_index,
            launched: cx.now,
            token: token.map(str::to_owned),
            metadata: spec.metadata.clone(),
            public_on_start: plan.public,
            reason: None,
        };
        cx.ec2().instances.insert(id.clone(), instance);
        let mut tags = spec.tags_for("instance");
        tags.extend(marks.clone());
        tag::set(cx.ec2(), &id, tags);
        for interface in &plan.interfaces {
            place(cx, interface, &id, spec)?;
        }
        give_public_address(cx, &id, plan.public);
        for (device, shape, delete_on_termination) in &plan.devices {
            let mut volume = Volume::new(cx, &plan.subnet.zone, shape.clone());
            volume.attachment = Some(Attachment {
                instance: id.clone(),
                device: device.clone(),
                at: cx.now,
                ready: cx.now + cx.pace.volume_attaching,
                gone: None,
                delete_on_termination: *delete_on_termination,
            });
            let ec2 = cx.ec2();
            tag::set(ec2, &volume.id, spec.tags_for("volume"));
            ec2.volumes.insert(volume.id.clone(), volume);
        }
        ids.push(id);
    }
    Ok(ids)
}

fn place(cx: &mut Cx<'_>, plan: &InterfacePlan, instance: &str, spec: &LaunchSpec) -> Result<(), ApiError> {
    match plan {
        InterfacePlan::Existing { id, device_index } => {
            interface_attachment::attach_to(cx, id, instance, *device_index, false)?;
        }
        InterfacePlan::New { subnet, groups, spec: wanted } => {
            let description = wanted.description.clone().unwrap_or_default();
            let address = wanted.private_address.as_deref();
            let interface = NetworkInterface::new(cx, subnet, address, groups.clone(), description)?;
            let id = interface.id.clone();
            let ec2 = cx.ec2();
            ec2.network_interfaces.insert(id.clone(), interface);
            tag::set(ec2, &id, spec.tags_for("network-interface"));
            let goes = wanted.delete_on_termination.unwrap_or(true);
            interface_attachment::attach_to(cx, &id, instance, wanted.device_index, goes)?;
        }
    }
    Ok(())
}

fn plan(cx: &mut Cx<'_>, spec: &LaunchSpec, count: usize) -> Result<Plan, ApiError> {
    let missing =
        |name: &str| ApiError::bad("MissingParameter", format!("The request must contain the parameter {name}"));
    let image = image::get(&cx.region, spec.image.as_deref().ok_or_else(|| missing("ImageId"))?)?;
    // Nobody should rely on the API's own default type, m1.small, which hardly any region still has.
    let name = spec.instance_type.clone().ok_or_else(|| missing("InstanceType"))?;
    let kind = instance_type::get(&name)
        .ok_or_else(|| ApiError::value(format!("Invalid value '{name}' for InstanceType.")))?;
    if kind.architecture != image.architecture {
        return Err(ApiError::value(format!(
            "The architecture '{}' of the specified instance type does not match the architecture '{}' of the \
             specified AMI. Specify an instance type and an AMI that have matching architectures, and try again.",
            kind.architecture, image.architecture
        )));
    }
    if let Some(name) = &spec.key_name
        && !cx.ec2().key_pairs.values().any(|key| key.name == *name)
    {
        return Err(key_pair::no_name(name));
    }
    let profile = spec.profile.as_ref().map(|profile| find_profile(cx, profile)).transpose()?;
    let (interfaces, subnet, public) = plan_interfaces(cx, spec, count)?;
    if spec.zone.as_ref().is_some_and(|zone| *zone != subnet.zone) {
        return Err(ApiError::value(format!("The subnet {} is not in the requested zone", subnet.id)));
    }
    let devices = plan_devices(&image, &spec.devices)?;
    Ok(Plan { image, instance_type: name, profile, interfaces, devices, subnet, public })
}

/// The instance profile, once the rest of the cloud has heard of it.
fn find_profile(cx: &Cx<'_>, profile: &Profile) -> Result<(String, String), ApiError> {
    let (name, member) = match profile {
        Profile::Arn(arn) => (arn, "arn"),
        Profile::Name(name) => (name, "name"),
    };
    cx.world
        .global
        .iam
        .profile(name)
        .filter(|found| found.visible <= cx.now)
        .map(|found| (found.arn, found.id))
        .ok_or_else(|| {
            ApiError::value(format!(
                "Value ({name}) for parameter iamInstanceProfile.{member} is invalid. Invalid IAM Instance Profile {member}"
            ))
        })
}

/// The interfaces, the subnet of the first, and whether the instance gets a public address.
fn plan_interfaces(
    cx: &mut Cx<'_>,
    spec: &LaunchSpec,
    count: usize,
) -> Result<(Vec<InterfacePlan>, Subnet, bool), ApiError> {
    let ec2 = cx.ec2();
    let mut wanted = spec.interfaces.clone();
    if wanted.is_empty() {
        wanted.push(InterfaceSpec {
            subnet: spec.subnet.clone(),
            groups: spec.groups.clone(),
            private_address: spec.private_address.clone(),
            ..InterfaceSpec::default()
        });
    } else if spec.subnet.is_some() || !spec.groups.is_empty() || spec.private_address.is_some() {
        return Err(ApiError::combination(
            "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same \
             request",
        ));
    }
    wanted.sort_by_key(|interface| interface.device_index);
    if wanted.iter().enumerate().any(|(at, interface)| i64::try_from(at) != Ok(interface.device_index)) {
        return Err(ApiError::value("The device indices of the interfaces must be 0, 1, 2 and so on"));
    }
    let mut plans = Vec::new();
    let (mut first, mut public) = (None, false);
    for interface in wanted {
        if count > 1 && (interface.interface.is_some() || interface.private_address.is_some()) {
            return Err(ApiError::combination("A fixed interface or address allows for only one instance"));
        }
        let subnet = if let Some(id) = &interface.interface {
            let existing = ec2.get::<NetworkInterface>(id)?;
            if interface.subnet.is_some() || !interface.groups.is_empty() || interface.private_address.is_some() {
                return Err(ApiError::combination(
                    "An interface that exists cannot be given a subnet, groups or an address",
                ));
            }
            if interface.public_address == Some(true) || interface.delete_on_termination == Some(true) {
                return Err(ApiError::combination(
                    "An interface that exists can neither get a public address nor be deleted on termination",
                ));
            }
            if existing.attachment.is_some() {
                return Err(ApiError::bad("InvalidNetworkInterface.InUse", format!("Interface: [{id}] in use.")));
            }
            let subnet = ec2.get::<Subnet>(&existing.subnet)?.clone();
            plans.push(InterfacePlan::Existing { id: id.clone(), device_index: interface.device_index });
            subnet
        } else {
            let id = interface.subnet.as_ref().ok_or_else(|| {
                ApiError::bad("VPCIdNotSpecified", "No default VPC for this user; a subnet must be given")
            })?;
            let subnet = ec2.get::<Subnet>(id)?.clone();
            let groups = network_interface::groups(ec2, interface.groups.clone(), &subnet.vpc)?;
            if interface.device_index == 0 {
                public = interface.public_address.unwrap_or(subnet.public_on_launch);
            }
            plans.push(InterfacePlan::New { subnet: Box::new(subnet.clone()), groups, spec: Box::new(interface) });
            subnet
        };
        let known = first.get_or_insert_with(|| subnet.clone());
        if known.zone != subnet.zone {
            return Err(ApiError::combination("All interfaces of an instance must be in the same zone"));
        }
    }
    let subnet = first.ok_or_else(|| ApiError::bad("MissingParameter", "An instance needs an interface"))?;
    Ok((plans, subnet, public))
}

/// The volumes: the image's root, with what the request wants of it, and the others.
fn plan_devices(image: &Image, wanted: &[DeviceSpec]) -> Result<Vec<(String, Shape, bool)>, ApiError> {
    let root = Shape {
        size: image::ROOT_SIZE,
        kind: "gp3".to_owned(),
        iops: Some(3000),
        throughput: Some(125),
        encrypted: false,
        key: None,
        snapshot: Some(image.snapshot.clone()),
    };
    let mut devices = Vec::new();
    if !wanted.iter().any(|device| device.device == image::ROOT_DEVICE) {
        devices.push((image::ROOT_DEVICE.to_owned(), root.clone(), true));
    }
    for device in wanted.iter().filter(|device| !device.none) {
        let is_root = device.device == image::ROOT_DEVICE;
        let shape = device.volume.resolve(is_root.then_some(&root))?;
        if is_root && shape.size < root.size {
            return Err(ApiError::bad(
                "InvalidBlockDeviceMapping",
                format!("Volume of size {}GB is smaller than snapshot, expect size >= {}GB", shape.size, root.size),
            ));
        }
        if devices.iter().any(|(known, ..)| *known == device.device) {
            return Err(ApiError::bad(
                "InvalidBlockDeviceMapping",
                format!("The device '{}' is used in more than one block-device mapping", device.device),
            ));
        }
        devices.push((device.device.clone(), shape, device.delete_on_termination.unwrap_or(true)));
    }
    Ok(devices)
}
