//! Who the machines are.

pub mod service_account;

pub use service_account::ServiceAccount;
