//! kubeadm's configuration, `kubeadm.k8s.io/v1beta4`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use meridian_spec::flags::{self, Component as Owner};
use serde::Serialize;
use serde_json::Value;

use crate::bundle::ETCD_DATA;
use crate::node::{Cluster, ControlPlaneSlot, KubeProxyMode, NodeSettings, Taint, Worker};
use crate::{TemplateError, validate};

const API_VERSION: &str = "kubeadm.k8s.io/v1beta4";
const CRI_SOCKET: &str = "unix:///run/containerd/containerd.sock";
/// kubeadm's port for traffic between etcd members.
const PEER_PORT: u16 = 2380;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InitConfiguration<'a> {
    api_version: &'a str,
    kind: &'a str,
    bootstrap_tokens: [BootstrapToken<'a>; 1],
    #[serde(rename = "localAPIEndpoint")]
    local_api_endpoint: LocalApiEndpoint,
    node_registration: NodeRegistration<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BootstrapToken<'a> {
    description: &'a str,
    ttl: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LocalApiEndpoint {
    advertise_address: IpAddr,
    bind_port: u16,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeRegistration<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    cri_socket: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    taints: Option<&'a [Taint]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kubelet_extra_args: Vec<Argument>,
}

#[derive(Serialize)]
struct Argument {
    name: String,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClusterConfiguration<'a> {
    api_version: &'a str,
    kind: &'a str,
    cluster_name: &'a str,
    kubernetes_version: String,
    control_plane_endpoint: &'a str,
    certificates_dir: &'a str,
    image_repository: &'a str,
    networking: Networking<'a>,
    etcd: Etcd<'a>,
    api_server: ApiServer<'a>,
    controller_manager: Component,
    scheduler: Component,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Networking<'a> {
    dns_domain: &'a str,
    pod_subnet: String,
    service_subnet: String,
}

#[derive(Serialize)]
struct Etcd<'a> {
    local: LocalEtcd<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LocalEtcd<'a> {
    data_dir: &'a str,
    extra_args: Vec<Argument>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ApiServer<'a> {
    #[serde(rename = "certSANs")]
    cert_sans: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extra_args: Vec<Argument>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Component {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extra_args: Vec<Argument>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KubeProxyConfiguration<'a> {
    api_version: &'a str,
    kind: &'a str,
    mode: KubeProxyMode,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    feature_gates: &'a BTreeMap<String, bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JoinConfiguration<'a> {
    api_version: &'a str,
    kind: &'a str,
    discovery: Discovery<'a>,
    node_registration: NodeRegistration<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Discovery<'a> {
    bootstrap_token: TokenDiscovery<'a>,
}

/// The machine adds `token` and `caCertHashes`, which it reads when it joins.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenDiscovery<'a> {
    api_server_endpoint: &'a str,
}

/// The address of a slot among the members of its cluster.
pub(crate) fn address(slot: &ControlPlaneSlot) -> Result<IpAddr, TemplateError> {
    slot.members
        .iter()
        .find(|member| member.name == slot.name)
        .map(|member| member.address)
        .ok_or_else(|| TemplateError::NotAMember { name: slot.name.clone() })
}

/// The documents with which a slot runs kubeadm's phases.
pub(crate) fn init(slot: &ControlPlaneSlot, address: IpAddr, port: u16) -> Result<String, TemplateError> {
    let cluster = &slot.cluster;
    let mut registration = registration(&slot.settings, Some(&slot.name))?;
    registration.kubelet_extra_args.push(Argument { name: "node-ip".to_owned(), value: address.to_string() });
    registration.kubelet_extra_args.sort_by(|a, b| a.name.cmp(&b.name));
    let init = InitConfiguration {
        api_version: API_VERSION,
        kind: "InitConfiguration",
        // Without an entry, `init phase bootstrap-token` would leave a token that is good for a day.
        bootstrap_tokens: [BootstrapToken { description: "unused, made by kubeadm's phase", ttl: "1m0s" }],
        local_api_endpoint: LocalApiEndpoint { advertise_address: address, bind_port: port },
        node_registration: registration,
    };
    let proxy = KubeProxyConfiguration {
        api_version: "kubeproxy.config.k8s.io/v1alpha1",
        kind: "KubeProxyConfiguration",
        mode: cluster.kube_proxy,
        feature_gates: &cluster.feature_gates,
    };
    Ok([
        document("InitConfiguration", &init)?,
        document("ClusterConfiguration", &cluster_configuration(slot)?)?,
        document("KubeletConfiguration", &kubelet_configuration(cluster)?)?,
        document("KubeProxyConfiguration", &proxy)?,
    ]
    .join("---\n"))
}

/// What a worker joins with, but for what the control plane publishes; as JSON, which the machine can complete without a YAML
/// library.
pub(crate) fn join(worker: &Worker) -> Result<String, TemplateError> {
    endpoint(&worker.endpoint)?;
    let join = JoinConfiguration {
        api_version: API_VERSION,
        kind: "JoinConfiguration",
        discovery: Discovery { bootstrap_token: TokenDiscovery { api_server_endpoint: &worker.endpoint } },
        node_registration: registration(&worker.settings, None)?,
    };
    let text = serde_json::to_string_pretty(&join)
        .map_err(|source| TemplateError::Json { document: "JoinConfiguration", source })?;
    Ok(text + "\n")
}

fn cluster_configuration(slot: &ControlPlaneSlot) -> Result<ClusterConfiguration<'_>, TemplateError> {
    let cluster = &slot.cluster;
    endpoint(&cluster.endpoint)?;
    validate::node_name("the cluster's name", &cluster.name)?;
    validate::node_name("the DNS domain", &cluster.dns_domain)?;
    let gates = gates(&cluster.feature_gates)?;
    let component = |owner, arguments| gated(owner, arguments, gates.as_deref());
    Ok(ClusterConfiguration {
        api_version: API_VERSION,
        kind: "ClusterConfiguration",
        cluster_name: &cluster.name,
        kubernetes_version: format!("v{}", slot.software.kubernetes),
        control_plane_endpoint: &cluster.endpoint,
        certificates_dir: "/etc/kubernetes/pki",
        image_repository: &slot.software.image_repository,
        networking: Networking {
            dns_domain: &cluster.dns_domain,
            pod_subnet: cluster.pod_subnet.to_string(),
            service_subnet: cluster.service_subnet.to_string(),
        },
        etcd: Etcd { local: LocalEtcd { data_dir: ETCD_DATA, extra_args: etcd_arguments(slot)? } },
        api_server: ApiServer {
            cert_sans: &cluster.certificate_names,
            extra_args: component(Owner::ApiServer, &cluster.arguments.api_server)?,
        },
        controller_manager: Component {
            extra_args: component(Owner::ControllerManager, &cluster.arguments.controller_manager)?,
        },
        scheduler: Component { extra_args: component(Owner::Scheduler, &cluster.arguments.scheduler)? },
    })
}

