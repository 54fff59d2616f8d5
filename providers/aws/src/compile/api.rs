//! The load balancer in front of the API servers.

use meridian_engine::{Graph, Ref};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, Exposure, Subnet, SubnetRole};

use super::names::{API, lb_name, tags};
use super::network::{subnet, vpc};
use crate::firewall::SecurityGroup;
use crate::load_balancer::target_group::HealthCheck;
use crate::load_balancer::{Listener, LoadBalancer, TargetGroup};
use crate::network::InternetGateway;

pub(super) fn api(cluster: &Cluster, _: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let load_balancer = graph.add(
        API,
        LoadBalancer {
            name: lb_name(&cluster.name, API),
            scheme: match cluster.control_plane.api.exposure {
                Exposure::Public => "internet-facing".to_owned(),
                Exposure::Private => "internal".to_owned(),
            },
            subnets: subnets(cluster)
                .into_iter()
                .map(|range| subnet(cluster, &range.name))
                .collect::<Result<_, _>>()?,
            security_group: Ref::<SecurityGroup>::to("api")?,
            cross_zone: true,
            tags: tags(cluster, API),
            internet_gateway: match (cluster.control_plane.api.exposure, &cluster.network.existing) {
                (Exposure::Public, None) => Some(Ref::<InternetGateway>::to("main")?),
                _ => None,
            },
        },
    )?;
    let port = cluster.control_plane.api.port;
    let target_group = graph.add(
        API,
        TargetGroup {
            name: lb_name(&cluster.name, API),
            vpc: vpc(cluster)?,
            port,
            health_check: health_check(cluster),
            targets: cluster.control_plane.slots.iter().map(|slot| slot.address.to_string()).collect(),
            tags: tags(cluster, API),
        },
    )?;
    let host = Some(load_balancer.attribute("dns_name"));
    graph.add(API, Listener { load_balancer, target_group, port, tags: tags(cluster, API), host })?;
    Ok(())
}

/// One subnet a zone: public ones for a public API, and where there are no others.
fn subnets(cluster: &Cluster) -> Vec<&Subnet> {
    let of = |role| cluster.network.subnets.iter().filter(move |subnet| subnet.role == role).collect::<Vec<_>>();
    let private = match cluster.control_plane.api.exposure {
        Exposure::Private => of(SubnetRole::Private),
        Exposure::Public => Vec::new(),
    };
    if private.is_empty() { of(SubnetRole::Public) } else { private }
}

/// Asks the API server whether it is ready, which everyone may unless anonymous requests are turned off.
fn health_check(cluster: &Cluster) -> HealthCheck {
    let anonymous = cluster.kubernetes.extra_args.api_server.get("anonymous-auth").is_none_or(|value| value != "false");
    let (protocol, path) = if anonymous { ("HTTPS", Some("/readyz".to_owned())) } else { ("TCP", None) };
    HealthCheck {
        protocol: protocol.to_owned(),
        path,
        interval_seconds: 10,
        healthy_threshold: 2,
        unhealthy_threshold: 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture;

    #[test]
    fn the_load_balancer_stands_where_its_clients_are() {
        let mut cluster = fixture::cluster();
        let zones = |cluster: &Cluster| subnets(cluster).iter().map(|subnet| subnet.name.clone()).collect::<Vec<_>>();
        assert_eq!(zones(&cluster)[0], "public-eu-west-1a");
        assert_eq!(zones(&cluster).len(), 3);
        cluster.control_plane.api.exposure = Exposure::Private;
        assert_eq!(zones(&cluster)[2], "private-eu-west-1c");
        cluster.network.subnets.retain(|subnet| subnet.role == SubnetRole::Public);
        assert_eq!(zones(&cluster)[2], "public-eu-west-1c");
    }

    #[test]
    fn without_anonymous_requests_only_the_port_is_checked() {
        let mut cluster = fixture::cluster();
        assert_eq!(health_check(&cluster).path.as_deref(), Some("/readyz"));
        cluster.kubernetes.extra_args.api_server.insert("anonymous-auth".to_owned(), "false".to_owned());
        assert_eq!((health_check(&cluster).protocol.as_str(), health_check(&cluster).path), ("TCP", None));
    }
}
