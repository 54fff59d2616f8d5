//! What was just made and is not known everywhere yet: the fault `not-visible`.

use std::collections::BTreeSet;

use super::world::{Cx, World};
use super::{ApiError, Request, ec2};

/// Something that exists: its kind and its id, as the inventory has them.
pub type Thing = (String, String);

/// All that exists in the region of the request and outside of regions.
pub fn things(cx: &Cx<'_>) -> BTreeSet<Thing> {
    let World { regions, global } = &*cx.world;
    let here = regions.get(&cx.region).into_iter().flat_map(|region| {
        [region.ec2.inventory(), region.autoscaling.inventory(), region.elbv2.inventory(), region.elb.inventory()]
    });
    here.chain([global.iam.inventory(), global.route53.inventory(), global.s3.inventory()])
        .flatten()
        .flat_map(|(kind, ids)| ids.into_iter().map(move |id| (kind.clone(), id)))
        .collect()
}

/// What a service answers that is asked for a thing and has not heard of it; nothing where the request does not name it,
/// or where the service has no answer of its own for that.
pub fn unheard(request: &Request, (kind, id): &Thing) -> Option<ApiError> {
    // Roles and instance profiles may have each other's names.
    let is_named = match kind.as_str() {
        "iam/role" => request.params.raw().get("RoleName") == Some(id),
        "iam/instance-profile" => request.params.raw().get("InstanceProfileName") == Some(id),
        _ => names(request, id),
    };
    if !is_named {
        return None;
    }
    match (request.service.name, kind.as_str()) {
        ("ec2", _) => ec2::not_found(id),
        ("route53", "vpc") => Some(ApiError::bad("InvalidVPCId", format!("The VPC: {id} does not exist"))),
        ("elasticloadbalancing", "subnet") => {
            Some(ApiError::bad("SubnetNotFound", format!("The subnet ID '{id}' is not valid")))
        }
        ("elasticloadbalancing", "security-group") => {
            Some(ApiError::bad("InvalidSecurityGroup", format!("The security group '{id}' does not exist")))
        }
        ("elasticloadbalancing", "elbv2/load-balancer" | "elb/load-balancer") => {
            Some(ApiError::bad("LoadBalancerNotFound", format!("Load balancer '{id}' not found")))
        }
        ("elasticloadbalancing", "elbv2/target-group") => {
            Some(ApiError::bad("TargetGroupNotFound", format!("Target groups '{id}' not found")))
        }
        ("elasticloadbalancing", "elbv2/listener") => {
            Some(ApiError::bad("ListenerNotFound", format!("Listener '{id}' not found")))
        }
        ("iam", "iam/role" | "iam/instance-profile") => {
            Some(ApiError::new(404, "NoSuchEntity", format!("The entity with name {id} cannot be found.")))
        }
        ("route53", "route53/hosted-zone") => {
            Some(ApiError::new(404, "NoSuchHostedZone", format!("No hosted zone found with ID: {id}")))
        }
        ("s3", "s3/bucket") => {
            Some(ApiError::new(404, "NoSuchBucket", format!("The specified bucket {id} does not exist")))
        }
        _ => None,
    }
}

/// Whether an id stands in a request: in a parameter, in the path or in a body of XML.
fn names(request: &Request, id: &str) -> bool {
    let has = |text: &str| text.split([',', '<', '>', ' ']).any(|word| word == id);
    request.params.raw().values().any(|value| has(value))
        || request.path.split('/').any(|segment| segment == id)
        || std::str::from_utf8(&request.body).is_ok_and(has)
}
