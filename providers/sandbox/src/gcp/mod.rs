//! Google Cloud: the services that a cluster needs, over their own JSON REST protocols.
//!
//! All services stand behind one listener and are told apart by path. Every request passes through [`Gcp::answer`]: it
//! is read, faults strike it, and one handler at a time works on the world. A handler that fails leaves the world as it
//! was; a handler that succeeds has what it did on disk before the answer leaves.
//!
//! Credentials are not checked: whoever reaches a sandbox may do anything in it.

mod compute;
mod crm;
mod dns;
mod error;
mod fields;
mod filter;
mod iam;
mod kms;
mod operation;
mod page;
mod request;
mod schema;
mod storage;
#[cfg(test)]
mod testing;
mod visibility;
mod world;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use self::error::ApiError;
use self::request::Request;
use self::world::{Cx, World};
use crate::clock::now;
use crate::config::Config;
use crate::fault::{Effect, Faults};
use crate::front::{Answer, Cloud, Cut, Target, through};
use crate::ids::IdSource;
use crate::log::CallLog;
use crate::store::{Blobs, Store, StoreError};

/// How long the real service lets a caller wait for an operation.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// The Google part of a sandbox.
#[derive(Debug)]
pub struct Gcp {
    config: Config,
    faults: Faults,
    log: CallLog,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    world: World,
    store: Store,
    blobs: Blobs,
    ids: IdSource,
}

/// A service: whether a request is for it and which operation it asks for, how it is handled, and what exists in it.
struct Service {
    target: fn(&Request) -> Option<Target>,
    handle: fn(&mut Cx<'_>, &Request) -> Result<http::Response<Bytes>, ApiError>,
    settle: fn(&mut Cx<'_>),
    inventory: fn(&Cx<'_>) -> BTreeMap<String, Vec<String>>,
}

/// Every service, in the order in which they are asked whether a request is theirs.
const SERVICES: [Service; 6] = [
    Service {
        target: compute::target,
        handle: compute::handle,
        settle: compute::settle,
        inventory: compute::inventory,
    },
    Service { target: kms::target, handle: kms::handle, settle: nothing, inventory: kms::inventory },
    Service { target: iam::target, handle: iam::handle, settle: nothing, inventory: iam::inventory },
    Service { target: crm::target, handle: crm::handle, settle: nothing, inventory: crm::inventory },
    Service { target: dns::target, handle: dns::handle, settle: nothing, inventory: dns::inventory },
    Service { target: storage::target, handle: storage::handle, settle: nothing, inventory: storage::inventory },
];

/// What is due in a service in which nothing happens by itself.
fn nothing(_: &mut Cx<'_>) {}

impl Gcp {
    /// Opens the world in the configured directory.
    pub fn open(config: &Config, faults: Faults, log: CallLog) -> Result<Self, StoreError> {
        let store = Store::open(config.dir.as_deref(), "gcp")?;
        let world = World::read(&store)?;
        let blobs = Blobs::new(store.objects_dir());
        let state = Mutex::new(State { world, store, blobs, ids: IdSource::new() });
        Ok(Self { config: config.clone(), faults, log, state })
    }

    /// Lets `work` have the world to itself, after all that was due has happened.
    fn with<T>(&self, effect: Option<Effect>, work: impl FnOnce(&mut Cx<'_>, &Store) -> T) -> T {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { world, store, blobs, ids } = &mut *guard;
        let mut cx = Cx {
            world,
            now: now(),
            ids,
            pace: self.config.pace,
            quotas: self.config.quotas,
            page_limit: self.config.page_limit,
            zones: &self.config.zones,
            blobs,
            faults: &self.faults,
            effect,
        };
        for service in SERVICES {
            (service.settle)(&mut cx);
        }
        cx.world.commit();
        work(&mut cx, store)
    }

    /// Lets the handler work on the world, keeps what it did if it succeeded and undoes it otherwise. What the request names
    /// and is not visible yet is not there for so long.
    fn handle(
        &self,
        service: &Service,
        target: &Target,
        request: &Request,
        effect: Option<Effect>,
    ) -> Result<http::Response<Bytes>, ApiError> {
        self.with(effect, |cx, store| {
            let known = self.faults.hides().then(|| visibility::things(cx.world));
            let unheard = known.as_ref().and_then(|_| visibility::hide(cx, target, request));
            let result = (service.handle)(cx, request).and_then(|response| fields::pick(request, response));
            if result.is_ok() {
                visibility::show(cx.world, unheard);
                if let Some(known) = known {
                    let made: Vec<_> = visibility::things(cx.world).difference(&known).cloned().collect();
                    self.faults.born(&made);
                }
                cx.world.commit();
            } else {
                cx.world.rollback();
                cx.blobs.rollback();
            }
            if let Err(error) = cx.world.save(store) {
                tracing::error!(error = &error as &dyn std::error::Error, "the sandbox cannot keep its world");
                cx.blobs.rollback();
                return Err(ApiError::server(500));
            }
            cx.blobs.commit();
            result
        })
    }

    /// Waits as long as the call does that waits for an operation.
    async fn wait(&self, request: &Request) {
        if let Some(path) = compute::waits_for(request) {
            let wait = self.with(None, |cx, _| operation::ends(cx, &path).map(|end| end.saturating_sub(cx.now)));
            if let Some(wait) = wait {
                tokio::time::sleep(Duration::from_millis(wait).min(LONGEST_WAIT)).await;
            }
        }
    }
}

/// The error of a fault that answers instead of the service. Lack of capacity is no answer: the operation fails.
fn struck(effect: Option<&Effect>, target: &Target) -> Option<ApiError> {
    match effect? {
        Effect::Throttle => Some(ApiError::throttled(&target.service)),
        Effect::ServerError { status } => Some(ApiError::server(*status)),
        Effect::Denied => Some(ApiError::denied(&target.service, &target.operation)),
        Effect::Expired => Some(ApiError::expired()),
        _ => None,
    }
}

#[async_trait]
impl Cloud for Gcp {
    async fn answer(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Cut> {
        let (parts, body) = request.into_parts();
        let request = Request::read(&parts, body);
        let found = SERVICES.iter().find_map(|service| Some((service, (service.target)(&request)?)));
        let (service, target) = found.map_or((None, None), |(service, target)| (Some(service), Some(target)));
        self.wait(&request).await;
        let work = |effect: Option<Effect>| {
            let outcome = match (service, &target) {
                (Some(service), Some(target)) => match struck(effect.as_ref(), target) {
                    Some(error) => Err(error),
                    None => self.handle(service, target, &request, effect),
                },
                _ => Err(ApiError::no_method(&request.method, &request.path)),
            };
            match outcome {
                Ok(response) => Answer { response, error: None },
                Err(error) => Answer { response: error.render(), error: Some(error.reason) },
            }
        };
        through(&self.faults, &self.log, target.clone(), work).await
    }

    fn inventory(&self) -> BTreeMap<String, Vec<String>> {
        self.with(None, |cx, _| {
            let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for service in SERVICES {
                for (kind, ids) in (service.inventory)(cx) {
                    all.entry(kind).or_default().extend(ids);
                }
            }
            all.retain(|_, ids| {
                ids.sort();
                !ids.is_empty()
            });
            all
        })
    }
}
