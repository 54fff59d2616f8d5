//! The faults of a running sandbox.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Effect, Fault};

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
            match &armed.fault.effect {
                Effect::Latency { ms } => latency += ms,
                other => {
                    effect.get_or_insert_with(|| other.clone());
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

    /// Whether a launch that an autoscaling group makes by itself finds no capacity.
    pub(crate) fn strike_capacity(&self, region: &str) -> bool {
        self.strike_launch("ec2", "RunInstances", region)
    }

    /// Whether a launch that a service makes by itself, as if by calling the operation, finds no capacity.
    pub(crate) fn strike_launch(&self, service: &str, operation: &str, region: &str) -> bool {
        let mut struck = false;
        for armed in self.armed.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            if armed.fault.effect == Effect::Capacity && armed.fault.matches(service, operation, region) {
                struck |= armed.count.strike(&armed.fault);
            }
        }
        struck
    }
}
