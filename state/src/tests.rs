//! The protocol, on a directory.

use std::sync::Arc;
use std::time::Duration;

use meridian_engine::Address;
use meridian_engine::journal::{Entry, Journal as _};
use meridian_engine::state::{FORMAT_VERSION, Intent, Record, State, Verb};

use crate::history::{Difference, Retention};
use crate::lease::{Ask, Lease};
use crate::{Clusters, FileStore, Owner, StateError, StoreError, StoreJournal};

mod round_trips;

fn owner(user: &str) -> Owner {
    Owner {
        user: user.into(),
        host: "h".into(),
        process: 1,
        process_space: String::new(),
        run_url: None,
        command: "create".into(),
    }
}

fn address(name: &str) -> Address {
    Address::new("demo_thing", name).unwrap()
}

fn made(name: &str) -> Entry {
    let record = Record { id: format!("id-{name}"), fields: [].into(), computed: [].into(), depends_on: [].into() };
    Entry::Made { address: address(name), record }
}

fn clusters(dir: &tempfile::TempDir) -> Clusters {
    Clusters::new(Arc::new(FileStore::new(dir.path())))
}

fn ask(owner: Owner) -> Ask<'static> {
    Ask { owner, is_dead: &|_| false, patience: Duration::ZERO, waiting: &|_| {} }
}

async fn take(clusters: &Clusters, owner: Owner) -> Result<Lease, StateError> {
    clusters.acquire("demo", ask(owner)).await
}

fn intent(name: &str) -> Entry {
    Entry::Intent { address: address(name), intent: Intent { verb: Verb::Create, seed: "s".into() } }
}

fn new_state() -> State {
    State::new("demo", "aws", "eu-west-1", "lineage".into())
}

#[tokio::test]
async fn a_journal_is_taken_in_and_dropped_with_the_next_write() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let lease = take(&clusters, owner("a")).await.unwrap();
    let first = clusters.write(&lease, &owner("a"), None, new_state()).await.unwrap();
    let journal = StoreJournal::new(&clusters, &first, &lease).unwrap();
    journal.write(intent("a")).await.unwrap();
    drop(journal.write(made("a")));
    journal.write(intent("b")).await.unwrap();
    journal.flush().await.unwrap();

    let loaded = clusters.load("demo").await.unwrap().unwrap();
    assert!(loaded.interrupted);
    assert_eq!(loaded.state.resources.keys().collect::<Vec<_>>(), [&address("a")]);
    assert_eq!(loaded.state.intents.keys().collect::<Vec<_>>(), [&address("b")]);

    let written = clusters.write(&lease, &owner("a"), Some(&loaded), loaded.state.clone()).await.unwrap();
    assert_eq!(written.state.serial, 2);
    let again = clusters.load("demo").await.unwrap().unwrap();
    assert!(!again.interrupted);
    assert_eq!(again.state, written.state);
    assert_eq!(clusters.history("demo").await.unwrap().len(), 2);
    assert_eq!(clusters.at("demo", 1).await.unwrap().resources.len(), 0);
}

#[tokio::test]
async fn a_lease_keeps_others_out_until_it_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let lease = take(&clusters, owner("a")).await.unwrap();
    let refused = take(&clusters, owner("b")).await.unwrap_err();
    assert!(matches!(refused, StateError::Held { owner, .. } if owner.user == "a"));
    assert_eq!(clusters.holder("demo").await.unwrap().unwrap().0.user, "a");
    let begun = lease.fence;
    lease.release().await.unwrap();
    let second = take(&clusters, owner("b")).await.unwrap();
    assert!(second.fence > begun);
    let ask = Ask { is_dead: &|holder| holder.user == "b", ..ask(owner("c")) };
    let third = clusters.acquire("demo", ask).await.unwrap();
    assert!(third.fence > second.fence);
}

#[tokio::test]
async fn who_lost_the_lease_cannot_write_over_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let slow = take(&clusters, owner("slow")).await.unwrap();
    let first = clusters.write(&slow, &owner("slow"), None, new_state()).await.unwrap();
    clusters.unlock("demo").await.unwrap();
    let quick = take(&clusters, owner("quick")).await.unwrap();
    clusters.write(&quick, &owner("quick"), Some(&first), first.state.clone()).await.unwrap();
    let late = clusters.write(&slow, &owner("slow"), Some(&first), first.state.clone()).await;
    assert!(late.is_err());
    assert_eq!(clusters.history("demo").await.unwrap().last().unwrap().written_by.user, "quick");
}

