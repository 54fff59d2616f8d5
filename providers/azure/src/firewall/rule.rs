//! One rule of a network security group.

use azure_mgmt_network::package_2024_03::models::{
    ApplicationSecurityGroup as SdkGroup, Resource as SdkResource, SecurityRule, SecurityRuleAccess,
    SecurityRuleDirection, SecurityRulePropertiesFormat, security_rule_properties_format::Protocol,
};
use meridian_engine::field::Set;
use meridian_engine::{Ref, record};
use meridian_provider_api::CloudError;

use super::ApplicationSecurityGroup;
use crate::arm::{id_of, word};
use crate::client::id::normal;

/// Every address, protocol or port.
pub const ANY: &str = "*";

record! {
    /// A rule. Of several that fit the one of the lowest priority decides.
    pub struct Rule {
        name: String,
        /// Why it is there; at most 140 characters.
        description: String,
        /// `Inbound` or `Outbound`.
        direction: String,
        /// `Allow` or `Deny`.
        access: String,
        /// 100 to 4096, one of its own in each direction.
        priority: i32,
        /// `Tcp`, `Udp` or `*`.
        protocol: String,
        /// Ports of the destination, or ranges such as `2379-2380`, or `*`.
        ports: Set<String>,
        /// Ranges or a service tag; empty where groups say it.
        from: Set<String>,
        from_groups: Set<Ref<ApplicationSecurityGroup>>,
        to: Set<String>,
        to_groups: Set<Ref<ApplicationSecurityGroup>>,
    }
}

impl Rule {
    /// Whether Kubernetes' cloud controller made it, for a service of the type `LoadBalancer` (cloud-provider-azure,
    /// `pkg/provider/securitygroup` and, before that, `getSecurityRuleName`).
    #[must_use]
    pub fn is_of_kubernetes(name: &str) -> bool {
        let older = || {
            let (service, rest) = name.split_once('-')?;
            let of_service = service == "shared"
                || service.len() == 32
                    && service.starts_with('a')
                    && service.bytes().all(|byte| byte.is_ascii_hexdigit());
            Some(of_service && ["TCP-", "UDP-", "SCTP-"].iter().any(|protocol| rest.starts_with(protocol)))
        };
        name.starts_with("k8s-azure-lb_") || older().unwrap_or(false)
    }

    /// As the SDK takes it.
    pub(super) fn written(&self) -> Result<SecurityRule, CloudError> {
        let (source_address_prefix, source_address_prefixes) = one_or_many(&self.from.0);
        let (destination_address_prefix, destination_address_prefixes) = one_or_many(&self.to.0);
        let (destination_port_range, destination_port_ranges) = one_or_many(&self.ports.0);
        let access = if self.access == "Allow" { SecurityRuleAccess::Allow } else { SecurityRuleAccess::Deny };
        let direction =
            if self.direction == "Inbound" { SecurityRuleDirection::Inbound } else { SecurityRuleDirection::Outbound };
        let protocol = match self.protocol.as_str() {
            "Tcp" => Protocol::Tcp,
            "Udp" => Protocol::Udp,
            ANY => Protocol::U2a,
            other => Protocol::UnknownValue(other.to_owned()),
        };
        Ok(SecurityRule {
            name: Some(self.name.clone()),
            properties: Some(SecurityRulePropertiesFormat {
                description: Some(self.description.clone()),
                source_port_range: Some(ANY.to_owned()),
                source_address_prefix,
                source_address_prefixes,
                source_application_security_groups: groups(&self.from_groups)?,
                destination_address_prefix,
                destination_address_prefixes,
                destination_application_security_groups: groups(&self.to_groups)?,
                destination_port_range,
                destination_port_ranges,
                ..SecurityRulePropertiesFormat::new(protocol, access, self.priority, direction)
            }),
            ..SecurityRule::default()
        })
    }

