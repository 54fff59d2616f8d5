//! What requests to a store are signed with. Where it comes from is not this crate's business.

use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

/// A credential. It is wiped when it is dropped, and printed as what it is and not as its content.
#[derive(Clone)]
pub enum Credential {
    /// Keys of AWS.
    Keys { id: String, secret: Zeroizing<String>, token: Option<Zeroizing<String>> },
    /// An OAuth access token.
    Bearer(Zeroizing<String>),
    /// The shared key of an Azure storage account, in base64.
    AccountKey(Zeroizing<String>),
    /// Nobody, for an emulator.
    Anonymous,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keys { .. } => "Keys(…)",
            Self::Bearer(_) => "Bearer(…)",
            Self::AccountKey(_) => "AccountKey(…)",
            Self::Anonymous => "Anonymous",
        })
    }
}

/// Gives the credential for the next request.
#[async_trait]
pub trait CredentialSource: fmt::Debug + Send + Sync {
    /// Asked before each request: keeps what it gave until shortly before that expires.
    async fn credential(&self) -> Result<Credential, Box<dyn std::error::Error + Send + Sync>>;
}
