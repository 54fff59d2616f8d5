//! Instances and what becomes of them over time. Launching is in `run_instances`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::describe::{Field, Resource};
use super::launch_spec::{LaunchSpec, Metadata};
use super::network_interface::{self, NetworkInterface};
use super::{Answer, Cx, Ec2, Params, Xml, address, done};
use crate::aws::{ApiError, Millis, timestamp};

/// An instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the field's own word")]
pub struct Instance {
    /// The id.
    pub id: String,
    /// `pending`, `running`, `shutting-down`, `terminated`, `stopping` or `stopped`.
    pub state: String,
    /// When the state changes by itself.
    pub due: Millis,
    /// The zone.
    pub zone: String,
    /// The VPC.
    pub vpc: String,
    /// The subnet of the first interface.
    pub subnet: String,
    /// What it was launched from, with what was changed since.
    pub spec: LaunchSpec,
    /// The instance type.
    pub instance_type: String,
    /// The image.
    pub image: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// The instance profile's ARN and id.
    pub profile: Option<(String, String)>,
    /// The reservation.
    pub reservation: String,
    /// The place among those launched together.
    pub launch_index: usize,
    /// When it was launched.
    pub launched: Millis,
    /// The token of the launch.
    pub token: Option<String>,
    /// The options of the metadata service.
    pub metadata: Metadata,
    /// Whether a public address is given at each start.
    pub public_on_start: bool,
    /// Why it is no longer running: a code and a text.
    pub reason: Option<(String, String)>,
}

impl Resource for Instance {
    const TYPE: &'static str = "instance";
    const IDS: &'static str = "InstanceId";
    const NOT_FOUND: &'static str = "InvalidInstanceID.NotFound";
    const FIELDS: &'static [Field<Self>] = &[
        ("instance-id", |_, i| vec![i.id.clone()]),
        ("instance-state-name", |_, i| vec![i.state.clone()]),
        ("instance-state-code", |_, i| vec![code(&i.state).to_string()]),
        ("instance-type", |_, i| vec![i.instance_type.clone()]),
        ("instance-lifecycle", |_, i| i.spec.spot.iter().map(|_| "spot".to_owned()).collect()),
        ("image-id", |_, i| vec![i.image.clone()]),
        ("architecture", |_, i| vec![i.architecture.clone()]),
        ("availability-zone", |_, i| vec![i.zone.clone()]),
        ("client-token", |_, i| i.token.iter().cloned().collect()),
        ("iam-instance-profile.arn", |_, i| i.profile.iter().map(|(arn, _)| arn.clone()).collect()),
        ("iam-instance-profile.id", |_, i| i.profile.iter().map(|(_, id)| id.clone()).collect()),
        ("instance.group-id", |e, i| i.group_ids(e)),
        ("group-id", |e, i| i.group_ids(e)),
        ("key-name", |_, i| i.spec.key_name.iter().cloned().collect()),
        ("launch-time", |_, i| vec![timestamp(i.launched)]),
        ("launch-index", |_, i| vec![i.launch_index.to_string()]),
        ("metadata-options.http-tokens", |_, i| vec![i.metadata.tokens.clone().unwrap_or("optional".to_owned())]),
        ("network-interface.network-interface-id", |e, i| {
            network_interface::of_instance(e, &i.id).iter().map(|interface| interface.id.clone()).collect()
        }),
        ("network-interface.subnet-id", |e, i| {
            network_interface::of_instance(e, &i.id).iter().map(|interface| interface.subnet.clone()).collect()
        }),
        ("owner-id", |_, _| vec![crate::aws::world::ACCOUNT.to_owned()]),
        ("private-ip-address", |e, i| {
            network_interface::of_instance(e, &i.id).iter().map(|of| of.private_address.to_string()).collect()
        }),
        ("private-dns-name", |e, i| {
            network_interface::of_instance(e, &i.id).iter().map(|of| of.private_dns()).collect()
        }),
        ("ip-address", |e, i| {
            network_interface::of_instance(e, &i.id)
                .iter()
                .filter_map(|of| of.public_address.map(|address| address.to_string()))
                .collect()
        }),
        ("reservation-id", |_, i| vec![i.reservation.clone()]),
        ("root-device-name", |_, _| vec![super::image::ROOT_DEVICE.to_owned()]),
        ("subnet-id", |_, i| i.alive().then(|| i.subnet.clone()).into_iter().collect()),
        ("tenancy", |_, i| vec![i.spec.tenancy.clone().unwrap_or_else(|| "default".to_owned())]),
        ("vpc-id", |_, i| i.alive().then(|| i.vpc.clone()).into_iter().collect()),
    ];

    fn id(&self) -> &str {
        &self.id
    }
    fn all(ec2: &Ec2) -> &BTreeMap<String, Self> {
        &ec2.instances
    }
    fn all_mut(ec2: &mut Ec2) -> &mut BTreeMap<String, Self> {
        &mut ec2.instances
    }
    fn not_found(id: &str) -> ApiError {
        ApiError::bad(Self::NOT_FOUND, format!("The instance ID '{id}' does not exist"))
    }
}