    /// As the SDK gives it.
    pub(super) fn read(rule: &SecurityRule) -> Option<Self> {
        let properties = rule.properties.as_ref()?;
        Some(Self {
            name: rule.name.clone()?,
            description: properties.description.clone().unwrap_or_default(),
            direction: word(Some(&properties.direction))?,
            access: word(Some(&properties.access))?,
            priority: properties.priority,
            protocol: word(Some(&properties.protocol))?,
            ports: both(properties.destination_port_range.as_ref(), &properties.destination_port_ranges),
            from: both(properties.source_address_prefix.as_ref(), &properties.source_address_prefixes),
            from_groups: references(&properties.source_application_security_groups),
            to: both(properties.destination_address_prefix.as_ref(), &properties.destination_address_prefixes),
            to_groups: references(&properties.destination_application_security_groups),
        })
    }
}

/// What only Azure writes, taken off a rule that is another's and is written back as it was.
pub(super) fn as_it_was(rule: SecurityRule) -> SecurityRule {
    let properties = rule.properties.map(|properties| {
        let bare =
            |groups: Vec<SdkGroup>| groups.into_iter().filter_map(|group| group.resource.id).map(by_id).collect();
        SecurityRulePropertiesFormat {
            provisioning_state: None,
            source_application_security_groups: bare(properties.source_application_security_groups.clone()),
            destination_application_security_groups: bare(properties.destination_application_security_groups.clone()),
            ..properties
        }
    });
    SecurityRule { name: rule.name, properties, ..SecurityRule::default() }
}

/// One value and several go by different fields; only the first of these takes `*` and service tags.
fn one_or_many(values: &[String]) -> (Option<String>, Vec<String>) {
    match values {
        [one] => (Some(one.clone()), Vec::new()),
        many => (None, many.to_vec()),
    }
}

fn both(one: Option<&String>, many: &[String]) -> Set<String> {
    one.into_iter().chain(many).filter(|value| !value.is_empty()).cloned().collect()
}

fn by_id(id: String) -> SdkGroup {
    SdkGroup { resource: SdkResource { id: Some(id), ..SdkResource::default() }, ..SdkGroup::default() }
}

fn groups(groups: &Set<Ref<ApplicationSecurityGroup>>) -> Result<Vec<SdkGroup>, CloudError> {
    groups.0.iter().map(|group| Ok(by_id(id_of(group)?.to_owned()))).collect()
}

fn references(groups: &[SdkGroup]) -> Set<Ref<ApplicationSecurityGroup>> {
    groups.iter().filter_map(|group| group.resource.id.as_deref()).map(|id| Ref::existing(normal(id))).collect()
}

#[cfg(test)]
mod tests {
    use meridian_engine::field::FieldValue as _;

    use super::*;

    fn rule() -> Rule {
        Rule {
            name: "api".to_owned(),
            description: "why".to_owned(),
            direction: "Inbound".to_owned(),
            access: "Allow".to_owned(),
            priority: 100,
            protocol: "Tcp".to_owned(),
            ports: Set(vec!["6443".to_owned()]),
            from: Set(vec!["203.0.113.0/24".to_owned(), "198.51.100.0/24".to_owned()]),
            from_groups: Set::default(),
            to: Set::default(),
            to_groups: Set(vec![Ref::existing("/subscriptions/s/resourceGroups/g/providers/N/t/n")]),
        }
    }

    #[test]
    fn a_rule_comes_back_as_it_went() {
        let sent = rule().written().unwrap();
        let json = serde_json::to_value(&sent).unwrap();
        assert_eq!(json["properties"]["destinationPortRange"], "6443");
        assert_eq!(json["properties"]["sourceAddressPrefixes"].as_array().unwrap().len(), 2);
        let mut back = Rule::read(&sent).unwrap();
        back.to_groups = rule().to_groups;
        assert_eq!(back.into_value(), rule().into_value());
    }

    #[test]
    fn rules_of_kubernetes_are_known_by_their_names() {
        for name in ["k8s-azure-lb_allow_IPv4_0123456789abcdef", "a0123456789abcdef0123456789abcde-TCP-80-Internet"] {
            assert!(Rule::is_of_kubernetes(name), "{name}");
        }
        for name in ["kubernetes-api", "api-TCP-6443", "a-TCP-1"] {
            assert!(!Rule::is_of_kubernetes(name), "{name}");
        }
    }
}
