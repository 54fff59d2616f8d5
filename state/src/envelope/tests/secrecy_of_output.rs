//! No secret is in what is printed.

use super::super::key::DataKey;
use super::*;

fn check(what: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!what.contains(secret), "{what}");
    }
}

#[tokio::test]
async fn nothing_prints_a_secret() {
    let (identity, recipients) = person();
    let identity_text = identity.expose_secret().to_owned();
    let hidden = [PASSPHRASE, identity_text.as_str(), &identity_text[20..40], "a secret of a state"];
    let secrets = services(false).with_identities(&identity).unwrap().with_passphrase(passphrase(PASSPHRASE)).unwrap();
    let ways = [
        NewWrap::passphrase(passphrase(PASSPHRASE)).unwrap(),
        NewWrap::age(recipients.clone()),
        NewWrap::kms("fakekms", "k"),
    ];
    let memory = Arc::new(Memory::default());
    let store: Arc<dyn Store> = memory.clone();
    encrypt(&store, &secrets, &ways).await.unwrap();
    let opened = sealed(&store, &secrets);
    write(&opened, STATE, b"a secret of a state").await;
    let settings = Settings::load(store.as_ref()).await.unwrap().unwrap();
    let ring = ring::Ring::open(&settings.settings, &secrets).await.unwrap();
    let key = DataKey::from_slice(b"a secret of a state, a secret of").unwrap();
    assert_eq!(format!("{key:?} {opened:?} {secrets:?} {ring:?}"), "DataKey(…) SealedStore(…) Secrets(…) Ring(…)");
    for text in [format!("{ways:?}"), format!("{settings:?}"), format!("{recipients:?}")] {
        check(&text, &hidden);
    }
    for object in memory.all().values() {
        check(&String::from_utf8_lossy(object), &hidden);
    }

    let mut errors: Vec<StoreError> = Vec::new();
    let wrong = services(true).with_identities(&person().0).unwrap().with_passphrase(passphrase(PASSPHRASE)).unwrap();
    memory.plant(SETTINGS_KEY, &[memory.all()[SETTINGS_KEY].as_slice(), b"x"].concat());
    errors.push(read(&sealed(&store, &secrets), STATE).await.unwrap_err());
    memory.delete(SETTINGS_KEY).await.unwrap();
    errors.push(read(&sealed(&store, &secrets), STATE).await.unwrap_err());
    memory.delete(STATE).await.unwrap();
    encrypt(&store, &secrets, &[NewWrap::passphrase(passphrase("other")).unwrap()]).await.unwrap();
    errors.push(read(&sealed(&store, &wrong), STATE).await.unwrap_err());
    errors.push(Secrets::new().with_identities(&passphrase(&format!("{identity_text}x"))).unwrap_err().into());
    let given = Secrets::new().with_identities(&passphrase(PASSPHRASE)).unwrap_err();
    errors.push(given.into());
    for error in errors {
        check(&format!("{error:?} {}", whole(&error)), &hidden);
    }
}
