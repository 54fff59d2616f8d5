//! Where a cluster stands: its cloud, region and zones.

use crate::catalogue::{Partition, Provider, Region};
use crate::fault::Code;
use crate::nearest::{nearest, quote};
use crate::path::Path;
use crate::raw::{ClusterSpec, Zones};

use super::Check;

/// The cloud, and the region if it is a known one: what follows from the cloud alone is checked in any case.
pub(super) struct Place<'a> {
    pub(super) provider: &'a Provider,
    pub(super) site: Option<Site<'a>>,
}

/// A region that is open.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) region: &'a Region,
    pub(super) partition: &'a Partition,
}

/// Zones from which on the loss of one leaves the control plane its majority.
const ZONES_FOR_A_MAJORITY: usize = 3;

impl<'a> Check<'a> {
    pub(super) fn place(&mut self, spec: &ClusterSpec) -> Option<Place<'a>> {
        let provider = self.catalogue.provider(spec.provider.as_deref()?)?;
        Some(Place { provider, site: self.site(spec, provider) })
    }

    fn site(&mut self, spec: &ClusterSpec, provider: &Provider) -> Option<Site<'a>> {
        let catalogue = self.catalogue;
        let name = spec.region.as_deref()?;
        let path = Path::of("spec.region");
        let Some(region) = catalogue.region(&provider.name, name) else {
            let hint = self.region_hint(provider, name);
            self.fault(Code::UnknownRegion, &path, format!("{} has no region {}", provider.display, quote(name)), hint);
            return None;
        };
        if !region.status.is_open() {
            let message = format!("the region {name} is not open to customers");
            self.fault(Code::UnknownRegion, &path, message, "`meridian get regions` lists those that are".to_owned());
            return None;
        }
        let partition = catalogue.partition(&provider.name, &region.partition)?;
        Some(Site { region, partition })
    }

    fn region_hint(&self, provider: &Provider, name: &str) -> String {
        if let Some(other) = self.catalogue.providers().find(|other| self.catalogue.region(&other.name, name).is_some())
        {
            return format!("it is a region of {}; change `provider` or `region`", other.display);
        }
        let regions = self.catalogue.regions().iter().filter(|region| region.provider == provider.name);
        match nearest(name, regions.map(|region| region.name.as_str())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`meridian get regions --provider {}` lists them", provider.name),
        }
    }

    /// The zones in use, in order; an empty list in a region that has none.
    pub(super) fn zones(&mut self, spec: &ClusterSpec, place: Option<&Place<'_>>) -> Option<Vec<String>> {
        let path = Path::of("spec.network.zones");
        let region = place?.site?.region;
        match spec.network.as_ref().and_then(|network| network.zones.as_ref()) {
            Some(Zones::Names(names)) => self.named_zones(names, region, &path),
            Some(Zones::AtMost(most)) => self.zones_up_to(usize::from(most.up_to?), region, &path),
            Some(Zones::Count(count)) => self.counted_zones(usize::from(*count), region, &path),
            None if self.document.has(&path) => None,
            None => self.default_zones(spec, region),
        }
    }

    fn named_zones(&mut self, names: &[String], region: &Region, path: &Path) -> Option<Vec<String>> {
        let mut sound = true;
        for (index, name) in names.iter().enumerate() {
            let at = path.index(index);
            if names[..index].contains(name) {
                let hint = "name each zone once".to_owned();
                self.fault(Code::DuplicateName, &at, format!("the zone {} stands twice", quote(name)), hint);
                sound = false;
            } else {
                sound &= self.known_zone(name, region, &at);
            }
        }
        sound.then(|| names.to_vec())
    }

    /// Whether a region has a zone, as far as we know its zones.
    pub(super) fn known_zone(&mut self, name: &str, region: &Region, at: &Path) -> bool {
        if region.zones_unknown() || region.zones.iter().any(|zone| zone == name) {
            return true;
        }
        let hint = match nearest(name, region.zones.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if region.zones.is_empty() => "this region has no zones; leave `zones` out".to_owned(),
            None => format!("its zones are {}", region.zones.join(", ")),
        };
        self.fault(Code::UnknownZone, at, format!("the region {} has no zone {}", region.name, quote(name)), hint);
        false
    }

    fn counted_zones(&mut self, count: usize, region: &Region, path: &Path) -> Option<Vec<String>> {
        if region.zones_unknown() {
            self.unknown_zones(region, path);
            return None;
        }
        // A region without zones is one place, which one zone would be too.
        let available = region.zones.len().max(1);
        if count > available {
            let has = if region.zones.is_empty() { "none".to_owned() } else { available.to_string() };
            let message = format!("{count} zones are asked for, and {} has {has}", region.name);
            let fewer = match region.zones.len() {
                0 => format!("leave `zones` out, with one slot, or accept that with `zones: {{ upTo: {count} }}`"),
                some => format!("ask for at most {some}, or accept fewer with `zones: {{ upTo: {count} }}`"),
            };
            let hint = format!("{fewer}{}", self.others_with(count, region));
            self.fault(Code::TooFewZones, path, message, hint);
            return None;
        }
        Some(region.zones.iter().take(count).cloned().collect())
    }

    /// The regions of the same cloud and part of the world that have enough zones, as the end of a hint.
    fn others_with(&self, count: usize, region: &Region) -> String {
        const SHOWN: usize = 4;
        let with_enough = |other: &&Region| {
            other.provider == region.provider
                && other.partition == region.partition
                && other.status.is_open()
                && other.zones.len() >= count
        };
        let part = |name: &str| name.split_once('-').map_or(name, |(part, _)| part).to_owned();
        let all: Vec<&Region> = self.catalogue.regions().iter().filter(with_enough).collect();
        let mut near: Vec<&str> = all
            .iter()
            .filter(|other| !region.geography.is_empty() && other.geography == region.geography)
            .chain(all.iter().filter(|other| part(&other.name) == part(&region.name)))
            .map(|other| other.name.as_str())
            .collect();
        let mut seen = std::collections::BTreeSet::new();
        near.retain(|name| seen.insert(*name));
        near.truncate(SHOWN);
        match near.as_slice() {
            [] => ", or take another region".to_owned(),
            near => format!("; regions nearby with {count} zones: {}", near.join(", ")),
        }
    }

    fn zones_up_to(&mut self, most: usize, region: &Region, path: &Path) -> Option<Vec<String>> {
        if region.zones_unknown() {
            self.unknown_zones(region, path);
            return None;
        }
        Some(region.zones.iter().take(most).cloned().collect())
    }

    fn default_zones(&mut self, spec: &ClusterSpec, region: &Region) -> Option<Vec<String>> {
        if region.zones_unknown() {
            self.unknown_zones(region, &Path::of("spec.region"));
            return None;
        }
        let available = region.zones.len();
        // An unsound number of slots needs no zones yet.
        let slots = self.slot_count(spec).unwrap_or_default();
        if available < slots.min(ZONES_FOR_A_MAJORITY) {
            let message = format!(
                "{slots} slots are spread so that the loss of a zone leaves a majority, and {} has {} zones",
                region.name, available
            );
            let hint = format!(
                "take another region or one slot, or accept it with `network: {{ zones: {{ upTo: {} }} }}`",
                self.catalogue.defaults.network.zones
            );
            self.fault(Code::TooFewZones, &Path::of("spec.region"), message, hint);
            return None;
        }
        Some(region.zones.iter().take(self.catalogue.defaults.network.zones).cloned().collect())
    }

    fn unknown_zones(&mut self, region: &Region, path: &Path) {
        let message = format!("the zones of {} are not known", region.name);
        let hint = "name them: `network: { zones: [NAME, …] }`".to_owned();
        self.fault(Code::UnknownZone, path, message, hint);
    }
}
