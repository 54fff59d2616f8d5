//! Plans as Markdown for a comment on a pull request: what matters first, the rest to be unfolded.
//!
//! Whatever comes from a spec or a cloud stands in code, where neither Markdown nor HTML nor a mention has a meaning.

use std::fmt::Write as _;

use meridian_engine::plan::{Action, Change, Drift, Plan, Reason};

use super::{clean, plain, text};

/// The most that a document may have, in bytes. GitHub refuses a comment of more than 65 536 characters.
const LIMIT: usize = 60_000;

/// The most rows that a table has; a plan of more is read in its details, or as text.
const MAX_ROWS: usize = 100;

/// Plans as one document.
#[must_use]
pub fn plans(plans: &[Plan]) -> String {
    let mut document: Vec<String> = plans.iter().map(summary).collect();
    let mut size: usize = document.iter().map(String::len).sum();
    for (plan, part) in plans.iter().zip(&mut document).filter(|(plan, _)| !plan.is_empty()) {
        let details = details(plan);
        let note = "\nThe fields would not fit into a comment; `meridian plan -o text` shows them.\n";
        let more = if size + details.len() <= LIMIT { details.as_str() } else { note };
        size += more.len();
        part.push_str(more);
    }
    document.join("\n")
}

fn summary(plan: &Plan) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = writeln!(text, "### {} in {} {}\n", code(&plan.cluster), code(&plan.provider), code(&plan.region));
    if plan.emulated {
        let _ = writeln!(text, "A rehearsal: an emulator stood in for the cloud.\n");
    }
    if let Some(run) = &plan.interrupted {
        let how = if run.under_way { "is at work" } else { "did not come to its end" };
        let begun =
            if run.under_way { String::new() } else { format!("; {} changes without an end", run.unanswered.len()) };
        let _ = writeln!(text, "> The run of {}, begun {}, {how}{begun}.\n", code(&run.by), code(&run.since));
    }
    if plan.is_empty() {
        let _ = writeln!(text, "**No changes:** the cluster is as its spec says.");
    } else {
        let what = if plan.destroy { "Destroy" } else { "Plan" };
        let _ = writeln!(text, "**{what}:** {}.\n", text::tally(plan));
        table(&mut text, plan);
    }
    drift(&mut text, &plan.drift);
    text
}

/// One row a change, those that take something away first.
fn table(text: &mut String, plan: &Plan) {
    let takes_away = |change: &&Change| matches!(change.action, Action::Replace | Action::Delete);
    let (mut rows, others): (Vec<_>, Vec<_>) = plan.effective().partition(takes_away);
    rows.extend(others);
    let _ = writeln!(text, "| | resource | because |\n|---|---|---|");
    for change in rows.iter().take(MAX_ROWS) {
        let address = code(&change.address.to_string());
        let _ = writeln!(text, "| {} | {address} | {} |", action(change), cell(&reason(change)));
    }
    if rows.len() > MAX_ROWS {
        let _ = writeln!(text, "| … | {} more | |", rows.len() - MAX_ROWS);
    }
}

fn action(change: &Change) -> &'static str {
    match change.action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace if change.create_first => "**replace**, the new one first",
        Action::Replace => "**replace**",
        Action::Delete => "**delete**",
        Action::Forget => "forget",
        Action::NoOp => "",
    }
}

fn reason(change: &Change) -> String {
    match &change.reason {
        Reason::New | Reason::AsDesired | Reason::Destroy => String::new(),
        Reason::Missing => "it was there and is gone".to_owned(),
        Reason::FieldsChanged => format!("{} changes", codes(&change.changed)),
        Reason::ForcesReplacement(fields) => format!("{} can't change in place", codes(fields)),
        Reason::DependencyReplaced(addresses) => format!("it uses {}, which is replaced", codes(addresses)),
        Reason::Unmarked if change.changed.is_empty() => "it gets the marks of the cluster".to_owned(),
        Reason::Unmarked => format!("it gets the marks of the cluster; {} changes", codes(&change.changed)),
        Reason::Unfinished(what) => format!("left half made: {}", code(what)),
        Reason::Failed(how) => format!("the cloud reports it as broken: {}", code(how)),
        Reason::NotDesired => "the spec does not ask for it".to_owned(),
        Reason::Deposed => "a second one, left by an interrupted run".to_owned(),
        Reason::Leftover => "left over: made by a controller in the cluster, or by someone else".to_owned(),
    }
}

