//! Who may reach the machines. Everything else is refused by the network itself: its implied rule lets nothing in.

pub mod rule;

pub use rule::{Firewall, Traffic};
