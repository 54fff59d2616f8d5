//! The names that machines know each other by.

pub mod record;
pub mod zone;

pub use record::Record;
pub use zone::Zone;

use meridian_provider_api::Api;

use crate::limits::other;

const fn api(operation: &'static str, repeatable: bool) -> Api {
    other("dns", operation, repeatable)
}
