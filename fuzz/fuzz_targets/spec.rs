//! A spec, against the built-in catalogue: clusters, or faults that each name a place in the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use meridian_spec::{Catalogue, clusters};

fuzz_target!(|text: &str| {
    let catalogue = Catalogue::builtin().unwrap();
    let Err(faults) = clusters(&[("fuzz.yaml", text)], catalogue) else { return };
    assert!(!faults.is_empty() && faults.len() <= 500, "{} faults", faults.len());
    for fault in &faults {
        assert!(fault.line >= 1 && fault.column >= 1, "{fault}");
        assert!(text.get(fault.span.clone()).is_some(), "{fault}");
        assert!(fault.to_string().len() < 4096, "a fault of {} bytes", fault.to_string().len());
    }
});
