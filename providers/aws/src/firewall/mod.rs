//! Who may talk to whom.

pub mod rule;
pub mod security_group;
pub mod security_group_rules;

pub use rule::Rule;
pub use security_group::SecurityGroup;
pub use security_group_rules::SecurityGroupRules;
