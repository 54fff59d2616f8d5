//! Buckets in emulators, made as a test's first act.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// azurite's only account, and its key, which are the same everywhere and no secret.
pub const AZURITE_ACCOUNT: &str = "devstoreaccount1";
pub const AZURITE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A bucket in an emulator of S3 that does not look at signatures.
pub async fn s3(endpoint: &str, bucket: &str) {
    done(reqwest::Client::new().put(format!("{endpoint}/{bucket}"))).await;
}

/// A bucket in fake-gcs-server.
pub async fn gcs(endpoint: &str, bucket: &str) {
    let body = serde_json::json!({ "name": bucket });
    done(reqwest::Client::new().post(format!("{endpoint}/storage/v1/b?project=test")).json(&body)).await;
}

/// A container in azurite, which wants a signature with the account's key: see "Authorize with Shared Key" in the reference of
/// Azure Storage.
pub async fn azurite(endpoint: &str, container: &str) {
    const VERSION: &str = "2023-11-03";
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let path = format!("/{AZURITE_ACCOUNT}/{container}");
    let text = format!(
        "PUT{}x-ms-date:{date}\nx-ms-version:{VERSION}\n/{AZURITE_ACCOUNT}{path}\nrestype:container",
        "\n".repeat(12)
    );
    let signature = STANDARD.encode(hmac(&STANDARD.decode(AZURITE_KEY).unwrap_or_default(), text.as_bytes()));
    let request = reqwest::Client::new()
        .put(format!("{endpoint}{path}?restype=container"))
        .header("x-ms-date", date)
        .header("x-ms-version", VERSION)
        .header("content-length", "0")
        .header("authorization", format!("SharedKey {AZURITE_ACCOUNT}:{signature}"));
    done(request).await;
}

async fn done(request: reqwest::RequestBuilder) {
    let answer = request.send().await.unwrap_or_else(|error| panic!("the emulator does not answer: {error}"));
    let status = answer.status();
    assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap_or_default());
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0u8; 64];
    block[..key.len().min(64)].copy_from_slice(&key[..key.len().min(64)]);
    let pad = |byte: u8| block.map(|own| own ^ byte);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}