impl Instance {
    /// Whether it is not terminated: a terminated one has no network any more.
    pub fn alive(&self) -> bool {
        self.state != "terminated"
    }

    fn group_ids(&self, ec2: &Ec2) -> Vec<String> {
        network_interface::of_instance(ec2, &self.id).iter().flat_map(|interface| interface.groups.clone()).collect()
    }
}

/// The number that goes with a state's name.
pub fn code(state: &str) -> u32 {
    match state {
        "pending" => 0,
        "running" => 16,
        "shutting-down" => 32,
        "terminated" => 48,
        "stopping" => 64,
        _ => 80,
    }
}

/// Writes a state's code and name.
pub fn write_state(x: &mut Xml, name: &str, state: &str) {
    x.nest(name, |x| {
        x.text("code", code(state));
        x.text("name", state);
    });
}

/// The instances that a request names, each once, all of which must exist.
fn named(ec2: &Ec2, p: &Params) -> Result<Vec<String>, ApiError> {
    let mut ids = p.list("InstanceId");
    if ids.is_empty() {
        return Err(ApiError::bad("MissingParameter", "The request must contain the parameter InstanceId"));
    }
    ids.sort();
    ids.dedup();
    for id in &ids {
        ec2.get::<Instance>(id)?;
    }
    Ok(ids)
}

/// Puts instances into a state that lasts until `due`, and tells of the change.
fn change(ec2: &mut Ec2, ids: &[String], due: Millis, next: impl Fn(&Instance) -> Option<&'static str>) -> Answer {
    let mut changes = Vec::new();
    for id in ids {
        let instance = ec2.get_mut::<Instance>(id)?;
        let before = instance.state.clone();
        if let Some(state) = next(instance) {
            state.clone_into(&mut instance.state);
            instance.due = due;
        }
        changes.push((id, before, instance.state.clone()));
    }
    let mut x = Xml::new();
    x.list("instancesSet", "item", changes, |x, (id, before, now)| {
        x.text("instanceId", id);
        write_state(x, "currentState", &now);
        write_state(x, "previousState", &before);
    });
    Ok(x)
}

/// `TerminateInstances`. Protected ones are refused, and then none is terminated.
pub fn terminate_all(cx: &mut Cx<'_>, p: &Params) -> Answer {
    p.opt_bool("Force")?;
    p.opt_bool("SkipOsShutdown")?;
    let ids = named(cx.ec2(), p)?;
    for id in &ids {
        if cx.ec2().get::<Instance>(id)?.spec.termination_disabled == Some(true) {
            return Err(ApiError::bad(
                "OperationNotPermitted",
                format!(
                    "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute \
                     and try again."
                ),
            ));
        }
    }
    terminate(cx, &ids)
}

/// Terminates instances, protected or not.
pub fn terminate(cx: &mut Cx<'_>, ids: &[String]) -> Answer {
    let due = cx.now + cx.pace.instance_stopping;
    let ec2 = cx.ec2();
    for id in ids {
        let instance = ec2.get_mut::<Instance>(id)?;
        if instance.alive() {
            let text = "Client.UserInitiatedShutdown: User initiated shutdown";
            instance.reason = Some(("Client.UserInitiatedShutdown".to_owned(), text.to_owned()));
        }
    }
    change(ec2, ids, due, |instance| match instance.state.as_str() {
        "terminated" | "shutting-down" => None,
        _ => Some("shutting-down"),
    })
}

fn wrong_state(instance: &Instance) -> ApiError {
    ApiError::bad(
        "IncorrectInstanceState",
        format!("The instance '{}' is not in a state from which this can be done: {}.", instance.id, instance.state),
    )
}

