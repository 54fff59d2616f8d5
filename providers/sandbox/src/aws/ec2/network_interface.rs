//! Network interfaces: one's own, those of instances, and those that services place in subnets.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::describe::{Field, Resource, select};
use super::security_group::SecurityGroup;
use super::subnet::Subnet;
use super::{Answer, Cx, Ec2, Params, Xml, address, done, place, tag};
use crate::aws::{ApiError, Millis, timestamp};

/// A network interface.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NetworkInterface {
    /// The id.
    pub id: String,
    /// The VPC.
    pub vpc: String,
    /// The subnet.
    pub subnet: String,
    /// The primary private address.
    pub private_address: Ipv4Addr,
    /// The security groups.
    pub groups: Vec<String>,
    /// What people call it.
    pub description: String,
    /// `interface`, or the service that it belongs to.
    pub kind: String,
    /// The service that made it and alone may delete it.
    pub requester: Option<String>,
    /// The status of one that a service uses without an instance.
    pub service_status: Option<String>,
    /// The instance that it is attached to.
    pub attachment: Option<Attachment>,
    /// The public address, elastic or of the instance.
    pub public_address: Option<Ipv4Addr>,
    /// The elastic address's allocation.
    pub allocation: Option<String>,
    /// The zone.
    pub zone: String,
    mac: String,
    source_dest_check: bool,
    dns_domain: String,
}

/// How a network interface is attached.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Attachment {
    /// The id.
    pub id: String,
    /// The instance.
    pub instance: String,
    /// The place on the instance.
    pub device_index: i64,
    /// Whether the interface goes with the instance.
    pub delete_on_termination: bool,
    /// When it was attached.
    pub at: Millis,
    /// When a detachment ends.
    pub gone: Option<Millis>,
}

impl Resource for NetworkInterface {
    const TYPE: &'static str = "network-interface";
    const IDS: &'static str = "NetworkInterfaceId";
    const NOT_FOUND: &'static str = "InvalidNetworkInterfaceID.NotFound";
    const FIELDS: &'static [Field<Self>] = &[
        ("network-interface-id", |_, i| vec![i.id.clone()]),
        ("addresses.private-ip-address", |_, i| vec![i.private_address.to_string()]),
        ("private-ip-address", |_, i| vec![i.private_address.to_string()]),
        ("addresses.association.public-ip", |_, i| i.public_address.iter().map(ToString::to_string).collect()),
        ("association.public-ip", |_, i| i.public_address.iter().map(ToString::to_string).collect()),
        ("association.allocation-id", |_, i| i.allocation.iter().cloned().collect()),
        ("attachment.attachment-id", |_, i| i.attachment.iter().map(|a| a.id.clone()).collect()),
        ("attachment.device-index", |_, i| i.attachment.iter().map(|a| a.device_index.to_string()).collect()),
        ("attachment.instance-id", |_, i| i.instance().into_iter().collect()),
        ("attachment.status", |_, i| i.attachment.iter().map(|a| a.status().to_owned()).collect()),
        ("attachment.delete-on-termination", |_, i| {
            i.attachment.iter().map(|a| a.delete_on_termination.to_string()).collect()
        }),
        ("availability-zone", |_, i| vec![i.zone.clone()]),
        ("description", |_, i| vec![i.description.clone()]),
        ("group-id", |_, i| i.groups.clone()),
        ("group-name", |e, i| {
            i.groups.iter().filter_map(|id| e.security_groups.get(id)).map(|group| group.name.clone()).collect()
        }),
        ("interface-type", |_, i| vec![i.kind.clone()]),
        ("mac-address", |_, i| vec![i.mac.clone()]),
        ("owner-id", |_, _| vec![crate::aws::world::ACCOUNT.to_owned()]),
        ("requester-id", |_, i| i.requester.iter().cloned().collect()),
        ("requester-managed", |_, i| vec![i.requester.is_some().to_string()]),
        ("source-dest-check", |_, i| vec![i.source_dest_check.to_string()]),
        ("status", |_, i| vec![i.status().to_owned()]),
        ("subnet-id", |_, i| vec![i.subnet.clone()]),
        ("vpc-id", |_, i| vec![i.vpc.clone()]),
    ];

    fn id(&self) -> &str {
        &self.id
    }
    fn all(ec2: &Ec2) -> &BTreeMap<String, Self> {
        &ec2.network_interfaces
    }
    fn all_mut(ec2: &mut Ec2) -> &mut BTreeMap<String, Self> {
        &mut ec2.network_interfaces
    }
    fn not_found(id: &str) -> ApiError {
        ApiError::bad(Self::NOT_FOUND, format!("The networkInterface ID '{id}' does not exist"))
    }
}

