//! Faults: what goes wrong, on which calls, and how often.
//!
//! A fault is written as `key=value` pairs separated by commas, or as a record with the same keys in YAML or JSON:
//!
//! ```text
//! effect=EFFECT            latency | throttle | server-error | capacity | denied
//!                          | cut-before | cut-after | exit-before | exit-after | not-visible
//! service=NAME             the signing name: ec2, autoscaling, elasticloadbalancing, iam, route53, s3, sts
//! operation=GLOB           such as RunInstances or Create*
//! region=NAME
//! after=N                  leave the first N matching calls alone
//! times=N                  then strike N times and no more
//! every=N                  strike only each Nth of the calls that are left
//! ms=N                     with latency: how long
//! status=500|503           with server-error: which one (default 500)
//! ```
//!
//! `not-visible` counts for each thing that is made while it is armed: the first `times` matching calls that name the thing
//! are answered as if it did not exist.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

/// A fault that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// A part of the text is not `key=value`.
    #[error("`{0}` is not of the form key=value")]
    NotAPair(String),
    /// The key is none of the documented ones.
    #[error(
        "unknown fault key `{0}`; known are effect, service, operation, region, after, times, every, ms and status"
    )]
    UnknownKey(String),
    /// A number is expected.
    #[error("`{key}={value}` in a fault: a number is expected")]
    NotANumber {
        /// The key.
        key: String,
        /// What stands there.
        value: String,
    },
    /// The effect is missing.
    #[error("a fault needs an effect")]
    NoEffect,
    /// The effect is none of the documented ones.
    #[error(
        "unknown fault effect `{0}`; known are latency, throttle, server-error, capacity, denied, cut-before, \
         cut-after, exit-before, exit-after and not-visible"
    )]
    UnknownEffect(String),
    /// The key does not go with the effect, or lacks.
    #[error("a fault with effect `{effect}`: {reason}")]
    Mismatch {
        /// The effect.
        effect: String,
        /// What is wrong.
        reason: &'static str,
    },
}

/// The written form of a fault.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<u32>,
    effect: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

impl TryFrom<Record> for Fault {
    type Error = FaultError;

    fn try_from(record: Record) -> Result<Self, FaultError> {
        let name = record.effect.ok_or(FaultError::NoEffect)?;
        let mismatch = |reason| FaultError::Mismatch { effect: name.clone(), reason };
        let effect = match name.as_str() {
            "latency" => Effect::Latency { ms: record.ms.ok_or_else(|| mismatch("ms is missing"))? },
            "throttle" => Effect::Throttle,
            "server-error" => match record.status.unwrap_or(500) {
                status @ (500 | 503) => Effect::ServerError { status },
                _ => return Err(mismatch("status must be 500 or 503")),
            },
            "capacity" => Effect::Capacity,
            "denied" => Effect::Denied,
            "cut-before" => Effect::CutBefore,
            "cut-after" => Effect::CutAfter,
            "exit-before" => Effect::ExitBefore,
            "exit-after" => Effect::ExitAfter,
            "not-visible" if record.times.is_none() => return Err(mismatch("times is missing")),
            "not-visible" => Effect::NotVisible,
            other => return Err(FaultError::UnknownEffect(other.to_owned())),
        };
        if record.ms.is_some() && !matches!(effect, Effect::Latency { .. }) {
            return Err(mismatch("ms goes with latency only"));
        }
        if record.status.is_some() && !matches!(effect, Effect::ServerError { .. }) {
            return Err(mismatch("status goes with server-error only"));
        }
        let every = record.every.unwrap_or(1);
        if every == 0 {
            return Err(mismatch("every must be at least 1"));
        }
        Ok(Self {
            service: record.service,
            operation: record.operation,
            region: record.region,
            after: record.after.unwrap_or(0),
            times: record.times,
            every,
            effect,
        })
    }
}