/// `StopInstances`.
pub fn stop(cx: &mut Cx<'_>, p: &Params) -> Answer {
    for flag in ["Force", "Hibernate", "SkipOsShutdown"] {
        p.opt_bool(flag)?;
    }
    let due = cx.now + cx.pace.instance_stopping;
    let ec2 = cx.ec2();
    let ids = named(ec2, p)?;
    for id in &ids {
        let instance = ec2.get_mut::<Instance>(id)?;
        if !matches!(instance.state.as_str(), "running" | "stopping" | "stopped") {
            return Err(wrong_state(instance));
        }
        if instance.spec.stop_disabled == Some(true) {
            return Err(ApiError::bad("OperationNotPermitted", format!("The instance '{id}' may not be stopped.")));
        }
        if instance.spec.spot.as_ref().is_some_and(|spot| !spot.is_persistent()) {
            return Err(ApiError::bad(
                "UnsupportedOperation",
                format!("You can't stop the Spot Instance '{id}' because it is associated with a one-time request."),
            ));
        }
        let text = "Client.UserInitiatedShutdown: User initiated shutdown";
        instance.reason = Some(("Client.UserInitiatedShutdown".to_owned(), text.to_owned()));
    }
    change(ec2, &ids, due, |instance| (instance.state == "running").then_some("stopping"))
}

/// `StartInstances`.
pub fn start(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let due = cx.now + cx.pace.instance_pending;
    let ids = named(cx.ec2(), p)?;
    for id in &ids {
        let instance = cx.ec2().get::<Instance>(id)?;
        if !matches!(instance.state.as_str(), "stopped" | "running" | "pending") {
            return Err(wrong_state(instance));
        }
        if instance.state == "stopped" {
            let public = instance.public_on_start;
            give_public_address(cx, id, public);
            cx.ec2().get_mut::<Instance>(id)?.reason = None;
        }
    }
    change(cx.ec2(), &ids, due, |instance| (instance.state == "stopped").then_some("pending"))
}

/// Gives the first interface a public address of the instance's own, unless it has an elastic one.
pub fn give_public_address(cx: &mut Cx<'_>, id: &str, wanted: bool) {
    let first = network_interface::of_instance(cx.ec2(), id)
        .first()
        .filter(|interface| wanted && interface.public_address.is_none())
        .map(|interface| interface.id.clone());
    if let Some(first) = first {
        let public = address::public_address(cx);
        if let Some(interface) = cx.ec2().network_interfaces.get_mut(&first) {
            interface.public_address = Some(public);
        }
    }
}

/// `RebootInstances`.
pub fn reboot(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let ec2 = cx.ec2();
    for id in named(ec2, p)? {
        let instance = ec2.get::<Instance>(&id)?;
        if instance.state != "running" {
            return Err(wrong_state(instance));
        }
    }
    done()
}

/// Moves instances on, releases what those that are gone had, and forgets them in the end.
pub fn settle(cx: &mut Cx<'_>) {
    let (now, leftover) = (cx.now, cx.pace.leftover);
    let ec2 = cx.ec2();
    let (mut stopped, mut gone, mut forgotten) = (Vec::new(), Vec::new(), Vec::new());
    for instance in ec2.instances.values_mut().filter(|instance| instance.due <= now) {
        match instance.state.as_str() {
            "pending" => "running".clone_into(&mut instance.state),
            "stopping" => {
                "stopped".clone_into(&mut instance.state);
                stopped.push(instance.id.clone());
            }
            "shutting-down" => {
                "terminated".clone_into(&mut instance.state);
                instance.due = now + leftover;
                gone.push(instance.id.clone());
            }
            "terminated" => forgotten.push(instance.id.clone()),
            _ => {}
        }
    }
    for id in stopped {
        for interface in ec2.network_interfaces.values_mut() {
            if interface.instance().as_ref() == Some(&id) && interface.allocation.is_none() {
                interface.public_address = None;
            }
        }
    }
    for id in gone {
        release(ec2, &id);
    }
    for id in forgotten {
        ec2.remove::<Instance>(&id);
    }
}

/// Lets go of the interfaces and the volumes of an instance.
fn release(ec2: &mut Ec2, id: &str) {
    let interfaces: Vec<NetworkInterface> = network_interface::of_instance(ec2, id).into_iter().cloned().collect();
    for interface in interfaces {
        if interface.attachment.as_ref().is_some_and(|attachment| attachment.delete_on_termination) {
            network_interface::remove(ec2, &interface.id);
        } else if let Some(kept) = ec2.network_interfaces.get_mut(&interface.id) {
            kept.attachment = None;
            if kept.allocation.is_none() {
                kept.public_address = None;
            }
        }
    }
    let mut doomed = Vec::new();
    for volume in ec2.volumes.values_mut() {
        if let Some(attachment) = volume.attachment.take_if(|attachment| attachment.instance == id)
            && attachment.delete_on_termination
        {
            doomed.push(volume.id.clone());
        }
    }
    for volume in doomed {
        ec2.remove::<super::volume::Volume>(&volume);
    }
}
