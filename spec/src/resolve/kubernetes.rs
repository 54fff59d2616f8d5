//! Kubernetes' version and flags.

use std::collections::BTreeMap;

use crate::cluster::{ExtraArgs, Kubernetes};
use crate::fault::Code;
use crate::flags::{self, KUBELET_VALUE};
use crate::nearest::quote;
use crate::path::Path;
use crate::raw::{self, ClusterSpec};

use super::Check;

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
        let mut flags = |given, component, field| self.flags(given, component, &path.key(field));
        let extra_args = ExtraArgs {
            api_server: flags(raw.api_server, flags::Component::ApiServer, "apiServer"),
            controller_manager: flags(raw.controller_manager, flags::Component::ControllerManager, "controllerManager"),
            scheduler: flags(raw.scheduler, flags::Component::Scheduler, "scheduler"),
            etcd: flags(raw.etcd, flags::Component::Etcd, "etcd"),
            kubelet: flags(raw.kubelet, flags::Component::Kubelet, "kubelet"),
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

    fn flags(
        &mut self,
        given: Option<raw::Component>,
        component: flags::Component,
        path: &Path,
    ) -> BTreeMap<String, String> {
        let given = given.and_then(|given| given.extra_args).unwrap_or_default();
        let given: BTreeMap<String, String> = given.into_iter().map(|(flag, value)| (flag.0, value)).collect();
        for (flag, value) in &given {
            let at = path.key("extraArgs").key(flag);
            if let Some(reserved) = flags::reserved(component, flag) {
                let message = format!("the flag {flag} is not yours to give: {}", reserved.why);
                self.fault(Code::Conflict, &at, message, reserved.hint.to_owned());
            } else if component == flags::Component::Kubelet && !flags::is_kubelet_value(value) {
                let message = format!("{} is no value that kubelet's flags can have", quote(value));
                self.fault(Code::InvalidValue, &at, message, format!("write {KUBELET_VALUE}"));
            }
        }
        given
    }
}
