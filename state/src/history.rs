//! Every state that ever was: listing, comparing, going back, pruning.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use meridian_engine::Address;
use meridian_engine::state::{Phase, State};
use serde::{Deserialize, Serialize};

use crate::clusters::{Clusters, Loaded, StateError};
use crate::format::{self, StateFile};
use crate::lease::{Lease, Owner};

/// How long the seal of a journal stays: far longer than a holder whose lease was taken away believes that it has it.
const SEAL_KEPT: Duration = Duration::from_mins(10);

/// One line of a history.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryEntry {
    pub serial: u64,
    pub written_at: Timestamp,
    pub written_by: Owner,
    pub phase: Phase,
    /// Resources at the time.
    pub resources: usize,
}

/// What of a history is kept. Whatever any of the two keeps stays, and the present state always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// The newest so many states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_last: Option<u64>,
    /// States that were written within so many days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u32>,
}

impl Retention {
    /// Whether everything is kept.
    #[must_use]
    pub fn keeps_all(&self) -> bool {
        self.keep_last.is_none() && self.keep_days.is_none()
    }
}

/// How two states differ.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Difference {
    pub added: BTreeSet<Address>,
    pub removed: BTreeSet<Address>,
    /// Resources whose id, fields, computed attributes or references are others.
    pub changed: BTreeSet<Address>,
}

impl Difference {
    /// From `before` to `after`.
    #[must_use]
    pub fn between(before: &State, after: &State) -> Self {
        let (old, new) = (&before.resources, &after.resources);
        Self {
            added: new.keys().filter(|address| !old.contains_key(*address)).cloned().collect(),
            removed: old.keys().filter(|address| !new.contains_key(*address)).cloned().collect(),
            changed: old
                .iter()
                .filter(|(address, record)| new.get(*address).is_some_and(|other| other != *record))
                .map(|(address, _)| address.clone())
                .collect(),
        }
    }

    /// Whether the resources are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

impl Clusters {
    /// Every state that is kept of a cluster, oldest first.
    pub async fn history(&self, name: &str) -> Result<Vec<HistoryEntry>, StateError> {
        let mut entries = Vec::new();
        for serial in self.serials(name).await? {
            if let Some(file) = self.past(name, serial).await? {
                entries.push(HistoryEntry {
                    serial,
                    written_at: file.written_at,
                    written_by: file.written_by,
                    phase: file.state.phase,
                    resources: file.state.resources.len(),
                });
            }
        }
        Ok(entries)
    }

    /// The state of a cluster as it was at `serial`.
    pub async fn at(&self, name: &str, serial: u64) -> Result<State, StateError> {
        let past = self.past(name, serial).await?;
        past.map(|file| file.state).ok_or_else(|| StateError::NoSerial { name: name.to_owned(), serial })
    }

    /// Writes the state of `serial` as the next one. What an interrupted apply had begun stays noted, so that it is looked
    /// for still. No resource is touched: the next plan shows what that state is from what is.
    pub async fn roll_back(
        &self,
        lease: &Lease,
        owner: &Owner,
        present: &Loaded,
        serial: u64,
    ) -> Result<Loaded, StateError> {
        let mut state = self.at(&present.state.cluster, serial).await?;
        for (address, intent) in &present.state.intents {
            state.intents.entry(address.clone()).or_insert_with(|| intent.clone());
        }
        state.discards.extend(present.state.discards.clone());
        self.write(lease, owner, Some(present), state).await
    }

    /// Drops what `retention` does not keep, and what is left of journals that nobody writes any more; gives the serials that
    /// went. The present state and its entry in the history stay, whatever is asked for.
    pub async fn prune(&self, name: &str, present: &Loaded, retention: Retention) -> Result<Vec<u64>, StateError> {
        let current = present.state.serial;
        let mut gone = Vec::new();
        if !retention.keeps_all() {
            let serials = self.serials(name).await?;
            let past: Vec<u64> = serials.into_iter().filter(|serial| *serial < current).collect();
            // The present one counts as one of those that are kept.
            let newest = usize::try_from(retention.keep_last.unwrap_or(0).saturating_sub(1)).unwrap_or(usize::MAX);
            for serial in &past[..past.len().saturating_sub(newest)] {
                if !self.is_recent(name, *serial, retention.keep_days).await? {
                    self.store().delete(&Self::history_key(name, *serial)?).await?;
                    gone.push(*serial);
                }
            }
        }
        let kept = Self::journal_prefix(name, current)?;
        for key in self.store().list(&Self::key(name, "journal/")?).await? {
            if !key.starts_with(&kept) && !self.is_young_seal(&key).await? {
                self.store().delete(&key).await?;
            }
        }
        Ok(gone)
    }

    /// Whether it is a seal, and whom it keeps out may still come.
    async fn is_young_seal(&self, key: &str) -> Result<bool, StateError> {
        let Some(object) = self.store().get(key).await? else { return Ok(false) };
        let sealed_at = format::segment(key, &object.bytes).ok().and_then(|segment| segment.sealed_at);
        let span = SignedDuration::try_from(SEAL_KEPT).unwrap_or(SignedDuration::MAX);
        Ok(sealed_at.and_then(|at| at.checked_add(span).ok()).is_some_and(|end| end > Timestamp::now()))
    }

    async fn is_recent(&self, name: &str, serial: u64, days: Option<u32>) -> Result<bool, StateError> {
        let Some(days) = days else { return Ok(false) };
        let span = SignedDuration::try_from(Duration::from_hours(24 * u64::from(days))).unwrap_or(SignedDuration::MAX);
        let since = Timestamp::now().checked_sub(span).unwrap_or(Timestamp::MIN);
        Ok(self.past(name, serial).await?.is_some_and(|file| file.written_at >= since))
    }

    async fn past(&self, name: &str, serial: u64) -> Result<Option<StateFile>, StateError> {
        let key = Self::history_key(name, serial)?;
        let Some(object) = self.store().get(&key).await? else { return Ok(None) };
        format::state(&key, &object.bytes).map(Some)
    }

    async fn serials(&self, name: &str) -> Result<Vec<u64>, StateError> {
        let prefix = Self::key(name, "history/")?;
        let keys = self.store().list(&prefix).await?;
        Ok(keys.iter().filter_map(|key| key.strip_prefix(&prefix)?.strip_suffix(".json")?.parse().ok()).collect())
    }
}
