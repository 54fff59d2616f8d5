//! The template engine: the built-in templates, our quoting filters, and a refusal of everything unquoted.

use std::io::{self, Write};
use std::sync::LazyLock;

use serde::Serialize;
use tera::{Context, Error, Filter, Kwargs, State, Tera, TeraResult, Value};

use crate::{TemplateError, quote};

/// Every built-in template by name.
pub(crate) const TEMPLATES: [(&str, &str); 22] = [
    ("user_data.yaml", include_str!("../templates/user_data.yaml")),
    ("bootstrap.sh", include_str!("../templates/bootstrap.sh")),
    ("bootstrap.service", include_str!("../templates/bootstrap.service")),
    ("store/s3.sh", include_str!("../templates/store/s3.sh")),
    ("store/gcs.sh", include_str!("../templates/store/gcs.sh")),
    ("store/azure_blob.sh", include_str!("../templates/store/azure_blob.sh")),
    ("bundle.sh", include_str!("../templates/bundle.sh")),
    ("lib.sh", include_str!("../templates/lib.sh")),
    ("join_token.sh", include_str!("../templates/join_token.sh")),
    ("join_token.service", include_str!("../templates/join_token.service")),
    ("join_token.timer", include_str!("../templates/join_token.timer")),
    ("kubelet.conf", include_str!("../templates/kubelet.conf")),
    ("sshd.conf", include_str!("../templates/sshd.conf")),
    ("steps/host.sh", include_str!("../templates/steps/host.sh")),
    ("steps/volumes.sh", include_str!("../templates/steps/volumes.sh")),
    ("steps/packages.sh", include_str!("../templates/steps/packages.sh")),
    ("steps/containerd.sh", include_str!("../templates/steps/containerd.sh")),
    ("steps/pki.sh", include_str!("../templates/steps/pki.sh")),
    ("steps/control_plane.sh", include_str!("../templates/steps/control_plane.sh")),
    ("steps/cluster.sh", include_str!("../templates/steps/cluster.sh")),
    ("steps/join.sh", include_str!("../templates/steps/join.sh")),
    ("steps/bastion.sh", include_str!("../templates/steps/bastion.sh")),
];

static ENGINE: LazyLock<Result<Tera, Error>> = LazyLock::new(|| {
    let mut tera = empty_engine();
    tera.add_raw_templates(TEMPLATES)?;
    Ok(tera)
});

/// Renders a built-in template.
pub(crate) fn render(template: &'static str, input: &impl Serialize) -> Result<String, TemplateError> {
    let tera = ENGINE.as_ref().map_err(TemplateError::Load)?;
    Context::from_serialize(input)
        .and_then(|context| tera.render(template, &context))
        .map_err(|source| TemplateError::Render { template, source })
}

/// An engine with our filters and without templates. What passes through no filter is refused at rendering.
fn empty_engine() -> Tera {
    let mut tera = Tera::new();
    tera.register_filter("sh", Sh);
    tera.register_filter("yaml", Yaml);
    tera.register_filter("heredoc", Heredoc);
    tera.set_escape_fn(refuse);
    // Every name ends with the empty suffix.
    tera.autoescape_on([""]);
    tera
}

fn refuse(_: &str, _: &mut dyn Write) -> io::Result<()> {
    Err(io::Error::other("a value passes through none of the filters sh, yaml and heredoc"))
}

macro_rules! quoting_filter {
    ($name:ident, |$text:ident, $arguments:ident| $quoted:expr) => {
        struct $name;

        impl Filter<&str, TeraResult<Value>> for $name {
            fn call(&self, $text: &str, $arguments: Kwargs, _: &State<'_>) -> TeraResult<Value> {
                let quoted: Result<String, quote::QuoteError> = $quoted;
                quoted.map(|text| Value::safe_string(&text)).map_err(Error::message)
            }

            fn is_safe(&self) -> bool {
                true
            }
        }
    };
}

quoting_filter!(Sh, |text, _arguments| quote::sh(text));
quoting_filter!(Yaml, |text, arguments| quote::yaml(text, arguments.get("indent")?));
quoting_filter!(Heredoc, |text, _arguments| quote::heredoc(text));

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use super::*;

    /// Every file below `templates/`, relative to it.
    fn template_files(directory: &Path, below: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{below}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                template_files(&entry.path(), &format!("{name}/"), found);
            } else {
                found.insert(name);
            }
        }
    }

    #[test]
    fn every_template_file_is_built_in() {
        let mut found = BTreeSet::new();
        template_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), "", &mut found);
        let known: BTreeSet<String> = TEMPLATES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(found, known);
    }

    #[test]
    fn every_interpolation_ends_with_a_quoting_filter() {
        for (name, text) in TEMPLATES {
            for rest in text.split("{{").skip(1) {
                let expression = rest.split("}}").next().unwrap();
                let filter = expression.rsplit('|').next().unwrap().trim();
                let quoting = filter == "sh" || filter == "heredoc" || filter == "yaml" || filter.starts_with("yaml(");
                assert!(quoting && expression.contains('|'), "{name}: {{{{{expression}}}}}");
            }
        }
    }

    #[test]
    fn what_passes_through_no_filter_is_refused() {
        let context = Context::from_serialize(&BTreeMap::from([("value", "x")])).unwrap();
        for template in ["{{ value }}", "{{ value | upper }}"] {
            let mut tera = empty_engine();
            tera.add_raw_template("template.sh", template).unwrap();
            assert!(tera.render("template.sh", &context).is_err(), "{template}");
        }
    }

    #[test]
    fn a_nul_is_refused() {
        let context = Context::from_serialize(&BTreeMap::from([("value", "a\0b")])).unwrap();
        for filter in ["sh", "yaml", "heredoc"] {
            let mut tera = empty_engine();
            tera.add_raw_template("template.sh", &format!("{{{{ value | {filter} }}}}")).unwrap();
            let error = tera.render("template.sh", &context).unwrap_err();
            assert!(format!("{error:?}").contains("NUL"), "{error:?}");
        }
    }
}
