//! What the suites of the clouds' state hosts share.

use std::collections::BTreeMap;
use std::sync::Arc;

use meridian_provider_api::provider::WireTap;
use meridian_provider_api::{
    CloudError, Credentials, ErrorKind, Finding, Grade, Provider, StateBucket, StateConnection, StateHost,
};

/// Connects to an emulator.
///
/// # Panics
/// When that fails.
pub async fn connect(
    provider: &dyn Provider,
    endpoint: &str,
    region: Option<&str>,
    wire_tap: Option<Arc<dyn WireTap>>,
) -> Arc<dyn StateHost> {
    let connection = StateConnection {
        account_key: None,
        region: region.map(str::to_owned),
        account: None,
        endpoint: Some(endpoint.to_owned()),
        credentials: Credentials::Dummy,
        wire_tap,
    };
    provider.state_host(connection).await.unwrap_or_else(|error| panic!("{error}"))
}

/// A bucket by its name, to be made where the connection is.
#[must_use]
pub fn bucket(name: &str) -> StateBucket {
    StateBucket { account: None, name: name.to_owned(), region: None, group: None }
}

/// Prepares a bucket; gives the grade of each finding.
///
/// # Panics
/// When that fails, a finding is told twice, or one that is weak has no hint.
pub async fn prepare(host: &dyn StateHost, bucket: &StateBucket) -> BTreeMap<&'static str, Grade> {
    let findings = host.prepare(bucket).await.unwrap_or_else(|error| panic!("{error}"));
    let mut grades = BTreeMap::new();
    for Finding { grade, what, message, hint } in findings {
        assert!(!message.is_empty(), "{what} says nothing");
        let needs_a_hint = matches!(grade, Grade::Weak | Grade::Unknown);
        assert_eq!(needs_a_hint, !hint.is_empty(), "{what}: {message}: {hint}");
        assert_eq!(grades.insert(what, grade), None, "{what} is told twice");
    }
    grades
}

/// What of the findings is not as `grade` says.
#[must_use]
pub fn other_than(grades: &BTreeMap<&'static str, Grade>, wanted: &[Grade]) -> Vec<&'static str> {
    grades.iter().filter(|(_, grade)| !wanted.contains(grade)).map(|(what, _)| *what).collect()
}

/// Wraps and unwraps under two keys, in every way that must work and that must not.
///
/// # Panics
/// When something opens that must not, or does not open that must.
pub async fn check_keys(host: &dyn StateHost, key: &str, other: &str) {
    let secret: &[u8] = &[0, 1, 2, 255, b'k', b'e', b'y', 10, 13, 0, 254, 253, 7, 7, 7, 7];
    let wrapped = host.wrap(key, "prod", secret).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(!wrapped.windows(secret.len()).any(|window| window == secret), "it is not encrypted");
    let opened = host.unwrap(key, "prod", &wrapped).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(opened.as_slice(), secret);
    refused("another context", host.unwrap(key, "test", &wrapped).await);
    refused("another key", host.unwrap(other, "prod", &wrapped).await);
    refused("nothing", host.unwrap(key, "prod", b"").await);
    // Each byte would be a call; some from everywhere do.
    for at in (0..wrapped.len()).step_by(wrapped.len() / 16 + 1) {
        let mut changed = wrapped.clone();
        changed[at] ^= 1;
        refused(&format!("byte {at} of {}", wrapped.len()), host.unwrap(key, "prod", &changed).await);
        refused(&format!("{at} bytes of {}", wrapped.len()), host.unwrap(key, "prod", &wrapped[..at]).await);
    }
    for misnamed in ["", "state", "../state", "https://example.com/state"] {
        let error = host.wrap(misnamed, "prod", secret).await.err();
        assert!(error.is_some_and(|error| error.kind == ErrorKind::Invalid), "{misnamed} was taken for a key");
    }
}

/// Panics unless something was refused at once and for good.
fn refused<T>(what: &str, result: Result<T, CloudError>) {
    let error = result.err().unwrap_or_else(|| panic!("{what} was taken"));
    assert_eq!(error.kind, ErrorKind::Invalid, "{what}: {error}");
}
