//! What Meridian knows of clouds: regions, images, machine types, limits, Kubernetes versions, defaults.
//!
//! All of it is data in files that a person can edit (`regions.toml` at the repository's root and `spec/data/`); this
//! module reads them once, when they are first asked for, and looks things up.

mod machines;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::cluster::Architecture;
use crate::document::Kind;
use crate::structure::Compiled;

pub use machines::MachineType;
pub(crate) use machines::{Machines, Request};

/// Everything that is known of the clouds.
#[derive(Debug, Clone)]
pub struct Catalogue {
    regions: RegionsFile,
    providers: Vec<Provider>,
    pub(crate) machines: Machines,
    pub(crate) kubernetes: KubernetesFile,
    pub(crate) defaults: Defaults,
    cluster_schema: OnceLock<Compiled>,
}

/// A data file could not be read in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CatalogueError {
    /// A file is not TOML, or not in its form.
    #[error("cannot read the catalogue's {file}")]
    Parse {
        /// Name of the file.
        file: &'static str,
        /// What is wrong with it.
        #[source]
        source: toml::de::Error,
    },
}

/// A cloud: its limits and its own options.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Name in a spec (`aws`).
    pub name: String,
    /// Name for people (`AWS`).
    pub display: String,
    pub(crate) bastion_type: String,
    /// What its subnets span.
    pub subnets: SubnetScope,
    pub(crate) cluster_name: NameLimit,
    pub(crate) network_prefix: PrefixLimit,
    pub(crate) labels: LabelLimit,
    /// Fields of the block that a spec may carry under the provider's name.
    #[serde(rename = "option", default)]
    pub options: Vec<ProviderOption>,
}

/// What a cloud's subnet spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubnetScope {
    /// One zone.
    Zone,
    /// All zones of the region.
    Region,
}

/// A field of a provider's own block.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderOption {
    /// Name of the field.
    pub name: String,
    /// What it does.
    pub doc: String,
    /// Regular expression that its value matches.
    pub pattern: String,
}

/// What a cloud allows as a cluster's name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameLimit {
    pub(crate) max: usize,
    pub(crate) refused_prefixes: Vec<String>,
    pub(crate) reason: String,
}

/// The prefix lengths that a cloud allows a network.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PrefixLimit {
    pub(crate) min: u8,
    pub(crate) max: u8,
}

/// What a cloud allows as labels of its resources.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LabelLimit {
    pub(crate) max: usize,
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) reserved: Vec<String>,
}

/// A part of a cloud with accounts and endpoints of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// Name of the cloud.
    pub provider: String,
    /// Name of the partition (`aws-cn`).
    pub name: String,
    /// Name for people.
    pub display: String,
    /// Suffix of service endpoints; empty where the cloud has none.
    pub dns_suffix: String,
}

/// Where the operating system comes from in a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSource {
    /// Name of the cloud.
    pub provider: String,
    /// Name of the partition.
    pub partition: String,
    /// The operating system (`ubuntu-24.04`).
    pub os: String,
    /// AWS: the account that owns the images. Google: the project. Azure: the publisher.
    pub owner: String,
    /// AWS: filter of the name. Google: image family. Azure: offer and SKU, with a colon between them.
    pub amd64: String,
    /// The same, for arm64.
    pub arm64: String,
}

impl ImageSource {
    /// The name to look for.
    #[must_use]
    pub fn name(&self, architecture: Architecture) -> &str {
        match architecture {
            Architecture::Amd64 => &self.amd64,
            Architecture::Arm64 => &self.arm64,
        }
    }
}

