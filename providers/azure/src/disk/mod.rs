//! Disks that outlive machines.

pub mod managed_disk;

pub use managed_disk::Disk;