impl Attachment {
    fn status(&self) -> &'static str {
        if self.gone.is_some() { "detaching" } else { "attached" }
    }
}

impl NetworkInterface {
    /// An interface in a subnet, which is not yet kept.
    pub fn new(
        cx: &mut Cx<'_>,
        subnet: &Subnet,
        address: Option<&str>,
        groups: Vec<String>,
        description: String,
    ) -> Result<Self, ApiError> {
        if cx.ec2().network_interfaces.len() >= cx.quotas.network_interfaces {
            return Err(ApiError::bad("NetworkInterfaceLimitExceeded", "The maximum number of interfaces is reached."));
        }
        let private_address = subnet.address(cx.ec2(), address)?;
        let hex = cx.ids.hex(10);
        let mac: Vec<&str> = (0..5).map(|at| &hex[at * 2..at * 2 + 2]).collect();
        Ok(Self {
            id: cx.ids.ec2("eni"),
            vpc: subnet.vpc.clone(),
            subnet: subnet.id.clone(),
            private_address,
            groups,
            description,
            kind: "interface".to_owned(),
            requester: None,
            service_status: None,
            attachment: None,
            public_address: None,
            allocation: None,
            zone: subnet.zone.clone(),
            mac: format!("0a:{}", mac.join(":")),
            source_dest_check: true,
            dns_domain: if cx.region == "us-east-1" {
                "ec2.internal".to_owned()
            } else {
                format!("{}.compute.internal", cx.region)
            },
        })
    }

    /// The instance that it is attached to.
    pub fn instance(&self) -> Option<String> {
        self.attachment.as_ref().map(|attachment| attachment.instance.clone())
    }

    /// The private DNS name.
    pub fn private_dns(&self) -> String {
        format!("ip-{}.{}", self.private_address.to_string().replace('.', "-"), self.dns_domain)
    }

    fn status(&self) -> &str {
        match (&self.service_status, &self.attachment) {
            (Some(status), _) => status,
            (None, Some(_)) => "in-use",
            (None, None) => "available",
        }
    }
}

/// The interfaces of an instance, in the order of their device indices.
pub fn of_instance<'a>(ec2: &'a Ec2, instance: &str) -> Vec<&'a NetworkInterface> {
    let mut found: Vec<(i64, &NetworkInterface)> = ec2
        .network_interfaces
        .values()
        .filter_map(|interface| {
            let attachment = interface.attachment.as_ref().filter(|attachment| attachment.instance == instance)?;
            Some((attachment.device_index, interface))
        })
        .collect();
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, interface)| interface).collect()
}

/// Removes an interface and frees its elastic address.
pub fn remove(ec2: &mut Ec2, id: &str) {
    if let Some(allocation) = ec2.network_interfaces.get(id).and_then(|interface| interface.allocation.clone()) {
        address::unbind(ec2, &allocation);
    }
    ec2.remove::<NetworkInterface>(id);
}

/// The security groups that are asked for, all of the VPC; its own group if none is.
pub fn groups(ec2: &Ec2, wanted: Vec<String>, vpc: &str) -> Result<Vec<String>, ApiError> {
    if wanted.is_empty() {
        return Ok(ec2
            .security_groups
            .values()
            .filter(|group| group.vpc == vpc && group.is_default())
            .map(|group| group.id.clone())
            .collect());
    }
    if wanted.len() > 16 {
        return Err(ApiError::bad("SecurityGroupsPerInterfaceLimitExceeded", "At most 16 groups are allowed."));
    }
    for id in &wanted {
        if ec2.get::<SecurityGroup>(id)?.vpc != vpc {
            return Err(ApiError::value(format!(
                "You have specified two resources that belong to different networks: security group {id}"
            )));
        }
    }
    Ok(wanted)
}

