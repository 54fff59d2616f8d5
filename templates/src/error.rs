//! Why something could not be rendered.

/// One variant for each way in which rendering fails.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The templates of this build do not parse: a defect of Meridian.
    #[error("the built-in templates could not be loaded")]
    Load(#[source] &'static tera::Error),
    /// A template refused its input, for example a string that holds a NUL.
    #[error("the template {template} could not be rendered")]
    Render {
        /// The template's name.
        template: &'static str,
        /// What the template engine says.
        source: tera::Error,
    },
    /// A document could not be written as YAML.
    #[error("{document} could not be written as YAML")]
    Yaml {
        /// The kind of the document.
        document: &'static str,
        /// What the serialiser says.
        source: serde_yaml::SerializeError,
    },
    /// A document could not be written as JSON.
    #[error("{document} could not be written as JSON")]
    Json {
        /// The kind of the document.
        document: &'static str,
        /// What the serialiser says.
        source: serde_json::Error,
    },
    /// A value that no quoting could carry safely to where it goes.
    #[error("{field} is {value:?}, which is not {rule}")]
    Invalid {
        /// The input's field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// A value that Meridian sets itself.
    #[error("{field} may not set {name:?}: Meridian sets it")]
    Reserved {
        /// The input's field.
        field: &'static str,
        /// The argument's or field's name.
        name: String,
    },
    /// A slot that is not among the etcd members.
    #[error("the slot {name:?} is not among the etcd members")]
    NotAMember {
        /// The slot's name.
        name: String,
    },
    /// User-data longer than every cloud takes.
    #[error("the user-data is {bytes} bytes long, and the limit is {limit}")]
    TooLarge {
        /// Its length in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
}
