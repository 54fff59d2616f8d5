//! What the journal costs an apply, with a store that is nearly as slow as the cloud.

use std::time::Duration;

use async_trait::async_trait;
use meridian_engine::apply::{Ports, apply};
use meridian_engine::journal::{Durable, Entry, Journal, JournalError};
use meridian_engine::{Graph, Ref};
use tokio::sync::{mpsc, oneshot, watch};

use crate::cloud::{Bench, Link};

/// How long the store takes for one write.
const WRITE: Duration = Duration::from_millis(900);

/// A journal that writes one segment after another; what arrives in the meantime goes into the next one together.
struct Slow(mpsc::UnboundedSender<oneshot::Sender<()>>);

impl Slow {
    fn start() -> Self {
        let (sender, mut receiver) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
        tokio::spawn(async move {
            while let Some(first) = receiver.recv().await {
                let mut segment = vec![first];
                while let Ok(next) = receiver.try_recv() {
                    segment.push(next);
                }
                tokio::time::sleep(WRITE).await;
                // Who wrote an outcome does not wait for it.
                for line in segment {
                    let _ = line.send(());
                }
            }
        });
        Self(sender)
    }
}

#[async_trait]
impl Journal for Slow {
    fn write(&self, _: Entry) -> Durable {
        let (line, written) = oneshot::channel();
        self.0.send(line).unwrap();
        Box::pin(async { written.await.map_err(|error| JournalError(error.into())) })
    }

    fn is_held(&self) -> bool {
        true
    }

    async fn may_send(&self) -> Result<(), JournalError> {
        Ok(())
    }

    async fn flush(&self) -> Result<(), JournalError> {
        let (line, written) = oneshot::channel();
        self.0.send(line).unwrap();
        written.await.map_err(|error| JournalError(error.into()))
    }
}

fn chain(length: u32) -> Graph {
    let mut graph = Graph::new();
    let mut before: Option<Ref<Link>> = None;
    for number in 0..length {
        before = Some(graph.add(&number.to_string(), Link { before }).unwrap());
    }
    graph
}

/// Each change waits for the one before, so that nothing hides a wait for the store: yet only the first change's intent
/// and the last one's outcome cost time, however long the chain is.
#[tokio::test(start_paused = true)]
async fn the_journal_is_off_the_critical_path() {
    for length in [1, 2, 10, 40] {
        let bench = Bench::default();
        for (graph, destroy) in [(chain(length), false), (Graph::new(), true)] {
            let plan = bench.plan(&graph, destroy).unwrap();
            let journal = Slow::start();
            let ports = Ports { executor: bench.cloud.as_ref(), journal: &journal, events: &bench.told };
            let report = apply(&plan, ports, watch::channel(false).1).await.unwrap();
            assert!(report.is_complete(), "{:?}", report.failed);
            let calls = Duration::from_secs(length.into());
            assert_eq!(report.wall, WRITE + calls + WRITE, "{length} changes, destroy: {destroy}");
        }
    }
}
