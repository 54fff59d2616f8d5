//! Changing who may read, and with what is sealed.

use super::memory::Death;
use super::*;

fn without_settings(memory: &Memory) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut all = memory.all();
    all.remove(SETTINGS_KEY);
    all
}

#[tokio::test]
async fn wrapping_anew_changes_who_reads_and_no_object() {
    let (memory, store, old) = encrypted().await;
    write(&sealed(&store, &old), STATE, b"1").await;
    add_key(store.as_ref(), &old, None).await.unwrap();
    write(&sealed(&store, &old), HISTORY, b"2").await;
    let before = without_settings(&memory);

    let (identity, recipients) = person();
    let settings = rewrap(store.as_ref(), &old, &[NewWrap::age(recipients)]).await.unwrap();
    assert_eq!(settings.encryption.unwrap().keys.len(), 2);
    assert_eq!(without_settings(&memory), before);
    let new = sealed(&store, &holding(&identity));
    assert_eq!(read(&new, STATE).await.unwrap().unwrap(), b"1");
    assert_eq!(read(&new, HISTORY).await.unwrap().unwrap(), b"2");
    assert!(matches!(envelope(read(&sealed(&store, &old), STATE).await.unwrap_err()), EnvelopeError::Locked { .. }));
}

#[tokio::test]
async fn a_new_key_seals_what_comes_and_leaves_what_was() {
    let (memory, store, secrets) = encrypted().await;
    // Someone who is in the middle of something, and opened the store before.
    let earlier = sealed(&store, &secrets);
    write(&earlier, HISTORY, b"old").await;
    let old = memory.all()[HISTORY].clone();
    let settings = add_key(store.as_ref(), &secrets, None).await.unwrap().encryption.unwrap();
    assert_eq!(settings.active, settings.keys[1].id);
    let later = sealed(&store, &secrets);
    write(&later, STATE, b"new").await;
    assert_eq!(memory.all()[HISTORY], old);
    assert_ne!(memory.all()[STATE][18..34], old[18..34]);
    for store in [&earlier, &later] {
        assert_eq!(read(store, STATE).await.unwrap().unwrap(), b"new");
        assert_eq!(read(store, HISTORY).await.unwrap().unwrap(), b"old");
    }
}

#[tokio::test]
async fn the_same_ways_need_the_same_passphrase() {
    let store: Arc<dyn Store> = Arc::new(Memory::default());
    let (identity, recipients) = person();
    let ways = [NewWrap::passphrase(passphrase(PASSPHRASE)).unwrap(), NewWrap::age(recipients)];
    encrypt(&store, &Secrets::new().with_passphrase(passphrase(PASSPHRASE)).unwrap(), &ways).await.unwrap();
    assert!(matches!(
        add_key(store.as_ref(), &holding(&identity), None).await,
        Err(EnvelopeError::NothingGiven { .. })
    ));
    let wrong = holding(&identity).with_passphrase(passphrase("wrong")).unwrap();
    assert!(matches!(add_key(store.as_ref(), &wrong, None).await, Err(EnvelopeError::Locked { .. })));
    let right = Secrets::new().with_passphrase(passphrase(PASSPHRASE)).unwrap();
    let settings = add_key(store.as_ref(), &right, None).await.unwrap();
    assert_eq!(settings.encryption.unwrap().keys[1].wraps.len(), 2);
    // Each of both opens both keys.
    for secrets in [right, holding(&identity)] {
        write(&sealed(&store, &secrets), STATE, b"x").await;
        assert_eq!(read(&sealed(&store, &secrets), STATE).await.unwrap().unwrap(), b"x");
        store.delete(STATE).await.unwrap();
    }
}

#[tokio::test]
async fn who_changes_keys_at_once_does_not_undo_the_other() {
    let (_, store, secrets) = encrypted().await;
    let adding = || add_key(store.as_ref(), &secrets, None);
    let (a, b) = tokio::join!(adding(), adding());
    let (won, lost) = if a.is_ok() { (a, b) } else { (b, a) };
    assert_eq!(won.unwrap().encryption.unwrap().keys.len(), 2);
    assert!(matches!(lost, Err(EnvelopeError::Store(StoreError::Precondition { .. }))));
}

#[tokio::test]
async fn a_change_of_keys_that_is_killed_leaves_one_or_the_other() {
    for death in [Death::Before, Death::After] {
        for call in 0..10 {
            let (memory, store, old) = encrypted().await;
            write(&sealed(&store, &old), STATE, b"x").await;
            let (identity, recipients) = person();
            memory.die_at(call, death);
            let result = rewrap(store.as_ref(), &old, &[NewWrap::age(recipients)]).await;
            let died = memory.revive();
            assert_eq!(result.is_err(), died);
            let mut readers = 0;
            for secrets in [&old, &holding(&identity)] {
                readers += usize::from(read(&sealed(&store, secrets), STATE).await.is_ok());
            }
            assert_eq!(readers, 1, "{death:?} at {call}");
            if !died {
                break;
            }
            assert!(call < 9);
        }
    }
}

#[tokio::test]
async fn what_is_not_encrypted_has_no_keys_to_change() {
    let store: Arc<dyn Store> = Arc::new(Memory::default());
    assert!(matches!(add_key(store.as_ref(), &services(false), None).await, Err(EnvelopeError::NotEncrypted)));
    init(store.as_ref(), Retention { keep_last: Some(3), keep_days: None }).await.unwrap();
    assert!(matches!(rewrap(store.as_ref(), &services(false), &[]).await, Err(EnvelopeError::NotEncrypted)));
    assert!(matches!(init(store.as_ref(), Retention::default()).await, Err(EnvelopeError::SettingsExist)));
    assert_eq!(sealed(&store, &services(false)).retention().await.unwrap().keep_last, Some(3));
}
