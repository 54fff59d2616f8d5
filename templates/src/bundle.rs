//! The second layer: what a machine runs.

use std::borrow::Cow;

use serde::Serialize;

use crate::node::{ControlPlaneSlot, Device, FileSystem, NodeBundle, NodeSettings, Volume, Worker};
use crate::{ClusterObjects, Software, TemplateError, kubeadm, render, validate};

/// A file on a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeFile {
    /// Its absolute path.
    pub path: &'static str,
    /// Its permissions in octal, for example `0644`.
    pub mode: &'static str,
    /// What it holds, with a newline at its end.
    pub content: String,
}

impl NodeFile {
    pub(crate) fn program(path: &'static str, content: String) -> Self {
        Self { path, mode: "0755", content }
    }

    pub(crate) fn public(path: &'static str, content: String) -> Self {
        Self { path, mode: "0644", content }
    }

    fn private(path: &'static str, content: String) -> Self {
        Self { path, mode: "0600", content }
    }

    /// Whether the bundle runs this file, in the order of [`files`].
    #[must_use]
    pub fn is_step(&self) -> bool {
        self.path.starts_with(STEPS)
    }
}

const STEPS: &str = "/usr/local/lib/meridian/steps/";
/// How long a join token is good for. Every slot publishes a new one each hour (`join_token.timer`), tries again after
/// 30 seconds when it fails, and revokes none; so the published one has almost three hours left even if no slot could
/// publish from now on.
const JOIN_TOKEN_TTL: &str = "4h0m0s";
/// kubeadm's port for the API server.
const API_PORT: u16 = 6443;
const ETCD_MOUNT: &str = "/var/lib/etcd";
/// Below the mount point, because etcd wants its directory empty and private, and a fresh ext4 has `lost+found`.
pub(crate) const ETCD_DATA: &str = "/var/lib/etcd/data";

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct Script<'a> {
    files: &'a [NodeFile],
    steps: Vec<&'a str>,
}

#[derive(Serialize)]
struct VolumesStep<'a> {
    attached: bool,
    lun: bool,
    volumes: Vec<VolumeInput<'a>>,
}

#[derive(Serialize)]
struct VolumeInput<'a> {
    kind: &'a str,
    name: Cow<'a, str>,
    filesystem: &'a str,
    mount_point: &'a str,
}

#[derive(Serialize)]
struct Packages<'a> {
    repositories: Vec<RepositoryInput<'a>>,
    packages: Vec<PackageInput>,
}

#[derive(Serialize)]
struct RepositoryInput<'a> {
    name: &'a str,
    url: &'a str,
    components: Option<&'a str>,
    key_url: &'a str,
    fingerprints: &'a [String],
}

#[derive(Serialize)]
struct PackageInput {
    name: String,
    version: String,
}

#[derive(Serialize)]
struct Containerd<'a> {
    kubernetes_version: String,
    image_repository: &'a str,
}

#[derive(Serialize)]
struct Pki {
    objects: Vec<PkiInput>,
}

#[derive(Serialize)]
struct PkiInput {
    key: String,
    name: &'static str,
    mode: &'static str,
}

#[derive(Serialize)]
struct ControlPlane<'a> {
    server: &'a str,
    etcd_data: &'a str,
}

#[derive(Serialize)]
struct JoinToken<'a> {
    server: &'a str,
    key: String,
    ttl: &'a str,
}

#[derive(Serialize)]
struct Join {
    key: String,
}

/// Renders a bundle: a bash script for root that writes the [`files`] and runs those that are steps. It holds no
/// secret, is a function of its input alone, and changes nothing when it runs again.
///
/// # Errors
/// [`TemplateError::Invalid`], [`TemplateError::Reserved`] and [`TemplateError::NotAMember`] for input that no machine
/// could use.
pub fn bundle(input: &NodeBundle) -> Result<String, TemplateError> {
    let files = files(input)?;
    let steps = files.iter().filter(|file| file.is_step()).map(|file| file.path).collect();
    render::render("bundle.sh", &Script { files: &files, steps })
}

/// The files of a bundle in the order in which they are written and run.
///
/// # Errors
/// As [`bundle`].
pub fn files(input: &NodeBundle) -> Result<Vec<NodeFile>, TemplateError> {
    let mut files = vec![NodeFile::public("/usr/local/lib/meridian/lib.sh", render::render("lib.sh", &Nothing {})?)];
    match input {
        NodeBundle::ControlPlane(slot) => control_plane(&mut files, slot)?,
        NodeBundle::Worker(worker) => self::worker(&mut files, worker)?,
        NodeBundle::Bastion => {
            files.push(NodeFile::public(
                "/etc/ssh/sshd_config.d/10-meridian.conf",
                render::render("sshd.conf", &Nothing {})?,
            ));
            files.push(NodeFile::program(
                "/usr/local/lib/meridian/steps/10-bastion.sh",
                render::render("steps/bastion.sh", &Nothing {})?,
            ));
        }
    }
    Ok(files)
}

