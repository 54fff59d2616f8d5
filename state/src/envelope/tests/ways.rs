//! Each way to open a key, given rightly, wrongly and not at all.

use super::*;

/// Encrypts a store in `ways`, writes to it with `secrets`, and reads with `readers`.
async fn written(secrets: &Secrets, ways: &[NewWrap]) -> Arc<dyn Store> {
    let store: Arc<dyn Store> = Arc::new(Memory::default());
    encrypt(&store, secrets, ways).await.unwrap();
    write(&sealed(&store, secrets), STATE, b"a state").await;
    store
}

async fn reading(store: &Arc<dyn Store>, secrets: &Secrets) -> Result<Option<Vec<u8>>, EnvelopeError> {
    read(&sealed(store, secrets), STATE).await.map_err(envelope)
}

#[tokio::test]
async fn a_passphrase_opens() {
    let right = Secrets::new().with_passphrase(passphrase(PASSPHRASE)).unwrap();
    let store = written(&right, &[NewWrap::passphrase(passphrase(PASSPHRASE)).unwrap()]).await;
    assert_eq!(reading(&store, &right).await.unwrap().unwrap(), b"a state");
    let wrong = Secrets::new().with_passphrase(passphrase("Correct horse battery staple")).unwrap();
    let error = reading(&store, &wrong).await.unwrap_err();
    assert!(whole(&error).ends_with("can't be opened: the passphrase is wrong"), "{}", whole(&error));
    let error = reading(&store, &holding(&person().0)).await.unwrap_err();
    assert_eq!(error.to_string(), "the store is encrypted; give one of: the passphrase");
}

#[tokio::test]
async fn an_age_identity_opens() {
    let ((a, to_a), (b, to_b), (c, _)) = (person(), person(), person());
    let names: Vec<String> = [&to_a, &to_b].map(|to| format!("{to:?}").trim_matches(['[', ']']).to_owned()).into();
    let both = Recipients::parse(&names).unwrap();
    let store = written(&holding(&a), &[NewWrap::age(both)]).await;
    assert_eq!(reading(&store, &holding(&b)).await.unwrap().unwrap(), b"a state");
    let file = format!("# created: today\n\n{}\n{}\n", c.expose_secret(), b.expose_secret());
    assert_eq!(reading(&store, &holding(&passphrase(&file))).await.unwrap().unwrap(), b"a state");
    let error = reading(&store, &holding(&c)).await.unwrap_err();
    assert!(whole(&error).contains("none of the given age identities belongs to age1"), "{}", whole(&error));
    let error = reading(&store, &Secrets::new()).await.unwrap_err();
    assert!(error.to_string().contains(&format!("the age identity of {} or {}", names[0], names[1])), "{error}");
}

#[tokio::test]
async fn a_key_service_opens() {
    let store = written(&services(false), &[NewWrap::kms("fakekms", "team/key")]).await;
    assert_eq!(reading(&store, &services(false)).await.unwrap().unwrap(), b"a state");
    let error = reading(&store, &services(true)).await.unwrap_err();
    assert!(whole(&error).contains("`team/key` of fakekms did not open it"), "{}", whole(&error));
    assert!(whole(&error).ends_with("access denied"), "{}", whole(&error));
    let error = reading(&store, &Secrets::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "the store is encrypted; give one of: access to the key `team/key` of fakekms");
}

#[tokio::test]
async fn what_can_not_be_wrapped_is_said_and_nothing_is_written() {
    let memory = Arc::new(Memory::default());
    let store: Arc<dyn Store> = memory.clone();
    init(store.as_ref(), Retention::default()).await.unwrap();
    let before = memory.all();
    let error = encrypt(&store, &services(true), &[NewWrap::kms("fakekms", "k")]).await.unwrap_err();
    assert!(matches!(error, EnvelopeError::ServiceWrap { .. }));
    let error = encrypt(&store, &Secrets::new(), &[NewWrap::kms("other", "k")]).await.unwrap_err();
    assert!(matches!(error, EnvelopeError::NoService { .. }));
    assert!(matches!(encrypt(&store, &Secrets::new(), &[]).await, Err(EnvelopeError::Ways { .. })));
    let twice = [PASSPHRASE, "other"].map(|text| NewWrap::passphrase(passphrase(text)).unwrap());
    assert!(matches!(encrypt(&store, &Secrets::new(), &twice).await, Err(EnvelopeError::Ways { .. })));
    assert_eq!(memory.all(), before);
}

#[tokio::test]
async fn of_many_ways_one_is_enough() {
    let (identity, recipients) = person();
    let ways =
        [NewWrap::passphrase(passphrase(PASSPHRASE)).unwrap(), NewWrap::age(recipients), NewWrap::kms("fakekms", "k")];
    let store = written(&services(false).with_identities(&identity).unwrap(), &ways).await;
    let by_passphrase = Secrets::new().with_passphrase(passphrase(PASSPHRASE)).unwrap();
    let wrong_passphrase = holding(&identity).with_passphrase(passphrase("wrong")).unwrap();
    for secrets in [by_passphrase, holding(&identity), services(false), wrong_passphrase] {
        assert_eq!(reading(&store, &secrets).await.unwrap().unwrap(), b"a state");
    }
    let all_wrong = services(true).with_identities(&person().0).unwrap();
    let error = whole(&reading(&store, &all_wrong).await.unwrap_err());
    assert!(error.contains("none of the given age identities") && error.contains("access denied"), "{error}");
    let error = reading(&store, &Secrets::new()).await.unwrap_err().to_string();
    assert!(error.contains("the passphrase, the age identity of age1") && error.contains("the key `k`"), "{error}");
}

#[test]
fn what_is_no_secret_is_refused() {
    assert!(matches!(Secrets::new().with_passphrase(passphrase("")), Err(EnvelopeError::EmptyPassphrase)));
    assert!(matches!(NewWrap::passphrase(passphrase("")), Err(EnvelopeError::EmptyPassphrase)));
    let text = passphrase("# a comment\nAGE-SECRET-KEY-1NOT");
    assert!(matches!(Secrets::new().with_identities(&text), Err(EnvelopeError::Identity { line: 2, .. })));
    assert!(matches!(Secrets::new().with_identities(&passphrase("#\n")), Err(EnvelopeError::NoIdentity)));
    for bad in ["age1x", "AGE-SECRET-KEY-1", ""] {
        assert!(matches!(Recipients::parse(&[bad]), Err(EnvelopeError::Recipient { .. })));
    }
    assert!(Recipients::parse::<String>(&[]).is_err());
}
