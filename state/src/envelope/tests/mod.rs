//! Sealing and opening, from outside and from inside.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::*;
use crate::history::Retention;
use crate::lease::{Ask, Owner};
use crate::store::{Condition, Store, StoreError};

mod conversion;
mod fixtures;
mod hostile;
mod keys;
mod memory;
mod objects;
mod secrecy_of_output;
mod speed;
mod store;
mod ways;

use memory::Memory;

/// Where the tests put things.
const STATE: &str = "clusters/demo/state.json";
const HISTORY: &str = "clusters/demo/history/00000000000000000001.json";
const LEASE: &str = "clusters/demo/lease.json";

const PASSPHRASE: &str = "correct horse battery staple";

fn owner() -> Owner {
    Owner {
        user: "u".into(),
        host: "h".into(),
        process: 1,
        process_space: String::new(),
        run_url: None,
        command: "encrypt".into(),
    }
}

fn ask() -> Ask<'static> {
    Ask { owner: owner(), is_dead: &|_| false, patience: std::time::Duration::ZERO, waiting: &|_| {} }
}

/// Someone who can have age files.
fn person() -> (SecretString, Recipients) {
    let identity = age::x25519::Identity::generate();
    let recipients = Recipients::parse(&[identity.to_public().to_string()]).unwrap();
    (SecretString::from(identity.to_string().expose_secret().to_owned()), recipients)
}

fn holding(identity: &SecretString) -> Secrets {
    Secrets::new().with_identities(identity).unwrap()
}

fn passphrase(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

async fn encrypt(store: &Arc<dyn Store>, secrets: &Secrets, ways: &[NewWrap]) -> Result<Converted, EnvelopeError> {
    convert(store, &Conversion { secrets, ways, owner: &owner(), is_dead: &|_| true }).await
}

/// A store that is encrypted for someone, and what opens it.
async fn encrypted() -> (Arc<Memory>, Arc<dyn Store>, Secrets) {
    let memory = Arc::new(Memory::default());
    let store: Arc<dyn Store> = memory.clone();
    let (identity, recipients) = person();
    encrypt(&store, &Secrets::new(), &[NewWrap::age(recipients)]).await.unwrap();
    (memory, store, holding(&identity))
}

fn sealed(store: &Arc<dyn Store>, secrets: &Secrets) -> SealedStore {
    SealedStore::open(Arc::clone(store), secrets.clone())
}

async fn read(store: &dyn Store, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(store.get(key).await?.map(|object| object.bytes))
}

async fn write(store: &dyn Store, key: &str, bytes: &[u8]) {
    store.put(key, bytes, Condition::Absent).await.unwrap();
}

fn envelope(error: StoreError) -> EnvelopeError {
    match error {
        StoreError::Envelope(error) => *error,
        error => panic!("{error:?}"),
    }
}

/// An error with all that caused it.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// A key service that is one byte, and remembers the context beside.
struct Fake {
    refuses: bool,
}

#[async_trait]
impl KeyService for Fake {
    async fn wrap(&self, key: &str, context: &KeyContext, secret: &[u8]) -> Result<Vec<u8>, BoxError> {
        let mut wrapped = format!("{key} {context}|").into_bytes();
        wrapped.extend(secret.iter().map(|byte| byte ^ 0x5a));
        if self.refuses { Err("access denied".into()) } else { Ok(wrapped) }
    }

    async fn unwrap(&self, key: &str, context: &KeyContext, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, BoxError> {
        let header = format!("{key} {context}|").into_bytes();
        let secret = wrapped.strip_prefix(header.as_slice()).ok_or("another context")?;
        if self.refuses {
            return Err("access denied".into());
        }
        Ok(Zeroizing::new(secret.iter().map(|byte| byte ^ 0x5a).collect()))
    }
}

struct FakeServices {
    refuses: bool,
}

impl KeyServices for FakeServices {
    fn service(&self, scheme: &str) -> Option<Arc<dyn KeyService>> {
        (scheme == "fakekms").then(|| Arc::new(Fake { refuses: self.refuses }) as Arc<dyn KeyService>)
    }
}

fn services(refuses: bool) -> Secrets {
    Secrets::new().with_services(Arc::new(FakeServices { refuses }))
}
