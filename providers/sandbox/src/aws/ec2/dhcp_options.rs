//! DHCP options.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::describe::{Field, Resource, select};
use super::{Answer, Cx, Ec2, Params, Xml, done, tag, vpc};
use crate::aws::ApiError;

const KEYS: [&str; 6] = [
    "domain-name",
    "domain-name-servers",
    "ntp-servers",
    "netbios-name-servers",
    "netbios-node-type",
    "ipv6-address-preferred-lease-time",
];

/// A set of DHCP options.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DhcpOptions {
    id: String,
    options: BTreeMap<String, Vec<String>>,
}

impl Resource for DhcpOptions {
    const TYPE: &'static str = "dhcp-options";
    const IDS: &'static str = "DhcpOptionsId";
    const NOT_FOUND: &'static str = "InvalidDhcpOptionID.NotFound";
    const FIELDS: &'static [Field<Self>] = &[
        ("dhcp-options-id", |_, d| vec![d.id.clone()]),
        ("key", |_, d| d.options.keys().cloned().collect()),
        ("value", |_, d| d.options.values().flatten().cloned().collect()),
        ("owner-id", |_, _| vec![crate::aws::world::ACCOUNT.to_owned()]),
    ];

    fn id(&self) -> &str {
        &self.id
    }
    fn all(ec2: &Ec2) -> &BTreeMap<String, Self> {
        &ec2.dhcp_options
    }
    fn all_mut(ec2: &mut Ec2) -> &mut BTreeMap<String, Self> {
        &mut ec2.dhcp_options
    }
}

/// `CreateDhcpOptions`.
pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let mut options = BTreeMap::new();
    for option in p.structs("DhcpConfiguration") {
        let (key, values) = (option.str("Key")?, option.list("Value"));
        if !KEYS.contains(&key.as_str()) || values.is_empty() {
            return Err(ApiError::value(format!("Value ({key}) for parameter name is invalid. Invalid DHCP option")));
        }
        options.insert(key, values);
    }
    if options.is_empty() {
        return Err(ApiError::bad("MissingParameter", "The request must contain the parameter DhcpConfiguration"));
    }
    let tags = tag::specified(p, "dhcp-options")?;
    let set = DhcpOptions { id: cx.ids.ec2("dopt"), options };
    let ec2 = cx.ec2();
    tag::set(ec2, &set.id, tags);
    let mut x = Xml::new();
    x.nest("dhcpOptions", |x| write(x, ec2, &set));
    ec2.dhcp_options.insert(set.id.clone(), set);
    Ok(x)
}

fn write(x: &mut Xml, ec2: &Ec2, set: &DhcpOptions) {
    x.text("dhcpOptionsId", &set.id);
    x.text("ownerId", crate::aws::world::ACCOUNT);
    x.list("dhcpConfigurationSet", "item", &set.options, |x, (key, values)| {
        x.text("key", key);
        x.list("valueSet", "item", values, |x, value| {
            x.text("value", value);
        });
    });
    tag::write(x, ec2, &set.id);
}

/// `AssociateDhcpOptions`.
pub fn associate(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("DhcpOptionsId")?;
    if id != "default" {
        cx.ec2().get::<DhcpOptions>(&id)?;
    }
    cx.ec2().get_mut::<vpc::Vpc>(&p.str("VpcId")?)?.dhcp_options = id;
    done()
}

/// `DescribeDhcpOptions`.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.page_limit;
    let ec2 = cx.ec2();
    Ok(select::<DhcpOptions>(ec2, limit, p)?.answer("dhcpOptionsSet", |x, set| write(x, ec2, set)))
}

/// `DeleteDhcpOptions`.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("DhcpOptionsId")?;
    let ec2 = cx.ec2();
    ec2.get::<DhcpOptions>(&id)?;
    if ec2.vpcs.values().any(|vpc| vpc.dhcp_options == id) {
        return Err(ApiError::dependency(format!("The dhcpOptions '{id}' has dependencies and cannot be deleted.")));
    }
    ec2.remove::<DhcpOptions>(&id);
    done()
}
