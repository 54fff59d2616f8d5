//! Private addresses of subnets.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde_json::{Value, json};

use crate::azure::body::{list, text};
use crate::azure::error::ApiError;
use crate::azure::world::{Cx, key};

/// Reads a range, which must begin at its own network's address.
pub fn prefix(written: &str, id: &str) -> Result<Ipv4Net, ApiError> {
    let net: Ipv4Net = written.parse().map_err(|_| {
        ApiError::bad(
            "InvalidAddressPrefixFormat",
            format!("Address prefix {written} of resource {id} is not formatted correctly."),
        )
    })?;
    if net.trunc() == net {
        return Ok(net);
    }
    Err(ApiError::bad(
        "InvalidCIDRNotation",
        format!(
            "The address prefix {written} in resource {id} has an invalid CIDR notation. For the given prefix length, \
             the address prefix should be {}.",
            net.trunc()
        ),
    ))
}

/// The addresses of a subnet that are in use, with the configurations that use them.
pub fn taken(cx: &Cx<'_>, subnet: &str) -> Vec<(Ipv4Addr, String)> {
    let mut all = Vec::new();
    let subnet = key(subnet);
    for resource in cx.sub.resources.values() {
        for configurations in ["ipConfigurations", "frontendIPConfigurations"] {
            for configuration in list(&resource.body, &format!("/properties/{configurations}")) {
                if key(text(configuration, "/properties/subnet/id")) == subnet {
                    let name = text(configuration, "/name");
                    let address = text(configuration, "/properties/privateIPAddress").parse();
                    all.extend(
                        address.ok().map(|address| (address, format!("{}/{configurations}/{name}", resource.id))),
                    );
                }
            }
        }
    }
    all
}

/// Gives a configuration of a NIC or a front end its private address: the one that it asks for, else the lowest free.
/// Azure keeps the first four addresses of a subnet, and the last.
pub fn assign(cx: &Cx<'_>, owner: &str, configuration: &mut Value, also: &[Ipv4Addr]) -> Result<Ipv4Addr, ApiError> {
    let subnet = text(configuration, "/properties/subnet/id").to_owned();
    let range = cx.find(&subnet).map(|subnet| text(&subnet.body, "/properties/addressPrefix").to_owned());
    let range = prefix(&range.unwrap_or_default(), &subnet)?;
    let own = format!("{}/", key(owner));
    let others: Vec<(Ipv4Addr, String)> =
        taken(cx, &subnet).into_iter().filter(|(_, user)| !key(user).starts_with(&own)).collect();
    let reserved =
        |address: Ipv4Addr| u32::from(address) - u32::from(range.network()) < 4 || address == range.broadcast();
    let is_taken = |address: &Ipv4Addr| also.contains(address) || others.iter().any(|(other, _)| other == address);
    let properties = &mut configuration["properties"];
    if properties["privateIPAllocationMethod"].is_null() {
        properties["privateIPAllocationMethod"] = json!("Dynamic");
    }
    if properties["privateIPAllocationMethod"] == "Static" {
        let written = properties["privateIPAddress"].as_str().unwrap_or_default();
        let Ok(address) = written.parse::<Ipv4Addr>() else {
            return Err(ApiError::bad(
                "PrivateIPAddressIsMissingOrInvalid",
                format!("Private static IP address '{written}' of {owner} is missing or invalid."),
            ));
        };
        let fault = |code: &str, why: &str| {
            Err(ApiError::bad(code, format!("IP configuration of {owner} uses the address {address}, which {why}.")))
        };
        if !range.contains(&address) {
            return fault("PrivateIPAddressNotInSubnet", &format!("does not belong to the range of subnet {subnet}"));
        }
        if reserved(address) {
            return fault("PrivateIPAddressInReservedRange", "falls within the reserved range of the subnet");
        }
        if is_taken(&address) {
            let user = others.iter().find(|(other, _)| *other == address).map_or(owner, |(_, user)| user);
            return fault("PrivateIPAddressIsAllocated", &format!("is already allocated to {user}"));
        }
        return Ok(address);
    }
    let kept = properties["privateIPAddress"].as_str().and_then(|text| text.parse::<Ipv4Addr>().ok());
    let free = kept.into_iter().filter(|kept| range.contains(kept)).chain(range.hosts());
    let mut free = free.filter(|address| !reserved(*address) && !is_taken(address));
    let address = free.next().ok_or_else(|| {
        ApiError::bad("SubnetIsFull", format!("Subnet {subnet} does not have enough capacity for 1 IP address."))
    })?;
    properties["privateIPAddress"] = json!(address.to_string());
    Ok(address)
}

/// Refuses a public address that another configuration or gateway has.
pub fn check_public(cx: &Cx<'_>, owner: &str, id: &str) -> Result<(), ApiError> {
    match cx.users(id).into_iter().find(|user| key(user) != key(owner)) {
        Some(user) => Err(ApiError::bad(
            "PublicIPAddressInUse",
            format!(
                "Resource {owner} is referencing public IP address {id} that is already allocated to resource {user}."
            ),
        )),
        None => Ok(()),
    }
}
