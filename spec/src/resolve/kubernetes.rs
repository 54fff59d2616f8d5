//! Kubernetes' version and flags.

use std::collections::BTreeMap;

use crate::cluster::{ExtraArgs, Kubernetes};
use crate::fault::Code;
use crate::nearest::quote;
use crate::path::Path;
use crate::raw::{ClusterSpec, Component};

use super::Check;

/// Flags that decide which member of the control plane a machine is; another value would make it a stranger.
const FLAGS_OF_A_SLOT: [&str; 4] = ["data-dir", "initial-cluster", "initial-cluster-state", "name"];

impl Check<'_> {
    pub(super) fn kubernetes(&mut self, spec: &ClusterSpec) -> Option<Kubernetes> {
        let raw = spec.kubernetes.clone().unwrap_or_default();
        let path = Path::of("spec.kubernetes");
        let at = path.key("version");
        let written = raw.version.map(|version| version.0);
        let version = self.or_default(written, &at, self.catalogue.kubernetes.default.clone());
        let version = version.and_then(|version| self.exact_version(&version, &at));
        let repository = raw.image_repository.map(|repository| repository.0);
        let default_repository = self.catalogue.defaults.image_repository.clone();
        let image_repository = self.or_default(repository, &path.key("imageRepository"), default_repository);
        let extra_args = ExtraArgs {
            api_server: self.flags(raw.api_server, &path.key("apiServer"), &[]),
            controller_manager: self.flags(raw.controller_manager, &path.key("controllerManager"), &[]),
            scheduler: self.flags(raw.scheduler, &path.key("scheduler"), &[]),
            etcd: self.flags(raw.etcd, &path.key("etcd"), &FLAGS_OF_A_SLOT),
            kubelet: self.flags(raw.kubelet, &path.key("kubelet"), &[]),
        };
        let feature_gates = raw.feature_gates.unwrap_or_default().into_iter().map(|(gate, on)| (gate.0, on)).collect();
        Some(Kubernetes {
            version: version?,
            feature_gates,
            extra_args,
            package_mirror: raw.package_mirror.map(|mirror| mirror.0.trim_end_matches('/').to_owned()),
            image_repository: image_repository?,
        })
    }

    /// The newest known patch of a minor. An exact version is taken as it is, so that a patch can be installed on the day it comes out.
    fn exact_version(&mut self, written: &str, path: &Path) -> Option<String> {
        let exact = written.matches('.').count() == 2;
        let minor = if exact { written.rsplit_once('.').map_or(written, |(minor, _)| minor) } else { written };
        if let Some(known) = self.catalogue.kubernetes_versions().iter().find(|known| known.name == minor) {
            return Some(if exact { written.to_owned() } else { known.latest.clone() });
        }
        let known: Vec<&str> = self.catalogue.kubernetes_versions().iter().map(|known| known.name.as_str()).collect();
        let hint = format!("this version of Meridian installs {}", known.join(", "));
        self.fault(Code::UnknownVersion, path, format!("there is no Kubernetes {} here", quote(written)), hint);
        None
    }

    fn flags(&mut self, raw: Option<Component>, path: &Path, ours: &[&str]) -> BTreeMap<String, String> {
        let flags = raw.and_then(|component| component.extra_args).unwrap_or_default();
        let flags: BTreeMap<String, String> = flags.into_iter().map(|(flag, value)| (flag.0, value)).collect();
        for flag in flags.keys() {
            let at = path.key("extraArgs").key(flag);
            if flag == "feature-gates" {
                let hint = "list the gates in `kubernetes.featureGates`".to_owned();
                self.fault(Code::Conflict, &at, "feature gates are the same for every component", hint);
            } else if ours.contains(&flag.as_str()) {
                let message = format!("the flag {flag} follows from the slot");
                self.fault(Code::Conflict, &at, message, "remove it".to_owned());
            }
        }
        flags
    }
}