/// A region of a cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Name of the cloud.
    pub provider: String,
    /// Name of the partition.
    pub partition: String,
    /// The cloud's own name (`eu-west-1`).
    pub name: String,
    /// Name for people (`Europe (Ireland)`).
    pub display: String,
    /// Country or part of the world; empty when unknown.
    pub geography: String,
    /// The zones that a cluster may use, in order.
    pub zones: Vec<String>,
    /// Families of machine types, or single types, that it does not offer, as far as a source tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub families_missing: Vec<String>,
    /// Who can use it.
    pub status: RegionStatus,
    /// Whether an account has to opt in first.
    #[serde(default)]
    pub opt_in: bool,
    /// Facts that no source of the vendor's confirms: `zones`, `zone-names`, `display`, `families`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unconfirmed: Vec<String>,
    /// What else should be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Region {
    /// Whether the list of zones is empty because nobody told us, and not because there are none.
    #[must_use]
    pub fn zones_unknown(&self) -> bool {
        self.zones.is_empty() && self.is_unconfirmed("zones")
    }

    /// Whether it is known to lack a machine type. What nobody told us of, it offers.
    #[must_use]
    pub fn lacks(&self, machine_type: &str) -> bool {
        let family = machines::family(machine_type);
        self.families_missing.iter().any(|missing| *missing == family || missing == machine_type)
    }

    /// Whether what it lacks is known from an old source only.
    pub(crate) fn families_unconfirmed(&self) -> bool {
        self.is_unconfirmed("families")
    }

    fn is_unconfirmed(&self, fact: &str) -> bool {
        self.unconfirmed.iter().any(|unconfirmed| unconfirmed == fact)
    }
}

/// Who can use a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegionStatus {
    /// Every customer.
    Available,
    /// Customers whom the cloud has admitted.
    Restricted,
    /// Nobody yet.
    Announced,
    /// The vendor's own trial region.
    Canary,
    /// The vendor's own test region.
    Stage,
}

impl RegionStatus {
    /// Whether a cluster can be built there.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Available | Self::Restricted)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionsFile {
    partition: Vec<Partition>,
    image: Vec<ImageSource>,
    region: Vec<Region>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProvidersFile {
    provider: Vec<Provider>,
}

/// The Kubernetes versions that are installed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KubernetesFile {
    pub(crate) default: String,
    pub(crate) minor: Vec<KubernetesMinor>,
}

/// A minor version of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesMinor {
    /// The minor (`1.34`).
    pub name: String,
    /// Its newest patch that is known (`1.34.4`).
    pub latest: String,
}

/// What a spec that says nothing gets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Defaults {
    pub(crate) image_repository: String,
    pub(crate) network: NetworkDefaults,
    pub(crate) control_plane: ControlPlaneDefaults,
    pub(crate) pool: PoolDefaults,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkDefaults {
    pub(crate) cidr: Ipv4Net,
    pub(crate) pod_cidr: Ipv4Net,
    pub(crate) service_cidr: Ipv4Net,
    pub(crate) zones: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ControlPlaneDefaults {
    pub(crate) slots: u8,
    pub(crate) size: String,
    pub(crate) root_volume_gib: u32,
    pub(crate) etcd_volume_gib: u32,
    pub(crate) api_port: u16,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PoolDefaults {
    pub(crate) min: u32,
    pub(crate) root_volume_gib: u32,
}

impl Catalogue {
    /// The catalogue that this version was built with; read when it is first asked for.
    pub fn builtin() -> Result<&'static Self, CatalogueError> {
        static BUILTIN: OnceLock<Result<Catalogue, CatalogueError>> = OnceLock::new();
        BUILTIN.get_or_init(|| Self::with_regions(include_str!("../../regions.toml"))).as_ref().map_err(Clone::clone)
    }

    /// The built-in catalogue with other regions, in the form of `regions.toml`.
    pub fn with_regions(regions: &str) -> Result<Self, CatalogueError> {
        let providers: ProvidersFile = read("spec/data/providers.toml", include_str!("../data/providers.toml"))?;
        Ok(Self {
            regions: read("regions.toml", regions)?,
            providers: providers.provider,
            machines: read("spec/data/machines.toml", include_str!("../data/machines.toml"))?,
            kubernetes: read("spec/data/kubernetes.toml", include_str!("../data/kubernetes.toml"))?,
            cluster_schema: OnceLock::new(),
            defaults: read("spec/data/defaults.toml", include_str!("../data/defaults.toml"))?,
        })
    }

    /// The JSON Schema of a kind, made when it is first asked for.
    pub(crate) fn schema(&self, kind: Kind) -> &Compiled {
        match kind {
            Kind::Cluster => self.cluster_schema.get_or_init(|| Compiled::new(crate::schema::schema(kind, self))),
        }
    }

    /// The clouds, in order.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.providers.iter()
    }

    /// A cloud by its name in a spec.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// Every region, in the order of the file: by cloud, partition and name.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        &self.regions.region
    }

    /// A region of a cloud.
    #[must_use]
    pub fn region(&self, provider: &str, name: &str) -> Option<&Region> {
        self.regions.region.iter().find(|region| region.provider == provider && region.name == name)
    }

    /// Every partition.
    #[must_use]
    pub fn partitions(&self) -> &[Partition] {
        &self.regions.partition
    }

    /// A partition of a cloud.
    #[must_use]
    pub fn partition(&self, provider: &str, name: &str) -> Option<&Partition> {
        self.regions.partition.iter().find(|partition| partition.provider == provider && partition.name == name)
    }

    /// Where images come from in a partition; `None` where we know of no public ones, so that a spec has to pin its own.
    #[must_use]
    pub fn image_source(&self, provider: &str, partition: &str) -> Option<&ImageSource> {
        self.regions.image.iter().find(|image| image.provider == provider && image.partition == partition)
    }

    /// The machine types of a cloud that we know, for one architecture, those that sizes resolve to first.
    pub fn machine_types(&self, provider: &str, architecture: Architecture) -> impl Iterator<Item = &MachineType> {
        self.machines.all(provider, architecture)
    }

    /// The names of the portable sizes, smallest first.
    pub fn size_names(&self) -> impl Iterator<Item = &str> {
        self.machines.size_names()
    }

    /// The minor versions of Kubernetes that are installed, oldest first.
    #[must_use]
    pub fn kubernetes_versions(&self) -> &[KubernetesMinor] {
        &self.kubernetes.minor
    }

    /// The minor version that a spec without one gets.
    #[must_use]
    pub fn default_kubernetes_version(&self) -> &str {
        &self.kubernetes.default
    }
}

