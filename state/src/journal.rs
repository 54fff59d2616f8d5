//! The journal of one apply, as numbered segments in the store.
//!
//! Entries that arrive while a segment is being written go into the next one together, so that many concurrent changes
//! cost one write. Apply announces what will come next while a change is under way, and waits, before it sends a change, for
//! that change's own intent only: so its intent is durable before each change, and the store's round trips pass while
//! the cloud works.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt as _;
use meridian_engine::journal::{Durable, Entry, Journal, JournalError};
use meridian_engine::state::FORMAT_VERSION;
use tokio::sync::{mpsc, oneshot};

use crate::clusters::{Clusters, Loaded, StateError};
use crate::format::{Segment, damaged, nonce};
use crate::lease::{Held, Lease};
use crate::store::{Condition, Store, StoreError};

type Answer = oneshot::Sender<Result<(), Arc<StateError>>>;

/// A journal in a store.
pub struct StoreJournal {
    sender: mpsc::UnboundedSender<Line>,
    held: Held,
}

/// Something to write, and whom to tell once it is durable.
struct Line {
    entry: Option<Entry>,
    answer: Answer,
}

impl StoreJournal {
    /// The journal of an apply on top of `loaded`.
    pub fn new(clusters: &Clusters, loaded: &Loaded, lease: &Lease) -> Result<Self, StateError> {
        let prefix = Clusters::journal_prefix(&loaded.state.cluster, loaded.state.serial)?;
        let (sender, receiver) = mpsc::unbounded_channel();
        let writer = Writer {
            store: Arc::clone(clusters.store()),
            prefix,
            fence: lease.fence,
            number: loaded.segments,
            unwritten: None,
            entries: Vec::new(),
        };
        tokio::spawn(writer.run(receiver));
        Ok(Self { sender, held: lease.held() })
    }

    fn send(&self, entry: Option<Entry>) -> Durable {
        let (answer, answered) = oneshot::channel();
        // A writer that has stopped drops the answer, which is told below.
        let _ = self.sender.send(Line { entry, answer });
        answered
            .map(|answer| match answer {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(JournalError(Box::new(error))),
                Err(_) => Err(JournalError("the journal's writer has stopped".into())),
            })
            .boxed()
    }
}

#[async_trait]
impl Journal for StoreJournal {
    fn write(&self, entry: Entry) -> Durable {
        self.send(Some(entry))
    }

    fn is_held(&self) -> bool {
        self.held.now()
    }

    /// Refuses once the lease is lost: so whoever was overtaken (a machine that slept) begins nothing more beside its
    /// successor.
    async fn may_send(&self) -> Result<(), JournalError> {
        self.held.clone().check().await.map_err(|error| JournalError(Box::new(error)))
    }

    async fn flush(&self) -> Result<(), JournalError> {
        self.send(None).await
    }
}

struct Writer {
    store: Arc<dyn Store>,
    prefix: String,
    fence: u64,
    number: u64,
    /// The body of the present number, if it was sent and not answered: it may stand there, so that nothing else may be
    /// written in its place.
    unwritten: Option<Vec<u8>>,
    entries: Vec<Entry>,
}

impl Writer {
    /// Writes segment after segment until every sender is gone. What could not be written is kept and written first the
    /// next time, so that no outcome is lost to a passing fault.
    async fn run(mut self, mut receiver: mpsc::UnboundedReceiver<Line>) {
        while let Some(line) = receiver.recv().await {
            let mut answers = Vec::new();
            let mut next = Some(line);
            while let Some(line) = next {
                self.entries.extend(line.entry);
                answers.push(line.answer);
                next = receiver.try_recv().ok();
            }
            let result = self.drain().await.map_err(Arc::new);
            for answer in answers {
                // Whoever asked may have been dropped.
                let _ = answer.send(result.clone());
            }
        }
    }

    /// Writes everything there is.
    async fn drain(&mut self) -> Result<(), StateError> {
        loop {
            let bytes = match self.unwritten.take() {
                Some(bytes) => bytes,
                None if self.entries.is_empty() => return Ok(()),
                None => self.body()?,
            };
            let key = Clusters::segment_key(&self.prefix, self.number);
            if let Err(error) = self.store.put(&key, &bytes, Condition::Absent).await {
                self.unwritten = Some(bytes);
                // The place of the next segment is taken: by the seal of a successor.
                return Err(match error {
                    StoreError::Precondition { .. } => StateError::LeaseLost,
                    error => error.into(),
                });
            }
            self.number += 1;
        }
    }

    fn body(&mut self) -> Result<Vec<u8>, StateError> {
        let segment = Segment {
            format_version: FORMAT_VERSION,
            fence: self.fence,
            nonce: nonce(),
            seal: false,
            sealed_at: None,
            entries: std::mem::take(&mut self.entries),
        };
        serde_json::to_vec(&segment).map_err(|source| damaged(&self.prefix, source))
    }
}
