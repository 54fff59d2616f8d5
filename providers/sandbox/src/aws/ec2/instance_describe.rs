//! Telling about instances.

use super::describe::{Filters, Resource as _, page};
use super::instance::{Instance, code, write_state};
use super::network_interface::{self, NetworkInterface};
use super::{Answer, Cx, Ec2, Params, Tags, Xml, image, instance_type, place, tag};
use crate::aws::{ApiError, timestamp};

/// `DescribeInstances`: pages of instances, grouped by reservation.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.page_limit;
    p.opt_bool("IncludeManagedResources")?;
    let ids = p.list(Instance::IDS);
    if !ids.is_empty() && p.has("MaxResults") {
        return Err(ApiError::combination("The parameter instancesSet cannot be used with the parameter maxResults"));
    }
    let filters = Filters::read(p)?;
    filters.check::<Instance>()?;
    let ec2 = cx.ec2();
    for id in &ids {
        ec2.get::<Instance>(id)?;
    }
    let found: Vec<&Instance> = ec2
        .instances
        .values()
        .filter(|instance| ids.is_empty() || ids.contains(&instance.id))
        .filter(|instance| filters.admits(ec2, *instance))
        .collect();
    let found = page(found, |instance| &instance.id, if ids.is_empty() { limit } else { None }, p)?;
    let mut reservations: Vec<(&str, Vec<&Instance>)> = Vec::new();
    for instance in found.items {
        match reservations.iter_mut().find(|(id, _)| *id == instance.reservation) {
            Some((_, together)) => together.push(instance),
            None => reservations.push((&instance.reservation, vec![instance])),
        }
    }
    let mut x = Xml::new();
    x.list("reservationSet", "item", reservations, |x, (id, instances)| {
        x.text("reservationId", id);
        x.text("ownerId", crate::aws::world::ACCOUNT);
        x.nest("groupSet", |_| {});
        x.list("instancesSet", "item", instances, |x, instance| {
            write(x, ec2, instance);
        });
    });
    x.opt("nextToken", found.next);
    Ok(x)
}

/// Writes an instance. A terminated one has no network and no devices any more.
pub fn write(x: &mut Xml, ec2: &Ec2, instance: &Instance) {
    let spec = &instance.spec;
    let interfaces = network_interface::of_instance(ec2, &instance.id);
    let first = interfaces.first();
    x.text("instanceId", &instance.id);
    x.text("imageId", &instance.image);
    write_state(x, "instanceState", &instance.state);
    x.text("privateDnsName", first.map(|first| first.private_dns()).unwrap_or_default());
    x.text("dnsName", "");
    x.text("reason", instance.reason.as_ref().map_or("", |(_, text)| text));
    x.opt("keyName", spec.key_name.as_ref());
    x.text("amiLaunchIndex", instance.launch_index);
    x.nest("productCodes", |_| {});
    x.text("instanceType", &instance.instance_type);
    x.text("launchTime", timestamp(instance.launched));
    x.nest("placement", |x| {
        x.text("availabilityZone", &instance.zone);
        x.text("availabilityZoneId", place::zone_id(&instance.zone));
        x.text("groupName", "");
        x.text("tenancy", spec.tenancy.as_deref().unwrap_or("default"));
    });
    let monitoring = if spec.monitoring == Some(true) { "enabled" } else { "disabled" };
    x.nest("monitoring", |x| x.text("state", monitoring));
    if let Some(first) = first {
        x.text("subnetId", &first.subnet);
        x.text("vpcId", &first.vpc);
        x.text("privateIpAddress", first.private_address);
        x.opt("ipAddress", first.public_address);
        x.text("sourceDestCheck", true);
        network_interface::write_groups(x, ec2, first);
    }
    if let Some((code, message)) = &instance.reason {
        x.nest("stateReason", |x| {
            x.text("code", code);
            x.text("message", message);
        });
    }
    x.text("architecture", &instance.architecture);
    x.text("rootDeviceType", "ebs");
    x.text("rootDeviceName", image::ROOT_DEVICE);
    write_devices(x, ec2, instance);
    x.text("virtualizationType", "hvm");
    x.text("clientToken", instance.token.as_deref().unwrap_or_default());
    tag::write(x, ec2, &instance.id);
    x.text("hypervisor", "xen");
    x.list("networkInterfaceSet", "item", &interfaces, |x, interface| write_interface(x, ec2, interface));
    if let Some((arn, id)) = &instance.profile {
        x.nest("iamInstanceProfile", |x| {
            x.text("arn", arn);
            x.text("id", id);
        });
    }
    x.text("ebsOptimized", spec.ebs_optimized.unwrap_or(false));
    x.opt("instanceLifecycle", spec.spot.as_ref().map(|_| "spot"));
    x.text("enaSupport", true);
    if let Some(kind) = instance_type::get(&instance.instance_type) {
        x.nest("cpuOptions", |x| {
            x.text("coreCount", kind.cpus / kind.threads());
            x.text("threadsPerCore", kind.threads());
        });
    }
    x.nest("metadataOptions", |x| instance.metadata.write(x));
    x.nest("maintenanceOptions", |x| x.text("autoRecovery", "default"));
}

