//! Plans, faults and summaries for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use meridian_engine::apply::Report;
use meridian_engine::plan::{Action, Change, Interrupted, Plan, Reason};
use meridian_engine::state::State;
use meridian_engine::{Fields, Value};
use meridian_provider_api::telemetry::{Stats, StoreStats};
use meridian_spec::Faults;
use owo_colors::OwoColorize as _;

use super::clean;

/// The longest text that a plan shows in full; of a longer one its first line and its size are shown.
const MAX_TEXT: usize = 120;

/// How many unanswered changes of an interrupted run are named.
const MAX_UNANSWERED: usize = 10;

/// Every fault with its place, and the way to mend it.
#[must_use]
pub fn faults(faults: &Faults) -> String {
    let mut text = String::new();
    for fault in faults {
        let place = format!("{}:{}:{}", clean(&fault.file), fault.line, fault.column);
        let _ = writeln!(text, "{} {}", "error:".red().bold(), clean(&fault.message).bold());
        let at = if fault.path.is_empty() { String::new() } else { format!(" ({})", clean(&fault.path)) };
        let _ = writeln!(text, "  {} {place}{at}", "at:".dimmed());
        if let Some(hint) = &fault.hint {
            let _ = writeln!(text, "  {} {}", "hint:".cyan(), clean(hint));
        }
    }
    let _ = write!(text, "{} {}", faults.len(), if faults.len() == 1 { "fault" } else { "faults" });
    text
}

/// A plan as a reviewer reads it.
#[must_use]
pub fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    if let Some(interrupted) = &plan.interrupted {
        text.push_str(&run_before(interrupted));
        text.push('\n');
    }
    for drift in &plan.drift {
        let what = if drift.after.is_some() {
            format!("changed outside of Meridian: {}", join(&drift.changed))
        } else {
            "deleted outside of Meridian".to_owned()
        };
        let _ = writeln!(text, "{} {} {what}", "!".yellow(), drift.address);
    }
    if !plan.drift.is_empty() {
        text.push('\n');
    }
    for change in plan.effective() {
        write_change(&mut text, change);
    }
    if plan.is_empty() {
        let _ = writeln!(text, "No changes: {} is as its spec says.", plan.cluster);
    } else {
        let _ = writeln!(text, "Plan: {}.", tally(plan));
    }
    text
}

/// What is to be said of a run that did not come to its end.
fn run_before(run: &Interrupted) -> String {
    let (by, since) = (clean(&run.by), clean(&run.since));
    if run.under_way {
        return format!("{} {by} is at work since {since}: this is how it stands just now.\n", "!".yellow());
    }
    let mut text = format!("{} the run of {by}, begun {since}, did not come to its end.\n", "!".yellow());
    if run.unanswered.is_empty() {
        text.push_str("  Every change that it began has its end written down.\n");
    } else {
        let count = run.unanswered.len();
        let changes = if count == 1 { "1 change has".to_owned() } else { format!("{count} changes have") };
        let _ = writeln!(
            text,
            "  {changes} no end written down, and may or may not have been made; this plan is of what is there:"
        );
        for (address, verb) in run.unanswered.iter().take(MAX_UNANSWERED) {
            let _ = writeln!(text, "    {verb} {address}");
        }
        if count > MAX_UNANSWERED {
            let _ = writeln!(text, "    and {} more", count - MAX_UNANSWERED);
        }
    }
    text
}

/// How many changes of each kind there are.
pub(super) fn tally(plan: &Plan) -> String {
    let counts = plan.counts();
    let parts: Vec<String> = [
        (Action::Create, "to create"),
        (Action::Update, "to update"),
        (Action::Replace, "to replace"),
        (Action::Delete, "to delete"),
        (Action::Forget, "to forget"),
        (Action::NoOp, "unchanged"),
    ]
    .into_iter()
    .filter_map(|(action, words)| counts.get(&action).map(|count| format!("{count} {words}")))
    .collect();
    parts.join(", ")
}

/// One change, with its fields; one that does nothing says so.
#[must_use]
pub fn change(change: &Change) -> String {
    let mut text = String::new();
    write_change(&mut text, change);
    if text.is_empty() {
        let _ = writeln!(text, "= {} is as its spec says", change.address.bold());
    }
    text
}

fn write_change(text: &mut String, change: &Change) {
    let (sign, verb) = match change.action {
        Action::Create => ("+".green().to_string(), "create"),
        Action::Update => ("~".yellow().to_string(), "update"),
        Action::Replace if change.create_first => ("±".red().to_string(), "replace (create first)"),
        Action::Replace => ("±".red().to_string(), "replace"),
        Action::Delete => ("-".red().to_string(), "delete"),
        Action::Forget => ("x".dimmed().to_string(), "forget"),
        Action::NoOp => return,
    };
    let _ = writeln!(text, "{sign} {verb} {}{}", change.address.bold(), reason(&change.reason));
    match (change.action, &change.before, &change.after) {
        (Action::Create, _, Some(after)) => {
            for (name, value) in after.iter().filter(|(_, value)| **value != Value::Null) {
                let _ = writeln!(text, "    {name}: {}", show(value, 4));
            }
        }
        (Action::Update | Action::Replace, Some(before), Some(after)) => {
            for name in &change.changed {
                write_field(text, name, before, after, &change.reason);
            }
        }
        _ => {}
    }
}

