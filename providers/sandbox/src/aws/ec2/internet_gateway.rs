//! Internet gateways: at most one a VPC.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::describe::{Field, Resource, select};
use super::{Answer, Cx, Ec2, Params, Xml, done, tag, vpc};
use crate::aws::ApiError;

/// An internet gateway.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InternetGateway {
    id: String,
    /// The VPC that it is attached to.
    pub vpc: Option<String>,
}

impl Resource for InternetGateway {
    const TYPE: &'static str = "internet-gateway";
    const IDS: &'static str = "InternetGatewayId";
    const NOT_FOUND: &'static str = "InvalidInternetGatewayID.NotFound";
    const FIELDS: &'static [Field<Self>] = &[
        ("internet-gateway-id", |_, g| vec![g.id.clone()]),
        ("attachment.vpc-id", |_, g| g.vpc.iter().cloned().collect()),
        ("attachment.state", |_, g| g.vpc.iter().map(|_| "available".to_owned()).collect()),
        ("owner-id", |_, _| vec![crate::aws::world::ACCOUNT.to_owned()]),
    ];

    fn id(&self) -> &str {
        &self.id
    }
    fn all(ec2: &Ec2) -> &BTreeMap<String, Self> {
        &ec2.internet_gateways
    }
    fn all_mut(ec2: &mut Ec2) -> &mut BTreeMap<String, Self> {
        &mut ec2.internet_gateways
    }
}

/// `CreateInternetGateway`.
pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let tags = tag::specified(p, "internet-gateway")?;
    if cx.ec2().internet_gateways.len() >= cx.quotas.internet_gateways {
        return Err(ApiError::bad(
            "InternetGatewayLimitExceeded",
            "The maximum number of internet gateways is reached.",
        ));
    }
    let gateway = InternetGateway { id: cx.ids.ec2("igw"), vpc: None };
    let ec2 = cx.ec2();
    tag::set(ec2, &gateway.id, tags);
    let mut x = Xml::new();
    x.nest("internetGateway", |x| write(x, ec2, &gateway));
    ec2.internet_gateways.insert(gateway.id.clone(), gateway);
    Ok(x)
}

fn write(x: &mut Xml, ec2: &Ec2, gateway: &InternetGateway) {
    x.text("internetGatewayId", &gateway.id);
    x.text("ownerId", crate::aws::world::ACCOUNT);
    x.list("attachmentSet", "item", &gateway.vpc, |x, vpc| {
        x.text("vpcId", vpc);
        x.text("state", "available");
    });
    tag::write(x, ec2, &gateway.id);
}

/// `DescribeInternetGateways`.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.page_limit;
    let ec2 = cx.ec2();
    Ok(select::<InternetGateway>(ec2, limit, p)?.answer("internetGatewaySet", |x, gateway| write(x, ec2, gateway)))
}

/// `AttachInternetGateway`.
pub fn attach(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (id, vpc) = (p.str("InternetGatewayId")?, p.str("VpcId")?);
    let ec2 = cx.ec2();
    ec2.get::<vpc::Vpc>(&vpc)?;
    let taken = ec2.internet_gateways.values().any(|gateway| gateway.vpc.as_ref() == Some(&vpc));
    let gateway = ec2.get_mut::<InternetGateway>(&id)?;
    if let Some(other) = &gateway.vpc {
        return Err(ApiError::bad(
            "Resource.AlreadyAssociated",
            format!("resource {id} is already attached to network {other}"),
        ));
    }
    if taken {
        return Err(ApiError::value(format!("Network {vpc} already has an internet gateway attached")));
    }
    gateway.vpc = Some(vpc);
    done()
}

/// `DetachInternetGateway`: no public address of the VPC may depend on it.
pub fn detach(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (id, vpc) = (p.str("InternetGatewayId")?, p.str("VpcId")?);
    let ec2 = cx.ec2();
    let gateway = ec2.get::<InternetGateway>(&id)?;
    if gateway.vpc.as_ref() != Some(&vpc) {
        return Err(ApiError::bad("Gateway.NotAttached", format!("resource {id} is not attached to network {vpc}")));
    }
    if ec2.network_interfaces.values().any(|interface| interface.vpc == vpc && interface.public_address.is_some()) {
        return Err(ApiError::dependency(format!(
            "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching \
             the gateway."
        )));
    }
    ec2.get_mut::<InternetGateway>(&id)?.vpc = None;
    done()
}

/// `DeleteInternetGateway`.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("InternetGatewayId")?;
    let ec2 = cx.ec2();
    if ec2.get::<InternetGateway>(&id)?.vpc.is_some() {
        return Err(ApiError::dependency(format!(
            "The internetGateway '{id}' has dependencies and cannot be deleted."
        )));
    }
    ec2.remove::<InternetGateway>(&id);
    done()
}
