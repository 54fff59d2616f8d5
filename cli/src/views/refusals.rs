//! Why a plan is refused, for people.

use meridian_engine::planner::Refusal;

/// What would be lost and the way out, once for all resources of which the same is true.
#[must_use]
pub fn explain(refusals: &[Refusal]) -> Vec<String> {
    let mut alike: Vec<(&Refusal, Vec<String>)> = Vec::new();
    for refusal in refusals {
        let same = |other: &Refusal| Refusal { address: refusal.address.clone(), ..other.clone() } == *refusal;
        match alike.iter_mut().find(|(other, _)| same(other)) {
            Some((_, addresses)) => addresses.push(refusal.address.to_string()),
            None => alike.push((refusal, vec![refusal.address.to_string()])),
        }
    }
    alike.into_iter().map(|(refusal, addresses)| one(refusal, &addresses.join(", "))).collect()
}

fn one(refusal: &Refusal, addresses: &str) -> String {
    let fields: Vec<_> = refusal.fields.iter().map(String::as_str).collect();
    let because = match &refusal.broken {
        Some(how) => format!(" since the cloud reports it as broken ({how})"),
        None if fields.is_empty() => String::new(),
        None => format!(" since {} changes", fields.join(", ")),
    };
    let way_out = if refusal.broken.is_some() {
        "; if you know that nothing is lost with it, delete it by hand, and the next plan makes a new one"
    } else {
        ""
    };
    if refusal.verb == "changed" {
        return format!("{} of {addresses} would change; {}", fields.join(", "), refusal.why);
    }
    format!("{addresses} would be {}{because}; {}{way_out}", refusal.verb, refusal.why)
}
