//! The clusters that every provider has to build and to change, and the capabilities that they show.

use crate::allowed::{self, Allowed};

/// What a cluster may ask of any cloud, in the words of the table that is made of it.
pub const CAPABILITIES: [&str; 24] = [
    PUBLIC_TOPOLOGY,
    PRIVATE_TOPOLOGY,
    NO_ZONES,
    SINGLE_NAT,
    EXISTING_NETWORK,
    ALLOW_LIST,
    PRIVATE_API,
    SLOT_MACHINE,
    FIVE_SLOTS,
    POOL_BOUNDS,
    POOL_MACHINE,
    POOLS,
    SPOT,
    ALTERNATIVES,
    VOLUMES,
    ARM,
    POOL_ZONES,
    LABELS,
    BASTION,
    SSH_KEY,
    PATCH,
    FLAGS,
    KUBERNETES,
    DESTROY,
];

const PUBLIC_TOPOLOGY: &str = "machines in public subnets, one zone";
const PRIVATE_TOPOLOGY: &str = "machines in private subnets over three zones, egress through NAT";
const NO_ZONES: &str = "a region without zones";
const SINGLE_NAT: &str = "from one NAT a zone to a single one, and back";
const EXISTING_NETWORK: &str = "an existing network and its subnets, left as they are";
const ALLOW_LIST: &str = "another allow list of a public API, in place";
const PRIVATE_API: &str = "from a public API to a private one, and back";
const SLOT_MACHINE: &str = "another machine in a control-plane slot: same address, same etcd disk";
const FIVE_SLOTS: &str = "five control-plane slots";
const POOL_BOUNDS: &str = "other bounds of a pool, in place";
const POOL_MACHINE: &str = "another machine type of a pool";
const POOLS: &str = "pools that come and go";
const SPOT: &str = "pools on spot capacity";
const ALTERNATIVES: &str = "alternative machine types in a pool";
const VOLUMES: &str = "further volumes on a pool's machines";
const ARM: &str = "arm64 machines";
const POOL_ZONES: &str = "a pool in some of the zones";
const LABELS: &str = "the cluster's labels on its resources, changed in place";
const BASTION: &str = "a bastion";
const SSH_KEY: &str = "the operator's SSH key";
const PATCH: &str = "another patch of Kubernetes";
const FLAGS: &str = "flags of components, node labels and taints";
pub(crate) const KUBERNETES: &str = "what Kubernetes' controllers made is removed at destroy";
pub(crate) const DESTROY: &str = "destroy leaves the account as it was";

/// A cluster and what becomes of it.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: &'static str,
    pub place: Place,
    /// The first spec is created; each later one is applied to what is there.
    pub steps: Vec<Step>,
}

/// Where a scenario can be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a region with three zones.
    Zones,
    /// In a region that has none; clouds without such regions leave it out.
    NoZones,
    /// In the network of another cluster, which is made first.
    OthersNetwork,
}

/// A spec, in which `PROVIDER`, `REGION` and `ZONE` stand for a cloud's own, `EXISTING` for a network that exists and
/// `ADDRESS` for an address in it that nobody has.
#[derive(Debug, Clone)]
pub struct Step {
    pub name: &'static str,
    pub spec: String,
    /// The capabilities that it shows once it is there.
    pub shows: &'static [&'static str],
    /// What it may do; anything else is an error. What is neither replaced nor removed has to be the same thing after it.
    pub allows: &'static [Allowed],
}

fn step(
    name: &'static str,
    spec: impl Into<String>,
    shows: &'static [&'static str],
    allows: &'static [Allowed],
) -> Step {
    Step { name, spec: spec.into(), shows, allows }
}

const HEAD: &str = "\
apiVersion: meridian/v1
kind: Cluster
metadata: { name: conformance, labels: { team: platform } }
spec:
  provider: PROVIDER
  region: REGION
";

