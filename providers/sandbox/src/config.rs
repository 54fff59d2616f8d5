//! What a sandbox is started with.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::record::Recorder;

/// How a sandbox is set up. [`Config::default`] is in memory, on a free port, at a quick pace.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the worlds are kept; `None` keeps them in memory only.
    pub dir: Option<PathBuf>,
    /// The address every cloud's listener binds to.
    pub listen: IpAddr,
    /// The port of each cloud's listener, by cloud name; a free one where none is named.
    pub ports: BTreeMap<String, u16>,
    /// Faults that are armed from the start.
    pub faults: Vec<Fault>,
    /// How long things take.
    pub pace: Pace,
    /// The largest page a paginated call answers with, whatever it asked for; `None` for the service's own limit.
    pub page_limit: Option<usize>,
    /// How many of a kind an account may have in a region.
    pub quotas: Quotas,
    /// The zone names of a region. A region that is not named here has the zones `a`, `b` and `c` on AWS, those that it really
    /// has on Google Cloud, and `1`, `2` and `3` on Azure where the real region has zones. No names are no zones.
    pub zones: BTreeMap<String, Vec<String>>,
    /// Sees every exchange.
    pub recorder: Option<Recorder>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dir: None,
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: BTreeMap::new(),
            faults: Vec::new(),
            pace: Pace::default(),
            page_limit: None,
            quotas: Quotas::default(),
            zones: BTreeMap::new(),
            recorder: None,
        }
    }
}

/// How long asynchronous operations take, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pace {
    /// From `pending` to `running`.
    pub instance_pending: u64,
    /// From `stopping` to `stopped`, and from `shutting-down` to `terminated`.
    pub instance_stopping: u64,
    /// How long a terminated instance or a deleted NAT gateway is still described.
    pub leftover: u64,
    /// From `pending` to `available`.
    pub nat_pending: u64,
    /// From `deleting` to `deleted`; the elastic address is held until then.
    pub nat_deleting: u64,
    /// From `provisioning` to `active`.
    pub load_balancer_provisioning: u64,
    /// How long a deleted load balancer's network interfaces stay in its subnets.
    pub load_balancer_deleting: u64,
    /// From `creating` to `available`.
    pub volume_creating: u64,
    /// From `modifying` to `completed`.
    pub volume_modifying: u64,
    /// From `attaching` to `attached` and from `detaching` to gone.
    pub volume_attaching: u64,
    /// How long a network interface stays in use after it was detached.
    pub network_interface_detaching: u64,
    /// From `pending` to `available` and from `deleting` to gone.
    pub vpc_endpoint: u64,
    /// How long other services refuse a new instance profile, role or service account.
    pub instance_profile_visible: u64,
    /// How long an autoscaling group takes to notice that it must launch or terminate.
    pub asg_scale: u64,
    /// From `PENDING` to `INSYNC`.
    pub dns_change: u64,
    /// From `initial` to `healthy`.
    pub target_initial: u64,
    /// From the beginning to the end of an operation that has no time of its own.
    pub operation: u64,
    /// An operation of Azure's resource manager on what has no pace of its own here.
    pub arm_operation: u64,
}

impl Pace {
    /// Everything happens at once.
    #[must_use]
    pub const fn instant() -> Self {
        Self {
            instance_pending: 0,
            instance_stopping: 0,
            leftover: 3_600_000,
            nat_pending: 0,
            nat_deleting: 0,
            load_balancer_provisioning: 0,
            load_balancer_deleting: 0,
            volume_creating: 0,
            volume_modifying: 0,
            volume_attaching: 0,
            network_interface_detaching: 0,
            vpc_endpoint: 0,
            instance_profile_visible: 0,
            asg_scale: 0,
            dns_change: 0,
            target_initial: 0,
            operation: 0,
            arm_operation: 0,
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            instance_pending: 40,
            instance_stopping: 30,
            leftover: 3_600_000,
            nat_pending: 60,
            nat_deleting: 40,
            load_balancer_provisioning: 50,
            load_balancer_deleting: 40,
            volume_creating: 15,
            volume_modifying: 15,
            volume_attaching: 10,
            network_interface_detaching: 15,
            vpc_endpoint: 10,
            instance_profile_visible: 40,
            asg_scale: 30,
            dns_change: 20,
            target_initial: 20,
            operation: 15,
            arm_operation: 10,
        }
    }
}

/// How many of a kind an account may have in a region, unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// VPCs a region.
    pub vpcs: usize,
    /// Subnets a VPC.
    pub subnets: usize,
    /// Internet gateways a region.
    pub internet_gateways: usize,
    /// Elastic addresses a region.
    pub addresses: usize,
    /// NAT gateways a zone.
    pub nat_gateways: usize,
    /// Route tables a VPC.
    pub route_tables: usize,
    /// Routes a route table.
    pub routes: usize,
    /// Security groups a region.
    pub security_groups: usize,
    /// Rules a security group and direction.
    pub security_group_rules: usize,
    /// Network interfaces a region.
    pub network_interfaces: usize,
    /// Instances a region.
    pub instances: usize,
    /// Cores a region on Azure, of machines that are not spot.
    pub azure_cores: usize,
    /// The same, of each family of sizes.
    pub azure_family_cores: usize,
    /// Cores a region on Azure, of spot machines.
    pub azure_spot_cores: usize,
    /// Public addresses a region on Azure.
    pub azure_public_addresses: usize,
}

/// A quota that can't be set.
#[derive(Debug, thiserror::Error)]
#[error("there is no quota `{name}`")]
pub struct QuotaError {
    /// The name that was given.
    pub name: String,
    /// Which names there are.
    #[source]
    source: serde_json::Error,
}

impl Quotas {
    /// The same with another limit of one, which is named as its field is.
    pub fn with(self, name: &str, limit: usize) -> Result<Self, QuotaError> {
        let change = || {
            let mut quotas = serde_json::to_value(self)?;
            quotas[name] = limit.into();
            serde_json::from_value(quotas)
        };
        change().map_err(|source| QuotaError { name: name.to_owned(), source })
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            vpcs: 1_000,
            subnets: 200,
            internet_gateways: 1_000,
            addresses: 1_000,
            nat_gateways: 200,
            route_tables: 200,
            routes: 500,
            security_groups: 2_500,
            security_group_rules: 60,
            network_interfaces: 5_000,
            instances: 10_000,
            azure_cores: 20_000,
            azure_family_cores: 10_000,
            azure_spot_cores: 20_000,
            azure_public_addresses: 1_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_set_by_its_name() {
        assert_eq!(Quotas::default().with("vpcs", 2).unwrap(), Quotas { vpcs: 2, ..Quotas::default() });
        let error = Quotas::default().with("vpc", 2).unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("`vpcs`"));
    }
}
