//! What is installed on a machine, in which version and from where.

use semver::Version;

use crate::{TemplateError, validate};

/// An apt repository whose key is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AptRepository {
    /// A short name for its files, of letters, digits and `-`.
    pub name: String,
    /// Its address.
    pub url: String,
    /// Its components under the distribution's code name; `None` for a flat repository.
    pub components: Option<String>,
    /// Where its armoured public key is.
    pub key_url: String,
    /// The fingerprints of the keys that may sign it, 40 upper-case hexadecimal digits each.
    pub fingerprints: Vec<String>,
}

/// A package and its pinned version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version, in which `*` stands for anything, for example `1.36.3-*`.
    pub version: String,
}

/// Everything that Kubernetes needs on a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Software {
    /// The release of Kubernetes, without a pre-release or build part.
    pub kubernetes: Version,
    /// The container runtime.
    pub containerd: Package,
    /// Where both come from, beside the distribution's own repositories.
    pub repositories: Vec<AptRepository>,
    /// Where kubeadm's images come from.
    pub image_repository: String,
}

/// Replacements for the public sources, for networks without a way out or for faster boots in a region. A mirror has
/// the layout of what it mirrors, and packages keep their signatures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    /// In place of `https://pkgs.k8s.io`.
    pub kubernetes: Option<String>,
    /// In place of `https://download.docker.com/linux/ubuntu`.
    pub containerd: Option<String>,
    /// In place of `registry.k8s.io`.
    pub images: Option<String>,
}

/// The key of pkgs.k8s.io ("isv:kubernetes OBS Project").
const KUBERNETES_KEY: &str = "DE15B14486CD377B9E876E1A234654DA9A296436";
/// The key of download.docker.com ("Docker Release (CE deb)").
const DOCKER_KEY: &str = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88";
/// Kubernetes 1.36 asks for containerd 2, which Ubuntu 24.04 itself does not have; 2.2 serves 1.33 and later.
const CONTAINERD: &str = "2.2.*";

impl Software {
    /// The projects' own packages and images, or a mirror of them.
    #[must_use]
    pub fn upstream(kubernetes: Version, mirror: &Mirror) -> Self {
        let packages = base(mirror.kubernetes.as_deref(), "https://pkgs.k8s.io");
        let packages = format!("{packages}/core:/stable:/v{}.{}/deb/", kubernetes.major, kubernetes.minor);
        let docker = base(mirror.containerd.as_deref(), "https://download.docker.com/linux/ubuntu");
        Self {
            kubernetes,
            containerd: Package { name: "containerd.io".to_owned(), version: CONTAINERD.to_owned() },
            repositories: vec![
                AptRepository {
                    name: "kubernetes".to_owned(),
                    key_url: format!("{packages}Release.key"),
                    url: packages,
                    components: None,
                    fingerprints: vec![KUBERNETES_KEY.to_owned()],
                },
                AptRepository {
                    name: "containerd".to_owned(),
                    key_url: format!("{docker}/gpg"),
                    url: docker.to_owned(),
                    components: Some("stable".to_owned()),
                    fingerprints: vec![DOCKER_KEY.to_owned()],
                },
            ],
            image_repository: base(mirror.images.as_deref(), "registry.k8s.io").to_owned(),
        }
    }

    /// The packages of a machine; only a control plane needs `kubectl`.
    pub(crate) fn packages(&self, control_plane: bool) -> Vec<Package> {
        let names: &[&str] = if control_plane { &["kubeadm", "kubelet", "kubectl"] } else { &["kubeadm", "kubelet"] };
        let version = format!("{}-*", self.kubernetes);
        let pinned = |name: &&str| Package { name: (*name).to_owned(), version: version.clone() };
        std::iter::once(self.containerd.clone()).chain(names.iter().map(pinned)).collect()
    }

    pub(crate) fn validate(&self) -> Result<(), TemplateError> {
        let release = self.kubernetes.pre.is_empty() && self.kubernetes.build.is_empty();
        validate::that(release, "the Kubernetes version", &self.kubernetes.to_string(), "a release")?;
        validate::plain("the package", &self.containerd.name, "-.+", "a package's name")?;
        validate::plain("the package version", &self.containerd.version, ".+:~*-", "a package's version")?;
        validate::plain("the image repository", &self.image_repository, ".-_/:", "an image repository")?;
        for repository in &self.repositories {
            validate::plain("the repository", &repository.name, "-", "a short name")?;
            validate::url("the repository's address", &repository.url)?;
            validate::url("the address of the repository's key", &repository.key_url)?;
            if let Some(components) = &repository.components {
                validate::plain("the repository's components", components, " -", "names separated by spaces")?;
            }
            validate::that(
                !repository.fingerprints.is_empty(),
                "the repository's fingerprints",
                &repository.name,
                "signed by a known key",
            )?;
            for fingerprint in &repository.fingerprints {
                let valid =
                    fingerprint.len() == 40 && fingerprint.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
                validate::that(valid, "the fingerprint", fingerprint, "40 upper-case hexadecimal digits")?;
            }
        }
        Ok(())
    }
}

fn base<'a>(mirror: Option<&'a str>, upstream: &'a str) -> &'a str {
    mirror.unwrap_or(upstream).trim_end_matches('/')
}
