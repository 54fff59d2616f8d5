//! Faults: what goes wrong, on which calls, and how often.
//!
//! A fault is written as `key=value` pairs separated by commas, or as a record with the same keys in YAML or JSON:
//!
//! ```text
//! effect=EFFECT            latency | throttle | server-error | capacity | denied
//!                          | cut-before | cut-after | exit-before | exit-after | not-visible | fail-at-end
//! service=NAME             AWS: the signing name: ec2, autoscaling, elasticloadbalancing, iam, route53, s3, sts;
//!                          Google: compute, iam, cloudresourcemanager, dns, storage
//! operation=GLOB           such as RunInstances, Create* or instances.insert
//! region=NAME
//! after=N                  leave the first N matching calls alone
//! times=N                  then strike N times and no more
//! every=N                  strike only each Nth of the calls that are left
//! ms=N                     with latency: how long
//! status=500|503           with server-error: which one (default 500)
//! code=CODE                with fail-at-end: the cloud's own code of the error, such as QUOTA_EXCEEDED
//! ```
//!
//! `not-visible` counts for each thing that is made while it is armed: the first `times` matching calls that name the thing
//! are answered as if it did not exist.

mod armed;
mod written;

pub use armed::Faults;
use serde::{Deserialize, Serialize};
pub use written::FaultError;
use written::Record;

/// A fault and the calls that it strikes. A filter that is not set matches every call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct Fault {
    /// The service's signing name.
    pub service: Option<String>,
    /// The operation; `*` stands for any run of characters.
    pub operation: Option<String>,
    /// The region that the request was signed for.
    pub region: Option<String>,
    /// How many matching calls are left alone first.
    pub after: u32,
    /// How many calls are struck; `None` for no end.
    pub times: Option<u32>,
    /// Only each nth of the calls after `after` is struck.
    pub every: u32,
    /// What happens.
    pub effect: Effect,
}

impl Fault {
    /// A fault that strikes every call.
    #[must_use]
    pub const fn new(effect: Effect) -> Self {
        Self { service: None, operation: None, region: None, after: 0, times: None, every: 1, effect }
    }

    /// Narrows the fault to operations that match the glob.
    #[must_use]
    pub fn on(mut self, operation: &str) -> Self {
        self.operation = Some(operation.to_owned());
        self
    }

    /// Leaves the first `after` matching calls alone.
    #[must_use]
    pub const fn after(mut self, after: u32) -> Self {
        self.after = after;
        self
    }

    /// Strikes at most `times` calls.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn matches(&self, service: &str, operation: &str, region: &str) -> bool {
        self.service.as_deref().is_none_or(|s| s == service)
            && self.region.as_deref().is_none_or(|r| r == region)
            && self.operation.as_deref().is_none_or(|glob| matches_glob(glob, operation))
    }
}

/// What a fault does to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The call waits before it is handled.
    Latency {
        /// How long, in milliseconds.
        ms: u64,
    },
    /// The service's own throttling error, without effect.
    Throttle,
    /// An internal error, without effect.
    ServerError {
        /// 500 or 503.
        status: u16,
    },
    /// No capacity for the machine that is asked for.
    Capacity,
    /// The caller lacks the permission.
    Denied,
    /// The caller's credentials have run out.
    Expired,
    /// The connection closes before anything has happened.
    CutBefore,
    /// The effect is done, then the connection closes without an answer.
    CutAfter,
    /// The whole process dies before anything has happened.
    ExitBefore,
    /// The effect is done and on disk, then the whole process dies.
    ExitAfter,
    /// What was just made is not found yet, without effect.
    NotVisible,
    /// The operation that the call begins ends in an error, and nothing has changed. A call that begins none is left alone.
    FailAtEnd {
        /// The cloud's own code of the error.
        code: String,
    },
}

/// Whether `*` and `?` of the pattern can be filled so that it equals the text.
pub(crate) fn matches_glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((star_p, star_t)) = star {
            p = star_p + 1;
            t = star_t + 1;
            star = Some((star_p, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_records_say_the_same() {
        let flag: Fault = "operation=Run*, effect=throttle,times=3,after=1".parse().unwrap();
        let record: Fault =
            serde_json::from_str(r#"{"operation":"Run*","effect":"throttle","times":3,"after":1}"#).unwrap();
        assert_eq!(flag, record);
        let again: Fault = serde_json::from_str(&serde_json::to_string(&flag).unwrap()).unwrap();
        assert_eq!(again, flag);
        let ends: Fault = "effect=fail-at-end,code=QUOTA_EXCEEDED".parse().unwrap();
        assert_eq!(ends.effect, Effect::FailAtEnd { code: "QUOTA_EXCEEDED".to_owned() });
        assert_eq!(serde_json::from_str::<Fault>(&serde_json::to_string(&ends).unwrap()).unwrap(), ends);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "effect",
            "effect=boom",
            "effect=latency",
            "effect=not-visible",
            "effect=throttle,ms=3",
            "effect=fail-at-end",
            "effect=throttle,code=QUOTA_EXCEEDED",
            "effect=denied,after=x",
        ] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Fault>(r#"{"effect":"denied","wat":1}"#).is_err());
    }

    #[test]
    fn strikes_are_counted() {
        let faults = Faults::default();
        faults.add("operation=A*,effect=throttle,after=1,times=2,every=2".parse().unwrap());
        let struck: Vec<bool> = (0..8).map(|_| faults.strike("ec2", "Ab", "r").1.is_some()).collect();
        assert_eq!(struck, [false, false, true, false, true, false, false, false]);
        assert_eq!(faults.strike("ec2", "Ba", "r"), (0, None));
    }

    #[test]
    fn globs_match() {
        assert!(matches_glob("*", ""));
        assert!(matches_glob("Create*Table", "CreateRouteTable"));
        assert!(!matches_glob("Create*Table", "CreateRouteTables"));
        assert!(matches_glob("a*b*c", "aXbYbc"));
    }
}
