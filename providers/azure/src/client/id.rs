//! Ids of Azure Resource Manager. They know no case, and services give them back in whatever case they like, so that
//! every id that comes in is brought into one form before it is kept or compared.

use std::fmt;
use std::str::FromStr;

use meridian_provider_api::{CloudError, ErrorKind};

/// Words of ids that are the same for everyone, as the references write them.
const WORDS: &[&str] = &[
    "subscriptions",
    "resourceGroups",
    "providers",
    "Microsoft.Authorization",
    "Microsoft.Compute",
    "Microsoft.ManagedIdentity",
    "Microsoft.Network",
    "Microsoft.Storage",
    "applicationSecurityGroups",
    "availabilitySets",
    "backendAddressPools",
    "blobServices",
    "containers",
    "disks",
    "frontendIPConfigurations",
    "images",
    "ipConfigurations",
    "loadBalancers",
    "loadBalancingRules",
    "natGateways",
    "networkInterfaces",
    "networkSecurityGroups",
    "privateDnsZones",
    "probes",
    "publicIPAddresses",
    "roleAssignments",
    "roleDefinitions",
    "routeTables",
    "securityRules",
    "storageAccounts",
    "subnets",
    "userAssignedIdentities",
    "virtualMachineScaleSets",
    "virtualMachines",
    "virtualNetworkLinks",
    "virtualNetworks",
];

/// An id in the one form that is kept: known words as the references write them, all others in lower case.
#[must_use]
pub fn normal(id: &str) -> String {
    let segment = |text: &str| {
        WORDS
            .iter()
            .find(|word| word.eq_ignore_ascii_case(text))
            .map_or_else(|| text.to_ascii_lowercase(), |word| (*word).to_owned())
    };
    id.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// The name of a location in the one form that is kept: some services give `West Europe` back.
#[must_use]
pub fn location(text: &str) -> String {
    text.replace(' ', "").to_ascii_lowercase()
}

/// An id, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmId {
    pub subscription: String,
    pub group: String,
    /// Type and name of the resource and of each resource it is inside of, outermost first; empty for a group itself.
    /// The first type has its provider before it (`Microsoft.Network/virtualNetworks`).
    pub path: Vec<(String, String)>,
}

impl ArmId {
    /// Name of the resource itself; the group's, when it is the id of one.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.last().map_or(&self.group, |(_, name)| name)
    }

    /// Name of what the resource is in: for a subnet its network.
    pub fn parent(&self) -> Result<&str, CloudError> {
        let before_last = self.path.len().checked_sub(2).and_then(|index| self.path.get(index));
        before_last.map(|(_, name)| name.as_str()).ok_or_else(|| {
            CloudError::new(ErrorKind::Invalid, "reading an id", format!("{self} is not inside of another resource"))
        })
    }

    /// The id of what the resource is in: for a subnet that of its network.
    #[must_use]
    pub fn within(&self) -> Option<String> {
        let (_, before) = self.path.split_last()?;
        (!before.is_empty()).then(|| Self { path: before.to_vec(), ..self.clone() }.to_string())
    }

    /// Type of the resource, with its provider (`Microsoft.Network/virtualNetworks/subnets`).
    #[must_use]
    pub fn kind(&self) -> String {
        self.path.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>().join("/")
    }
}

impl fmt::Display for ArmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/subscriptions/{}/resourceGroups/{}", self.subscription, self.group)?;
        for (index, (kind, name)) in self.path.iter().enumerate() {
            write!(f, "{}/{kind}/{name}", if index == 0 { "/providers" } else { "" })?;
        }
        Ok(())
    }
}

/// Not an id of a resource in a group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an id such as /subscriptions/…/resourceGroups/…/providers/Microsoft.Network/virtualNetworks/…")]
pub struct NoId(String);

impl From<NoId> for CloudError {
    fn from(error: NoId) -> Self {
        Self::new(ErrorKind::Invalid, "reading an id", error.to_string())
    }
}

impl FromStr for ArmId {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        let wrong = || NoId(text.to_owned());
        let normal = normal(text);
        let segments: Vec<&str> = normal.split('/').collect();
        let (["", "subscriptions", subscription, "resourceGroups", group], rest) =
            segments.split_at_checked(5).ok_or_else(wrong)?
        else {
            return Err(wrong());
        };
        let mut path = Vec::new();
        if let Some((providers, inside)) = rest.split_first() {
            let (namespace, pairs) = inside.split_first().ok_or_else(wrong)?;
            if *providers != "providers" || pairs.is_empty() || !pairs.len().is_multiple_of(2) {
                return Err(wrong());
            }
            for pair in pairs.chunks_exact(2) {
                let kind = if path.is_empty() { format!("{namespace}/{}", pair[0]) } else { pair[0].to_owned() };
                path.push((kind, pair[1].to_owned()));
            }
        }
        if segments.iter().skip(1).any(|segment| segment.is_empty()) {
            return Err(wrong());
        }
        Ok(Self { subscription: (*subscription).to_owned(), group: (*group).to_owned(), path })
    }
}

/// The id of a resource group.
#[must_use]
pub fn group(subscription: &str, name: &str) -> String {
    normal(&format!("/subscriptions/{subscription}/resourceGroups/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBNET: &str = "/subscriptions/S/RESOURCEGROUPS/Rg/providers/microsoft.network/virtualnetworks/Net/subnets/A";

    #[test]
    fn ids_differ_by_no_case() {
        let id = normal(SUBNET);
        assert_eq!(id, "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/net/subnets/a");
        assert_eq!(normal(&id.to_ascii_uppercase()), id);
        assert_eq!(location("West Europe"), "westeurope");
    }

    #[test]
    fn an_id_comes_apart_and_together_again() {
        let id: ArmId = SUBNET.parse().unwrap();
        assert_eq!((id.subscription.as_str(), id.group.as_str(), id.name()), ("s", "rg", "a"));
        assert_eq!((id.parent().unwrap(), id.kind().as_str()), ("net", "Microsoft.Network/virtualNetworks/subnets"));
        assert_eq!(id.to_string(), normal(SUBNET));
        let group: ArmId = "/subscriptions/s/resourceGroups/rg".parse().unwrap();
        assert_eq!(group.name(), "rg");
        assert!(group.parent().is_err());
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in [
            "",
            "vpc-1",
            "/subscriptions/s",
            "/subscriptions/s/resourceGroups/",
            "/subscriptions/s/resourceGroups/g/providers/N/t",
        ] {
            assert!(text.parse::<ArmId>().is_err(), "{text}");
        }
    }
}
