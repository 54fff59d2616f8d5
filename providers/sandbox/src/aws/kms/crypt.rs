//! Encryption and decryption. A ciphertext names its key, and opens with the encryption context alone that it was made with.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::key::usable;
use super::{find, validation};
use crate::aws::{ApiError, Cx};

/// What a ciphertext begins with.
const VERSION: u8 = 1;

/// The most that is encrypted under a symmetric key, in bytes.
const LARGEST_PLAINTEXT: usize = 4096;

/// The largest ciphertext, in bytes.
const LARGEST_CIPHERTEXT: usize = 6144;

/// The length of a key's id, which is a UUID.
const ID: usize = 36;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Encrypt {
    key_id: String,
    plaintext: String,
    #[serde(default)]
    encryption_context: BTreeMap<String, String>,
    encryption_algorithm: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Decrypt {
    key_id: Option<String>,
    ciphertext_blob: String,
    #[serde(default)]
    encryption_context: BTreeMap<String, String>,
    encryption_algorithm: Option<String>,
}

pub fn encrypt(cx: &mut Cx<'_>, ask: &Encrypt) -> Result<Value, ApiError> {
    check_algorithm(ask.encryption_algorithm.as_deref())?;
    let plaintext = blob("plaintext", &ask.plaintext, LARGEST_PLAINTEXT)?;
    let id = find(cx, &ask.key_id)?;
    let key = usable(cx, &id)?;
    let sealed = key.material.seal(&context(&id, &ask.encryption_context), &plaintext);
    let sealed = sealed.ok_or_else(|| ApiError::server("kms", 500))?;
    let ciphertext = [&[VERSION], id.as_bytes(), &sealed].concat();
    Ok(json!({
        "CiphertextBlob": BASE64_STANDARD.encode(ciphertext),
        "KeyId": cx.arn("kms", &format!("key/{id}")),
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }))
}

pub fn decrypt(cx: &mut Cx<'_>, ask: &Decrypt) -> Result<Value, ApiError> {
    check_algorithm(ask.encryption_algorithm.as_deref())?;
    let ciphertext = blob("ciphertextBlob", &ask.ciphertext_blob, LARGEST_CIPHERTEXT)?;
    let invalid = || ApiError::bad("InvalidCiphertextException", "");
    let body = ciphertext.strip_prefix(&[VERSION]).and_then(|body| body.split_at_checked(ID));
    let (id, sealed) = body.ok_or_else(invalid)?;
    let id = std::str::from_utf8(id).map_err(|_| invalid())?;
    if let Some(named) = &ask.key_id
        && find(cx, named)? != id
    {
        let what = "The key ID in the request does not identify a CMK that can perform this operation.";
        return Err(ApiError::bad("IncorrectKeyException", what));
    }
    if !cx.here().kms.keys.contains_key(id) {
        return Err(invalid());
    }
    let key = usable(cx, id)?;
    let plaintext = key.material.open(&context(id, &ask.encryption_context), sealed).ok_or_else(invalid)?;
    Ok(json!({
        "Plaintext": BASE64_STANDARD.encode(plaintext),
        "KeyId": cx.arn("kms", &format!("key/{id}")),
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }))
}

fn check_algorithm(algorithm: Option<&str>) -> Result<(), ApiError> {
    match algorithm {
        None | Some("SYMMETRIC_DEFAULT") => Ok(()),
        Some(other) => Err(ApiError::bad("InvalidKeyUsageException", format!("Algorithm {other} is not supported."))),
    }
}

fn blob(name: &str, text: &str, most: usize) -> Result<Vec<u8>, ApiError> {
    let bytes = BASE64_STANDARD.decode(text).map_err(|error| super::serialization(format!("{name}: {error}")))?;
    if bytes.is_empty() || bytes.len() > most {
        return Err(validation(format!(
            "1 validation error detected: Value at '{name}' failed to satisfy constraint: Member must have length from 1 \
             to {most}"
        )));
    }
    Ok(bytes)
}

/// What a ciphertext is bound to; the order in which the pairs were given makes no difference.
fn context(id: &str, pairs: &BTreeMap<String, String>) -> Vec<u8> {
    json!([id, pairs]).to_string().into_bytes()
}