impl From<Fault> for Record {
    fn from(fault: Fault) -> Self {
        let (name, ms, status) = match fault.effect {
            Effect::Latency { ms } => ("latency", Some(ms), None),
            Effect::Throttle => ("throttle", None, None),
            Effect::ServerError { status } => ("server-error", None, Some(status)),
            Effect::Capacity => ("capacity", None, None),
            Effect::Denied => ("denied", None, None),
            Effect::CutBefore => ("cut-before", None, None),
            Effect::CutAfter => ("cut-after", None, None),
            Effect::ExitBefore => ("exit-before", None, None),
            Effect::ExitAfter => ("exit-after", None, None),
            Effect::NotVisible => ("not-visible", None, None),
        };
        Self {
            service: fault.service,
            operation: fault.operation,
            region: fault.region,
            after: (fault.after > 0).then_some(fault.after),
            times: fault.times,
            every: (fault.every > 1).then_some(fault.every),
            effect: Some(name.to_owned()),
            ms,
            status,
        }
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let mut record = Record::default();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(|| FaultError::NotAPair(pair.to_owned()))?;
            let (key, value) = (key.trim(), value.trim());
            match key {
                "service" => record.service = Some(value.to_owned()),
                "operation" => record.operation = Some(value.to_owned()),
                "region" => record.region = Some(value.to_owned()),
                "effect" => record.effect = Some(value.to_owned()),
                "after" => record.after = Some(number(key, value)?),
                "times" => record.times = Some(number(key, value)?),
                "every" => record.every = Some(number(key, value)?),
                "ms" => record.ms = Some(number(key, value)?),
                "status" => record.status = Some(number(key, value)?),
                other => return Err(FaultError::UnknownKey(other.to_owned())),
            }
        }
        record.try_into()
    }
}

fn number<N: FromStr>(key: &str, value: &str) -> Result<N, FaultError> {
    value.parse().map_err(|_| FaultError::NotANumber { key: key.to_owned(), value: value.to_owned() })
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

#[derive(Debug)]
struct Armed {
    fault: Fault,
    count: Count,
    /// What was made since a `not-visible` was armed, by kind and id, with the calls that named it.
    newborn: BTreeMap<(String, String), Count>,
}

#[derive(Debug, Default)]
struct Count {
    seen: u32,
    struck: u32,
}

impl Count {
    /// Counts one matching call and says whether it is struck.
    fn strike(&mut self, fault: &Fault) -> bool {
        self.seen += 1;
        let due = self.seen > fault.after
            && (self.seen - fault.after).is_multiple_of(fault.every)
            && fault.times.is_none_or(|times| self.struck < times);
        self.struck += u32::from(due);
        due
    }
}

/// A handle on the armed faults of a sandbox. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    armed: Arc<Mutex<Vec<Armed>>>,
}

impl Faults {
    /// Arms one more fault.
    pub fn add(&self, fault: Fault) {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).push(Armed {
            fault,
            count: Count::default(),
            newborn: BTreeMap::new(),
        });
    }

    /// Disarms all faults.
    pub fn clear(&self) {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Counts a call against every matching fault. Gives the latency in milliseconds that adds up, and the first
    /// other effect that strikes.
    pub(crate) fn strike(&self, service: &str, operation: &str, region: &str) -> (u64, Option<Effect>) {
        let mut latency = 0;
        let mut effect = None;
        for armed in self.armed.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            if armed.fault.effect == Effect::NotVisible
                || !armed.fault.matches(service, operation, region)
                || !armed.count.strike(&armed.fault)
            {
                continue;
            }
            match armed.fault.effect {
                Effect::Latency { ms } => latency += ms,
                other => {
                    effect.get_or_insert(other);
                }
            }
        }
        (latency, effect)
    }

    /// Whether any fault is armed that hides what is made.
    pub(crate) fn hides(&self) -> bool {
        let armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        armed.iter().any(|armed| armed.fault.effect == Effect::NotVisible)
    }

    /// Tells of what was just made, by kind and id.
    pub(crate) fn born(&self, things: &[(String, String)]) {
        for armed in self.armed.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            if armed.fault.effect == Effect::NotVisible {
                armed.newborn.extend(things.iter().map(|thing| (thing.clone(), Count::default())));
            }
        }
    }

    /// Counts a call, by service, operation and region, against every newborn thing that it names: `answer` gives what the
    /// service says that has not heard of a thing, if the call names it. Gives the first such answer that strikes.
    pub(crate) fn strike_newborn<A>(
        &self,
        (service, operation, region): (&str, &str, &str),
        answer: impl Fn(&(String, String)) -> Option<A>,
    ) -> Option<A> {
        let mut struck = None;
        for armed in self.armed.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            if !armed.fault.matches(service, operation, region) {
                continue;
            }
            for (thing, count) in &mut armed.newborn {
                if let Some(answer) = answer(thing).filter(|_| count.strike(&armed.fault)) {
                    struck.get_or_insert(answer);
                }
            }
        }
        struck
    }

    /// Whether a launch that a service makes by itself finds no capacity.
    pub(crate) fn strike_capacity(&self, region: &str) -> bool {
        let mut struck = false;
        for armed in self.armed.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            if armed.fault.effect == Effect::Capacity && armed.fault.matches("ec2", "RunInstances", region) {
                struck |= armed.count.strike(&armed.fault);
            }
        }
        struck
    }
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
