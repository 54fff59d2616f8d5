//! Conditions of role assignments: which blobs a role is for (learn.microsoft.com, "Azure role assignment condition format
//! and syntax" and "Actions and attributes for Azure role assignment conditions for Azure Blob Storage").

/// The language of the conditions.
pub const VERSION: &str = "2.0";

const BLOBS: &str = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs";

/// What a role may do with the content of blobs.
const READ: [&str; 1] = ["read"];
/// A contributor's data actions, each of which a condition has to name.
const ALL: [&str; 5] = ["read", "write", "add/action", "delete", "move/action"];

/// Reading, and that of nothing but what is below `prefixes` or is one of `blobs`. Listing knows no single blob, and so is
/// refused, too.
#[must_use]
pub fn reading(prefixes: &[String], blobs: &[&str]) -> String {
    let below = prefixes.iter().map(|prefix| format!("{} StringLike '{prefix}*'", path()));
    let single = blobs.iter().map(|blob| format!("{} StringEquals '{blob}'", path()));
    limited(&READ, &below.chain(single).collect::<Vec<_>>().join(" OR "))
}

/// Everything, with one blob alone.
#[must_use]
pub fn writing(blob: &str) -> String {
    limited(&ALL, &format!("{} StringEquals '{blob}'", path()))
}

fn path() -> String {
    format!("@Resource[{BLOBS}:path]")
}

/// That the actions are for what `these` says. What is not one of the actions is not touched by the condition.
fn limited(actions: &[&str], these: &str) -> String {
    let others: Vec<String> = actions.iter().map(|action| format!("!(ActionMatches{{'{BLOBS}/{action}'}})")).collect();
    format!("(({}) OR ({these}))", others.join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_is_for_what_is_named() {
        assert_eq!(
            reading(&["nodes/pool-general/".to_owned()], &["join/token"]),
            "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'})) OR \
             (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike \
             'nodes/pool-general/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] \
             StringEquals 'join/token'))"
        );
    }

    #[test]
    fn every_action_of_a_writer_is_limited() {
        let condition = writing("join/token");
        for action in ALL {
            assert!(condition.contains(&format!("blobs/{action}'")), "{condition}");
        }
        assert_eq!(condition.matches('(').count(), condition.matches(')').count());
    }
}
