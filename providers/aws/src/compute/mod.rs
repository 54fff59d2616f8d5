//! Machines, and what they are launched from.

pub mod autoscaling_group;
pub mod image;
pub mod instance;
pub mod key_pair;
pub mod launch_template;
pub mod network_interface;

pub use autoscaling_group::AutoscalingGroup;
pub use instance::Instance;
pub use key_pair::KeyPair;
pub use launch_template::LaunchTemplate;
pub use network_interface::NetworkInterface;
