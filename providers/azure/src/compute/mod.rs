//! Machines, what they are connected by, and what they are made from.

pub mod availability_set;
pub mod image;
pub(crate) mod machine;
pub mod network_interface;
pub mod scale_set;
mod scale_set_profile;
pub mod ssh;
#[cfg(test)]
mod tests;
pub mod virtual_machine;

pub use availability_set::AvailabilitySet;
pub use network_interface::NetworkInterface;
pub use scale_set::ScaleSet;
pub use virtual_machine::VirtualMachine;

/// The resource provider of machines and disks.
pub(crate) const SERVICE: &str = "Microsoft.Compute";