/// The lease was taken away and the next holder has come to its end, seconds after the last heartbeat of the first.
#[tokio::test]
async fn who_still_believes_in_its_lease_writes_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let slow = take(&clusters, owner("slow")).await.unwrap();
    let begun = clusters.write(&slow, &owner("slow"), None, new_state()).await.unwrap();
    let journal = StoreJournal::new(&clusters, &begun, &slow).unwrap();
    journal.write(intent("a")).await.unwrap();
    clusters.unlock("demo").await.unwrap();

    let quick = take(&clusters, owner("quick")).await.unwrap();
    let seen = clusters.load("demo").await.unwrap().unwrap();
    let mut written = clusters.write(&quick, &owner("quick"), Some(&seen), seen.state.clone()).await.unwrap();
    for _ in 0..3 {
        written = clusters.write(&quick, &owner("quick"), Some(&written), written.state.clone()).await.unwrap();
        clusters.prune("demo", &written, Retention::default()).await.unwrap();
    }
    quick.release().await.unwrap();

    slow.check().await.unwrap();
    journal.write(intent("b")).await.unwrap_err();
    let present = clusters.load("demo").await.unwrap().unwrap();
    let late = clusters.write(&slow, &owner("slow"), Some(&present), present.state.clone()).await;
    assert!(matches!(late, Err(StateError::LeaseLost)), "{late:?}");
    assert_eq!(clusters.load("demo").await.unwrap().unwrap().state, written.state);
    // Nor does a lease that was removed begin again below what was written.
    std::fs::remove_file(dir.path().join("clusters/demo/lease.json")).unwrap();
    let next = take(&clusters, owner("next")).await.unwrap();
    clusters.write(&next, &owner("next"), Some(&present), present.state.clone()).await.unwrap();
}

#[tokio::test]
async fn what_is_damaged_or_newer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let lease = take(&clusters, owner("a")).await.unwrap();
    clusters.write(&lease, &owner("a"), None, new_state()).await.unwrap();
    let path = dir.path().join("clusters/demo/state.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let newer = text.replacen(&format!("\"format_version\":{FORMAT_VERSION}"), "\"format_version\":99", 1);
    std::fs::write(&path, newer).unwrap();
    assert!(matches!(clusters.load("demo").await, Err(StateError::Format { found: 99, .. })));
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(matches!(clusters.load("demo").await, Err(StateError::Damaged { .. })));
    assert!(matches!(clusters.load("../demo").await, Err(StateError::Name { .. })));
}

#[tokio::test]
async fn numbers_that_have_no_successor_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let lease = take(&clusters, owner("a")).await.unwrap();
    clusters.write(&lease, &owner("a"), None, new_state()).await.unwrap();
    lease.release().await.unwrap();
    let most = |name: &str, field: &str| {
        let path = dir.path().join("clusters/demo").join(name);
        let mut file: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        *file.pointer_mut(field).unwrap() = u64::MAX.into();
        std::fs::write(&path, serde_json::to_vec(&file).unwrap()).unwrap();
    };
    most("state.json", "/state/serial");
    assert!(matches!(clusters.load("demo").await, Err(StateError::Damaged { .. })));
    most("lease.json", "/fence");
    assert!(matches!(take(&clusters, owner("b")).await, Err(StateError::Damaged { .. })));
}

#[tokio::test]
async fn a_history_entry_that_a_crash_swallowed_is_made_good() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let lease = take(&clusters, owner("a")).await.unwrap();
    let first = clusters.write(&lease, &owner("a"), None, new_state()).await.unwrap();
    for entry in std::fs::read_dir(dir.path().join("clusters/demo/history")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    clusters.write(&lease, &owner("a"), Some(&first), first.state.clone()).await.unwrap();
    let serials: Vec<_> = clusters.history("demo").await.unwrap().iter().map(|entry| entry.serial).collect();
    assert_eq!(serials, [1, 2]);
}

