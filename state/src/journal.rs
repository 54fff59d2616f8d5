//! The journal of one apply, as numbered segments in the store.
//!
//! Entries that arrive while a segment is being written go into the next one together, so that many concurrent changes
//! cost one write, and each change still waits until its own intent is durable.

use std::sync::Arc;

use async_trait::async_trait;
use meridian_engine::journal::{Entry, Journal, JournalError};
use tokio::sync::{mpsc, oneshot};

use crate::clusters::{Clusters, Loaded, StateError};
use crate::lease::{Held, Lease};
use crate::store::{Condition, Store, StoreError};

type Answer = oneshot::Sender<Result<(), Arc<StoreError>>>;

/// A journal in a store.
pub struct StoreJournal {
    sender: mpsc::UnboundedSender<Line>,
    held: Held,
}

/// Something to write, to be answered once it is durable, or both.
struct Line {
    entry: Option<Entry>,
    answer: Option<Answer>,
}

impl StoreJournal {
    /// The journal of an apply on top of `loaded`.
    pub fn new(clusters: &Clusters, loaded: &Loaded, lease: &Lease) -> Result<Self, StateError> {
        let prefix = Clusters::journal_prefix(&loaded.state.cluster, loaded.state.serial)?;
        let (sender, receiver) = mpsc::unbounded_channel();
        let prefix = format!("{prefix}{:010}-", lease.fence);
        tokio::spawn(write(Arc::clone(clusters.store()), prefix, receiver));
        Ok(Self { sender, held: lease.held() })
    }

    async fn send(&self, entry: Option<Entry>) -> Result<(), JournalError> {
        let (answer, answered) = oneshot::channel();
        let closed = || JournalError("the journal's writer has stopped".into());
        self.sender.send(Line { entry, answer: Some(answer) }).map_err(|_| closed())?;
        match answered.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(JournalError(Box::new(error))),
            Err(_) => Err(closed()),
        }
    }
}

#[async_trait]
impl Journal for StoreJournal {
    /// Refuses once the lease is lost: each change asks here first, so that whoever was overtaken (a machine that slept)
    /// begins nothing more beside its successor.
    async fn record(&self, entry: Entry) -> Result<(), JournalError> {
        self.held.check().await.map_err(|error| JournalError(Box::new(error)))?;
        self.send(Some(entry)).await
    }

    fn note(&self, entry: Entry) {
        // When the writer has stopped, the next intent fails and says so.
        let _ = self.sender.send(Line { entry: Some(entry), answer: None });
    }

    async fn flush(&self) -> Result<(), JournalError> {
        self.send(None).await
    }
}

/// Writes segment after segment until every sender is gone. What could not be written is kept and goes into the next
/// segment, so that no outcome is lost to a passing fault.
async fn write(store: Arc<dyn Store>, prefix: String, mut receiver: mpsc::UnboundedReceiver<Line>) {
    let mut number = 0u64;
    let mut entries = Vec::new();
    while let Some(line) = receiver.recv().await {
        let mut answers = Vec::new();
        let mut next = Some(line);
        while let Some(line) = next {
            entries.extend(line.entry);
            answers.extend(line.answer);
            next = receiver.try_recv().ok();
        }
        let result = if entries.is_empty() { Ok(()) } else { segment(store.as_ref(), &prefix, number, &entries).await };
        let result = result.map_err(Arc::new);
        if result.is_ok() && !entries.is_empty() {
            number += 1;
            entries.clear();
        }
        for answer in answers {
            // Whoever asked may have been dropped.
            let _ = answer.send(result.clone());
        }
    }
}

async fn segment(store: &dyn Store, prefix: &str, number: u64, entries: &[Entry]) -> Result<(), StoreError> {
    let key = format!("{prefix}{number:010}.json");
    let bytes = serde_json::to_vec(entries).map_err(|source| StoreError::Io {
        verb: crate::store::Verb::Write,
        key: key.clone(),
        store: "the journal".to_owned(),
        source: Box::new(source),
    })?;
    store.put(&key, &bytes, Condition::Absent).await.map(|_| ())
}
