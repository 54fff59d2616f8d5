//! Encryption and decryption, with the checksums by which either side notices what was damaged on its way.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use serde_json::{Value, json};

use super::{At, key, refused, version};
use crate::gcp::error::ApiError;
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, text};

/// The most that is encrypted, or bound to it, in bytes.
const LARGEST: usize = 64 << 10;

const ENCRYPT: Schema = &[
    ("plaintext", Kind::Bytes),
    ("plaintextCrc32c", Kind::Long),
    ("additionalAuthenticatedData", Kind::Bytes),
    ("additionalAuthenticatedDataCrc32c", Kind::Long),
];

const DECRYPT: Schema = &[
    ("ciphertext", Kind::Bytes),
    ("ciphertextCrc32c", Kind::Long),
    ("additionalAuthenticatedData", Kind::Bytes),
    ("additionalAuthenticatedDataCrc32c", Kind::Long),
];

/// `cryptoKeys.encrypt`, by the primary version.
pub fn encrypt(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    let body = schema::read(ENCRYPT, request.json()?, "", Nulls::Drop)?;
    let (plaintext, plaintext_verified) = bytes(&body, "plaintext")?;
    let (data, data_verified) = bytes(&body, "additionalAuthenticatedData")?;
    let none = || ApiError::plain(400, "FAILED_PRECONDITION", format!("{} has no primary version.", at.key()));
    let number = key::primary(cx, at)?.ok_or_else(none)?;
    let material = version::usable(cx, at, &number)?;
    let sealed = material.seal(&context(at, &number, &data), &plaintext).ok_or_else(|| ApiError::server(500))?;
    // The number of the version, so that decryption finds it.
    let length = u8::try_from(number.len()).map_err(|_| ApiError::server(500))?;
    let ciphertext = [&[length], number.as_bytes(), &sealed].concat();
    let mut answer = json!({
        "name": at.version(&number),
        "ciphertext": BASE64_STANDARD.encode(&ciphertext),
        "ciphertextCrc32c": checksum(&ciphertext),
        "protectionLevel": "SOFTWARE",
    });
    // What is false is left out.
    for (name, verified) in
        [("verifiedPlaintextCrc32c", plaintext_verified), ("verifiedAdditionalAuthenticatedDataCrc32c", data_verified)]
    {
        if verified {
            answer[name] = json!(true);
        }
    }
    Ok(answer)
}

/// `cryptoKeys.decrypt`, by the version that encrypted.
pub fn decrypt(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    let body = schema::read(DECRYPT, request.json()?, "", Nulls::Drop)?;
    let (ciphertext, _) = bytes(&body, "ciphertext")?;
    let (data, _) = bytes(&body, "additionalAuthenticatedData")?;
    key::find(cx, at)?;
    let wrong = || refused("Decryption failed: verify that 'name' refers to the correct CryptoKey.");
    let (length, rest) = ciphertext.split_first().ok_or_else(wrong)?;
    let (number, sealed) = rest.split_at_checked(usize::from(*length)).ok_or_else(wrong)?;
    let number = std::str::from_utf8(number).ok().filter(|number| number.parse::<u32>().is_ok()).ok_or_else(wrong)?;
    if version::find(cx, at, number).is_err() {
        return Err(wrong());
    }
    let material = version::usable(cx, at, number)?;
    let plaintext = material.open(&context(at, number, &data), sealed).ok_or_else(wrong)?;
    let mut answer = json!({
        "plaintext": BASE64_STANDARD.encode(&plaintext),
        "plaintextCrc32c": checksum(&plaintext),
        "protectionLevel": "SOFTWARE",
    });
    if key::primary(cx, at)?.as_deref() == Some(number) {
        answer["usedPrimary"] = json!(true);
    }
    Ok(answer)
}

/// The bytes of a field, and whether they came with a checksum, which must be theirs.
fn bytes(body: &Doc, field: &str) -> Result<(Vec<u8>, bool), ApiError> {
    let bytes = BASE64_URL_SAFE.decode(text(body, field)).map_err(|_| refused(format!("{field} is not base64")))?;
    if bytes.len() > LARGEST {
        return Err(refused(format!("{field} has {} bytes, at most {LARGEST} are allowed.", bytes.len())));
    }
    let crc = body.get(&format!("{field}Crc32c")).and_then(Value::as_str);
    if crc.is_some_and(|crc| crc != checksum(&bytes)) {
        return Err(refused(format!("The checksum in field {field}_crc32c did not match the data in field {field}.")));
    }
    Ok((bytes, crc.is_some()))
}

/// CRC-32C, as a number in a text.
fn checksum(bytes: &[u8]) -> String {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes).to_string()
}

/// What a ciphertext is bound to.
fn context(at: &At, number: &str, data: &[u8]) -> Vec<u8> {
    [at.version(number).as_bytes(), b"\n", data].concat()
}