fn control_plane(files: &mut Vec<NodeFile>, slot: &ControlPlaneSlot) -> Result<(), TemplateError> {
    let address = kubeadm::address(slot)?;
    let server = match address {
        std::net::IpAddr::V4(address) => format!("https://{address}:{API_PORT}"),
        std::net::IpAddr::V6(address) => format!("https://[{address}]:{API_PORT}"),
    };
    files.push(NodeFile::private("/etc/kubernetes/meridian/kubeadm.yaml", kubeadm::init(slot, address, API_PORT)?));
    files.push(NodeFile::public(
        "/etc/systemd/system/kubelet.service.d/20-meridian.conf",
        render::render("kubelet.conf", &Nothing {})?,
    ));
    let token = JoinToken { server: &server, key: slot.objects.join_token().to_string(), ttl: JOIN_TOKEN_TTL };
    files.push(NodeFile::program("/usr/local/sbin/meridian-join-token", render::render("join_token.sh", &token)?));
    files.push(NodeFile::public(
        "/etc/systemd/system/meridian-join-token.service",
        render::render("join_token.service", &Nothing {})?,
    ));
    files.push(NodeFile::public(
        "/etc/systemd/system/meridian-join-token.timer",
        render::render("join_token.timer", &Nothing {})?,
    ));
    let etcd =
        Volume { device: slot.etcd_disk.clone(), file_system: FileSystem::Ext4, mount_point: ETCD_MOUNT.to_owned() };
    common(files, &slot.settings, Some(&etcd), &slot.software, true)?;
    files.push(NodeFile::program(
        "/usr/local/lib/meridian/steps/50-pki.sh",
        render::render("steps/pki.sh", &pki(&slot.objects))?,
    ));
    let input = ControlPlane { server: &server, etcd_data: ETCD_DATA };
    files.push(NodeFile::program(
        "/usr/local/lib/meridian/steps/60-control-plane.sh",
        render::render("steps/control_plane.sh", &input)?,
    ));
    files.push(NodeFile::program(
        "/usr/local/lib/meridian/steps/70-cluster.sh",
        render::render("steps/cluster.sh", &input)?,
    ));
    Ok(())
}

fn worker(files: &mut Vec<NodeFile>, worker: &Worker) -> Result<(), TemplateError> {
    files.push(NodeFile::private("/etc/kubernetes/meridian/join.json", kubeadm::join(worker)?));
    common(files, &worker.settings, None, &worker.software, false)?;
    let input = Join { key: worker.objects.join_token().to_string() };
    files.push(NodeFile::program("/usr/local/lib/meridian/steps/50-join.sh", render::render("steps/join.sh", &input)?));
    Ok(())
}

/// What every machine that runs Kubernetes has.
fn common(
    files: &mut Vec<NodeFile>,
    settings: &NodeSettings,
    etcd: Option<&Volume>,
    software: &Software,
    control_plane: bool,
) -> Result<(), TemplateError> {
    software.validate()?;
    files.push(NodeFile::public("/etc/modules-load.d/90-meridian.conf", "overlay\nbr_netfilter\n".to_owned()));
    files.push(NodeFile::public(
        "/etc/sysctl.d/90-meridian.conf",
        "net.bridge.bridge-nf-call-iptables = 1\nnet.bridge.bridge-nf-call-ip6tables = 1\nnet.ipv4.ip_forward = 1\n"
            .to_owned(),
    ));
    files.push(NodeFile::program(
        "/usr/local/lib/meridian/steps/10-host.sh",
        render::render("steps/host.sh", &Nothing {})?,
    ));
    let volumes = etcd.into_iter().chain(&settings.volumes).map(volume).collect::<Result<Vec<_>, _>>()?;
    if !volumes.is_empty() {
        let attached = volumes.iter().any(|volume| volume.kind == "attached");
        let lun = volumes.iter().any(|volume| volume.kind == "lun");
        files.push(NodeFile::program(
            "/usr/local/lib/meridian/steps/20-volumes.sh",
            render::render("steps/volumes.sh", &VolumesStep { attached, lun, volumes })?,
        ));
    }
    files.push(NodeFile::program(
        "/usr/local/lib/meridian/steps/30-packages.sh",
        render::render("steps/packages.sh", &packages(software, control_plane))?,
    ));
    let input = Containerd {
        kubernetes_version: format!("v{}", software.kubernetes),
        image_repository: &software.image_repository,
    };
    files.push(NodeFile::program(
        "/usr/local/lib/meridian/steps/40-containerd.sh",
        render::render("steps/containerd.sh", &input)?,
    ));
    Ok(())
}

fn volume(volume: &Volume) -> Result<VolumeInput<'_>, TemplateError> {
    let (kind, name) = match &volume.device {
        Device::Path(path) => {
            validate::path("the device", path)?;
            ("path", Cow::from(path))
        }
        Device::AttachedAs(name) => {
            validate::plain("the attached device", name, "", "a device's name without /dev/")?;
            ("attached", Cow::from(name))
        }
        Device::AzureLun(number) => ("lun", Cow::from(number.to_string())),
    };
    validate::path("the mount point", &volume.mount_point)?;
    let filesystem = match volume.file_system {
        FileSystem::Ext4 => "ext4",
        FileSystem::Xfs => "xfs",
    };
    Ok(VolumeInput { kind, name, filesystem, mount_point: &volume.mount_point })
}

fn packages(software: &Software, control_plane: bool) -> Packages<'_> {
    Packages {
        repositories: software
            .repositories
            .iter()
            .map(|repository| RepositoryInput {
                name: &repository.name,
                url: &repository.url,
                components: repository.components.as_deref(),
                key_url: &repository.key_url,
                fingerprints: &repository.fingerprints,
            })
            .collect(),
        packages: software
            .packages(control_plane)
            .into_iter()
            .map(|package| PackageInput { name: package.name, version: package.version })
            .collect(),
    }
}

fn pki(objects: &ClusterObjects) -> Pki {
    let input = |object: crate::PkiObject| PkiInput {
        key: object.key.to_string(),
        name: object.name,
        mode: if object.secret { "0600" } else { "0644" },
    };
    Pki { objects: objects.pki().into_iter().map(input).collect() }
}