fn drift(text: &mut String, drift: &[Drift]) {
    if drift.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n**Changed outside of Meridian:**\n");
    for drift in drift.iter().take(MAX_ROWS) {
        let how = if drift.after.is_some() { codes(&drift.changed) } else { "it is gone".to_owned() };
        let _ = writeln!(text, "- {}: {how}", code(&drift.address.to_string()));
    }
    if drift.len() > MAX_ROWS {
        let _ = writeln!(text, "- … {} more", drift.len() - MAX_ROWS);
    }
}

/// The plan as it is shown on a terminal, folded.
fn details(plan: &Plan) -> String {
    let text = plain(&text::plan(plan));
    // A fence can only be ended by one that is as long.
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("\n<details><summary>Every field</summary>\n\n{fence}diff\n{text}{fence}\n\n</details>\n")
}

/// Text of others in a table's cell: a pipe would end it, in code too.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn codes(items: impl IntoIterator<Item = impl ToString>) -> String {
    items.into_iter().map(|item| code(&item.to_string())).collect::<Vec<_>>().join(", ")
}

/// Text of others as code on one line.
fn code(text: &str) -> String {
    let text = clean(text).replace('\n', " ");
    let fence = "`".repeat(longest_run(&text) + 1);
    // Between a fence and a backtick a space must stand; it is not shown when there is one at both ends.
    let space = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// How many backticks stand in a row at most.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use meridian_engine::{Fields, Value};

    use super::*;

    fn change(address: &str, action: Action, reason: Reason) -> Change {
        let field = |text: &str| Some(Fields::from([("note".to_owned(), Value::String(text.to_owned()))]));
        Change {
            address: address.parse().unwrap(),
            action,
            reason,
            id: Some("id-1".to_owned()),
            before: field("old"),
            after: field("```\n</details>@everyone"),
            computed: Fields::new(),
            changed: BTreeSet::from(["note".to_owned()]),
            create_first: false,
            in_turn: false,
            token: String::new(),
            token_seed: String::new(),
            depends_on: BTreeSet::new(),
            depended_on: BTreeSet::new(),
            takes_over_from: BTreeSet::new(),
        }
    }

    fn plan(changes: Vec<Change>) -> Plan {
        Plan {
            format_version: 1,
            cluster: "demo".to_owned(),
            provider: "test".to_owned(),
            region: "here".to_owned(),
            emulated: false,
            lineage: None,
            serial: 0,
            state_digest: String::new(),
            destroy: false,
            deletion_protection: false,
            pins: BTreeMap::new(),
            outputs: BTreeMap::new(),
            changes,
            drift: Vec::new(),
            interrupted: None,
        }
    }

    #[test]
    fn what_takes_something_away_comes_first() {
        let plan = plan(vec![
            change("demo_a.x", Action::Create, Reason::New),
            change("demo_b.x", Action::Replace, Reason::ForcesReplacement(["note".to_owned()].into())),
        ]);
        let text = plans(&[plan]);
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} is not in\n{text}"));
        assert!(at("| **replace** | `demo_b.x` | `note` can't change in place |") < at("| create | `demo_a.x` |  |"));
        assert!(at("**Plan:** 1 to create, 1 to replace.") < at("<details>"));
        assert!(plans(&[super::tests::plan(Vec::new())]).contains("**No changes:**"));
    }

    #[test]
    fn text_of_others_stays_text() {
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`a`"), "`` `a` ``");
        assert_eq!(code("a\n# b\u{1b}[2J"), "`a # b\\u{1b}[2J`");
        let broken = Reason::Failed("<img src=x> | [a](b) @all".to_owned());
        let text = plans(&[plan(vec![change("demo_a.x", Action::Replace, broken)])]);
        assert!(text.contains("broken: `<img src=x> \\| [a](b) @all` |"), "{text}");
        // The field's own fence does not end ours.
        assert!(text.contains("\n````diff\n") && text.trim_end().ends_with("````\n\n</details>"), "{text}");
    }

    #[test]
    fn it_fits_into_a_comment() {
        let changes = (0..3000).map(|n| change(&format!("demo_a.x{n}"), Action::Create, Reason::New)).collect();
        let text = plans(&[plan(changes)]);
        assert!(text.len() < LIMIT && text.contains("2900 more") && text.contains("would not fit"), "{}", text.len());
    }
}
