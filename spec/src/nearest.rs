//! The nearest known name to a mistyped one, and how values are quoted in messages.

/// The candidate that `name` was probably meant to be.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A hostile file may hold names of a megabyte; edit distance is quadratic.
    if name.len() > 100 {
        return None;
    }
    let wanted = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().min(wanted.chars().count()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean …?" when something is near, otherwise the list of what is known, as long as it is short.
#[must_use]
pub fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(found) = nearest(name, candidates.clone()) {
        return Some(format!("did you mean `{found}`?"));
    }
    let all: Vec<&str> = candidates.into_iter().collect();
    (1..=24).contains(&all.len()).then(|| format!("known here: {}", all.join(", ")))
}

/// A value as a message shows it: in quotes, on one line, cut when it is long.
pub(crate) fn quote(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut cut: String = text.chars().take(LONGEST).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let fields = ["region", "provider", "deletionProtection"];
        assert_eq!(nearest("regin", fields), Some("region"));
        assert_eq!(nearest("deletion_protection", fields), Some("deletionProtection"));
        assert_eq!(nearest("colour", fields), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), fields), None);
    }

    #[test]
    fn long_and_multiline_values_are_cut_to_one_line() {
        assert_eq!(quote("a\nb"), r#""a\nb""#);
        assert!(quote(&"x".repeat(1000)).chars().count() < 70);
    }
}