/// The membership stands in the arguments, because kubeadm by itself would found a cluster of one member.
fn etcd_arguments(slot: &ControlPlaneSlot) -> Result<Vec<Argument>, TemplateError> {
    let mut peers = Vec::with_capacity(slot.members.len());
    for member in &slot.members {
        validate::node_name("the slot's name", &member.name)?;
        let host = match member.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        peers.push(format!("{}=https://{host}:{PEER_PORT}", member.name));
    }
    let own = [
        ("initial-cluster", peers.join(",")),
        ("initial-cluster-state", "new".to_owned()),
        ("initial-cluster-token", slot.cluster.name.clone()),
    ];
    merge(Owner::Etcd, &slot.cluster.arguments.etcd, own)
}

fn gated(
    owner: Owner,
    arguments: &BTreeMap<String, String>,
    gates: Option<&str>,
) -> Result<Vec<Argument>, TemplateError> {
    merge(owner, arguments, gates.map(|gates| ("feature-gates", gates.to_owned())))
}

/// The user's arguments and ours by name; the user may not set what we set, whether we set it this time or not.
fn merge(
    owner: Owner,
    arguments: &BTreeMap<String, String>,
    own: impl IntoIterator<Item = (&'static str, String)>,
) -> Result<Vec<Argument>, TemplateError> {
    let field = of(owner);
    let mut merged = arguments.clone();
    for name in arguments.keys() {
        validate::plain(field, name, "-.", "arguments without leading dashes")?;
        if flags::reserved(owner, name).is_some() {
            return Err(TemplateError::Reserved { field, name: name.clone() });
        }
    }
    for (name, value) in own {
        if merged.insert(name.to_owned(), value).is_some() {
            return Err(TemplateError::Reserved { field, name: name.to_owned() });
        }
    }
    Ok(merged.into_iter().map(|(name, value)| Argument { name, value }).collect())
}

fn gates(gates: &BTreeMap<String, bool>) -> Result<Option<String>, TemplateError> {
    for name in gates.keys() {
        validate::plain("the feature gate", name, "", "a feature gate's name")?;
    }
    let listed = gates.iter().map(|(name, on)| format!("{name}={on}")).collect::<Vec<_>>().join(",");
    Ok(if listed.is_empty() { None } else { Some(listed) })
}

fn kubelet_configuration(cluster: &Cluster) -> Result<BTreeMap<String, Value>, TemplateError> {
    let mut fields = cluster.kubelet.clone();
    let mut own = vec![
        ("apiVersion", Value::from("kubelet.config.k8s.io/v1beta1")),
        ("kind", Value::from("KubeletConfiguration")),
        ("cgroupDriver", Value::from("systemd")),
    ];
    if !cluster.feature_gates.is_empty() {
        let gates = cluster.feature_gates.iter().map(|(name, on)| (name.clone(), Value::from(*on)));
        own.push(("featureGates", Value::Object(gates.collect())));
    }
    for (name, value) in own {
        if fields.insert(name.to_owned(), value).is_some() {
            return Err(TemplateError::Reserved { field: "the kubelet configuration", name: name.to_owned() });
        }
    }
    Ok(fields)
}

/// The arguments of a component, in words.
fn of(owner: Owner) -> &'static str {
    match owner {
        Owner::ApiServer => "the API server's arguments",
        Owner::ControllerManager => "the controller manager's arguments",
        Owner::Scheduler => "the scheduler's arguments",
        Owner::Etcd => "the arguments of etcd",
        Owner::Kubelet => "kubelet's arguments",
    }
}