/// `CreateNetworkInterface`.
pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let subnet = cx.ec2().get::<Subnet>(&p.str("SubnetId")?)?.clone();
    let groups = groups(cx.ec2(), p.list("SecurityGroupId"), &subnet.vpc)?;
    p.opt_one_of("InterfaceType", &["interface"])?;
    let address = private_address(p)?;
    let tags = tag::specified(p, "network-interface")?;
    let description = p.opt_str("Description").unwrap_or_default();
    let interface = NetworkInterface::new(cx, &subnet, address.as_deref(), groups, description)?;
    let ec2 = cx.ec2();
    tag::set(ec2, &interface.id, tags);
    let mut x = Xml::new();
    x.nest("networkInterface", |x| {
        write(x, ec2, &interface);
        tag::write(x, ec2, &interface.id);
    });
    ec2.network_interfaces.insert(interface.id.clone(), interface);
    Ok(x)
}

/// The primary address that is asked for, in either of the two ways. There are no secondary ones here.
pub fn private_address(p: &Params) -> Result<Option<String>, ApiError> {
    let mut address = p.opt_str("PrivateIpAddress");
    for listed in p.structs("PrivateIpAddresses") {
        let (text, primary) = (listed.str("PrivateIpAddress")?, listed.bool("Primary")?);
        if !primary || address.is_some() {
            return Err(ApiError::bad("UnsupportedOperation", "Only one, primary private address is supported here"));
        }
        address = Some(text);
    }
    Ok(address)
}

/// Writes all of an interface but its tags, which have different names in different answers.
fn write(x: &mut Xml, ec2: &Ec2, interface: &NetworkInterface) {
    x.text("networkInterfaceId", &interface.id);
    x.text("subnetId", &interface.subnet);
    x.text("vpcId", &interface.vpc);
    x.text("availabilityZone", &interface.zone);
    x.text("availabilityZoneId", place::zone_id(&interface.zone));
    x.text("description", &interface.description);
    x.text("ownerId", crate::aws::world::ACCOUNT);
    x.opt("requesterId", interface.requester.as_ref());
    x.text("requesterManaged", interface.requester.is_some());
    x.text("status", interface.status());
    x.text("macAddress", &interface.mac);
    x.text("privateIpAddress", interface.private_address);
    x.text("privateDnsName", interface.private_dns());
    x.text("sourceDestCheck", interface.source_dest_check);
    x.text("interfaceType", &interface.kind);
    write_groups(x, ec2, interface);
    if let Some(attachment) = &interface.attachment {
        x.nest("attachment", |x| {
            x.text("attachmentId", &attachment.id);
            x.text("instanceId", &attachment.instance);
            x.text("instanceOwnerId", crate::aws::world::ACCOUNT);
            x.text("deviceIndex", attachment.device_index);
            x.text("networkCardIndex", 0);
            x.text("status", attachment.status());
            x.text("attachTime", timestamp(attachment.at));
            x.text("deleteOnTermination", attachment.delete_on_termination);
        });
    }
    write_association(x, ec2, interface);
    x.list("privateIpAddressesSet", "item", [interface], |x, interface| {
        x.text("privateIpAddress", interface.private_address);
        x.text("privateDnsName", interface.private_dns());
        x.text("primary", true);
        write_association(x, ec2, interface);
    });
    x.nest("ipv6AddressesSet", |_| {});
}

/// Writes the `groupSet` of an interface.
pub fn write_groups(x: &mut Xml, ec2: &Ec2, interface: &NetworkInterface) {
    x.list("groupSet", "item", &interface.groups, |x, id| {
        x.text("groupId", id);
        x.opt("groupName", ec2.security_groups.get(id).map(|group| &group.name));
    });
}

