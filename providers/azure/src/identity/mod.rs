//! Who the machines are, and the least that they must be allowed.

pub mod condition;
pub mod role_assignment;
pub mod user_assigned_identity;

pub use role_assignment::RoleAssignment;
pub use user_assigned_identity::UserAssignedIdentity;
