//! From the spec as it is written to the cluster with every default filled in.
//!
//! Each part is resolved as far as the parts before it allow, so that one fault hides as few others as possible. A part that
//! cannot be resolved is `None`, and its faults are on the list; a field that is there but unsound is never taken as
//! left out.

mod control_plane;
mod kubernetes;
mod labels;
mod machines;
mod moved;
mod network;
mod place;
mod pools;
mod ranges;

use std::collections::BTreeSet;

use crate::catalogue::Catalogue;
use crate::cluster::{Bastion, Cluster, Region};
use crate::document::Document;
use crate::draft::{Draft, Judge};
use crate::fault::{Code, Faults};
use crate::path::Path;
use crate::raw::ClusterSpec;

use place::Place;

/// Fills in the defaults of a document and checks its meaning, or gives every fault at once, with those that `judge` finds in
/// what is sound.
pub fn resolve(document: &Document, catalogue: &Catalogue, judge: Judge<'_>) -> Result<Cluster, Faults> {
    let mut check = Check { document, catalogue, faults: Faults::default(), draft: Draft::default() };
    let spec = document.raw().spec.clone().unwrap_or_default();
    let cluster = check.cluster(&spec);
    let mut faults = document.structural.clone();
    faults.extend(check.faults);
    let draft = cluster.as_ref().map_or(check.draft, Draft::from);
    // Of one place, what is wrong by itself is told first.
    let told: BTreeSet<String> = faults.iter().map(|fault| fault.path.clone()).collect();
    for unfit in judge(&draft) {
        if !told.contains(&unfit.path.to_string()) {
            let span = document.span(&unfit.path);
            faults.push(document.source.fault(Code::Unfit, &span, &unfit.path, unfit.message, unfit.hint));
        }
    }
    faults.arrange(&[(document.file(), "")]);
    faults.or(cluster)?.ok_or_else(Faults::default)
}

/// The state of one resolution.
struct Check<'a> {
    document: &'a Document,
    catalogue: &'a Catalogue,
    faults: Faults,
    /// What is sound so far.
    draft: Draft,
}

impl Check<'_> {
    fn cluster(&mut self, spec: &ClusterSpec) -> Option<Cluster> {
        let place = self.place(spec);
        let place = place.as_ref();
        let name = self.name(place);
        let labels = self.labels(place);
        self.draft.name.clone_from(&name);
        self.draft.labels.clone_from(&labels);
        if let Some(place) = place {
            self.draft.provider.clone_from(&place.provider.name);
            self.draft.region = place.site.map(|site| site.region.name.clone());
            self.draft.provider_options = spec.provider_options.get(&place.provider.name).cloned().unwrap_or_default();
        }
        self.draft.ssh_public_key = spec.ssh.as_ref().and_then(|ssh| ssh.public_key.as_ref()).map(|key| key.0.clone());
        let kubernetes = self.kubernetes(spec);
        let network = self.network(spec, place);
        let control_plane = self.control_plane(spec, place, network.as_ref());
        let pools = self.pools(spec, place, network.as_ref());
        let bastion = self.bastion(spec, place);
        if let Some(network) = &network {
            self.room(spec, network);
        }
        self.public_subnets(spec, network.as_ref());
        let place = place?;
        let site = place.site?;
        Some(Cluster {
            name: name?,
            labels,
            provider: place.provider.name.clone(),
            region: Region {
                name: site.region.name.clone(),
                partition: site.partition.name.clone(),
                dns_suffix: site.partition.dns_suffix.clone(),
            },
            kubernetes: kubernetes?,
            network: network?,
            control_plane: control_plane?,
            pools: pools?,
            bastion: bastion?,
            ssh_public_key: self.draft.ssh_public_key.clone(),
            deletion_protection: spec.deletion_protection.unwrap_or_default(),
            provider_options: self.draft.provider_options.clone(),
        })
    }

    /// The jump host: `None` when it has faults, `Some(None)` when there is none.
    #[expect(clippy::option_option, reason = "the outer Option is this module's way to say that faults were found")]
    fn bastion(&mut self, spec: &ClusterSpec, place: Option<&Place<'_>>) -> Option<Option<Bastion>> {
        let Some(raw) = &spec.bastion else {
            return Some(None);
        };
        let path = Path::of("spec.bastion");
        let machine = match &raw.machine {
            Some(machine) => self.machine(machine, &path.key("machine"), place),
            None => self.bastion_machine(&path, place),
        };
        let allow = raw.allow.as_deref().unwrap_or_default();
        let allow = self.allow(allow, raw.allow_from_anywhere, &path, "SSH");
        self.draft.bastion_allow = allow.clone().unwrap_or_default();
        if !self.document.has(&Path::of("spec.ssh")) {
            let hint = "add `ssh: { publicKey: … }` to the spec".to_owned();
            self.fault(Code::MissingField, &path, "a bastion without an SSH key lets nobody in", hint);
        }
        Some(Some(Bastion { machine: machine?, allow: allow? }))
    }

    /// A value that was given, or its default when the file says nothing; `None` when what it says is unsound.
    fn or_default<T>(&self, given: Option<T>, path: &Path, default: T) -> Option<T> {
        given.or_else(|| (!self.document.has(path)).then_some(default))
    }

    fn fault(&mut self, code: Code, path: &Path, message: impl Into<String>, hint: impl Into<Option<String>>) {
        if !self.faults.is_full() {
            let fault = self.document.source.fault(code, &self.document.span(path), path, message, hint);
            self.faults.push(fault);
        }
    }
}
