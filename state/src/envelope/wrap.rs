//! The ways in which a data key is wrapped, and how one of them opens it.

use std::sync::Arc;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::error::{Attempts, EnvelopeError, UnwrapError};
use super::key::{DataKey, KeyContext};
use super::passphrase::{Passphrase, PassphraseWrap, Salt};
use super::recipients::{AgeWrap, Recipients};
use super::secrets::Secrets;
use super::service::ServiceWrap;
use super::settings::WrappedKey;

/// In how many ways one key may be wrapped.
pub(super) const WAYS_LIMIT: usize = 16;

/// A wrapped key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wrap {
    Passphrase(PassphraseWrap),
    Age(AgeWrap),
    Kms(ServiceWrap),
}

impl Wrap {
    /// What opens it, in a user's words.
    #[must_use]
    pub fn way(&self) -> String {
        match self {
            Self::Passphrase(_) => "the passphrase".to_owned(),
            Self::Age(wrap) => format!("the age identity of {}", wrap.recipients.join(" or ")),
            Self::Kms(wrap) => format!("access to the key `{}` of {}", wrap.key, wrap.scheme),
        }
    }

    /// `None` when nothing was given for it.
    async fn open(&self, secrets: &Secrets, context: KeyContext) -> Option<Result<DataKey, UnwrapError>> {
        match self {
            Self::Passphrase(wrap) => Some(secrets.passphrase()?.unwrap(wrap, context).await),
            Self::Age(_) if secrets.identities().is_empty() => None,
            Self::Age(wrap) => Some(wrap.unwrap(secrets.identities(), context)),
            Self::Kms(wrap) => Some(wrap.unwrap(secrets.service(&wrap.scheme)?.as_ref(), context).await),
        }
    }

    /// Cheap ones are tried first: a passphrase costs time, a service a round trip.
    fn effort(&self) -> u8 {
        match self {
            Self::Age(_) => 0,
            Self::Passphrase(_) => 1,
            Self::Kms(_) => 2,
        }
    }
}

/// A way in which keys are to be wrapped.
#[derive(Debug, Clone)]
pub struct NewWrap(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Passphrase(Arc<Passphrase>, Salt),
    Age(Recipients),
    Kms { scheme: String, key: String },
}

impl NewWrap {
    /// By a passphrase, taken as it is.
    pub fn passphrase(passphrase: SecretString) -> Result<Self, EnvelopeError> {
        let passphrase = Passphrase::new(passphrase);
        if passphrase.is_empty() {
            return Err(EnvelopeError::EmptyPassphrase);
        }
        Ok(Self(Kind::Passphrase(Arc::new(passphrase), Salt::random())))
    }

    /// For age recipients, any of whose identities opens it.
    #[must_use]
    pub fn age(recipients: Recipients) -> Self {
        Self(Kind::Age(recipients))
    }

    /// By the key `key` of the service `scheme`.
    #[must_use]
    pub fn kms(scheme: impl Into<String>, key: impl Into<String>) -> Self {
        Self(Kind::Kms { scheme: scheme.into(), key: key.into() })
    }

    async fn wrap(&self, secrets: &Secrets, context: KeyContext, key: &DataKey) -> Result<Wrap, EnvelopeError> {
        Ok(match &self.0 {
            Kind::Passphrase(passphrase, salt) => Wrap::Passphrase(passphrase.wrap(*salt, context, key).await?),
            Kind::Age(recipients) => Wrap::Age(recipients.wrap(context, key)?),
            Kind::Kms { scheme, key: name } => {
                Wrap::Kms(ServiceWrap::wrap(secrets.services(), scheme, name, context, key).await?)
            }
        })
    }
}

/// Wraps `key` in all of `ways`.
pub(super) async fn wrap(
    ways: &[NewWrap],
    secrets: &Secrets,
    context: KeyContext,
    key: &DataKey,
) -> Result<Vec<Wrap>, EnvelopeError> {
    let passphrases = ways.iter().filter(|way| matches!(way.0, Kind::Passphrase(..))).count();
    if ways.is_empty() || ways.len() > WAYS_LIMIT || passphrases > 1 {
        return Err(EnvelopeError::Ways { limit: WAYS_LIMIT });
    }
    let mut wraps = Vec::with_capacity(ways.len());
    for way in ways {
        wraps.push(way.wrap(secrets, context, key).await?);
    }
    Ok(wraps)
}

/// Opens a key by whichever of its wraps something was given for.
pub(super) async fn open(
    wrapped: &WrappedKey,
    secrets: &Secrets,
    context: KeyContext,
) -> Result<DataKey, EnvelopeError> {
    let mut attempts = Vec::new();
    let mut wraps: Vec<&Wrap> = wrapped.wraps.iter().collect();
    wraps.sort_by_key(|wrap| wrap.effort());
    for wrap in wraps {
        match wrap.open(secrets, context).await {
            Some(Ok(key)) => return Ok(key),
            Some(Err(error)) => attempts.push(error),
            None => {}
        }
    }
    if attempts.is_empty() {
        return Err(EnvelopeError::NothingGiven { ways: wrapped.wraps.iter().map(Wrap::way).collect() });
    }
    Err(EnvelopeError::Locked { id: wrapped.id, attempts: Attempts(attempts) })
}

/// The ways in which `wrapped` can be opened, to wrap another key in.
///
/// # Errors
/// When it has a passphrase that was not given, or not rightly: the other key would not open by it.
pub(super) async fn same_ways(
    wrapped: &WrappedKey,
    secrets: &Secrets,
    context: KeyContext,
) -> Result<Vec<NewWrap>, EnvelopeError> {
    let mut ways = Vec::new();
    for wrap in &wrapped.wraps {
        ways.push(match wrap {
            Wrap::Passphrase(known) => {
                let given =
                    secrets.passphrase().ok_or_else(|| EnvelopeError::NothingGiven { ways: vec![wrap.way()] })?;
                given
                    .unwrap(known, context)
                    .await
                    .map_err(|error| EnvelopeError::Locked { id: wrapped.id, attempts: Attempts(vec![error]) })?;
                NewWrap(Kind::Passphrase(Arc::clone(given), Salt::random()))
            }
            Wrap::Age(known) => NewWrap::age(Recipients::parse(&known.recipients)?),
            Wrap::Kms(known) => NewWrap::kms(&known.scheme, &known.key),
        });
    }
    Ok(ways)
}
