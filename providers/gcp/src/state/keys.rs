//! Keys that are kept encrypted under a key of Cloud KMS. What it gives names the version of the key that did it, so that a
//! key may be rotated.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use meridian_provider_api::{Api, CloudError, ErrorKind};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::GcpState;
use crate::limits::other;
use crate::rest::{Request, part};

/// What a key's name looks like.
const EXAMPLE: &str = "projects/my-project/locations/europe-west1/keyRings/meridian/cryptoKeys/state";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Encrypted {
    name: String,
    ciphertext: String,
    ciphertext_crc32c: String,
    verified_plaintext_crc32c: bool,
    verified_additional_authenticated_data_crc32c: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Decrypted {
    plaintext: String,
    plaintext_crc32c: String,
}

const fn api(operation: &'static str) -> Api {
    other("cloudkms", operation, true)
}

/// Encrypts `secret` under the key's primary version.
pub(super) async fn wrap(state: &GcpState, key: &str, context: &str, secret: &[u8]) -> Result<Vec<u8>, CloudError> {
    let operation = "cloudkms:cryptoKeys.encrypt";
    let path = path(key).ok_or_else(|| misnamed(key))?;
    let request = Request::new(api("cryptoKeys.encrypt"), Method::POST, format!("{path}:encrypt")).json(&json!({
        "plaintext": BASE64_STANDARD.encode(secret),
        "plaintextCrc32c": checksum(secret),
        "additionalAuthenticatedData": BASE64_STANDARD.encode(context),
        "additionalAuthenticatedDataCrc32c": checksum(context.as_bytes()),
    }));
    let answer: Encrypted = state.kms.json(&request).await?;
    if !answer.name.strip_prefix(key).is_some_and(|version| version.starts_with("/cryptoKeyVersions/")) {
        let why = format!("the answer names the key {:?} and not {key}", answer.name);
        return Err(CloudError::new(ErrorKind::Invalid, operation, why));
    }
    if !answer.verified_plaintext_crc32c || !answer.verified_additional_authenticated_data_crc32c {
        return Err(damaged(operation, "what was sent did not arrive whole"));
    }
    intact(operation, &answer.ciphertext, &answer.ciphertext_crc32c)
}

/// Decrypts what [`wrap`] gave, with whichever version of the key it was.
pub(super) async fn unwrap(
    state: &GcpState,
    key: &str,
    context: &str,
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CloudError> {
    let path = path(key).ok_or_else(|| misnamed(key))?;
    let request = Request::new(api("cryptoKeys.decrypt"), Method::POST, format!("{path}:decrypt")).json(&json!({
        "ciphertext": BASE64_STANDARD.encode(wrapped),
        "ciphertextCrc32c": checksum(wrapped),
        "additionalAuthenticatedData": BASE64_STANDARD.encode(context),
        "additionalAuthenticatedDataCrc32c": checksum(context.as_bytes()),
    }));
    let Decrypted { plaintext, plaintext_crc32c } = state.kms.json(&request).await?;
    let plaintext = Zeroizing::new(plaintext);
    intact("cloudkms:cryptoKeys.decrypt", &plaintext, &plaintext_crc32c).map(Zeroizing::new)
}

/// CRC-32C as the API writes it: a number in a text (Cloud KMS, "Verifying end-to-end data integrity").
fn checksum(bytes: &[u8]) -> String {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes).to_string()
}

/// The bytes of an answer, if they have arrived as they were sent.
fn intact(operation: &str, text: &str, crc: &str) -> Result<Vec<u8>, CloudError> {
    let bytes = BASE64_STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty() && checksum(bytes) == crc);
    bytes.ok_or_else(|| damaged(operation, "the answer did not arrive whole"))
}

fn damaged(operation: &str, what: &str) -> CloudError {
    CloudError::new(ErrorKind::Transient, operation, what)
}

fn misnamed(key: &str) -> CloudError {
    let why = format!("{key:?} is no name of a key; it is one such as {EXAMPLE}, without a version");
    CloudError::new(ErrorKind::Invalid, "reading the name of a Cloud KMS key", why)
}

/// The path of a key (Cloud KMS, "Cloud KMS resources"). It becomes part of a URL, so nothing else than names may stand in it.
fn path(key: &str) -> Option<String> {
    let ["projects", project, "locations", location, "keyRings", ring, "cryptoKeys", name] =
        key.split('/').collect::<Vec<_>>()[..]
    else {
        return None;
    };
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    // Projects of the oldest customers begin with a domain and a colon.
    let is_project = (1..=128).contains(&project.len())
        && project.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && project.chars().all(|c| lower(c) || c == '.' || c == ':')
        && !project.contains("..");
    let is_location = (1..=63).contains(&location.len()) && location.chars().all(lower);
    let is_name = |text: &str| {
        (1..=63).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    (is_project && is_location && is_name(ring) && is_name(name))
        .then(|| format!("/v1/projects/{}/locations/{location}/keyRings/{ring}/cryptoKeys/{name}", part(project)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_are_names() {
        assert_eq!(path(EXAMPLE).unwrap(), format!("/v1/{EXAMPLE}"));
        let old = path("projects/example.com:old/locations/global/keyRings/a_B/cryptoKeys/c-1").unwrap();
        assert!(old.starts_with("/v1/projects/example.com%3Aold/"), "{old}");
        for bad in [
            "",
            "state",
            "projects/my-project/locations/europe-west1/keyRings/meridian/cryptoKeys/",
            "projects/my-project/locations/europe-west1/keyRings/meridian/cryptoKeys/state/cryptoKeyVersions/1",
            "projects/my-project/locations/europe-west1/keyRings/meridian/cryptoKeys/state:destroy",
            "projects/my-project/locations/europe-west1/keyRings/../cryptoKeys/state",
            "projects/my-project/locations/europe-west1/keyRings/meridian/cryptoKeys/st?te",
            "projects/../locations/europe-west1/keyRings/meridian/cryptoKeys/state",
            "/projects/my-project/locations/europe-west1/keyRings/meridian/cryptoKeys/state",
        ] {
            assert!(path(bad).is_none(), "{bad}");
            assert!(misnamed(bad).to_string().contains(EXAMPLE));
        }
    }

    #[test]
    fn what_was_damaged_on_its_way_is_not_taken() {
        let (text, crc) = (BASE64_STANDARD.encode(b"secret"), checksum(b"secret"));
        assert_eq!(intact("o", &text, &crc).unwrap(), b"secret");
        for (text, crc) in
            [(text.as_str(), ""), (text.as_str(), "1"), ("c2VjcmVU", crc.as_str()), ("", "0"), ("-", &crc)]
        {
            assert_eq!(intact("o", text, crc).unwrap_err().kind, ErrorKind::Transient, "{text} {crc}");
        }
        // The example of RFC 3720, appendix B.4: 32 bytes of zeros.
        assert_eq!(checksum(&[0; 32]), 0x8a91_36aa_u32.to_string());
    }
}
