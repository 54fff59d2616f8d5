//! The control plane: its slots and the API in front of them.

use std::net::Ipv4Addr;

use crate::cluster::{Api, ControlPlane, Exposure, Network, Slot, Subnet};
use crate::fault::Code;
use crate::layout::{is_usable, slot_address};
use crate::path::Path;
use crate::raw::{self, Address, Cidr, ClusterSpec};

use super::Check;
use super::network::machine_role;
use super::place::Place;

impl Check<'_> {
    pub(super) fn control_plane(
        &mut self,
        spec: &ClusterSpec,
        place: Option<&Place<'_>>,
        network: Option<&Network>,
    ) -> Option<ControlPlane> {
        let raw = spec.control_plane.clone().unwrap_or_default();
        let path = Path::of("spec.controlPlane");
        let defaults = &self.catalogue.defaults.control_plane;
        let at = path.key("machine");
        let machine = match &raw.machine {
            Some(machine) => self.machine(machine, &at, place),
            None if self.document.has(&at) => None,
            None => self.slot_machine(&at, place),
        };
        let root = self.volume(raw.root_volume.as_ref(), &path.key("rootVolume"), defaults.root_volume_gib);
        let etcd = self.volume(raw.etcd_volume.as_ref(), &path.key("etcdVolume"), defaults.etcd_volume_gib);
        let api = self.api(raw.api.as_ref(), network);
        self.draft.api_allow = api.as_ref().map(|api| api.allow.clone()).unwrap_or_default();
        let count = self.slot_count(spec);
        let slots = self.slots(count?, raw.addresses.as_deref(), network);
        self.draft.slots = slots.clone().unwrap_or_default();
        Some(ControlPlane {
            slots: slots?,
            machine: machine?,
            root_volume_gib: root?,
            etcd_volume_gib: etcd?,
            api: api?,
        })
    }

    /// How many slots there are; `None` when the number is unsound.
    pub(super) fn slot_count(&self, spec: &ClusterSpec) -> Option<usize> {
        let given = spec.control_plane.as_ref().and_then(|raw| raw.slots);
        let default = self.catalogue.defaults.control_plane.slots;
        self.or_default(given, &Path::of("spec.controlPlane.slots"), default).map(usize::from)
    }

    /// The size of a disk.
    pub(super) fn volume(&self, raw: Option<&raw::Volume>, path: &Path, default_gib: u32) -> Option<u32> {
        self.or_default(raw.and_then(|volume| volume.size_gib), path, default_gib)
    }

    fn slots(&mut self, count: usize, addresses: Option<&[Address]>, network: Option<&Network>) -> Option<Vec<Slot>> {
        let path = Path::of("spec.controlPlane.addresses");
        if let Some(addresses) = addresses.filter(|addresses| addresses.len() != count) {
            let message = format!("{} addresses for {count} slots", addresses.len());
            self.fault(Code::Conflict, &path, message, "give one address a slot, or none".to_owned());
            return None;
        }
        let network = network?;
        let role = machine_role(network.topology);
        let in_zone = |zone: &str| {
            let mut subnets = network.subnets.iter().filter(|subnet| subnet.role == role);
            subnets.find(|subnet| subnet.zone == zone || subnet.zone.is_empty())
        };
        let mut slots: Vec<Slot> = Vec::new();
        let mut sound = true;
        for index in 0..count {
            let zone = network.zones.get(index % network.zones.len().max(1)).map_or("", String::as_str);
            let subnet = in_zone(zone)?;
            let at = path.index(index);
            let address = match addresses {
                Some(addresses) => self.fixed_address(&addresses[index], subnet, &slots, &at),
                None => self.computed_address(index, subnet),
            };
            match address {
                Some(address) => slots.push(Slot {
                    name: format!("control-plane-{index}"),
                    subnet: subnet.name.clone(),
                    zone: zone.to_owned(),
                    address,
                }),
                None => sound = false,
            }
        }
        sound.then_some(slots)
    }

    fn computed_address(&mut self, index: usize, subnet: &Subnet) -> Option<Ipv4Addr> {
        let address = slot_address(subnet.cidr, index);
        if address.is_none() {
            let message = format!("the subnet {} is too small for the slots", subnet.cidr);
            let hint = "take a wider range, or give `controlPlane.addresses`".to_owned();
            self.fault(Code::NetworkTooSmall, &Path::of("spec.network"), message, hint);
        }
        address
    }

    fn fixed_address(&mut self, written: &Address, subnet: &Subnet, before: &[Slot], path: &Path) -> Option<Ipv4Addr> {
        let address: Ipv4Addr = written.as_str().parse().ok()?;
        if before.iter().any(|slot| slot.address == address) {
            let hint = "give each slot an address of its own".to_owned();
            self.fault(Code::DuplicateName, path, format!("{address} stands twice"), hint);
            return None;
        }
        if !is_usable(subnet.cidr, address) {
            let message = format!("{address} is no usable address of {}, the subnet of this slot", subnet.cidr);
            let hint =
                "slots go to the zones in turn; the cloud keeps the first four addresses and the last".to_owned();
            self.fault(Code::InvalidNetwork, path, message, hint);
            return None;
        }
        Some(address)
    }

    fn api(&mut self, raw: Option<&raw::ControlPlaneApi>, network: Option<&Network>) -> Option<Api> {
        let raw = raw.cloned().unwrap_or_default();
        let path = Path::of("spec.controlPlane.api");
        let exposure = self.or_default(raw.exposure, &path.key("exposure"), Exposure::Private);
        let at = path.key("allow");
        let allow = match &raw.allow {
            Some(allow) => self.allow(allow, raw.allow_from_anywhere, &path, "the API"),
            None if self.document.has(&at) => None,
            None if exposure == Some(Exposure::Public) => {
                let hint = "name the networks of those who use it: `allow: [203.0.113.0/24]`".to_owned();
                self.fault(Code::MissingField, &at, "a public API must say who may connect", hint);
                None
            }
            None => {
                let none: &[Cidr] = &[];
                self.allow(none, raw.allow_from_anywhere, &path, "the API")?;
                network.map(|network| vec![network.cidr])
            }
        };
        Some(Api { exposure: exposure?, allow: allow?, port: self.catalogue.defaults.control_plane.api_port })
    }
}