#[tokio::test]
async fn who_lost_the_lease_begins_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let lease = take(&clusters, owner("slow")).await.unwrap();
    let first = clusters.write(&lease, &owner("slow"), None, new_state()).await.unwrap();
    let journal = StoreJournal::new(&clusters, &first, &lease).unwrap();
    journal.write(intent("a")).await.unwrap();
    journal.may_send().await.unwrap();
    assert!(journal.is_held());
    lease.lose();
    assert!(!journal.is_held());
    assert!(journal.may_send().await.is_err());
    // What was in flight may still be written down.
    drop(journal.write(made("a")));
    journal.flush().await.unwrap();
}

#[tokio::test]
async fn a_successor_seals_the_journal_of_a_holder_that_did_not_end() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let slow = take(&clusters, owner("slow")).await.unwrap();
    let first = clusters.write(&slow, &owner("slow"), None, new_state()).await.unwrap();
    let journal = StoreJournal::new(&clusters, &first, &slow).unwrap();
    journal.write(intent("a")).await.unwrap();

    clusters.unlock("demo").await.unwrap();
    let quick = take(&clusters, owner("quick")).await.unwrap();
    let loaded = clusters.load("demo").await.unwrap().unwrap();
    let second = clusters.write(&quick, &owner("quick"), Some(&loaded), loaded.state.clone()).await.unwrap();
    assert!(second.state.intents.contains_key(&address("a")));

    // The first one has not heard of it, and still can't write down that it begins something.
    let refused = journal.write(intent("b")).await.unwrap_err();
    assert!(matches!(refused.0.to_string().as_str(), text if text.contains("taken over")), "{refused:?}");
    assert!(journal.write(intent("c")).await.is_err(), "and never again");
    assert_eq!(clusters.load("demo").await.unwrap().unwrap().state, second.state);
}

#[tokio::test]
async fn what_is_written_under_a_journal_that_grew_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let slow = take(&clusters, owner("slow")).await.unwrap();
    let first = clusters.write(&slow, &owner("slow"), None, new_state()).await.unwrap();
    let journal = StoreJournal::new(&clusters, &first, &slow).unwrap();
    clusters.unlock("demo").await.unwrap();
    let quick = take(&clusters, owner("quick")).await.unwrap();
    let loaded = clusters.load("demo").await.unwrap().unwrap();
    journal.write(intent("a")).await.unwrap();
    // It was read before that intent was written, and would lose it.
    let written = clusters.write(&quick, &owner("quick"), Some(&loaded), loaded.state.clone()).await;
    assert!(matches!(written, Err(StateError::Store(StoreError::Precondition { .. }))));
    let loaded = clusters.load("demo").await.unwrap().unwrap();
    clusters.write(&quick, &owner("quick"), Some(&loaded), loaded.state.clone()).await.unwrap();
}

#[tokio::test]
async fn one_waits_for_a_lease_as_long_as_one_was_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let first = take(&clusters, owner("first")).await.unwrap();
    let waits = Ask { patience: Duration::from_millis(50), ..ask(owner("second")) };
    assert!(matches!(clusters.acquire("demo", waits).await, Err(StateError::Held { .. })));
    let told = std::sync::atomic::AtomicUsize::new(0);
    let waiting = |holder: &Owner| {
        assert_eq!(holder.user, "first");
        told.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    let ask = Ask { patience: Duration::from_mins(1), waiting: &waiting, ..ask(owner("second")) };
    let begun = first.fence;
    let (second, released) = tokio::join!(clusters.acquire("demo", ask), first.release());
    released.unwrap();
    assert!(second.unwrap().fence > begun);
    assert!(told.load(std::sync::atomic::Ordering::Relaxed) <= 1);
}

#[tokio::test]
async fn a_removed_cluster_leaves_a_note_on_which_its_successor_writes() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let lease = take(&clusters, owner("a")).await.unwrap();
    let first = clusters.write(&lease, &owner("a"), None, new_state()).await.unwrap();
    clusters.remove(&lease, &owner("a"), &first).await.unwrap();
    assert!(clusters.load("demo").await.unwrap().is_none());
    assert_eq!(clusters.list().await.unwrap(), Vec::<String>::new());
    let again = clusters.write(&lease, &owner("a"), None, new_state()).await.unwrap();
    assert_eq!(again.state.serial, 3);
    // Whoever still has the first one in hand can neither write nor remove.
    assert!(clusters.remove(&lease, &owner("a"), &first).await.is_err());
    assert!(clusters.write(&lease, &owner("a"), None, new_state()).await.is_err());
    assert_eq!(clusters.list().await.unwrap(), ["demo"]);
}

