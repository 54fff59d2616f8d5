//! The machines behind a load balancer.

use super::{Answer, LoadBalancer, invalid};
use crate::aws::ec2::network as ec2;
use crate::aws::{ApiError, Cx, Params, Xml};

pub fn register(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let name = p.str("LoadBalancerName")?;
    let asked = p.structs("Instances").iter().map(|one| one.str("InstanceId")).collect::<Result<Vec<_>, _>>()?;
    if asked.is_empty() {
        return Err(invalid("At least one instance must be specified"));
    }
    let balancer = cx.here().elb.load_balancer(&name)?.clone();
    for id in &asked {
        let known = ec2::instance(cx, id);
        if !known.is_some_and(|instance| instance.vpc == balancer.vpc && instance.state != "terminated") {
            return Err(ApiError::bad("InvalidInstance", format!("Could not find EC2 instance {id}.")));
        }
    }
    let balancer = cx.here().elb.load_balancer_mut(&name)?;
    for id in asked {
        if !balancer.instances.contains(&id) {
            balancer.instances.push(id);
        }
    }
    let balancer = balancer.clone();
    cx.dirty_region();
    let mut x = Xml::new();
    write(cx, &mut x, &balancer);
    Ok(x)
}

/// The machines that are there; one that has ended is behind no load balancer any more.
pub fn write(cx: &Cx<'_>, x: &mut Xml, balancer: &LoadBalancer) {
    let there = |id: &&String| ec2::instance(cx, id).is_some_and(|instance| instance.state != "terminated");
    x.nest("Instances", |x| {
        for id in balancer.instances.iter().filter(there) {
            x.nest("member", |x| x.text("InstanceId", id));
        }
    });
}