fn write_devices(x: &mut Xml, ec2: &Ec2, instance: &Instance) {
    let devices = ec2.volumes.values().filter_map(|volume| {
        let attachment = volume.attachment.as_ref().filter(|attachment| attachment.instance == instance.id)?;
        Some((volume, attachment))
    });
    x.list("blockDeviceMapping", "item", devices, |x, (volume, attachment)| {
        x.text("deviceName", &attachment.device);
        x.nest("ebs", |x| {
            x.text("volumeId", &volume.id);
            x.text("status", if attachment.ready == 0 { "attached" } else { "attaching" });
            x.text("attachTime", timestamp(attachment.at));
            x.text("deleteOnTermination", attachment.delete_on_termination);
        });
    });
}

fn write_interface(x: &mut Xml, ec2: &Ec2, interface: &NetworkInterface) {
    x.text("networkInterfaceId", &interface.id);
    x.text("subnetId", &interface.subnet);
    x.text("vpcId", &interface.vpc);
    x.text("description", &interface.description);
    x.text("ownerId", crate::aws::world::ACCOUNT);
    x.text("status", "in-use");
    x.text("interfaceType", &interface.kind);
    x.text("privateIpAddress", interface.private_address);
    x.text("privateDnsName", interface.private_dns());
    x.text("sourceDestCheck", true);
    network_interface::write_groups(x, ec2, interface);
    if let Some(attachment) = &interface.attachment {
        x.nest("attachment", |x| {
            x.text("attachmentId", &attachment.id);
            x.text("deviceIndex", attachment.device_index);
            x.text("status", "attached");
            x.text("attachTime", timestamp(attachment.at));
            x.text("deleteOnTermination", attachment.delete_on_termination);
            x.text("networkCardIndex", 0);
        });
    }
    if let Some(public) = interface.public_address {
        x.nest("association", |x| {
            x.text("publicIp", public);
            x.text("publicDnsName", "");
            let own = interface.allocation.is_some();
            x.text("ipOwnerId", if own { crate::aws::world::ACCOUNT } else { "amazon" });
        });
    }
    x.list("privateIpAddressesSet", "item", [interface], |x, interface| {
        x.text("privateIpAddress", interface.private_address);
        x.text("primary", true);
    });
}

/// `DescribeInstanceStatus`: of running instances, unless all are asked for.
pub fn status(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.page_limit;
    p.opt_bool("IncludeManagedResources")?;
    let all = p.bool("IncludeAllInstances")?;
    let ids = p.list(Instance::IDS);
    let filters = Filters::read(p)?;
    filters.check_names(
        &[
            "availability-zone",
            "instance-state-code",
            "instance-state-name",
            "instance-status.status",
            "system-status.status",
        ],
        false,
    )?;
    let ec2 = cx.ec2();
    for id in &ids {
        ec2.get::<Instance>(id)?;
    }
    let health = |instance: &Instance| match instance.state.as_str() {
        "running" => "ok",
        "pending" => "initializing",
        _ => "not-applicable",
    };
    let found: Vec<&Instance> = ec2
        .instances
        .values()
        .filter(|instance| ids.is_empty() || ids.contains(&instance.id))
        .filter(|instance| all || instance.state == "running")
        .filter(|instance| {
            filters.admit(&Tags::new(), |name| {
                vec![match name {
                    "availability-zone" => instance.zone.clone(),
                    "instance-state-code" => code(&instance.state).to_string(),
                    "instance-state-name" => instance.state.clone(),
                    _ => health(instance).to_owned(),
                }]
            })
        })
        .collect();
    let limit = if ids.is_empty() { limit } else { None };
    Ok(page(found, |instance| &instance.id, limit, p)?.answer("instanceStatusSet", |x, instance| {
        x.text("instanceId", &instance.id);
        x.text("availabilityZone", &instance.zone);
        write_state(x, "instanceState", &instance.state);
        for name in ["systemStatus", "instanceStatus"] {
            x.nest(name, |x| {
                x.text("status", health(instance));
                x.list("details", "item", [health(instance)], |x, health| {
                    x.text("name", "reachability");
                    x.text("status", if health == "ok" { "passed" } else { health });
                });
            });
        }
    }))
}
