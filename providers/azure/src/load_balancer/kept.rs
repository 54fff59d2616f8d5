//! A load balancer as it is, to be written back: without what only Azure writes. A write says the whole, so that whatever
//! it leaves out of front ends, pools, probes and rules is removed, those that others made, too.

use azure_mgmt_network::package_2024_03::models::{
    BackendAddressPool, BackendAddressPoolPropertiesFormat, FrontendIpConfiguration,
    FrontendIpConfigurationPropertiesFormat, InboundNatPool, InboundNatPoolPropertiesFormat, InboundNatRule,
    InboundNatRulePropertiesFormat, LoadBalancerBackendAddress, LoadBalancerPropertiesFormat, LoadBalancingRule,
    LoadBalancingRulePropertiesFormat, OutboundRule, OutboundRulePropertiesFormat, Probe, ProbePropertiesFormat,
};

/// The parts of a load balancer, as they would be written to leave them as they are.
pub(super) fn as_it_was(now: LoadBalancerPropertiesFormat) -> LoadBalancerPropertiesFormat {
    LoadBalancerPropertiesFormat {
        frontend_ip_configurations: now.frontend_ip_configurations.into_iter().map(frontend).collect(),
        backend_address_pools: now.backend_address_pools.into_iter().map(pool).collect(),
        load_balancing_rules: now.load_balancing_rules.into_iter().map(rule).collect(),
        probes: now.probes.into_iter().map(probe).collect(),
        inbound_nat_rules: now.inbound_nat_rules.into_iter().map(nat_rule).collect(),
        inbound_nat_pools: now.inbound_nat_pools.into_iter().map(nat_pool).collect(),
        outbound_rules: now.outbound_rules.into_iter().map(outbound_rule).collect(),
        ..LoadBalancerPropertiesFormat::default()
    }
}

fn frontend(now: FrontendIpConfiguration) -> FrontendIpConfiguration {
    FrontendIpConfiguration {
        name: now.name,
        zones: now.zones,
        properties: now.properties.map(|properties| FrontendIpConfigurationPropertiesFormat {
            inbound_nat_rules: Vec::new(),
            inbound_nat_pools: Vec::new(),
            outbound_rules: Vec::new(),
            load_balancing_rules: Vec::new(),
            provisioning_state: None,
            ..properties
        }),
        ..FrontendIpConfiguration::default()
    }
}

/// Members by their interfaces are said by these; a pool holds only members by their addresses.
fn pool(now: BackendAddressPool) -> BackendAddressPool {
    let by_address = |member: &LoadBalancerBackendAddress| {
        member.properties.as_ref().is_some_and(|properties| properties.network_interface_ip_configuration.is_none())
    };
    let member = |mut member: LoadBalancerBackendAddress| {
        if let Some(properties) = &mut member.properties {
            properties.inbound_nat_rules_port_mapping = Vec::new();
        }
        member
    };
    BackendAddressPool {
        name: now.name,
        properties: now.properties.map(|properties| BackendAddressPoolPropertiesFormat {
            load_balancer_backend_addresses: properties
                .load_balancer_backend_addresses
                .into_iter()
                .filter(by_address)
                .map(member)
                .collect(),
            backend_ip_configurations: Vec::new(),
            load_balancing_rules: Vec::new(),
            outbound_rule: None,
            outbound_rules: Vec::new(),
            inbound_nat_rules: Vec::new(),
            provisioning_state: None,
            ..properties
        }),
        ..BackendAddressPool::default()
    }
}

fn rule(now: LoadBalancingRule) -> LoadBalancingRule {
    LoadBalancingRule {
        name: now.name,
        properties: now
            .properties
            .map(|properties| LoadBalancingRulePropertiesFormat { provisioning_state: None, ..properties }),
        ..LoadBalancingRule::default()
    }
}

fn probe(now: Probe) -> Probe {
    Probe {
        name: now.name,
        properties: now.properties.map(|properties| ProbePropertiesFormat {
            load_balancing_rules: Vec::new(),
            provisioning_state: None,
            ..properties
        }),
        ..Probe::default()
    }
}

fn nat_rule(now: InboundNatRule) -> InboundNatRule {
    InboundNatRule {
        name: now.name,
        properties: now.properties.map(|properties| InboundNatRulePropertiesFormat {
            backend_ip_configuration: None,
            provisioning_state: None,
            ..properties
        }),
        ..InboundNatRule::default()
    }
}

fn nat_pool(now: InboundNatPool) -> InboundNatPool {
    InboundNatPool {
        name: now.name,
        properties: now
            .properties
            .map(|properties| InboundNatPoolPropertiesFormat { provisioning_state: None, ..properties }),
        ..InboundNatPool::default()
    }
}

fn outbound_rule(now: OutboundRule) -> OutboundRule {
    OutboundRule {
        name: now.name,
        properties: now
            .properties
            .map(|properties| OutboundRulePropertiesFormat { provisioning_state: None, ..properties }),
        ..OutboundRule::default()
    }
}
