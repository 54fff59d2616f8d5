//! How the ids of a cloud look: enough to tell someone that an id is of another kind, region or account before anything is
//! asked of the cloud.

/// How the ids of one kind look.
#[derive(Debug, Clone, Copy)]
pub struct IdForm {
    pub kind: &'static str,
    pub form: Form,
}

/// The form of an id.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// A pattern: `*` stands for anything without a slash or a colon, `{region}` and `{account}` for the cluster's.
    Id(&'static str),
    /// The resource has no life of its own: it comes along with one of this kind.
    Part(&'static str),
}

/// Where an id should be.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub region: &'a str,
    pub account: Option<&'a str>,
}

/// Why an id can't be that of a resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    #[error("`{id}` is the id of another kind of resource ({kind})")]
    Kind { id: String, kind: &'static str },
    #[error("`{id}` is no id of this kind of resource; they look like `{form}`")]
    Form { id: String, form: &'static str },
    #[error("`{id}` is in the {what} {found}, the cluster in {wanted}")]
    Place { id: String, what: &'static str, found: String, wanted: String },
    #[error("this kind of resource is not adopted by itself: it comes along with its {0}")]
    Part(&'static str),
}

/// Checks an id of `kind`.
///
/// # Errors
/// Why it can't be one.
pub fn check(forms: &[IdForm], kind: &str, id: &str, place: Place<'_>) -> Result<(), Misfit> {
    let form = match forms.iter().find(|form| form.kind == kind).map(|form| form.form) {
        Some(Form::Id(form)) => form,
        Some(Form::Part(whole)) => return Err(Misfit::Part(whole)),
        None => return Ok(()),
    };
    let Some(captures) = captures(form, id) else {
        let of_another = |other: &&IdForm| match other.form {
            Form::Id(form) => form != "*" && captures_of(form, id),
            Form::Part(_) => false,
        };
        return Err(match forms.iter().find(of_another) {
            Some(other) => Misfit::Kind { id: id.to_owned(), kind: other.kind },
            None => Misfit::Form { id: id.to_owned(), form },
        });
    };
    for (name, found) in captures {
        let (what, wanted) = match (name, place.account) {
            ("region", _) => ("region", place.region),
            ("account", Some(account)) => ("account", account),
            _ => continue,
        };
        if found != wanted {
            let wanted = wanted.to_owned();
            return Err(Misfit::Place { id: id.to_owned(), what, found: found.to_owned(), wanted });
        }
    }
    Ok(())
}

fn captures_of(form: &str, id: &str) -> bool {
    captures(form, id).is_some()
}

/// What the places of a pattern stand for in a text that it fits, by their names.
fn captures<'p, 't>(pattern: &'p str, text: &'t str) -> Option<Vec<(&'p str, &'t str)>> {
    let Some(start) = pattern.find(['*', '{']) else { return (pattern == text).then(Vec::new) };
    let text = text.strip_prefix(&pattern[..start])?;
    let (name, rest) = match pattern[start..].strip_prefix('{') {
        Some(named) => named.split_once('}')?,
        None => ("*", &pattern[start + 1..]),
    };
    let most = text.find(['/', ':']).unwrap_or(text.len());
    // The longest first: the zone `europe-west1-b` is `b` of `europe-west1`.
    let ends = (1..=most).rev().filter(|end| text.is_char_boundary(*end));
    ends.into_iter().find_map(|end| {
        let mut found = captures(rest, &text[end..])?;
        found.insert(0, (name, &text[..end]));
        Some(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMS: &[IdForm] = &[
        IdForm { kind: "network", form: Form::Id("net-*") },
        IdForm { kind: "disk", form: Form::Id("projects/{account}/zones/{region}-*/disks/*") },
        IdForm { kind: "bucket", form: Form::Id("*") },
        IdForm { kind: "object", form: Form::Part("bucket") },
    ];

    fn judge(kind: &str, id: &str) -> Result<(), Misfit> {
        check(FORMS, kind, id, Place { region: "west-1", account: Some("me") })
    }

    #[test]
    fn an_id_tells_what_and_where_it_is() {
        assert_eq!(judge("network", "net-1"), Ok(()));
        assert_eq!(judge("disk", "projects/me/zones/west-1-b/disks/d"), Ok(()));
        assert_eq!(judge("bucket", "anything"), Ok(()));
        assert_eq!(judge("network", "nets"), Err(Misfit::Form { id: "nets".to_owned(), form: "net-*" }));
        assert_eq!(judge("disk", "net-1"), Err(Misfit::Kind { id: "net-1".to_owned(), kind: "network" }));
        assert_eq!(judge("object", "x"), Err(Misfit::Part("bucket")));
        for (id, part) in [
            ("projects/me/zones/west-2-b/disks/d", "the region west-2, the cluster in west-1"),
            ("projects/you/zones/west-1-b/disks/d", "the account you, the cluster in me"),
        ] {
            let told = judge("disk", id).unwrap_err().to_string();
            assert!(told.contains(part), "{told}");
        }
        assert!(judge("network", "net-1/rules").is_err() && judge("network", "net-").is_err());
    }
}
