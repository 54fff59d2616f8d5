//! What a step may do: in place or not, and to which kinds. A kind goes by what its schema calls it for people, which the clouds
//! have mostly in common.
//!
//! Each step is the first spec with one change, so that it also takes back what the step before it did.

use meridian_engine::plan::Action;

/// Something that a step may do to resources of some kinds.
#[derive(Debug, Clone, Copy)]
pub struct Allowed {
    action: Action,
    /// `None` for every kind.
    titles: Option<&'static [&'static str]>,
}

impl Allowed {
    /// Whether it covers an action on a kind.
    #[must_use]
    pub fn covers(&self, action: Action, title: &str) -> bool {
        self.action == action && self.titles.is_none_or(|titles| titles.contains(&title))
    }
}

const fn any(action: Action) -> Allowed {
    Allowed { action, titles: None }
}

const fn create(titles: &'static [&'static str]) -> Allowed {
    Allowed { action: Action::Create, titles: Some(titles) }
}

const fn update(titles: &'static [&'static str]) -> Allowed {
    Allowed { action: Action::Update, titles: Some(titles) }
}

const fn replace(titles: &'static [&'static str]) -> Allowed {
    Allowed { action: Action::Replace, titles: Some(titles) }
}

const fn delete(titles: &'static [&'static str]) -> Allowed {
    Allowed { action: Action::Delete, titles: Some(titles) }
}

/// A pool and what its machines are made from.
const POOL: &[&str] = &["machine group", "launch template", "instance template"];
/// A machine of the control plane: never its address, its interface, its disk or what stands in front of it.
const MACHINE: &[&str] = &["machine"];
/// What machines may read, by role, follows the bundles that there are.
const ROLES: &[&str] = &["role", "role assignment"];
const RULES: &[&str] = &["rule set", "firewall rule", "network security group"];
/// On Google Cloud a template can't change.
const TEMPLATE: &[&str] = &["instance template"];
const FRONT: &[&str] = &["load balancer", "listener", "backend service", "forwarding rule", "reserved address"];
/// What a bastion consists of.
const HOST: &[&str] = &[
    "machine",
    "network interface",
    "public address",
    "reserved address",
    "security group",
    "application security group",
    "rule set",
    "firewall rule",
    "key pair",
    "service account",
];

pub const CREATE: &[Allowed] = &[any(Action::Create)];

pub const BOUNDS: &[Allowed] = &[update(&["machine group"])];

pub const SLOT: &[Allowed] = &[update(POOL), replace(MACHINE)];

pub const SLOT_AND_POOL: &[Allowed] = &[update(POOL), replace(MACHINE), replace(TEMPLATE)];

/// Nothing is made anew but the template of a pool's machines.
pub const IN_PLACE: &[Allowed] = &[any(Action::Update), replace(TEMPLATE)];

/// Machines boot from another bundle; what disks are told of it, they are told in place.
pub const PATCH: &[Allowed] = &[
    update(POOL),
    update(RULES),
    update(&["volume", "disk"]),
    replace(MACHINE),
    replace(TEMPLATE),
    replace(&["bundle"]),
];

/// Takes back the allow list of the step before.
pub const ANOTHER_POOL: &[Allowed] =
    &[create(POOL), create(&["bundle"]), update(POOL), update(ROLES), update(RULES), replace(TEMPLATE)];

/// The key of an operator comes with it: machines are made anew for that, or told.
pub const BASTION: &[Allowed] = &[
    create(HOST),
    update(POOL),
    update(ROLES),
    update(RULES),
    update(&["machine"]),
    replace(&["machine"]),
    replace(TEMPLATE),
    delete(POOL),
    delete(&["bundle"]),
];

pub const NO_BASTION: &[Allowed] =
    &[update(POOL), update(RULES), update(&["machine"]), replace(&["machine"]), replace(TEMPLATE), delete(HOST)];

const GATEWAYS: &[&str] = &["NAT gateway", "public address"];

pub const FEWER_GATEWAYS: &[Allowed] = &[update(&["route table"]), delete(GATEWAYS)];

/// Machines stay, and move over to what stands in front of them.
pub const ANOTHER_EXPOSURE: &[Allowed] = &[
    create(GATEWAYS),
    update(&["route table", "network interface"]),
    update(RULES),
    replace(FRONT),
    delete(&["public address"]),
];

pub const ANOTHER_EXPOSURE_AND_NO_POOL: &[Allowed] = &[
    create(&["public address"]),
    update(&["network interface"]),
    update(RULES),
    update(ROLES),
    replace(FRONT),
    delete(POOL),
    delete(&["bundle"]),
];

pub const A_POOL: &[Allowed] = &[create(POOL), create(&["bundle"]), update(ROLES)];

/// Where a group can't change its zones there is another one.
pub const OTHER_ZONES: &[Allowed] = &[update(&["machine group"]), replace(&["machine group"])];
