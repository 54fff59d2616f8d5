//! Making the settings of a store, and changing the keys of an encrypted one. No object is rewritten here.

use jiff::Timestamp;
use uuid::Uuid;

use crate::history::Retention;
use crate::store::Store;

use super::error::EnvelopeError;
use super::key::{DataKey, KeyContext, KeyId};
use super::ring::{self, Ring};
use super::secrets::Secrets;
use super::settings::{Encryption, Loaded, Settings, WrappedKey};
use super::wrap::{self, NewWrap};

/// Makes the settings of a store that has none. To encrypt it, [`convert`](super::convert()) it next, empty or not.
///
/// # Errors
/// [`EnvelopeError::SettingsExist`] when there are some; they stay.
pub async fn init(store: &dyn Store, retention: Retention) -> Result<Settings, EnvelopeError> {
    Ok(Settings::new(retention).create(store).await?.settings)
}

/// Wraps every key anew, in `ways` only: what is not among them opens the store no more. One conditional put.
///
/// What was sealed stays as it is. Someone who copied `store.json` before can go on reading, by an old way, what is sealed
/// with the keys of that time: where a way has leaked, [`add_key`] as well.
///
/// `secrets` open the keys, and have the key services that `ways` name.
pub async fn rewrap(store: &dyn Store, secrets: &Secrets, ways: &[NewWrap]) -> Result<Settings, EnvelopeError> {
    let (loaded, mut encryption, ring) = open(store, secrets).await?;
    for wrapped in &mut encryption.keys {
        let key = ring.key(wrapped.id).await?.ok_or(EnvelopeError::SettingsForged)?;
        wrapped.wraps = wrap::wrap(ways, secrets, ring.context(wrapped.id), &key).await?;
    }
    let (_, active) = ring.active();
    update(store, &loaded, encryption, active).await
}

/// Adds a key, with which everything is sealed from now on; the older ones stay for what they sealed. `None` wraps it in
/// the ways of the active one, for which the passphrase, if that is one of them, must be in `secrets`. One conditional put.
pub async fn add_key(
    store: &dyn Store,
    secrets: &Secrets,
    ways: Option<&[NewWrap]>,
) -> Result<Settings, EnvelopeError> {
    let (loaded, mut encryption, ring) = open(store, secrets).await?;
    let active = encryption.key(encryption.active).ok_or(EnvelopeError::SettingsForged)?;
    let same = match ways {
        Some(_) => Vec::new(),
        None => wrap::same_ways(active, secrets, ring.context(active.id)).await?,
    };
    let (wrapped, key) = new_key(ring.store_id, secrets, ways.unwrap_or(&same)).await?;
    encryption.active = wrapped.id;
    encryption.keys.push(wrapped);
    update(store, &loaded, encryption, &key).await
}

/// A new key, wrapped in `ways`.
pub(super) async fn new_key(
    store_id: Uuid,
    secrets: &Secrets,
    ways: &[NewWrap],
) -> Result<(WrappedKey, DataKey), EnvelopeError> {
    let (id, key) = (KeyId::random(), DataKey::random());
    let wraps = wrap::wrap(ways, secrets, KeyContext { store_id, key_id: id }, &key).await?;
    Ok((WrappedKey { id, created_at: Timestamp::now(), wraps }, key))
}

/// The settings of an encrypted store, with its keys.
pub(super) async fn open(store: &dyn Store, secrets: &Secrets) -> Result<(Loaded, Encryption, Ring), EnvelopeError> {
    let loaded = Settings::load(store).await?.ok_or(EnvelopeError::NotEncrypted)?;
    let encryption = loaded.settings.encryption.clone().ok_or(EnvelopeError::NotEncrypted)?;
    let ring = Ring::open(&loaded.settings, secrets).await?;
    Ok((loaded, encryption, ring))
}

/// Replaces what `loaded` says about encryption; `active` is the key that will be active.
pub(super) async fn update(
    store: &dyn Store,
    loaded: &Loaded,
    mut encryption: Encryption,
    active: &DataKey,
) -> Result<Settings, EnvelopeError> {
    ring::prove(loaded.settings.store_id, &mut encryption, active)?;
    let mut settings = loaded.settings.clone();
    settings.encryption = Some(encryption);
    Ok(loaded.update(store, settings).await?.settings)
}
