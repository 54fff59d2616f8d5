//! Pools of workers.

use std::collections::BTreeSet;

use crate::cluster::{Network, Pool, Spot, Subnet, Taint, Volume};
use crate::draft::PoolDraft;
use crate::fault::Code;
use crate::nearest::{quote, suggest};
use crate::path::Path;
use crate::raw::{self, ClusterSpec};

use super::Check;
use super::network::machine_role;
use super::place::Place;

/// Names that stand for other parts of a cluster.
const RESERVED: [&str; 2] = ["bastion", "control-plane"];
/// Directories that the system or Kubernetes itself needs as they are.
const SYSTEM_PATHS: [&str; 13] =
    ["/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/root", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var"];
/// Directories whose content is the kernel's, Kubernetes', containerd's, etcd's or our own: a volume at or below one would hide
/// what they wrote there before it was mounted, or be hidden by what they mount themselves.
const OWNED_TREES: [&str; 13] = [
    "/dev",
    "/etc/cni",
    "/etc/containerd",
    "/etc/kubernetes",
    "/opt/cni",
    "/proc",
    "/run",
    "/sys",
    "/var/lib/containerd",
    "/var/lib/etcd",
    "/var/lib/kubelet",
    "/var/lib/meridian",
    "/var/run",
];

impl Check<'_> {
    pub(super) fn pools(
        &mut self,
        spec: &ClusterSpec,
        place: Option<&Place<'_>>,
        network: Option<&Network>,
    ) -> Option<Vec<Pool>> {
        let path = Path::of("spec.pools");
        let identities = self.identities(spec);
        let mut names = BTreeSet::new();
        let mut pools = Vec::new();
        let raws = self.or_default(spec.pools.clone(), &path, Vec::new())?;
        for (index, raw) in raws.iter().enumerate() {
            let at = path.index(index);
            if let Some(name) = &raw.name {
                self.pool_name(name.as_str(), !names.insert(name.clone()), &at.key("name"));
            }
            pools.push(self.pool(raw, &at, place, network));
        }
        let (mut pools, identities) = (pools.into_iter().collect::<Option<Vec<Pool>>>()?, identities?);
        for pool in &mut pools {
            if let Some(identity) = identities.get(&pool.name) {
                pool.name.clone_from(identity);
            }
        }
        Some(pools)
    }

    fn pool_name(&mut self, name: &str, taken: bool, path: &Path) {
        if taken {
            let hint = "give each pool a name of its own".to_owned();
            self.fault(Code::DuplicateName, path, format!("there is another pool named {}", quote(name)), hint);
        }
        if RESERVED.contains(&name) {
            let hint = "take another name".to_owned();
            self.fault(Code::NameLimit, path, format!("{} stands for another part of the cluster", quote(name)), hint);
        }
    }

    fn pool(
        &mut self,
        raw: &raw::Pool,
        path: &Path,
        place: Option<&Place<'_>>,
        network: Option<&Network>,
    ) -> Option<Pool> {
        let defaults = &self.catalogue.defaults.pool;
        let machine = raw.machine.as_ref().and_then(|machine| self.machine(machine, &path.key("machine"), place));
        let alternatives = self.alternatives(raw, path, place, machine.as_ref());
        let min = self.or_default(raw.min, &path.key("min"), raw.max.map_or(defaults.min, |max| max.min(defaults.min)));
        let max = min.and_then(|min| self.or_default(raw.max, &path.key("max"), min.max(1)));
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            let hint = "raise `max` or lower `min`".to_owned();
            self.fault(Code::Conflict, &path.key("min"), format!("`min` {min} is greater than `max` {max}"), hint);
        }
        let root = self.volume(raw.root_volume.as_ref(), &path.key("rootVolume"), defaults.root_volume_gib);
        let labels = self.node_labels(raw, path);
        let taints = self.taints(raw, path);
        let volumes = self.volumes(raw, path);
        let spot = self.or_default(raw.spot.clone().map(Some), &path.key("spot"), None);
        let zones = self.pool_zones(raw, path, network);
        self.draft.pools.push(PoolDraft {
            name: raw.name.as_ref().map(|name| name.0.clone()),
            alternatives: alternatives.clone().unwrap_or_default(),
            labels: labels.clone(),
            taints: taints.clone().unwrap_or_default(),
            spot: spot.clone().flatten().and_then(resolve_spot),
        });
        Some(Pool {
            name: raw.name.as_ref()?.0.clone(),
            machine: machine?,
            alternatives: alternatives?,
            min: min?,
            max: max?,
            spot: spot?.and_then(resolve_spot),
            subnets: pool_subnets(network?, zones.as_ref()?),
            zones: zones?,
            labels,
            taints: taints?,
            root_volume_gib: root?,
            volumes: volumes?,
        })
    }

    fn alternatives(
        &mut self,
        raw: &raw::Pool,
        path: &Path,
        place: Option<&Place<'_>>,
        machine: Option<&crate::cluster::Machine>,
    ) -> Option<Vec<String>> {
        let path = path.key("alternatives");
        let mut types: Vec<String> = Vec::new();
        let mut sound = true;
        for (index, alternative) in raw.alternatives.iter().flatten().enumerate() {
            let at = path.index(index);
            if alternative.image.is_some() {
                let hint = "remove it: every machine of a pool boots the pool's image".to_owned();
                self.fault(Code::Conflict, &at.key("image"), "an alternative cannot have an image of its own", hint);
            }
            // What is not said follows the pool's machine, so that an arm64 pool's sizes are arm64 too.
            let mut alternative = alternative.clone();
            if alternative.native_type.is_none() && !self.document.has(&at.key("architecture")) {
                alternative.architecture = machine.map(|machine| machine.architecture);
            }
            let Some((native, architecture)) = place.and_then(|place| self.native_type(&alternative, &at, place))
            else {
                sound = false;
                continue;
            };
            let Some(machine) = machine else { continue };
            if machine.architecture != architecture {
                let message = format!("{native} has another architecture than {}", machine.native_type);
                self.fault(Code::Conflict, &at, message, "one image serves a pool; make two pools of it".to_owned());
            } else if native != machine.native_type && !types.contains(&native) {
                types.push(native);
            }
        }
        // An unsound list as a whole was dropped from the raw pool.
        (sound && self.or_default(raw.alternatives.as_ref().map(|_| ()), &path, ()).is_some()).then_some(types)
    }

    fn taints(&mut self, raw: &raw::Pool, path: &Path) -> Option<Vec<Taint>> {
        let path = path.key("taints");
        let mut taints: Vec<Taint> = Vec::new();
        for (index, taint) in self.or_default(raw.taints.clone(), &path, Vec::new())?.iter().enumerate() {
            let at = path.index(index);
            let key = taint.key.as_ref()?.0.clone();
            let effect = taint.effect?.as_str().to_owned();
            self.prefix_length(&key, &at.key("key"));
            if taints.iter().any(|other| other.key == key && other.effect == effect) {
                let message = format!("a taint with the key {} and the effect {effect} stands above", quote(&key));
                let hint = "Kubernetes allows one a key and effect; remove one of the two".to_owned();
                self.fault(Code::RefusedLabel, &at, message, hint);
            }
            let value = taint.value.as_ref().map(|value| value.0.clone()).unwrap_or_default();
            taints.push(Taint { key, value, effect });
        }
        Some(taints)
    }

    fn volumes(&mut self, raw: &raw::Pool, path: &Path) -> Option<Vec<Volume>> {
        let path = path.key("volumes");
        let mut volumes: Vec<Volume> = Vec::new();
        for (index, volume) in self.or_default(raw.volumes.clone(), &path, Vec::new())?.iter().enumerate() {
            let at = path.index(index);
            let name = volume.name.as_ref()?.0.clone();
            let mount = volume.mount.as_ref()?.0.clone();
            if volumes.iter().any(|other| other.name == name) {
                let hint = "give each volume of a pool a name of its own".to_owned();
                self.fault(Code::DuplicateName, &at.key("name"), format!("{} stands twice", quote(&name)), hint);
            }
            if volumes.iter().any(|other| other.mount == mount) {
                let hint = "mount each volume at a path of its own".to_owned();
                self.fault(Code::DuplicateName, &at.key("mount"), format!("{mount} is mounted twice"), hint);
            }
            let owned = OWNED_TREES.into_iter().find(|tree| is_within(&mount, tree));
            let hint = "take a path of its own, such as /mnt/data".to_owned();
            if SYSTEM_PATHS.contains(&mount.as_str()) {
                self.fault(Code::InvalidValue, &at.key("mount"), format!("the system needs {mount} as it is"), hint);
            } else if let Some(tree) = owned {
                let message = format!("{mount} is not free: the system or Kubernetes keeps what it needs in {tree}");
                self.fault(Code::InvalidValue, &at.key("mount"), message, hint);
            }
            volumes.push(Volume { name, size_gib: volume.size_gib?, mount });
        }
        Some(volumes)
    }

    fn pool_zones(&mut self, raw: &raw::Pool, path: &Path, network: Option<&Network>) -> Option<Vec<String>> {
        let path = path.key("zones");
        let network = network?;
        let zones = match &raw.zones {
            Some(zones) => zones.clone(),
            None if self.document.has(&path) => return None,
            None => network.zones.clone(),
        };
        let mut sound = true;
        for (index, zone) in raw.zones.iter().flatten().enumerate() {
            let at = path.index(index);
            if !network.zones.contains(zone) {
                let hint = suggest(zone, network.zones.iter().map(String::as_str).collect::<Vec<_>>());
                self.fault(Code::UnknownZone, &at, format!("the cluster is not in the zone {}", quote(zone)), hint);
                sound = false;
            } else if zones[..index].contains(zone) {
                let hint = "name each zone once".to_owned();
                self.fault(Code::DuplicateName, &at, format!("the zone {} stands twice", quote(zone)), hint);
            }
        }
        sound.then_some(zones)
    }
}

/// Whether a path is a directory or lies below it.
fn is_within(path: &str, tree: &str) -> bool {
    path.strip_prefix(tree).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The subnets in which the machines of some zones stand.
fn pool_subnets(network: &Network, zones: &[String]) -> Vec<String> {
    let role = machine_role(network.topology);
    let spans = |subnet: &&Subnet| subnet.zone.is_empty() || zones.contains(&subnet.zone);
    let subnets = network.subnets.iter().filter(|subnet| subnet.role == role).filter(spans);
    subnets.map(|subnet| subnet.name.clone()).collect()
}

fn resolve_spot(raw: raw::Spot) -> Option<Spot> {
    match raw {
        raw::Spot::All(all) => all.then_some(Spot { on_demand_base: 0, on_demand_percent: 0 }),
        raw::Spot::Mix(mix) => Some(Spot {
            on_demand_base: mix.on_demand_base.unwrap_or_default(),
            on_demand_percent: mix.on_demand_percent.unwrap_or_default(),
        }),
    }
}
