//! Digests that machines check.

use std::fmt;

use sha2::Digest as _;

use crate::{TemplateError, validate};

/// A SHA-256 digest, shown as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(sha2::Sha256::digest(bytes.as_ref()).into())
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// By what a joining machine knows the cluster's certificate authority, in kubeadm's form `sha256:<64 hex digits>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaHash(String);

impl CaHash {
    /// Hashes a DER-encoded `SubjectPublicKeyInfo`, as kubeadm's `--discovery-token-ca-cert-hash` does.
    #[must_use]
    pub fn of_public_key_info(der: &[u8]) -> Self {
        Self(format!("sha256:{}", Sha256::of(der)))
    }

    /// Takes a hash that was computed elsewhere.
    ///
    /// # Errors
    /// [`TemplateError::Invalid`] unless it is `sha256:` and 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let digits = text.strip_prefix("sha256:").unwrap_or_default();
        let valid = digits.len() == 64
            && digits
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        validate::that(
            valid,
            "the CA hash",
            text,
            "sha256: and 64 lower-case hexadecimal digits",
        )?;
        Ok(Self(text.to_owned()))
    }

    /// The hash as kubeadm writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