fn registration<'a>(settings: &'a NodeSettings, name: Option<&'a str>) -> Result<NodeRegistration<'a>, TemplateError> {
    for (key, value) in &settings.labels {
        validate::plain("the label", key, "._-/", "a label's key")?;
        validate::that(value.is_empty() || is_label_value(value), "the label's value", value, "a label's value")?;
    }
    for taint in settings.taints.iter().flatten() {
        validate::plain("the taint", &taint.key, "._-/", "a taint's key")?;
        validate::that(
            taint.value.is_empty() || is_label_value(&taint.value),
            "the taint's value",
            &taint.value,
            "a taint's value",
        )?;
    }
    for value in settings.kubelet_arguments.values() {
        validate::that(flags::is_kubelet_value(value), of(Owner::Kubelet), value, flags::KUBELET_VALUE)?;
    }
    let labels = settings.labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
    let own = if labels.is_empty() { None } else { Some(("node-labels", labels)) };
    let kubelet_extra_args = merge(Owner::Kubelet, &settings.kubelet_arguments, own)?;
    Ok(NodeRegistration { name, cri_socket: CRI_SOCKET, taints: settings.taints.as_deref(), kubelet_extra_args })
}

fn is_label_value(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn endpoint(value: &str) -> Result<(), TemplateError> {
    let valid = value.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty()
            && port.parse::<u16>().is_ok_and(|port| port > 0)
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'))
    });
    validate::that(valid, "the endpoint", value, "host:port")
}

fn document(kind: &'static str, value: &impl Serialize) -> Result<String, TemplateError> {
    // Go's YAML reader takes words such as `on` for booleans, so every string is quoted.
    let mut options = serde_yaml::SerializerOptions::default();
    options.quote_all = true;
    serde_yaml::to_string_with_options(value, options).map_err(|source| TemplateError::Yaml { document: kind, source })
}
