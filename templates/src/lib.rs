//! What a machine is told at its first boot, in two layers.
//!
//! - [`user_data`]: cloud-init user-data, small and without secrets: where the machine's bundle is and what its digest
//!   must be. It installs `meridian-store`, the one program that knows the cloud's object store, and a systemd unit
//!   that fetches, checks and runs the bundle until it succeeds.
//! - [`bundle`]: one bash script, the same on every cloud, that turns the machine into a control-plane slot, a worker
//!   or a bastion. It is a function of its input alone, and running it again changes nothing. [`files`] shows the same
//!   as single files, for people and for checks.
//!
//! The certificate authorities and the join tokens never pass through here: the machine reads them from the bucket
//! with its own identity, under the keys that [`ClusterObjects`] names. Even an authority's hash is not needed at
//! render time, because the authority may be generated after its cluster's bundles were planned; the control plane
//! publishes the hash together with the token ([`ClusterObjects::join_token`]).
//!
//! Choices made here:
//! - Machines run Ubuntu 24.04 or a later image with systemd 244, curl 7.86 (which signs requests to S3), Python 3
//!   and OpenSSL.
//! - No cloud controller manager exists yet, so kubelet's `cloud-provider` is left at its default; `external` would
//!   taint every node until such a controller removed the taint. No network plug-in is installed either.
//! - `kubeadm` is used by phases only. Nothing waits for a first machine: the etcd members are known at render time.
//!
//! This crate is not for deciding what a machine should be: it knows neither spec nor cloud resources.

mod bundle;
mod digest;
mod error;
mod kubeadm;
mod node;
mod quote;
mod render;
mod software;
mod store;
mod user_data;
mod validate;

pub use bundle::{NodeFile, bundle, files};
pub use digest::Sha256;
pub use error::TemplateError;
pub use node::{
    Arguments, Cluster, ControlPlaneSlot, Device, EtcdMember, FileSystem, KubeProxyMode, NodeBundle, NodeSettings,
    Taint, TaintEffect, Volume, Worker,
};
pub use quote::{QuoteError, heredoc, sh, yaml};
pub use software::{AptRepository, Mirror, Package, Software};
pub use store::{
    AzureBlobStore, ClusterObjects, GCS_ENDPOINT, GcsStore, ObjectKey, PkiObject, S3Endpoint, S3Store, Store,
};
pub use user_data::{USER_DATA_LIMIT_BYTES, UserData, user_data};
