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

/// Wraps and unwraps under two keys, as it must work and as it must not.
///
/// # Panics
/// When something opens that must not, or does not open that must.
pub async fn check_keys(host: &dyn StateHost, key: &str, other: &str) {
    let secret = SECRET;
    let wrapped = host.wrap(key, "prod", secret).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(!wrapped.windows(secret.len()).any(|window| window == secret), "it is not encrypted");
    let opened = host.unwrap(key, "prod", &wrapped).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(opened.as_slice(), secret);
    refused("another context", host.unwrap(key, "test", &wrapped).await);
    refused("another key", host.unwrap(other, "prod", &wrapped).await);
    refused("nothing", host.unwrap(key, "prod", b"").await);
    for misnamed in ["", "state", "../state", "https://example.com/state"] {
        let error = host.wrap(misnamed, "prod", secret).await.err();
        assert!(error.is_some_and(|error| error.kind == ErrorKind::Invalid), "{misnamed} was taken for a key");
    }
}

/// What was wrapped with each byte changed, and cut off before it: the places at which it opens all the same.
///
/// # Panics
/// When nothing can be wrapped, or something is refused as if that could pass.
pub async fn open_when_changed(host: &dyn StateHost, key: &str) -> Vec<usize> {
    let wrapped = host.wrap(key, "prod", SECRET).await.unwrap_or_else(|error| panic!("{error}"));
    let mut open = Vec::new();
    for at in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[at] ^= 1;
        for text in [changed.as_slice(), &wrapped[..at]] {
            match host.unwrap(key, "prod", text).await {
                Ok(_) => open.push(at),
                Err(error) => is_for_good("a change", &error),
            }
        }
    }
    open
}

/// A key as the state's encryption has them.
const SECRET: &[u8] = &[0, 1, 2, 255, b'k', b'e', b'y', 10, 13, 0, 254, 253, 7, 7, 7, 7];

/// Panics unless something was refused at once and for good.
fn refused<T>(what: &str, result: Result<T, CloudError>) {
    let error = result.err().unwrap_or_else(|| panic!("{what} was taken"));
    is_for_good(what, &error);
}

/// What looks as if another key had made it is told like that key were not there or not ours.
fn is_for_good(what: &str, error: &CloudError) {
    assert!(matches!(error.kind, ErrorKind::Invalid | ErrorKind::Denied), "{what}: {error}");
}
