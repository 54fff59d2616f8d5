//! Machines: portable sizes and requests to native types.

use crate::catalogue::{MachineType, Region, Request};
use crate::cluster::{Architecture, Machine};
use crate::fault::Code;
use crate::nearest::{nearest, quote};
use crate::path::Path;
use crate::raw;

use super::Check;
use super::place::{Place, Site};

impl Check<'_> {
    /// A machine with its native type and architecture.
    pub(super) fn machine(&mut self, raw: &raw::Machine, path: &Path, place: Option<&Place<'_>>) -> Option<Machine> {
        let place = place?;
        let image = raw.image.as_ref().and_then(|image| image.id.clone());
        self.image_known(image.as_ref(), path, place);
        let (native_type, architecture) = self.native_type(raw, path, place)?;
        Some(Machine { native_type, architecture, image })
    }

    /// The bastion's machine when the spec names none: the cloud's small one, or what the region has of its size.
    pub(super) fn bastion_machine(&mut self, path: &Path, place: Option<&Place<'_>>) -> Option<Machine> {
        let usual = &place?.provider.bastion_type;
        let raw = match self.catalogue.machines.named(&place?.provider.name, usual) {
            Some((kind, architecture)) if place?.site?.region.lacks(usual) => raw::Machine {
                cpu: Some(kind.cpu),
                memory_gib: Some(kind.memory_gib),
                architecture: Some(architecture),
                ..raw::Machine::default()
            },
            _ => raw::Machine { native_type: Some(usual.clone()), ..raw::Machine::default() },
        };
        self.machine(&raw, path, place)
    }

    /// The control plane's machine when the spec names none.
    pub(super) fn slot_machine(&mut self, path: &Path, place: Option<&Place<'_>>) -> Option<Machine> {
        let size = self.catalogue.defaults.control_plane.size.clone();
        self.machine(&raw::Machine { size: Some(size), ..raw::Machine::default() }, path, place)
    }

    pub(super) fn native_type(
        &mut self,
        raw: &raw::Machine,
        path: &Path,
        place: &Place<'_>,
    ) -> Option<(String, Architecture)> {
        if let Some(name) = &raw.native_type {
            return self.named_type(name, raw.architecture, path, place);
        }
        let machines = &self.catalogue.machines;
        let request = match (&raw.size, raw.cpu, raw.memory_gib) {
            (Some(size), _, _) => machines.size(size)?,
            (None, Some(cpu), Some(memory_gib)) => Request { cpu, memory_gib },
            _ => return None,
        };
        let architecture = self.or_default(raw.architecture, &path.key("architecture"), Architecture::Amd64)?;
        let Some(Site { region, .. }) = place.site else {
            // Which type it is depends on the region, but what is nowhere is not there either.
            if !machines.is_anywhere(&place.provider.name, architecture, request) {
                self.no_such_machine(&place.provider.display, request, path, None);
            }
            return None;
        };
        let Some(chosen) = machines.choose(region, architecture, request) else {
            let nearest = self.nearest_there(region, architecture, request);
            self.no_such_machine(&region.name, request, path, nearest);
            return None;
        };
        Some((chosen.name.clone(), architecture))
    }

    fn no_such_machine(&mut self, place: &str, request: Request, path: &Path, hint: Option<String>) {
        let Request { cpu, memory_gib } = request;
        let message =
            format!("no machine type that we know in {place} has {cpu} vCPU and {memory_gib} GiB on this architecture");
        let hint =
            hint.unwrap_or_else(|| "ask for less, or name a type: `machine: { type: …, architecture: … }`".to_owned());
        self.fault(Code::UnknownMachine, path, message, hint);
    }

    fn named_type(
        &mut self,
        name: &str,
        architecture: Option<Architecture>,
        path: &Path,
        place: &Place<'_>,
    ) -> Option<(String, Architecture)> {
        if let Some(Site { region, .. }) = place.site {
            let insists = architecture.is_some() && region.families_unconfirmed();
            if region.lacks(name) && !insists {
                self.not_offered(name, path, region);
                return None;
            }
        }
        match (self.catalogue.machines.named(&place.provider.name, name), architecture) {
            (Some((_, real)), Some(said)) if real != said => {
                let message = format!("{name} has another architecture");
                let hint = "remove `architecture`: it follows from the type".to_owned();
                self.fault(Code::Conflict, &path.key("architecture"), message, hint);
                None
            }
            (Some((_, real)), _) => Some((name.to_owned(), real)),
            (None, Some(said)) => Some((name.to_owned(), said)),
            (None, None) => {
                let hint = self.type_hint(name, place);
                let message = format!("{} is no machine type of {} that we know", quote(name), place.provider.display);
                self.fault(Code::UnknownMachine, &path.key("type"), message, hint);
                None
            }
        }
    }

    fn not_offered(&mut self, name: &str, path: &Path, region: &Region) {
        let known = self.catalogue.machines.named(&region.provider, name);
        let nearest = known.and_then(|(kind, architecture)| {
            self.nearest_there(region, architecture, Request { cpu: kind.cpu, memory_gib: kind.memory_gib })
        });
        let mut hint = nearest.unwrap_or_else(|| "take a type of another family, or another region".to_owned());
        if region.families_unconfirmed() {
            hint.push_str("; if it is offered by now, say its `architecture` beside it");
        }
        let message = format!("{name} is not offered in {}", region.name);
        self.fault(Code::UnknownMachine, &path.key("type"), message, hint);
    }

    /// What a region offers in place of what it lacks: of the same architecture, or else of the other.
    fn nearest_there(&self, region: &Region, wanted: Architecture, request: Request) -> Option<String> {
        let others = [Architecture::Amd64, Architecture::Arm64].into_iter().filter(|other| *other != wanted);
        [wanted].into_iter().chain(others).find_map(|architecture| {
            let types = self.catalogue.machines.nearest(region, architecture, request);
            let names: Vec<String> = types.iter().map(|kind| format!("`{}`", kind.name)).collect();
            let which = if architecture == wanted { "" } else { ", of another architecture," };
            (!names.is_empty()).then(|| format!("the nearest there{which} are {}", names.join(", ")))
        })
    }

    fn type_hint(&self, name: &str, place: &Place<'_>) -> String {
        let unlisted = "say its `architecture` beside it if the type is right";
        let names = [Architecture::Amd64, Architecture::Arm64]
            .into_iter()
            .flat_map(|architecture| self.catalogue.machine_types(&place.provider.name, architecture))
            .map(|MachineType { name, .. }| name.as_str());
        match nearest(name, names) {
            Some(near) => format!("did you mean `{near}`? Otherwise {unlisted}"),
            None => unlisted.to_owned(),
        }
    }

    fn image_known(&mut self, image: Option<&String>, path: &Path, place: &Place<'_>) {
        let Some(Site { partition, .. }) = place.site else { return };
        let partition = &partition.name;
        if image.is_some() || self.catalogue.image_source(&place.provider.name, partition).is_some() {
            return;
        }
        let message = format!("no public image is known in the partition {partition}");
        let hint = "pin one of your own: `machine: { image: { id: … } }`".to_owned();
        self.fault(Code::MissingField, &path.key("image"), message, hint);
    }
}
