//! What a user declares: the spec of a cluster, its defaults, its validation and its JSON Schema.
//!
//! YAML goes in, a resolved [`Cluster`] comes out, or every fault at once, each with its place and how to mend it. The
//! crate is pure: it takes texts and gives values, and never reads a file, the environment or a cloud. What it knows
//! about clouds (regions, machine types, limits) is data in [`Catalogue`], not code.
//!
//! ```
//! use meridian_spec::{Catalogue, clusters};
//!
//! let catalogue = Catalogue::builtin()?;
//! let text = "apiVersion: meridian/v1\nkind: Cluster\nmetadata: { name: demo }\n\
//!             spec: { provider: aws, region: eu-west-1 }\n";
//! let resolved = clusters(&[("demo.yaml", text)], catalogue)?;
//! assert_eq!(resolved[0].control_plane.slots.len(), 3);
//!
//! let faults = clusters(&[("demo.yaml", &text.replace("region", "regin"))], catalogue).unwrap_err();
//! assert!(faults.to_string().contains("did you mean `region`?"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod catalogue;
pub mod cluster;
mod document;
mod draft;
mod explain;
mod fault;
pub mod flags;
mod layout;
pub mod nearest;
mod path;
pub mod raw;
mod resolve;
mod schema;
mod source;
mod structure;
mod yaml;

pub use catalogue::{
    Catalogue, CatalogueError, ImageSource, KubernetesMinor, MachineType, Partition, Provider, ProviderOption, Region,
    RegionStatus,
};
pub use cluster::Cluster;
pub use document::{Document, Kind, clusters, clusters_that_fit, load};
pub use draft::{Draft, Judge, NetworkDraft, PoolDraft, Unfit};
pub use explain::explain;
pub use fault::{Code, Fault, Faults};
pub use layout::{Layout, LayoutError, MAX_ZONES};
pub use path::{Path, Segment};
pub use resolve::resolve;
pub use schema::schema;
