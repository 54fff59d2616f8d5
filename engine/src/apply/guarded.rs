//! A change goes on only while nobody else has taken over.
//!
//! A change is more than one call: it asks again, sets what can't be given at first, and waits. A process that was stopped
//! in the middle of one and wakes up after its lease ran out would go on with the next call, beside its successor.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::journal::{Journal, JournalError};

/// Carries `change` on as long as it may be sent, and drops it once someone else has taken over.
///
/// # Guarantees
/// Each time the change could take a step it is asked first whether it may. What is in doubt is waited for, and the change
/// stands still meanwhile.
pub(super) async fn guarded<T>(journal: &dyn Journal, change: impl Future<Output = T>) -> Result<T, JournalError> {
    let mut change = pin!(change);
    loop {
        let step = poll_fn(
            |context| {
                if journal.is_held() { change.as_mut().poll(context).map(Some) } else { Poll::Ready(None) }
            },
        );
        match step.await {
            Some(done) => return Ok(done),
            None => journal.may_send().await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::journal::{Durable, Entry};

    /// The lease of a process that sleeps over its expiry after the first call of a change.
    struct Sleepy {
        held: AtomicBool,
        is_renewed: bool,
    }

    #[async_trait]
    impl Journal for Sleepy {
        fn write(&self, _: Entry) -> Durable {
            Box::pin(async { Ok(()) })
        }

        fn is_held(&self) -> bool {
            self.held.load(Ordering::SeqCst)
        }

        async fn may_send(&self) -> Result<(), JournalError> {
            self.held.store(self.is_renewed, Ordering::SeqCst);
            if self.is_renewed { Ok(()) } else { Err(JournalError("taken over".into())) }
        }

        async fn flush(&self) -> Result<(), JournalError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn who_was_overtaken_in_the_middle_of_a_change_does_not_end_it() {
        for is_renewed in [true, false] {
            let journal = Sleepy { held: AtomicBool::new(true), is_renewed };
            let calls = AtomicUsize::new(0);
            let change = async {
                calls.fetch_add(1, Ordering::SeqCst);
                journal.held.store(false, Ordering::SeqCst);
                tokio::task::yield_now().await;
                calls.fetch_add(1, Ordering::SeqCst);
            };
            assert_eq!(guarded(&journal, change).await.is_ok(), is_renewed);
            assert_eq!(calls.into_inner(), 1 + usize::from(is_renewed));
        }
    }
}
