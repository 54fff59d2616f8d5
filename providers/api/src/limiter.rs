//! Token buckets, one for each limit that a cloud sets, shared by everything that calls it.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::{DefaultDirectRateLimiter, Quota};

/// A limit that the cloud sets on a set of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// Calls that share a limit share its name (`ec2:read`).
    pub name: &'static str,
    /// Calls at once after a pause.
    pub burst: NonZeroU32,
    /// Calls a second, in the long run.
    pub per_second: NonZeroU32,
}

impl Bucket {
    /// A bucket; zeros count as one.
    #[must_use]
    pub const fn new(name: &'static str, burst: u32, per_second: u32) -> Self {
        const fn at_least_one(n: u32) -> NonZeroU32 {
            match NonZeroU32::new(n) {
                Some(n) => n,
                None => NonZeroU32::MIN,
            }
        }
        Self { name, burst: at_least_one(burst), per_second: at_least_one(per_second) }
    }
}

/// The buckets of one account, by name and region.
#[derive(Debug, Default)]
pub struct Limiter {
    buckets: Mutex<HashMap<(&'static str, String), Arc<DefaultDirectRateLimiter>>>,
}

impl Limiter {
    /// Waits for a token and returns how long that took.
    pub async fn wait(&self, bucket: Bucket, region: &str) -> Duration {
        let limiter = {
            let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
            let quota = Quota::per_second(bucket.per_second).allow_burst(bucket.burst);
            Arc::clone(
                buckets
                    .entry((bucket.name, region.to_owned()))
                    .or_insert_with(|| Arc::new(DefaultDirectRateLimiter::direct(quota))),
            )
        };
        if limiter.check().is_ok() {
            return Duration::ZERO;
        }
        let start = Instant::now();
        limiter.until_ready().await;
        start.elapsed()
    }
}
