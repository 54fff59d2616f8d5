//! Turning encryption on, for a store that may have clusters already.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::clusters::{Clusters, StateError};
use crate::history::Retention;
use crate::lease::{Ask, Owner};
use crate::store::{Condition, Store, StoreError};

use super::error::EnvelopeError;
use super::manage;
use super::object::{self, Look, Place};
use super::ring::Ring;
use super::sealed::{Part, part};
use super::secrets::Secrets;
use super::settings::{Encryption, Settings};
use super::wrap::NewWrap;

/// How often an object that someone else keeps writing is tried.
const TRIES: usize = 5;

/// How many objects are under way at once.
const AT_ONCE: usize = 8;

/// What a conversion needs.
pub struct Conversion<'a> {
    /// Open the keys when an earlier conversion is taken up, and have the key services that `ways` name.
    pub secrets: &'a Secrets,
    /// How the key is wrapped. An earlier conversion that is taken up keeps its own ways.
    pub ways: &'a [NewWrap],
    /// Who holds the leases meanwhile.
    pub owner: &'a Owner,
    /// As in [`Clusters::acquire`].
    pub is_dead: &'a (dyn Fn(&Owner) -> bool + Send + Sync),
}

/// What a conversion did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Converted {
    /// Objects that were sealed.
    pub sealed: usize,
    /// Objects that an earlier conversion had sealed.
    pub found_sealed: usize,
}

/// Encrypts a store: says so in its settings, which are made if there are none, then seals object by object, and then says
/// that no plain ones are left. Each cluster's lease is held while its objects are sealed.
///
/// # Guarantees
/// Killed anywhere, the store can be read by whoever has the keys, and another run finishes. No write of someone else is
/// overwritten.
///
/// # Caveats
/// A store that keeps versions of objects still has the plain ones. They, and every secret that stood in them, are as
/// exposed as they were: remove the old versions, and replace what must not be known.
///
/// # Errors
/// [`EnvelopeError::AlreadyEncrypted`], and [`EnvelopeError::Lease`] when a cluster is being worked on: run it again later.
pub async fn convert(store: &Arc<dyn Store>, conversion: &Conversion<'_>) -> Result<Converted, EnvelopeError> {
    let ring = Arc::new(begin(store.as_ref(), conversion).await?);
    let mut converted = Converted::default();
    let mut done = BTreeSet::new();
    // A cluster that was begun in the meantime, by someone who did not know yet, is looked at, too.
    loop {
        let mut keys = store.list("clusters/").await?;
        keys.retain(|key| !done.contains(cluster(key)));
        if keys.is_empty() {
            break;
        }
        for keys in keys.chunk_by(|a, b| cluster(a) == cluster(b)) {
            convert_cluster(store, conversion, &ring, keys, &mut converted).await?;
        }
        done.extend(keys.iter().map(|key| cluster(key).to_owned()));
    }
    end(store.as_ref(), conversion.secrets, &ring).await?;
    Ok(converted)
}

/// Which cluster a key below `clusters/` is of.
fn cluster(key: &str) -> &str {
    key.split('/').nth(1).unwrap_or_default()
}

/// Says that the store is encrypted and that there may be plain objects, unless an earlier run did.
async fn begin(store: &dyn Store, conversion: &Conversion<'_>) -> Result<Ring, EnvelopeError> {
    let loaded = match Settings::load(store).await? {
        Some(loaded) => loaded,
        None => Settings::new(Retention::default()).create(store).await?,
    };
    match &loaded.settings.encryption {
        Some(encryption) if encryption.converting => return Ring::open(&loaded.settings, conversion.secrets).await,
        Some(_) => return Err(EnvelopeError::AlreadyEncrypted),
        None => {}
    }
    let (wrapped, key) = manage::new_key(loaded.settings.store_id, conversion.secrets, conversion.ways).await?;
    let encryption = Encryption::new(wrapped);
    let settings = manage::update(store, &loaded, encryption, &key).await?;
    Ring::with_active(&settings, conversion.secrets, Arc::new(key))
}

