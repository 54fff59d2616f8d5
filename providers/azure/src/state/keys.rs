//! Keys under keys of Key Vault (learn.microsoft.com, "Key Vault REST API reference", `wrapkey` and `unwrapkey`).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use azure_core::{Method, Request};
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use bytes::Bytes;
use meridian_provider_api::{Api, CloudError, ErrorKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::client::{Azure, Signed};
use crate::limits::vault;

/// The version of the interface.
const VERSION: &str = "7.4";

/// How keys are wrapped.
const ALGORITHM: &str = "RSA-OAEP-256";

/// What follows a vault's name in the name of its host (learn.microsoft.com, "Azure Key Vault keys, secrets and
/// certificates overview", "DNS suffixes for object identifiers"). A token goes to no other host.
const SUFFIXES: [&str; 6] = [
    "vault.azure.net",
    "vault.azure.cn",
    "vault.usgovcloudapi.net",
    "managedhsm.azure.net",
    "managedhsm.azure.cn",
    "managedhsm.usgovcloudapi.net",
];

/// The most that wrapped bytes are: what is longer was never written by us.
const LONGEST: usize = 8 << 10;

/// The length of a digest.
const DIGEST: usize = 32;

/// Base64 as the service writes it, or with the padding that some clients add.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The id of a key, or of one version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct KeyId {
    /// The vault's name, in lower case.
    vault: String,
    suffix: &'static str,
    name: String,
    version: Option<String>,
}

impl KeyId {
    fn host(&self) -> String {
        format!("{}.{}", self.vault, self.suffix)
    }

    fn scope(&self) -> String {
        format!("https://{}/.default", self.suffix)
    }

    /// Whether both are versions of one key. Names know no case.
    fn is_of(&self, other: &Self) -> bool {
        self.host() == other.host() && self.name.eq_ignore_ascii_case(&other.name)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}/keys/{}", self.host(), self.name)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, "/{version}"))
    }
}

impl FromStr for KeyId {
    type Err = CloudError;

    fn from_str(text: &str) -> Result<Self, CloudError> {
        read(text).ok_or_else(|| {
            let shown: String = text.chars().take(120).collect();
            wrong(format!(
                "{shown:?} can't be a key of Key Vault: write https://my-vault.vault.azure.net/keys/my-key, with a \
                 version behind it where just that one is meant"
            ))
        })
    }
}

/// Takes an id apart; nothing of it needs an escape in a URL.
fn read(text: &str) -> Option<KeyId> {
    let segments: Vec<&str> = text.strip_prefix("https://")?.split('/').collect();
    let (host, name, version) = match segments.as_slice() {
        [host, "keys", name] => (host, name, None),
        [host, "keys", name, version] => (host, name, Some(*version)),
        _ => return None,
    };
    let host = host.to_ascii_lowercase();
    let (vault, suffix) = host.split_once('.')?;
    let suffix = SUFFIXES.into_iter().find(|known| *known == suffix)?;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let fits = (3..=24).contains(&vault.len())
        && plain(vault)
        && (1..=127).contains(&name.len())
        && plain(name)
        && version.is_none_or(|text| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    fits.then(|| KeyId {
        vault: vault.to_owned(),
        suffix,
        name: (*name).to_owned(),
        version: version.map(str::to_owned),
    })
}

fn wrong(message: impl Into<String>) -> CloudError {
    CloudError::new(ErrorKind::Invalid, "naming a key of Key Vault", message)
}

/// What is kept of a wrapped key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    /// The version of the key that it was wrapped with, so that it opens after the key was rotated.
    kid: String,
    alg: String,
    value: String,
}

/// What an operation with a key takes.
#[derive(Serialize)]
struct Operation<'a> {
    alg: &'a str,
    value: &'a str,
}

/// What it gives. Borrowed, so that a secret is in no more places than it has to be.
#[derive(Deserialize)]
struct Outcome<'a> {
    #[serde(borrow)]
    kid: Cow<'a, str>,
    #[serde(borrow)]
    value: Cow<'a, str>,
}

/// A key as the vault shows it; the key itself it never shows.
#[derive(Deserialize)]
struct Shown {
    key: ShownKey,
}