fn read<T: serde::de::DeserializeOwned>(file: &'static str, text: &str) -> Result<T, CatalogueError> {
    toml::from_str(text).map_err(|source| CatalogueError::Parse { file, source })
}

/// Types by cloud and architecture.
type TypeTable = BTreeMap<String, BTreeMap<Architecture, machines::Types>>;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_files_agree_with_each_other() {
        let catalogue = Catalogue::builtin().expect("the data files are sound");
        let mut seen = BTreeSet::new();
        for region in catalogue.regions() {
            assert!(seen.insert((&region.provider, &region.name)), "{} stands twice", region.name);
            assert!(catalogue.provider(&region.provider).is_some(), "{}", region.provider);
            assert!(catalogue.partition(&region.provider, &region.partition).is_some(), "{}", region.partition);
            let distinct: BTreeSet<_> = region.zones.iter().collect();
            assert_eq!(distinct.len(), region.zones.len(), "{}", region.name);
            let known = |missing: &String| {
                [Architecture::Amd64, Architecture::Arm64].into_iter().any(|architecture| {
                    let mut types = catalogue.machine_types(&region.provider, architecture);
                    types.any(|kind| machines::family(&kind.name) == *missing || kind.name == *missing)
                })
            };
            assert!(region.families_missing.iter().all(known), "{}: {:?}", region.name, region.families_missing);
            if region.provider != "azure" {
                assert!(region.zones.iter().all(|zone| zone.starts_with(&region.name)), "{}", region.name);
            }
        }
        for provider in catalogue.providers() {
            for option in &provider.options {
                regex_lite::Regex::new(&option.pattern).expect("a pattern");
            }
            regex_lite::Regex::new(&provider.labels.key).expect("a pattern");
            regex_lite::Regex::new(&provider.labels.value).expect("a pattern");
            assert!(catalogue.machines.named(&provider.name, &provider.bastion_type).is_some());
        }
        assert!(catalogue.kubernetes.minor.iter().any(|minor| minor.name == catalogue.kubernetes.default));
    }

    #[test]
    fn the_public_regions_are_all_there() {
        let catalogue = Catalogue::builtin().expect("the data files are sound");
        let open = |provider: &str, partition: &str| {
            let in_partition = |region: &&Region| region.provider == provider && region.partition == partition;
            catalogue
                .regions()
                .iter()
                .filter(in_partition)
                .filter(|region| region.status == RegionStatus::Available)
                .count()
        };
        assert_eq!(open("aws", "aws"), 34);
        assert_eq!(open("gcp", "google"), 43);
        assert_eq!(open("azure", "azure-public"), 56);
    }
}
