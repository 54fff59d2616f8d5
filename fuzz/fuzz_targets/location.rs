//! The URL of a store, and that of an endpoint: what is taken is given back as it was meant.

#![no_main]

use libfuzzer_sys::fuzz_target;
use meridian_state::{Endpoint, Location};

fuzz_target!(|text: &str| {
    match text.parse::<Location>() {
        Ok(location) => assert_eq!(location.to_string().parse(), Ok(location)),
        Err(error) => assert!(error.to_string().len() < 1024 + 2 * text.len()),
    }
    let _ = text.parse::<Endpoint>();
});