fn write_association(x: &mut Xml, ec2: &Ec2, interface: &NetworkInterface) {
    let Some(public) = interface.public_address else {
        return;
    };
    let address = interface.allocation.as_ref().and_then(|id| ec2.addresses.get(id));
    x.nest("association", |x| {
        x.text("publicIp", public);
        x.text("ipOwnerId", if address.is_some() { crate::aws::world::ACCOUNT } else { "amazon" });
        if let Some(address) = address {
            x.text("allocationId", &address.id);
            x.opt("associationId", address.association.as_ref().map(|association| &association.id));
        }
    });
}

/// `DescribeNetworkInterfaces`.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.page_limit;
    p.opt_bool("IncludeManagedResources")?;
    let ec2 = cx.ec2();
    Ok(select::<NetworkInterface>(ec2, limit, p)?.answer("networkInterfaceSet", |x, interface| {
        write(x, ec2, interface);
        tag::write(x, ec2, &interface.id);
    }))
}

/// `ModifyNetworkInterfaceAttribute`: one attribute a call.
pub fn modify(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("NetworkInterfaceId")?;
    let ec2 = cx.ec2();
    let vpc = own(ec2, &id)?.vpc.clone();
    let wanted = p.list("SecurityGroupId");
    let groups = if wanted.is_empty() { None } else { Some(groups(ec2, wanted, &vpc)?) };
    let interface = ec2.get_mut::<NetworkInterface>(&id)?;
    let mut changed = 0;
    if let Some(groups) = groups {
        interface.groups = groups;
        changed += 1;
    }
    if let Some(value) = p.opt_struct("Description") {
        interface.description = value.opt_str("Value").unwrap_or_default();
        changed += 1;
    }
    if let Some(value) = p.opt_struct("SourceDestCheck").map(|value| value.opt_bool("Value")).transpose()?.flatten() {
        interface.source_dest_check = value;
        changed += 1;
    }
    if let Some(change) = p.opt_struct("Attachment") {
        let (wanted, value) = (change.str("AttachmentId")?, change.opt_bool("DeleteOnTermination")?);
        let attachment = interface
            .attachment
            .as_mut()
            .filter(|attachment| attachment.id == wanted)
            .ok_or_else(|| attachment_not_found(&wanted))?;
        attachment.delete_on_termination = value.unwrap_or(attachment.delete_on_termination);
        changed += 1;
    }
    match changed {
        1 => done(),
        0 => Err(ApiError::bad("MissingParameter", "The request must contain an attribute to modify")),
        _ => Err(ApiError::combination("Fields for multiple attribute types specified")),
    }
}

/// The error for an attachment that does not exist.
pub fn attachment_not_found(id: &str) -> ApiError {
    ApiError::bad("InvalidAttachmentID.NotFound", format!("The interface attachment '{id}' does not exist"))
}

/// An interface that no service keeps for itself.
pub fn own<'a>(ec2: &'a Ec2, id: &str) -> Result<&'a NetworkInterface, ApiError> {
    let interface = ec2.get::<NetworkInterface>(id)?;
    if interface.requester.is_some() {
        return Err(ApiError::bad(
            "OperationNotPermitted",
            format!("You are not allowed to manage '{}' attachments: {id}.", interface.kind),
        ));
    }
    Ok(interface)
}

/// `DeleteNetworkInterface`: it may not be attached.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("NetworkInterfaceId")?;
    let ec2 = cx.ec2();
    if own(ec2, &id)?.attachment.is_some() {
        return Err(ApiError::value(format!("Network interface '{id}' is currently in use.")));
    }
    remove(ec2, &id);
    done()
}

/// Finishes detachments.
pub fn settle(cx: &mut Cx<'_>) {
    let now = cx.now;
    for interface in cx.ec2().network_interfaces.values_mut() {
        if interface.attachment.as_ref().and_then(|attachment| attachment.gone).is_some_and(|gone| gone <= now) {
            interface.attachment = None;
        }
    }
}