#[derive(Deserialize)]
struct ShownKey {
    kid: String,
    kty: String,
}

/// Wraps a secret under the newest version of a key, or the one that is named. The service takes no context, so that its
/// digest is wrapped together with the secret.
pub(super) async fn wrap(client: &Azure, key: &str, context: &str, secret: &[u8]) -> Result<Vec<u8>, CloudError> {
    let named: KeyId = key.parse()?;
    let exact = match named.version {
        Some(_) => named.clone(),
        None => newest(client, &named).await?,
    };
    let mut bound = Zeroizing::new(Vec::with_capacity(DIGEST + secret.len()));
    bound.extend_from_slice(&digest(context));
    bound.extend_from_slice(secret);
    let api = vault("WrapKey");
    let body = operate(client, api, &exact, "wrapkey", &Zeroizing::new(URL_SAFE_NO_PAD.encode(&*bound))).await?;
    let outcome: Outcome<'_> = serde_json::from_slice(&body).map_err(|error| unread(api, &error))?;
    let used: KeyId = outcome.kid.parse()?;
    if !used.is_of(&named) || used.version.is_none() {
        return Err(wrong(format!("asked to wrap with {exact}, the vault says that it took {used}")));
    }
    let wrapped = Wrapped { kid: used.to_string(), alg: ALGORITHM.to_owned(), value: outcome.value.into_owned() };
    serde_json::to_vec(&wrapped).map_err(|error| unread(api, &error))
}