const SMALL: &str = "
  network: { cidr: 10.10.0.0/16, zones: 1, topology: public }
  controlPlane:
    slots: 1
    machine: { size: medium }
    api: { exposure: public, allow: [203.0.113.0/24] }
  pools:
    - { name: general, machine: { cpu: 2, memoryGiB: 8 }, min: 1, max: 2 }
  kubernetes: { version: \"1.34.3\" }
";

const PRIVATE: &str = "
  network: { cidr: 10.20.0.0/16, zones: 3, topology: private }
  controlPlane:
    slots: 3
    machine: { size: medium }
    api: { exposure: public, allow: [203.0.113.0/24] }
  pools:
    - { name: general, machine: { cpu: 2, memoryGiB: 8 }, min: 1, max: 3 }
    - name: spot
      machine: { cpu: 2, memoryGiB: 8 }
      alternatives: [{ cpu: 4, memoryGiB: 16 }]
      spot: true
      min: 0
      max: 2
      labels: { tier: batch }
";

const WIDE: &str = "
  network: { cidr: 10.30.0.0/16, zones: 3, topology: private }
  kubernetes:
    featureGates: { NodeSwap: true }
    apiServer: { extraArgs: { v: \"2\" } }
    kubelet: { extraArgs: { max-pods: \"60\" } }
  controlPlane:
    slots: 5
    machine: { size: medium, architecture: arm64 }
    api: { exposure: private }
  pools:
    - name: data
      machine: { cpu: 4, memoryGiB: 16, architecture: arm64 }
      min: 1
      max: 2
      volumes: [{ name: scratch, sizeGiB: 20, mount: /mnt/scratch }]
      labels: { tier: data }
      taints: [{ key: example.com/data, value: only, effect: NoSchedule }]
";

const WITHOUT_ZONES: &str = "
  network: { cidr: 10.40.0.0/16, zones: { upTo: 3 }, topology: private }
  controlPlane: { slots: 3, machine: { size: medium }, api: { exposure: private } }
  pools:
    - { name: general, machine: { cpu: 2, memoryGiB: 8 }, min: 1, max: 3 }
";

const SHARED: &str = "
  network: EXISTING
  controlPlane: { slots: 1, addresses: [ADDRESS], machine: { size: medium }, api: { exposure: private } }
  pools:
    - { name: general, machine: { cpu: 2, memoryGiB: 8 }, min: 1, max: 1 }
";

const JUMP_HOST: &str = "  bastion: { allow: [203.0.113.0/24] }
  ssh: { publicKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJyMJ2o4aCcTHrMZ8xg7Vw5bRzg4rW0o0QxYk1cQm5hW operator }
";

/// Every scenario.
#[must_use]
pub fn scenarios() -> Vec<Scenario> {
    vec![small(), private(), wide(), without_zones(), shared()]
}

fn small() -> Scenario {
    let small = format!("{HEAD}{SMALL}");
    let swap = |from: &str, to: &str| small.replace(from, to);
    let more =
        swap("  kubernetes", "    - { name: more, machine: { cpu: 4, memoryGiB: 16 }, min: 0, max: 1 }\n  kubernetes");
    let labels = swap("team: platform", "team: storage, stage: test");
    let allow = swap("[203.0.113.0/24]", "[203.0.113.0/25, 198.51.100.0/24]");
    Scenario {
        name: "small",
        place: Place::Zones,
        steps: vec![
            step("create", small.clone(), &[PUBLIC_TOPOLOGY], allowed::CREATE),
            step("more machines", swap("min: 1, max: 2", "min: 1, max: 4"), &[POOL_BOUNDS], allowed::BOUNDS),
            step("another machine for the slot", swap("size: medium", "size: large"), &[SLOT_MACHINE], allowed::SLOT),
            step("another machine for the pool", swap("cpu: 2", "cpu: 4"), &[POOL_MACHINE], allowed::SLOT_AND_POOL),
            step("other labels", labels, &[LABELS], allowed::IN_PLACE),
            step("another allow list", allow, &[ALLOW_LIST], allowed::IN_PLACE),
            step("another pool", more, &[POOLS], allowed::ANOTHER_POOL),
            step("a bastion", format!("{small}{JUMP_HOST}"), &[BASTION, SSH_KEY], allowed::BASTION),
            step("back", small.clone(), &[], allowed::NO_BASTION),
            // From here there is no way back.
            step("another patch of Kubernetes", swap("1.34.3", "1.34.4"), &[PATCH], allowed::PATCH),
            step("the next minor version of Kubernetes", swap("1.34.3", "1.35"), &[], allowed::PATCH),
        ],
    }
}

fn private() -> Scenario {
    let private = format!("{HEAD}{PRIVATE}");
    let swap = |from: &str, to: &str| private.replace(from, to);
    let without_spot: String = private.split("    - name: spot").take(1).collect();
    let single = swap("topology: private", "topology: private, nat: single");
    let inside = swap("exposure: public, allow: [203.0.113.0/24]", "exposure: private");
    Scenario {
        name: "private",
        place: Place::Zones,
        steps: vec![
            step("create", private.clone(), &[PRIVATE_TOPOLOGY, SPOT, ALTERNATIVES], allowed::CREATE),
            step("one NAT gateway", single, &[SINGLE_NAT], allowed::FEWER_GATEWAYS),
            step("a private API", inside, &[PRIVATE_API], allowed::ANOTHER_EXPOSURE),
            step("no spot pool", without_spot, &[POOLS], allowed::ANOTHER_EXPOSURE_AND_NO_POOL),
            step("back", private, &[], allowed::A_POOL),
        ],
    }
}

fn wide() -> Scenario {
    let spec = format!("{HEAD}{WIDE}");
    let one_zone = spec.replace("      min: 1\n", "      min: 1\n      zones: [ZONE]\n");
    Scenario {
        name: "wide",
        place: Place::Zones,
        steps: vec![
            step("create", spec, &[FIVE_SLOTS, VOLUMES, ARM, FLAGS], allowed::CREATE),
            step("a pool in one zone", one_zone, &[POOL_ZONES], allowed::OTHER_ZONES),
        ],
    }
}

fn without_zones() -> Scenario {
    let create = step("create", format!("{HEAD}{WITHOUT_ZONES}"), &[NO_ZONES], allowed::CREATE);
    Scenario { name: "without zones", place: Place::NoZones, steps: vec![create] }
}

fn shared() -> Scenario {
    let create = step("create", format!("{HEAD}{SHARED}"), &[EXISTING_NETWORK], allowed::CREATE);
    Scenario { name: "shared network", place: Place::OthersNetwork, steps: vec![create] }
}

/// The cluster whose network others use.
pub(crate) fn owner() -> String {
    format!("{HEAD}{WITHOUT_ZONES}").replace("name: conformance", "name: owner")
}