#[tokio::test]
async fn one_can_go_back_and_prune_what_is_old() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let lease = take(&clusters, owner("a")).await.unwrap();
    let mut present = clusters.write(&lease, &owner("a"), None, new_state()).await.unwrap();
    for name in ["one", "two", "three"] {
        let mut state = present.state.clone();
        state.fold([made(name)]);
        present = clusters.write(&lease, &owner("a"), Some(&present), state).await.unwrap();
    }
    let second = clusters.at("demo", 2).await.unwrap();
    let difference = Difference::between(&second, &present.state);
    assert_eq!(difference.added, [address("three"), address("two")].into());
    let back = clusters.roll_back(&lease, &owner("a"), &present, 2).await.unwrap();
    assert_eq!((back.state.serial, back.state.resources.len()), (5, 1));
    assert!(Difference::between(&second, &back.state).is_empty());
    assert!(matches!(clusters.at("demo", 9).await, Err(StateError::NoSerial { serial: 9, .. })));

    let none = Retention::default();
    assert_eq!(clusters.prune("demo", &back, none).await.unwrap(), Vec::<u64>::new());
    let young = Retention { keep_last: Some(1), keep_days: Some(1) };
    assert_eq!(clusters.prune("demo", &back, young).await.unwrap(), Vec::<u64>::new());
    let two = Retention { keep_last: Some(2), keep_days: None };
    assert_eq!(clusters.prune("demo", &back, two).await.unwrap(), [1, 2, 3]);
    let zero = Retention { keep_last: Some(0), keep_days: None };
    assert_eq!(clusters.prune("demo", &back, zero).await.unwrap(), [4]);
    assert_eq!(clusters.history("demo").await.unwrap().len(), 1);
    assert_eq!(clusters.load("demo").await.unwrap().unwrap().state.serial, 5);
}

/// A store as an earlier version left it: an apply that died between the removal of a machine and its successor's birth.
fn fixture(version: u32) -> (tempfile::TempDir, Clusters) {
    fn copy(from: &std::path::Path, to: &std::path::Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &to.join(entry.file_name()));
            } else {
                std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/v{version}"));
    copy(&source, dir.path());
    let clusters = clusters(&dir);
    (dir, clusters)
}

#[tokio::test]
async fn what_every_earlier_version_left_is_read_and_carried_forward() {
    for version in 1..=FORMAT_VERSION {
        let (dir, clusters) = fixture(version);
        let loaded = clusters.load("old").await.unwrap().unwrap();
        assert!(loaded.interrupted, "version {version}");
        let machine: Address = "aws_instance.control-plane-0".parse().unwrap();
        assert_eq!(loaded.state.intents[&machine].verb, Verb::Create, "version {version}");
        assert!(!loaded.state.resources.contains_key(&machine), "version {version}");
        assert!(!clusters.history("old").await.unwrap().is_empty());

        let lease = clusters.acquire("old", Ask { is_dead: &|_| true, ..ask(owner("new")) }).await.unwrap();
        let state = loaded.state.clone();
        let written = clusters.write(&lease, &owner("new"), Some(&loaded), state).await.unwrap();
        assert_eq!(clusters.load("old").await.unwrap().unwrap().state, written.state, "version {version}");
        let text = std::fs::read_to_string(dir.path().join("clusters/old/state.json")).unwrap();
        assert!(text.contains(&format!("\"format_version\":{FORMAT_VERSION}")));
    }
}

/// What the fuzz target begins with has to be what it reads, or it begins with nothing.
#[test]
fn the_seeds_of_states_are_states() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/state_file");
    for (name, segments) in [("v1", 3), ("v2-alone", 0), ("v2-gone", 0), ("v2-journal", 3), ("v3-alone", 0)] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let mut parts = bytes.split(|byte| *byte == 0);
        let read = crate::format::state(name, parts.next().unwrap()).unwrap();
        let forgets = |address: &str| read.state.forgotten.contains(&address.parse().unwrap(), "id-x");
        assert_eq!(forgets("demo_thing.any"), name != "v1", "{name}");
        assert_eq!(forgets("demo_other.any"), name == "v3-alone", "{name}");
        let parts: Vec<_> = parts.map(|part| crate::format::segment(name, part).unwrap()).collect();
        assert_eq!(parts.len(), segments, "{name}");
    }
}
