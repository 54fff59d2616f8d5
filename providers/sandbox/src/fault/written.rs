//! How faults are written.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Effect, Fault};

/// A fault that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// A part of the text is not `key=value`.
    #[error("`{0}` is not of the form key=value")]
    NotAPair(String),
    /// The key is none of the documented ones.
    #[error(
        "unknown fault key `{0}`; known are effect, service, operation, region, after, times, every, ms, status and \
         code"
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
        "unknown fault effect `{0}`; known are latency, throttle, server-error, capacity, denied, expired, \
         cut-before, cut-after, exit-before, exit-after, not-visible and fail-at-end"
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
pub(super) struct Record {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
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
            "expired" => Effect::Expired,
            "cut-before" => Effect::CutBefore,
            "cut-after" => Effect::CutAfter,
            "exit-before" => Effect::ExitBefore,
            "exit-after" => Effect::ExitAfter,
            "not-visible" if record.times.is_none() => return Err(mismatch("times is missing")),
            "not-visible" => Effect::NotVisible,
            "fail-at-end" => {
                let code = record.code.clone().filter(|code| !code.is_empty());
                Effect::FailAtEnd { code: code.ok_or_else(|| mismatch("code is missing"))? }
            }
            other => return Err(FaultError::UnknownEffect(other.to_owned())),
        };
        if record.ms.is_some() && !matches!(effect, Effect::Latency { .. }) {
            return Err(mismatch("ms goes with latency only"));
        }
        if record.status.is_some() && !matches!(effect, Effect::ServerError { .. }) {
            return Err(mismatch("status goes with server-error only"));
        }
        if record.code.is_some() && !matches!(effect, Effect::FailAtEnd { .. }) {
            return Err(mismatch("code goes with fail-at-end only"));
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
        let mut record = Self {
            service: fault.service,
            operation: fault.operation,
            region: fault.region,
            after: (fault.after > 0).then_some(fault.after),
            times: fault.times,
            every: (fault.every > 1).then_some(fault.every),
            ..Self::default()
        };
        let name = match fault.effect {
            Effect::Latency { ms } => {
                record.ms = Some(ms);
                "latency"
            }
            Effect::Throttle => "throttle",
            Effect::ServerError { status } => {
                record.status = Some(status);
                "server-error"
            }
            Effect::Capacity => "capacity",
            Effect::Denied => "denied",
            Effect::Expired => "expired",
            Effect::CutBefore => "cut-before",
            Effect::CutAfter => "cut-after",
            Effect::ExitBefore => "exit-before",
            Effect::ExitAfter => "exit-after",
            Effect::NotVisible => "not-visible",
            Effect::FailAtEnd { code } => {
                record.code = Some(code);
                "fail-at-end"
            }
        };
        record.effect = Some(name.to_owned());
        record
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
                "code" => record.code = Some(value.to_owned()),
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
