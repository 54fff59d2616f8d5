//! A data key behind age recipients (<https://age-encryption.org/v1>).

use std::fmt;
use std::io::{Read as _, Write as _};
use std::str::FromStr as _;

use age::x25519::{Identity, Recipient};
use age::{DecryptError, Decryptor, Encryptor};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::{EnvelopeError, UnwrapError};
use super::key::{DataKey, KeyContext, LENGTH};

/// A wrapped key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgeWrap {
    /// Whose identities open it.
    pub recipients: Vec<String>,
    /// An age file.
    ciphertext: String,
}

/// Those who can open a key; never none.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipients(Vec<Recipient>);

impl Recipients {
    /// Reads recipients (`age1…`).
    pub fn parse<S: AsRef<str>>(recipients: &[S]) -> Result<Self, EnvelopeError> {
        let parse = |text: &S| {
            let text = text.as_ref().trim();
            Recipient::from_str(text).map_err(|why| EnvelopeError::Recipient { recipient: text.to_owned(), why })
        };
        let parsed = recipients.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        if parsed.is_empty() {
            return Err(EnvelopeError::Recipient { recipient: String::new(), why: "there is none" });
        }
        Ok(Self(parsed))
    }

    pub(super) fn wrap(&self, context: KeyContext, key: &DataKey) -> Result<AgeWrap, EnvelopeError> {
        let failed = |source| EnvelopeError::AgeWrap { source };
        let recipients = self.0.iter().map(|recipient| recipient as &dyn age::Recipient);
        let encryptor = Encryptor::with_recipients(recipients).map_err(|error| failed(error.into()))?;
        let mut ciphertext = Vec::new();
        let write = |ciphertext: &mut Vec<u8>| {
            let mut writer = encryptor.wrap_output(ciphertext)?;
            writer.write_all(key.expose())?;
            // An age file has no associated data: what the key belongs to stands behind it.
            writer.write_all(context.to_string().as_bytes())?;
            writer.finish().map(|_| ())
        };
        write(&mut ciphertext).map_err(|error| failed(error.into()))?;
        Ok(AgeWrap {
            recipients: self.0.iter().map(ToString::to_string).collect(),
            ciphertext: STANDARD.encode(ciphertext),
        })
    }
}

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

/// Reads identities as `age-keygen` writes them: one a line, among comments.
pub(super) fn identities(text: &SecretString) -> Result<Vec<Identity>, EnvelopeError> {
    let lines = text.expose_secret().lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| Identity::from_str(line).map_err(|why| EnvelopeError::Identity { line: number, why }))
        .collect()
}

impl AgeWrap {
    pub(super) fn unwrap(&self, identities: &[Identity], context: KeyContext) -> Result<DataKey, UnwrapError> {
        let damaged = || UnwrapError::Damaged { way: format!("age recipients {}", self.recipients.join(", ")) };
        let bytes = STANDARD.decode(&self.ciphertext).map_err(|_| damaged())?;
        let decryptor = Decryptor::new_buffered(bytes.as_slice()).map_err(|_| damaged())?;
        let identities = identities.iter().map(|identity| identity as &dyn age::Identity);
        let reader = decryptor.decrypt(identities).map_err(|error| match error {
            DecryptError::NoMatchingKeys => UnwrapError::NotARecipient { recipients: self.recipients.clone() },
            _ => damaged(),
        })?;
        let context = context.to_string();
        // As long as it can be, so that no copy is left behind by growing.
        let mut plain = Zeroizing::new(Vec::with_capacity(LENGTH + context.len() + 1));
        reader.take((LENGTH + context.len() + 1) as u64).read_to_end(&mut plain).map_err(|_| damaged())?;
        match plain.split_at_checked(LENGTH) {
            Some((key, belongs_to)) if belongs_to == context.as_bytes() => DataKey::from_slice(key).ok_or_else(damaged),
            _ => Err(damaged()),
        }
    }
}
