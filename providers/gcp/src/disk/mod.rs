//! Disks that outlive the machines they are attached to.

pub mod persistent_disk;

pub use persistent_disk::Disk;
