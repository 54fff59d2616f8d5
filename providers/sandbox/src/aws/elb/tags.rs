//! Tags of load balancers.

use super::{Answer, Tags, invalid};
use crate::aws::elbv2::tags as common;
use crate::aws::{ApiError, Cx, Params, Xml};

/// The most load balancers whose tags one call gives.
const MAX_NAMES: usize = 20;

/// `Tags.member.N`.
pub fn read(p: &Params) -> Result<Tags, ApiError> {
    common::read(p)
}

/// Puts tags on one load balancer; the list of names takes no more (API reference, "`AddTags`").
pub fn add(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (names, tags) = (p.list("LoadBalancerNames"), read(p)?);
    let [name] = names.as_slice() else {
        return Err(invalid("Exactly one load balancer must be specified"));
    };
    if tags.is_empty() {
        return Err(invalid("At least one tag must be specified"));
    }
    let balancer = cx.here().elb.load_balancer_mut(name)?;
    balancer.tags.extend(tags);
    common::within_limit(&balancer.tags)?;
    cx.dirty_region();
    Ok(Xml::new())
}

pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let names = p.list("LoadBalancerNames");
    if names.is_empty() || names.len() > MAX_NAMES {
        return Err(invalid(format!("1 to {MAX_NAMES} load balancers must be specified")));
    }
    let elb = &cx.here().elb;
    let found = names.iter().map(|name| elb.load_balancer(name)).collect::<Result<Vec<_>, _>>()?;
    let mut x = Xml::new();
    x.nest("TagDescriptions", |x| {
        for balancer in found {
            x.nest("member", |x| {
                x.text("LoadBalancerName", &balancer.name);
                common::write(x, &balancer.tags);
            });
        }
    });
    Ok(x)
}
