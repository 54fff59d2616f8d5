//! A `store.json` that someone else wrote.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::*;

/// An encrypted store with one object, and an identity that opens it.
async fn fixture() -> &'static (BTreeMap<String, Vec<u8>>, SecretString) {
    static FIXTURE: OnceCell<(BTreeMap<String, Vec<u8>>, SecretString)> = OnceCell::const_new();
    FIXTURE
        .get_or_init(|| async {
            let memory = Arc::new(Memory::default());
            let store: Arc<dyn Store> = memory.clone();
            let (identity, recipients) = person();
            let ways = [NewWrap::passphrase(passphrase(PASSPHRASE)).unwrap(), NewWrap::age(recipients)];
            encrypt(&store, &Secrets::new(), &ways).await.unwrap();
            write(&sealed(&store, &holding(&identity)), STATE, b"x").await;
            (memory.all(), identity)
        })
        .await
}

/// What reading gives when `change` was made to the settings of that store.
async fn changed(change: impl FnOnce(&mut Value)) -> EnvelopeError {
    let (objects, identity) = fixture().await;
    let mut settings: Value = serde_json::from_slice(&objects[SETTINGS_KEY]).unwrap();
    change(&mut settings);
    let memory = Arc::new(Memory::default());
    memory.plant(STATE, &objects[STATE]);
    memory.plant(SETTINGS_KEY, settings.to_string().as_bytes());
    let store: Arc<dyn Store> = memory;
    let secrets = holding(identity).with_passphrase(passphrase(PASSPHRASE)).unwrap();
    envelope(read(&sealed(&store, &secrets), STATE).await.unwrap_err())
}

async fn planted(bytes: &[u8]) -> EnvelopeError {
    let memory = Arc::new(Memory::default());
    memory.plant(SETTINGS_KEY, bytes);
    let begun = Instant::now();
    let error = Settings::load(memory.as_ref()).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(1));
    error
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    assert!(matches!(planted(b"").await, EnvelopeError::SettingsDamaged { .. }));
    assert!(matches!(planted(&vec![b' '; 10 << 20]).await, EnvelopeError::SettingsSize));
    let deep = ["{\"format_version\": 1, \"x\": ", &"[".repeat(500_000), &"]".repeat(500_000), "}"].concat();
    assert!(matches!(planted(deep.as_bytes()).await, EnvelopeError::SettingsDamaged { .. }));
    let newer = planted(b"{\"format_version\": 2, \"whatever\": {}}").await;
    assert_eq!(newer.to_string(), "`store.json` is of format version 2; this build knows 1");
    assert!(matches!(planted(b"{\"format_version\": 1}").await, EnvelopeError::SettingsDamaged { .. }));
}

#[tokio::test]
async fn unknown_fields_are_refused() {
    let places = ["", "/retention", "/encryption", "/encryption/keys/0", "/encryption/keys/0/wraps/0"];
    for place in places.into_iter().chain(["/encryption/keys/0/wraps/0/cost", "/encryption/keys/0/wraps/1"]) {
        let error = changed(|settings| settings.pointer_mut(place).unwrap()["more"] = json!(1)).await;
        assert!(matches!(error, EnvelopeError::SettingsDamaged { .. }), "{place}: {error:?}");
    }
}

#[tokio::test]
async fn costs_have_a_limit() {
    for (name, value) in [("memory_kib", u32::MAX), ("passes", u32::MAX), ("lanes", 1000), ("memory_kib", 0)] {
        let begun = Instant::now();
        let error = changed(|settings| {
            let key = &mut settings["encryption"]["keys"][0]["wraps"];
            key.as_array_mut().unwrap().truncate(1);
            key[0]["cost"][name] = json!(value);
        })
        .await;
        assert!(
            matches!(&error, EnvelopeError::Locked { attempts, .. }
            if matches!(attempts.0[..], [UnwrapError::Derive { .. }])),
            "{name}: {error:?}"
        );
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn keys_must_fit_together() {
    let error = changed(|it| it["encryption"]["active"] = json!("00000000-0000-4000-8000-000000000000")).await;
    assert!(matches!(error, EnvelopeError::SettingsInvalid { .. }));
    let error = changed(|it| it["encryption"]["keys"][0]["wraps"] = json!([])).await;
    assert!(matches!(error, EnvelopeError::SettingsInvalid { .. }));
    let twice = |it: &mut Value, place: &str| {
        let list = it.pointer_mut(place).unwrap().as_array_mut().unwrap();
        list.push(list[0].clone());
    };
    let error = changed(|it| twice(it, "/encryption/keys")).await;
    assert!(matches!(error, EnvelopeError::SettingsInvalid { .. }));
    let error = changed(|it| twice(it, "/encryption/keys/0/wraps")).await;
    assert!(matches!(error, EnvelopeError::SettingsInvalid { .. }));
}

/// Without the key nobody lets plain objects in, or adds himself to who gets the next key.
#[tokio::test]
async fn who_has_no_key_changes_nothing() {
    let error = changed(|it| it["encryption"]["converting"] = json!(true)).await;
    assert!(matches!(error, EnvelopeError::SettingsForged), "{error:?}");
    let (_, stranger) = person();
    let name = format!("{stranger:?}").trim_matches(['[', ']']).to_owned();
    let error = changed(|it| it["encryption"]["keys"][0]["wraps"][1]["recipients"] = json!([name])).await;
    assert!(matches!(error, EnvelopeError::SettingsForged), "{error:?}");
    let error = changed(|it| it["encryption"]["proof"] = json!("")).await;
    assert!(matches!(error, EnvelopeError::SettingsForged), "{error:?}");
    let error = changed(|it| it["encryption"] = Value::Null).await;
    assert!(matches!(error, EnvelopeError::Unencrypted), "{error:?}");
    let error = changed(|it| it["store_id"] = json!("00000000-0000-4000-8000-000000000000")).await;
    assert!(matches!(error, EnvelopeError::Locked { .. }), "{error:?}");
}

/// Every byte of a wrapped key.
#[tokio::test]
async fn a_damaged_wrap_does_not_open() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    let (memory, store, secrets) = encrypted().await;
    write(&sealed(&store, &secrets), STATE, b"x").await;
    let settings: Value = serde_json::from_slice(&memory.all()[SETTINGS_KEY]).unwrap();
    let place = "/encryption/keys/0/wraps/0/ciphertext";
    let ciphertext = STANDARD.decode(settings.pointer(place).unwrap().as_str().unwrap()).unwrap();
    for at in 0..ciphertext.len() {
        let mut bytes = ciphertext.clone();
        bytes[at] ^= 1;
        for bytes in [&bytes, &ciphertext[..at]] {
            let mut settings = settings.clone();
            *settings.pointer_mut(place).unwrap() = json!(STANDARD.encode(bytes));
            memory.plant(SETTINGS_KEY, settings.to_string().as_bytes());
            let error = envelope(read(&sealed(&store, &secrets), STATE).await.unwrap_err());
            assert!(matches!(error, EnvelopeError::Locked { .. }), "{at}: {error:?}");
        }
    }
}