/// Says that no plain objects are left.
async fn end(store: &dyn Store, secrets: &Secrets, ring: &Ring) -> Result<(), EnvelopeError> {
    let loaded = Settings::load(store).await?.ok_or(EnvelopeError::NotEncrypted)?;
    let mut encryption = loaded.settings.encryption.clone().ok_or(EnvelopeError::NotEncrypted)?;
    let (id, key) = ring.active();
    // What is written anew must have been proven before; another process may have added a key.
    let now = if encryption.active == id {
        Ring::with_active(&loaded.settings, secrets, Arc::clone(key))?
    } else {
        Ring::open(&loaded.settings, secrets).await?
    };
    encryption.converting = false;
    manage::update(store, &loaded, encryption, now.active().1).await?;
    Ok(())
}

/// Seals what one cluster has, under its lease: whoever held it before writes nothing plain any more.
async fn convert_cluster(
    store: &Arc<dyn Store>,
    conversion: &Conversion<'_>,
    ring: &Arc<Ring>,
    keys: &[String],
    converted: &mut Converted,
) -> Result<(), EnvelopeError> {
    let clusters = Clusters::new(Arc::clone(store));
    let name = cluster(keys.first().map_or("", String::as_str));
    let failed = |source| EnvelopeError::Lease { cluster: name.to_owned(), source: Box::new(source) };
    let ask = Ask {
        owner: conversion.owner.clone(),
        is_dead: conversion.is_dead,
        patience: Duration::ZERO,
        waiting: &|_| {},
    };
    let lease = match clusters.acquire(name, ask).await {
        Ok(lease) => Some(lease),
        // No cluster has such a name: what is there is sealed, and nobody else writes it.
        Err(StateError::Name { .. }) => None,
        Err(error) => return Err(failed(error)),
    };
    let result = convert_all(store, ring, keys, converted).await;
    let released = match lease {
        Some(lease) => lease.release().await.map_err(failed),
        None => Ok(()),
    };
    result.and(released)
}

async fn convert_all(
    store: &Arc<dyn Store>,
    ring: &Arc<Ring>,
    keys: &[String],
    converted: &mut Converted,
) -> Result<(), EnvelopeError> {
    let sealed: Vec<_> = keys.iter().filter(|key| part(key) == Part::Sealed).collect();
    for keys in sealed.chunks(AT_ONCE) {
        let mut tasks = JoinSet::new();
        for key in keys {
            let (store, ring, key) = (Arc::clone(store), Arc::clone(ring), (*key).clone());
            tasks.spawn(async move { convert_object(store.as_ref(), &ring, &key).await });
        }
        while let Some(result) = tasks.join_next().await {
            match result.map_err(|error| EnvelopeError::Task { source: Box::new(error) })?? {
                Outcome::Sealed => converted.sealed += 1,
                Outcome::Found => converted.found_sealed += 1,
                Outcome::Gone => {}
            }
        }
    }
    Ok(())
}

enum Outcome {
    Sealed,
    /// It was sealed already.
    Found,
    Gone,
}

async fn convert_object(store: &dyn Store, ring: &Ring, key: &str) -> Result<Outcome, EnvelopeError> {
    for _ in 0..TRIES {
        let Some(object) = store.get(key).await? else { return Ok(Outcome::Gone) };
        if let Look::Sealed(_) = object::look(key, &object.bytes)? {
            return Ok(Outcome::Found);
        }
        let (id, data_key) = ring.active();
        let sealed = object::seal(Place { store_id: ring.store_id, key }, id, data_key, &object.bytes)?;
        match store.put(key, &sealed, Condition::Matches(object.version)).await {
            Ok(_) => return Ok(Outcome::Sealed),
            Err(StoreError::Precondition { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(EnvelopeError::Busy { key: key.to_owned() })
}