/// Opens what [`wrap`] gave. What is kept names the version of the key; the key itself is the one that is asked for, or
/// a stranger who can write to the store could have our token sent to a vault of theirs.
pub(super) async fn unwrap(
    client: &Azure,
    key: &str,
    context: &str,
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CloudError> {
    let named: KeyId = key.parse()?;
    let api = vault("UnwrapKey");
    let refused = |why: String| CloudError::new(ErrorKind::Invalid, api.operation, why);
    if wrapped.len() > LONGEST {
        return Err(refused(format!("{} bytes are no wrapped key", wrapped.len())));
    }
    let kept: Wrapped =
        serde_json::from_slice(wrapped).map_err(|error| refused(format!("what is kept is no wrapped key: {error}")))?;
    let used: KeyId = kept.kid.parse()?;
    if !used.is_of(&named) || used.version.is_none() {
        return Err(refused(format!("it was wrapped with {used}, and not with {named}")));
    }
    if kept.alg != ALGORITHM || BASE64.decode(&kept.value).is_err() {
        return Err(refused(format!("what is kept is no key that was wrapped by {ALGORITHM}")));
    }
    let body = operate(client, api, &used, "unwrapkey", &kept.value).await?;
    let outcome: Outcome<'_> = serde_json::from_slice(&body).map_err(|error| unread(api, &error))?;
    let bound = BASE64.decode(outcome.value.as_ref()).map(Zeroizing::new);
    // The error of the decoder may show what it stumbled over.
    let bound = bound.map_err(|_| refused("the vault's answer is not in base64".to_owned()))?;
    match bound.split_at_checked(DIGEST) {
        Some((found, secret)) if *found == digest(context) => Ok(Zeroizing::new(secret.to_vec())),
        _ => Err(refused("it was wrapped for another context".to_owned())),
    }
}

/// What stands for a context beside the secret.
fn digest(context: &str) -> [u8; DIGEST] {
    Sha256::new().chain_update(b"meridian\0").chain_update(context).finalize().into()
}

/// The newest version of a key, which must be one that can wrap.
async fn newest(client: &Azure, key: &KeyId) -> Result<KeyId, CloudError> {
    let api = vault("GetKey");
    let request = request(client, Method::Get, key, "")?;
    let answer = client.send(api, Signed::Token(&key.scope()), request).await.map_err(told)?;
    let shown: Shown = serde_json::from_slice(&answer.body).map_err(|error| unread(api, &error))?;
    if !matches!(shown.key.kty.as_str(), "RSA" | "RSA-HSM") {
        return Err(wrong(format!("{key} is a key of the type {}: make one of the type RSA", shown.key.kty)));
    }
    let newest: KeyId = shown.key.kid.parse()?;
    if !newest.is_of(key) || newest.version.is_none() {
        return Err(wrong(format!("asked for {key}, the vault gives {newest}")));
    }
    Ok(newest)
}

/// Lets the vault do something with a key to a value in base64.
async fn operate(
    client: &Azure,
    api: Api,
    key: &KeyId,
    what: &str,
    value: &str,
) -> Result<Zeroizing<Vec<u8>>, CloudError> {
    // Long enough that it never grows: what is left behind by growing would not be wiped.
    let mut body = Zeroizing::new(Vec::with_capacity(value.len() + 64));
    serde_json::to_writer(&mut *body, &Operation { alg: ALGORITHM, value }).map_err(|error| unread(api, &error))?;
    let mut request = request(client, Method::Post, key, what)?;
    // With a character set: the transport takes a plain JSON body apart, and would leave copies of it.
    request.insert_header("content-type", "application/json; charset=utf-8");
    request.set_body(Bytes::from_owner(body));
    let answer = client.send(api, Signed::Token(&key.scope()), request).await.map_err(told)?;
    Ok(Zeroizing::new(Vec::from(answer.body)))
}

fn request(client: &Azure, method: Method, key: &KeyId, what: &str) -> Result<Request, CloudError> {
    let mut url = client.vault_endpoint(&key.host())?;
    let version = key.version.as_deref().unwrap_or_default();
    let end = if what.is_empty() { String::new() } else { format!("/{what}") };
    url.set_path(&format!("{}keys/{}/{version}{end}", url.path(), key.name));
    url.set_query(Some(&format!("api-version={VERSION}")));
    Ok(Request::new(url, method))
}

/// What a person without a role for keys is told.
fn told(mut error: CloudError) -> CloudError {
    if error.kind == ErrorKind::Denied {
        error.message.push_str(" (whoever reads or writes state needs the role Key Vault Crypto User for the key)");
    }
    error
}

fn unread(api: Api, error: &serde_json::Error) -> CloudError {
    // Its text may hold part of the answer, and with it of the secret.
    let place = format!("line {}, column {}", error.line(), error.column());
    CloudError::new(ErrorKind::Invalid, api.operation, format!("the vault's answer can't be read at {place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "https://Team.vault.azure.net/keys/State-1";
    const VERSION: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn ids_are_told_apart() {
        let key: KeyId = KEY.parse().unwrap();
        assert_eq!(key.to_string(), "https://team.vault.azure.net/keys/State-1");
        assert_eq!(key.scope(), "https://vault.azure.net/.default");
        let version: KeyId = format!("{KEY}/{VERSION}").parse().unwrap();
        assert!(version.is_of(&key) && version.version.as_deref() == Some(VERSION));
        let hsm: KeyId = "https://team.managedhsm.azure.net/keys/state-1".parse().unwrap();
        assert!(!hsm.is_of(&key));
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in [
            "",
            "my-key",
            "http://team.vault.azure.net/keys/k",
            "https://team.vault.azure.net/secrets/k",
            "https://team.vault.azure.net/keys/",
            "https://team.vault.azure.net/keys/k/1",
            "https://team.vault.azure.net/keys/k?x=1",
            "https://team.vault.azure.net:8443/keys/k",
            "https://team.vault.azure.net@evil.example/keys/k",
            "https://team.vault.azure.net.evil.example/keys/k",
            "https://a.b.vault.azure.net/keys/k",
            "https://evil.example/keys/k",
            "https://vault.azure.net/keys/k",
            "https://team.vault.azure.net/keys/k%2e",
        ] {
            let error = text.parse::<KeyId>().unwrap_err();
            assert!(error.message.contains("https://my-vault.vault.azure.net/keys/my-key"), "{error}");
        }
    }

    #[test]
    fn contexts_differ() {
        assert_ne!(digest("a"), digest("b"));
    }

    #[test]
    fn errors_show_nothing_of_an_answer() {
        let error = serde_json::from_str::<Outcome<'_>>(r#"{"kid":1,"value":"c2VjcmV0"}"#).err().unwrap();
        assert!(!unread(vault("UnwrapKey"), &error).to_string().contains("c2Vj"));
    }
}
