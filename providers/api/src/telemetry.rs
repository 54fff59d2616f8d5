//! Counting: every attempt of every call, with when it began and ended.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// Takes every attempt in; shared by all clients of a cluster.
#[derive(Debug)]
pub struct Telemetry {
    start: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    calls: Vec<(String, Instant, Instant)>,
    retries: usize,
    throttle_wait: Duration,
}

/// What a run cost, as `-v` and the JSON output report it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    pub api_calls: ApiCalls,
    /// The longest chain of calls of which each began after the one before had ended, as they were timed: what latency
    /// multiplies with. Where it is too short to hold calls together that could run side by side (an emulator on loopback),
    /// chance makes the chain longer than any one call has to wait; with latency it is what the code waits for.
    pub round_trips: usize,
    /// Attempts after the first.
    pub retries: usize,
    /// Time that calls spent waiting for the cloud's rate limits, added up. Milliseconds.
    pub throttle_wait_ms: u64,
    /// Milliseconds since the run began.
    pub wall_ms: u64,
    /// Beside the calls to the cloud.
    pub store: StoreStats,
}

/// What the store of the state was asked. What the store's client repeats by itself is within one call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StoreStats {
    pub calls: ApiCalls,
    /// As in [`Stats`].
    pub round_trips: usize,
}

/// Calls, attempts included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ApiCalls {
    pub total: usize,
    pub by_operation: BTreeMap<String, usize>,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { start: Instant::now(), inner: Mutex::default() }
    }
}

impl Telemetry {
    /// An attempt that began at `begin` and ends now. `operation` is `ec2:CreateVpc`.
    pub fn attempt(&self, operation: String, begin: Instant) {
        let mut inner = self.lock();
        inner.calls.push((operation, begin, Instant::now()));
    }

    /// One attempt more than the first.
    pub fn retry(&self) {
        self.lock().retries += 1;
    }

    /// Time spent waiting for a token.
    pub fn waited(&self, time: Duration) {
        self.lock().throttle_wait += time;
    }

    /// What it came to so far, without what the store of the state was asked.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Self::total([self])
    }

    /// What several came to together, since the first of them began.
    #[must_use]
    pub fn total<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Stats {
        let (mut all, mut start) = (Inner::default(), Instant::now());
        for part in parts {
            let inner = part.lock();
            all.calls.extend(inner.calls.iter().cloned());
            all.retries += inner.retries;
            all.throttle_wait += inner.throttle_wait;
            start = start.min(part.start);
        }
        let mut by_operation = BTreeMap::new();
        for (operation, _, _) in &all.calls {
            *by_operation.entry(operation.clone()).or_default() += 1;
        }
        Stats {
            api_calls: ApiCalls { total: all.calls.len(), by_operation },
            round_trips: longest_chain(&all.calls),
            retries: all.retries,
            throttle_wait_ms: millis(all.throttle_wait),
            wall_ms: millis(start.elapsed()),
            store: StoreStats::default(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The largest set of calls that do not overlap: taken greedily by their end.
fn longest_chain(calls: &[(String, Instant, Instant)]) -> usize {
    let mut spans: Vec<(Instant, Instant)> = calls.iter().map(|(_, begin, end)| (*end, *begin)).collect();
    spans.sort_unstable();
    let mut last = None;
    let mut length = 0;
    for (end, begin) in spans {
        if last.is_none_or(|last| begin >= last) {
            last = Some(end);
            length += 1;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_side_by_side_are_one_round_trip() {
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        let call = |begin, end| (String::new(), ms(begin), ms(end));
        assert_eq!(longest_chain(&[call(0, 50), call(1, 52), call(2, 49)]), 1);
        assert_eq!(longest_chain(&[call(0, 50), call(1, 52), call(53, 90), call(91, 100)]), 3);
        assert_eq!(longest_chain(&[]), 0);
    }

    #[test]
    fn several_add_up_and_each_keeps_its_own() {
        let (one, other) = (Telemetry::default(), Telemetry::default());
        one.attempt("s:A".to_owned(), Instant::now());
        other.attempt("s:A".to_owned(), Instant::now());
        other.attempt("s:B".to_owned(), Instant::now());
        other.retry();
        let count = |stats: Stats| (stats.api_calls.total, stats.api_calls.by_operation.len(), stats.retries);
        assert_eq!(count(one.stats()), (1, 1, 0));
        assert_eq!(count(other.stats()), (2, 2, 1));
        assert_eq!(count(Telemetry::total([&one, &other])), (3, 2, 1));
    }
}
