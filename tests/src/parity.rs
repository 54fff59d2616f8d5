//! The table in `docs/parity.md`: what the conformance suite has seen to work, by cloud.

use std::collections::BTreeSet;

use meridian_conformance::CAPABILITIES;

use crate::binary::root;

/// What stands in the table for a place that a cloud does not have.
pub const NO_SUCH_PLACE: &str = "a region without zones";

const BEGIN: &str = "<!-- made by the conformance suite; `cargo xtask golden` writes it anew -->\n";
const END: &str = "<!-- end of what the conformance suite made -->\n";

/// What one cloud has shown.
#[derive(Debug)]
pub struct Column {
    /// Its name for people.
    pub cloud: &'static str,
    pub shown: BTreeSet<&'static str>,
    /// Whether it has regions without zones.
    pub has_regions_without_zones: bool,
}

/// Compares the table with what was seen, or writes it when `UPDATE_GOLDEN` is set.
///
/// # Panics
/// When they differ, or the document can't be read.
pub fn hold(columns: &[Column]) {
    let path = root().join("docs/parity.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (head, rest) = text.split_once(BEGIN).unwrap_or_else(|| panic!("{} has no `{BEGIN}`", path.display()));
    let (old, tail) = rest.split_once(END).unwrap_or_else(|| panic!("{} has no `{END}`", path.display()));
    let new = table(columns);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{head}{BEGIN}{new}{END}{tail}")).unwrap_or_else(|error| panic!("{error}"));
    } else {
        assert_eq!(old, new, "docs/parity.md does not say what was seen; `cargo xtask golden` writes it anew");
    }
}

fn table(columns: &[Column]) -> String {
    let mut text = "\n| |".to_owned();
    text.extend(columns.iter().map(|column| format!(" {} |", column.cloud)));
    text.push_str("\n|---|");
    text.extend(columns.iter().map(|_| "---|"));
    text.push('\n');
    for capability in CAPABILITIES {
        text.extend(["| ", capability, " |"]);
        for column in columns {
            let cell = match column.shown.contains(capability) {
                true => "yes",
                false if capability == NO_SUCH_PLACE && !column.has_regions_without_zones => "has none",
                false => "**no**",
            };
            text.extend([" ", cell, " |"]);
        }
        text.push('\n');
    }
    text.push('\n');
    text
}
