//! States for people.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use meridian_engine::state::Record;
use meridian_engine::{Fields, State, Value};
use meridian_state::Difference;
use owo_colors::OwoColorize as _;

use super::{clean, text};

/// How the resources of two states differ, and the fields of those that both have.
#[must_use]
pub fn difference(before: &State, after: &State) -> String {
    let difference = Difference::between(before, after);
    let mut text = String::new();
    // Writing to a string can't fail.
    if before.phase != after.phase {
        let _ = writeln!(text, "phase: {} → {}", before.phase, after.phase);
    }
    for (sign, addresses, state) in
        [("+".green().to_string(), &difference.added, after), ("-".red().to_string(), &difference.removed, before)]
    {
        for address in addresses {
            let id = state.resources.get(address).map(|record| clean(&record.id)).unwrap_or_default();
            let _ = writeln!(text, "{sign} {} ({id})", address.bold());
        }
    }
    for address in &difference.changed {
        if let (Some(before), Some(after)) = (before.resources.get(address), after.resources.get(address)) {
            let _ = writeln!(text, "{} {}", "~".yellow(), address.bold());
            record(&mut text, before, after);
        }
    }
    if text.is_empty() {
        text.push_str("The two states have the same resources.\n");
    }
    text
}

fn record(text: &mut String, before: &Record, after: &Record) {
    if before.id != after.id {
        let _ = writeln!(text, "    id: {} → {}", clean(&before.id), clean(&after.id));
    }
    if before.depends_on != after.depends_on {
        let _ = writeln!(text, "    what it refers to");
    }
    fields(text, &before.fields, &after.fields);
    fields(text, &before.computed, &after.computed);
}

fn fields(text: &mut String, before: &Fields, after: &Fields) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names.into_iter().filter(|name| before.get(*name) != after.get(*name)) {
        let show = |fields: &Fields| text::show(fields.get(name).unwrap_or(&Value::Null), 6);
        let _ = writeln!(text, "    {name}: {} → {}", show(before), show(after));
    }
}
