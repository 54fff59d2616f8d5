//! Who may talk to whom.

pub mod application_security_group;
pub mod network_security_group;
pub mod rule;

pub use application_security_group::ApplicationSecurityGroup;
pub use network_security_group::NetworkSecurityGroup;
pub use rule::Rule;
