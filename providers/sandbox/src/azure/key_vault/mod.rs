//! `Microsoft.KeyVault`: vaults, and the RSA keys in them.

pub mod keys;
mod operation;
mod rsa;
#[cfg(test)]
mod tests;
mod vault;

use super::Service;
use super::request::Request;
use super::world::World;

/// The service.
pub const SERVICE: Service = Service {
    namespace: "Microsoft.KeyVault",
    versions: &["2022-07-01", "2023-02-01", "2023-07-01"],
    kinds: &[&vault::Vaults],
    special: |_| None,
};

/// What follows a vault's name in the name of its host.
const SUFFIX: &str = ".vault.azure.net";

/// The vault that a request goes to, by its host's name first in the path; `None` for a request to another service.
pub fn vault(request: &Request) -> Option<&str> {
    let first = request.path.trim_start_matches('/').split('/').next().unwrap_or_default();
    first.strip_suffix(SUFFIX).filter(|name| vault::is_name(name))
}

/// The subscription that a vault is in.
pub fn subscription_of<'a>(world: &'a World, name: &str) -> Option<&'a str> {
    let holds =
        |resource: &super::world::Resource| resource.kind == vault::KIND && resource.name().eq_ignore_ascii_case(name);
    world.iter().find(|(_, sub)| sub.resources.values().any(holds)).map(|(id, _)| id.as_str())
}

/// The region of a vault.
pub fn region_of<'a>(world: &'a World, name: &str) -> Option<&'a str> {
    let mut all = world.values().flat_map(|sub| sub.resources.values());
    let found = all.find(|resource| resource.kind == vault::KIND && resource.name().eq_ignore_ascii_case(name));
    found.map(|vault| vault.location.as_str())
}

/// The names of the vaults that are in other subscriptions, in lower case.
pub fn names_elsewhere(world: &World, subscription: &str) -> Vec<String> {
    let others = world.iter().filter(|(id, _)| *id != subscription);
    let vaults = others.flat_map(|(_, sub)| sub.resources.values()).filter(|resource| resource.kind == vault::KIND);
    vaults.map(|vault| vault.name().to_lowercase()).collect()
}
