//! The first layer: cloud-init user-data.

use serde::Serialize;

use crate::{NodeFile, ObjectKey, Sha256, Store, TemplateError, render, validate};

/// What every cloud takes: AWS allows 16 KiB before it is encoded, the others more.
pub const USER_DATA_LIMIT_BYTES: usize = 16 * 1024;

/// Where a machine finds what it must run.
#[derive(Clone, Debug)]
pub struct UserData {
    /// The store in which the bundle is.
    pub store: Store,
    /// The bundle's key.
    pub key: ObjectKey,
    /// The bundle's digest, [`Sha256::of`] what [`crate::bundle`] gave.
    pub sha256: Sha256,
    /// The machine's host name; a slot has its slot's name, and `None` leaves what the cloud gives.
    pub hostname: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    hostname: Option<&'a str>,
    files: Vec<NodeFile>,
}

#[derive(Serialize)]
struct Bootstrap<'a> {
    key: &'a str,
    sha256: String,
}

/// Renders cloud-init user-data. It holds no secret and is a function of its input alone.
///
/// # Errors
/// [`TemplateError::Invalid`] for a value that no machine could use, [`TemplateError::TooLarge`] past
/// [`USER_DATA_LIMIT_BYTES`].
pub fn user_data(input: &UserData) -> Result<String, TemplateError> {
    if let Some(hostname) = &input.hostname {
        validate::node_name("the host name", hostname)?;
    }
    let bootstrap = Bootstrap { key: input.key.as_str(), sha256: input.sha256.to_string() };
    let files = vec![
        NodeFile::program("/usr/local/sbin/meridian-store", input.store.program()?),
        NodeFile::program("/usr/local/sbin/meridian-bootstrap", render::render("bootstrap.sh", &bootstrap)?),
        NodeFile::public(
            "/etc/systemd/system/meridian-bootstrap.service",
            render::render("bootstrap.service", &bootstrap)?,
        ),
    ];
    let text = render::render("user_data.yaml", &Document { hostname: input.hostname.as_deref(), files })?;
    if text.len() > USER_DATA_LIMIT_BYTES {
        return Err(TemplateError::TooLarge { bytes: text.len(), limit: USER_DATA_LIMIT_BYTES });
    }
    Ok(text)
}