fn write_field(text: &mut String, name: &str, before: &Fields, after: &Fields, reason: &Reason) {
    let old = before.get(name).unwrap_or(&Value::Null);
    let new = after.get(name).unwrap_or(&Value::Null);
    let forces = match reason {
        Reason::ForcesReplacement(fields) if fields.contains(name) => "  # forces replacement",
        _ => "",
    };
    if let (Some(old), Some(new)) = (items(old), items(new)) {
        let _ = writeln!(text, "    {name}:{forces}");
        for item in old.iter().filter(|item| !new.contains(item)) {
            let _ = writeln!(text, "      {} {}", "-".red(), show(item, 6));
        }
        for item in new.iter().filter(|item| !old.contains(item)) {
            let _ = writeln!(text, "      {} {}", "+".green(), show(item, 6));
        }
        return;
    }
    let _ = writeln!(text, "    {name}: {} -> {}{forces}", show(old, 4), show(new, 4));
}

/// A value on one line, or a list with an item a line; `indent` is that of the line it stands in.
pub(super) fn show(value: &Value, indent: usize) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::After(reference) => format!("<{reference}>"),
        Value::String(value) => show_text(value),
        Value::List(_) | Value::Set(_) => show_items(&items(value).unwrap_or_default(), indent),
        Value::Map(entries) => {
            let known: Vec<String> = entries
                .iter()
                .filter(|(_, value)| **value != Value::Null)
                .map(|(name, value)| format!("{}: {}", clean(name), show(value, indent + 2)))
                .collect();
            format!("{{{}}}", known.join(", "))
        }
    }
}

/// The items of a list or a set.
fn items(value: &Value) -> Option<Vec<&Value>> {
    match value {
        Value::List(items) => Some(items.iter().collect()),
        Value::Set(items) => Some(items.iter().collect()),
        _ => None,
    }
}

fn show_items(items: &[&Value], indent: usize) -> String {
    if items.iter().all(|item| !matches!(item, Value::Map(_))) {
        return format!("[{}]", items.iter().map(|item| show(item, indent)).collect::<Vec<_>>().join(", "));
    }
    items.iter().fold(String::new(), |mut text, item| {
        let _ = write!(text, "\n{}- {}", " ".repeat(indent + 2), show(item, indent + 2));
        text
    })
}

fn show_text(text: &str) -> String {
    if text.len() <= MAX_TEXT && !text.contains('\n') {
        return format!("{text:?}");
    }
    let first: String = text.lines().next().unwrap_or_default().chars().take(MAX_TEXT / 2).collect();
    format!("{first:?}… ({} bytes)", text.len())
}

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::New | Reason::FieldsChanged | Reason::AsDesired | Reason::Destroy => String::new(),
        Reason::Missing => "  # it was there and is gone".to_owned(),
        Reason::ForcesReplacement(fields) => format!("  # {} can't change in place", join(fields)),
        Reason::DependencyReplaced(addresses) => {
            let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            format!("  # it uses {}, which must be gone before there is a new one", names.join(", "))
        }
        Reason::Unmarked => "  # it gets the marks of the cluster, which it does not bear".to_owned(),
        Reason::Unfinished(what) => format!("  # left half made: {}", clean(what)),
        Reason::Failed(how) => format!("  # the cloud reports it as broken: {}", clean(how)),
        Reason::NotDesired => "  # the spec does not ask for it".to_owned(),
        Reason::Deposed => "  # a second one, left by an interrupted run".to_owned(),
        Reason::Leftover => "  # left over: made by a controller in the cluster, or by someone else".to_owned(),
    }
}

fn join(names: &std::collections::BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// What an apply came to, for the end of `create` and `apply`.
#[must_use]
pub fn summary(state: &State, report: &Report, cost: &Stats) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "\n{} {} in {} {}", "Cluster".bold(), state.cluster.bold(), state.provider, state.region);
    if let Some(endpoint) = state.outputs.get("api_endpoint") {
        let _ = writeln!(text, "  API endpoint   {}", clean(endpoint));
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for address in state.resources.keys() {
        *kinds.entry(address.kind()).or_default() += 1;
    }
    let _ = writeln!(text, "  Resources      {}", state.resources.len());
    for (kind, count) in kinds {
        let _ = writeln!(text, "    {count:>3} {kind}");
    }
    let _ = writeln!(
        text,
        "  API calls      {} ({} retries) in {:.1} s",
        cost.api_calls.total,
        cost.retries,
        report.wall.as_secs_f64()
    );
    text
}

/// What the run cost, for `-v`.
#[must_use]
pub fn statistics(stats: &Stats) -> String {
    let mut text = format!(
        "API calls: {}, longest chain of calls as timed: {}, retries: {}, waited for limits: {:.1} s, wall: {:.1} s\n",
        stats.api_calls.total,
        stats.round_trips,
        stats.retries,
        seconds(stats.throttle_wait_ms),
        seconds(stats.wall_ms),
    );
    for (operation, count) in &stats.api_calls.by_operation {
        let _ = writeln!(text, "  {count:>4} {operation}");
    }
    let StoreStats { calls, round_trips } = &stats.store;
    let _ = writeln!(text, "Calls to the store of the state: {}, longest chain: {round_trips}", calls.total);
    for (operation, count) in &calls.by_operation {
        let _ = writeln!(text, "  {count:>4} {operation}");
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "a run lasts far less than 2^52 ms")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}
