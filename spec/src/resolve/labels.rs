//! Names and labels: what Kubernetes and the clouds refuse.

use std::collections::BTreeMap;

use regex_lite::Regex;

use crate::fault::Code;
use crate::nearest::quote;
use crate::path::Path;
use crate::raw;

use super::Check;
use super::place::Place;

/// Resource labels that belong to us and to Kubernetes.
const OURS: [&str; 3] = ["meridian*", "kubernetes.io/*", "k8s.io/*"];
/// Longest DNS name before the slash of a label's key.
const LONGEST_PREFIX: usize = 253;

impl Check<'_> {
    /// The cluster's name, within the limits of its cloud.
    pub(super) fn name(&mut self, place: Option<&Place<'_>>) -> Option<String> {
        let name = self.document.raw().metadata.as_ref()?.name.as_ref()?.0.clone();
        let path = Path::of("metadata.name");
        let Some(limit) = place.map(|place| &place.provider.cluster_name) else {
            return Some(name);
        };
        if name.len() > limit.max {
            let message = format!(
                "{} has {} characters; here a cluster's name has at most {}",
                quote(&name),
                name.len(),
                limit.max
            );
            self.fault(Code::NameLimit, &path, message, format!("shorten it: {}", limit.reason));
        }
        if let Some(prefix) = limit.refused_prefixes.iter().find(|prefix| name.starts_with(prefix.as_str())) {
            let hint = "take another name".to_owned();
            self.fault(Code::NameLimit, &path, format!("the cloud refuses names that start with {prefix}"), hint);
        }
        Some(name)
    }

    /// The labels of every resource in the cloud.
    pub(super) fn labels(&mut self, place: Option<&Place<'_>>) -> BTreeMap<String, String> {
        let path = Path::of("metadata.labels");
        let written = self.document.raw().metadata.as_ref().and_then(|metadata| metadata.labels.clone());
        let labels: BTreeMap<String, String> =
            written.unwrap_or_default().into_iter().map(|(key, value)| (key.0, value.0)).collect();
        let Some(provider) = place.map(|place| place.provider) else {
            return labels;
        };
        let limit = &provider.labels;
        if labels.len() > limit.max {
            let message = format!("{} labels; {} takes {} beside our own", labels.len(), provider.display, limit.max);
            self.fault(Code::RefusedLabel, &path, message, "remove some".to_owned());
        }
        let allowed = |pattern: &str, text: &str| Regex::new(pattern).is_ok_and(|regex| regex.is_match(text));
        for (key, value) in &labels {
            let at = path.key(key);
            let reserved = OURS.into_iter().chain(limit.reserved.iter().map(String::as_str));
            if let Some(taken) = reserved.into_iter().find(|taken| is_reserved(key, taken)) {
                let hint = "take another key".to_owned();
                self.fault(Code::RefusedLabel, &at, format!("the label {taken} is reserved"), hint);
            } else if !allowed(&limit.key, key) {
                let message = format!("{} refuses the label key {}", provider.display, quote(key));
                self.fault(Code::RefusedLabel, &at, message, format!("keys match {}", limit.key));
            } else if !allowed(&limit.value, value) {
                let message = format!("{} refuses the label value {}", provider.display, quote(value));
                self.fault(Code::RefusedLabel, &at, message, format!("values match {}", limit.value));
            }
        }
        labels
    }

    /// The Kubernetes labels of a pool's nodes.
    ///
    /// The kubelet refuses to start with labels under kubernetes.io and k8s.io outside of the two families that are open to it
    /// (kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction).
    pub(super) fn node_labels(&mut self, raw: &raw::Pool, path: &Path) -> BTreeMap<String, String> {
        let path = path.key("labels");
        let labels: BTreeMap<String, String> =
            raw.labels.iter().flatten().map(|(key, value)| (key.0.clone(), value.0.clone())).collect();
        for key in labels.keys() {
            let at = path.key(key);
            self.prefix_length(key, &at);
            let Some((prefix, _)) = key.split_once('/') else {
                continue;
            };
            let within =
                |domain: &str| prefix == domain || prefix.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
            let kubernetes = within("kubernetes.io") || within("k8s.io");
            if kubernetes && !within("kubelet.kubernetes.io") && !within("node.kubernetes.io") {
                let message = format!("the kubelet may not set labels under {prefix}");
                let hint = "use a domain of your own, node.kubernetes.io or kubelet.kubernetes.io".to_owned();
                self.fault(Code::RefusedLabel, &at, message, hint);
            }
        }
        labels
    }

    /// The length of the DNS name in a key, which the schema's pattern cannot limit.
    pub(super) fn prefix_length(&mut self, key: &str, path: &Path) {
        let length = key.split_once('/').map_or(0, |(prefix, _)| prefix.len());
        if length > LONGEST_PREFIX {
            let message = format!("the name before the slash has {length} characters");
            self.fault(Code::RefusedLabel, path, message, format!("Kubernetes allows {LONGEST_PREFIX}"));
        }
    }
}

/// Whether a key is a reserved one, or starts as one that ends in `*`.
fn is_reserved(key: &str, taken: &str) -> bool {
    taken.strip_suffix('*').map_or(key == taken, |prefix| key.starts_with(prefix))
}
