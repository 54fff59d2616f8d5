//! What the user has given to open keys with.

use std::fmt;
use std::sync::Arc;

use age::x25519::Identity;
use secrecy::SecretString;

use super::error::EnvelopeError;
use super::passphrase::Passphrase;
use super::recipients;
use super::service::{KeyService, KeyServices};

/// Everything that may open the keys of a store; one that fits is enough. Clones share what was derived already.
#[derive(Clone, Default)]
pub struct Secrets {
    passphrase: Option<Arc<Passphrase>>,
    identities: Vec<Identity>,
    services: Option<Arc<dyn KeyServices>>,
}

impl Secrets {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a passphrase, taken as it is: a line's end is part of it.
    pub fn with_passphrase(mut self, passphrase: SecretString) -> Result<Self, EnvelopeError> {
        let passphrase = Passphrase::new(passphrase);
        if passphrase.is_empty() {
            return Err(EnvelopeError::EmptyPassphrase);
        }
        self.passphrase = Some(Arc::new(passphrase));
        Ok(self)
    }

    /// With the age identities in `text`, as `age-keygen` writes them; besides those already given.
    pub fn with_identities(mut self, text: &SecretString) -> Result<Self, EnvelopeError> {
        let found = recipients::identities(text)?;
        if found.is_empty() {
            return Err(EnvelopeError::NoIdentity);
        }
        self.identities.extend(found);
        Ok(self)
    }

    /// With key services. They are asked only where a key is wrapped by one.
    #[must_use]
    pub fn with_services(mut self, services: Arc<dyn KeyServices>) -> Self {
        self.services = Some(services);
        self
    }

    /// Whether the user gave something himself, and so takes the store to be encrypted.
    pub(super) fn is_given(&self) -> bool {
        self.passphrase.is_some() || !self.identities.is_empty()
    }

    pub(super) fn passphrase(&self) -> Option<&Arc<Passphrase>> {
        self.passphrase.as_ref()
    }

    pub(super) fn identities(&self) -> &[Identity] {
        &self.identities
    }

    pub(super) fn services(&self) -> Option<&dyn KeyServices> {
        self.services.as_deref()
    }

    pub(super) fn service(&self, scheme: &str) -> Option<Arc<dyn KeyService>> {
        self.services()?.service(scheme)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}
