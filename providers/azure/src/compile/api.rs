//! The load balancer in front of the API servers.

use std::net::Ipv4Addr;

use meridian_engine::field::Set;
use meridian_engine::{Graph, Ref};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, Exposure, Subnet as Range, SubnetRole};

use super::firewall::API_PORT;
use super::names::{API, inside, resource_group, tags};
use super::network::{address_zones, public_ip, range, subnet, subnet_of};
use crate::load_balancer::{HealthCheck, LoadBalancer};

pub(super) fn api(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let mut balancer = LoadBalancer {
        group: resource_group(cluster, pins)?,
        name: inside(cluster, API),
        public_address: None,
        subnet: None,
        private_address: None,
        zones: Set::default(),
        port: cluster.control_plane.api.port,
        target_port: API_PORT,
        health_check: health_check(cluster),
        tags: tags(cluster),
        host: None,
    };
    match cluster.control_plane.api.exposure {
        Exposure::Public => {
            let address = public_ip(cluster, pins, graph, API)?;
            balancer.host = Some(address.attribute("public_ip"));
            balancer.public_address = Some(address);
        }
        Exposure::Private => {
            let name = subnet_of(cluster, SubnetRole::Private).or_else(|| subnet_of(cluster, SubnetRole::Public));
            let name = name.ok_or_else(|| CompileError::Missing("subnet for the API".to_owned()))?;
            balancer.subnet = Some(subnet(cluster, name)?);
            balancer.name = inside(cluster, "api-internal");
            balancer.private_address = fixed_address(range(cluster, name)?).map(|address| address.to_string());
            balancer.zones = address_zones(cluster);
        }
    }
    graph.add(API, balancer)?;
    Ok(())
}

/// The pool of machines behind the load balancer, for their network interfaces.
pub(super) fn backend_pool() -> Result<meridian_engine::Attr<String>, CompileError> {
    Ok(Ref::<LoadBalancer>::to(API)?.attribute("backend_pool"))
}

/// The last address of a subnet of ours. Azure gives machines the first ones that are free, and might give the load
/// balancer one that a slot is to have. In a shared subnet anything may be taken, and Azure chooses.
fn fixed_address(range: &Range) -> Option<Ipv4Addr> {
    let last = u32::from(range.cidr.broadcast()).checked_sub(1)?;
    range.existing.is_none().then(|| Ipv4Addr::from(last))
}

/// Asks the API server whether it is ready, which everyone may unless anonymous requests are turned off.
fn health_check(cluster: &Cluster) -> HealthCheck {
    let anonymous = cluster.kubernetes.extra_args.api_server.get("anonymous-auth").is_none_or(|value| value != "false");
    let (protocol, path) = if anonymous { ("Https", Some("/readyz".to_owned())) } else { ("Tcp", None) };
    HealthCheck { protocol: protocol.to_owned(), path, interval_seconds: 5, threshold: 2 }
}

#[cfg(test)]
mod tests {
    use meridian_engine::Value;

    use super::*;
    use crate::compile::fixture;

    fn balancer(cluster: &Cluster) -> meridian_engine::Fields {
        let mut graph = Graph::new();
        api(cluster, &Pins::new(), &mut graph).unwrap();
        graph.get(&"azure_lb.api".parse().unwrap()).unwrap().fields.clone()
    }

    #[test]
    fn the_load_balancer_stands_where_its_clients_are() {
        let mut cluster = fixture::cluster();
        let public = balancer(&cluster);
        assert_eq!(public["subnet"], Value::Null);
        cluster.control_plane.api.exposure = Exposure::Private;
        let inside = balancer(&cluster);
        assert_eq!(inside["public_address"], Value::Null);
        assert_ne!(inside["name"], public["name"], "the new one is made before the old one goes");
        assert_eq!(inside["private_address"], Value::String("10.40.127.254".to_owned()));
    }

    #[test]
    fn without_anonymous_requests_only_the_port_is_checked() {
        let mut cluster = fixture::cluster();
        assert_eq!(health_check(&cluster).path.as_deref(), Some("/readyz"));
        cluster.kubernetes.extra_args.api_server.insert("anonymous-auth".to_owned(), "false".to_owned());
        assert_eq!((health_check(&cluster).protocol.as_str(), health_check(&cluster).path), ("Tcp", None));
    }
}
