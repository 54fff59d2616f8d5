//! Disks that outlive the machines they are attached to.

pub mod volume;

pub use volume::Volume;
