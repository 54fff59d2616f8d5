//! Azure: the resource manager and the resource providers that a cluster needs.
//!
//! Every request passes through [`Azure::answer`]: it is read, faults strike it, and one handler at a time works on the
//! subscription. A handler that fails leaves it as it was; a handler that succeeds has it on disk before the answer
//! leaves. Nearly everything is a resource with a PUT, a GET and a DELETE, so [`resource`] does what all kinds have in
//! common, and a [`kind::Kind`] adds what is its own.

mod authorization;
mod body;
mod compute;
mod error;
mod key_vault;
mod kind;
mod msi;
mod network;
mod operation;
mod private_dns;
mod regions;
mod request;
mod resource;
mod resources;
mod response;
mod route;
mod storage;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod visibility;
mod world;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use self::error::ApiError;
use self::kind::Kind;
use self::request::Request;
use self::response::Response;
use self::route::Route;
use self::world::{Cx, Ending, World};
use crate::clock::now;
use crate::config::Config;
use crate::fault::{Effect, Faults};
use crate::front::{Answer, Cloud, Cut, Target, through};
use crate::ids::IdSource;
use crate::log::CallLog;
use crate::store::{Blobs, Store, StoreError};

/// A resource provider.
#[derive(Debug)]
pub struct Service {
    /// Its namespace, such as `Microsoft.Network`.
    pub namespace: &'static str,
    /// The versions of its API that are answered: the newest published model's and the ones that frozen clients send.
    pub versions: &'static [&'static str],
    /// Its kinds of resources.
    pub kinds: &'static [&'static dyn Kind],
    /// Its requests that are not about one of them.
    pub special: fn(&Request) -> Option<Route>,
}

/// Every resource provider.
const SERVICES: &[&Service] = &[
    &network::SERVICE,
    &private_dns::SERVICE,
    &compute::SERVICE,
    &msi::SERVICE,
    &authorization::SERVICE,
    &storage::SERVICE,
    &key_vault::SERVICE,
];

/// A kind by its name, such as `Microsoft.Network/virtualNetworks`.
fn kind_named(name: &str) -> Option<&'static dyn Kind> {
    let mut kinds = SERVICES.iter().flat_map(|service| service.kinds);
    kinds.find(|kind| kind.spec().kind == name).copied()
}

/// Who answers a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plane<'a> {
    /// The resource manager.
    Manager,
    /// A storage account, by its name.
    Blobs(&'a str),
    /// A key vault, by its name.
    Vault(&'a str),
}

impl<'a> Plane<'a> {
    fn of(request: &'a Request) -> Self {
        match (key_vault::vault(request), storage::blob::account(request)) {
            (Some(vault), _) => Self::Vault(vault),
            (None, Some(account)) => Self::Blobs(account),
            (None, None) => Self::Manager,
        }
    }
}

/// The Azure part of a sandbox.
#[derive(Debug)]
pub struct Azure {
    config: Config,
    faults: Faults,
    log: CallLog,
    state: Mutex<Everything>,
}

#[derive(Debug)]
struct Everything {
    world: World,
    store: Store,
    blobs: Blobs,
    ids: IdSource,
}

impl Azure {
    /// Opens the world in the configured directory.
    pub fn open(config: &Config, faults: Faults, log: CallLog) -> Result<Self, StoreError> {
        let store = Store::open(config.dir.as_deref(), "azure")?;
        let world = world::read(&store)?;
        let blobs = Blobs::new(store.objects_dir());
        let state = Mutex::new(Everything { world, store, blobs, ids: IdSource::new() });
        Ok(Self { config: config.clone(), faults, log, state })
    }

    /// What a request asks for, as faults and log name it.
    fn target(&self, request: &Request, route: &Route) -> Target {
        let plane = Plane::of(request);
        if plane != Plane::Manager {
            let guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let (service, region) = match plane {
                Plane::Vault(name) => (key_vault::keys::SERVICE, key_vault::region_of(&guard.world, name)),
                Plane::Blobs(name) => (storage::blob::SERVICE, storage::region_of(&guard.world, name)),
                Plane::Manager => ("", None),
            };
            let region = region.unwrap_or_default().to_owned();
            return Target { service: service.to_owned(), operation: route.operation.clone(), region };
        }
        let asked = serde_json::from_slice::<serde_json::Value>(&request.body).unwrap_or_default();
        let mut region = regions::normal(asked["location"].as_str().unwrap_or_default());
        if region.is_empty() {
            let guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let sub = request.subscription().and_then(|id| guard.world.get(&id.to_lowercase()));
            let here = |sub: &world::Subscription| {
                let resource = sub.resources.get(&world::key(&request.path));
                let group = || sub.groups.get(&request.group()?.to_lowercase()).map(|group| group.location.clone());
                resource
                    .map(|resource| resource.location.clone())
                    .filter(|location| !location.is_empty())
                    .or_else(group)
            };
            region = sub.and_then(here).unwrap_or_default();
        }
        if let ([locations, location, ..], true) = (request.rest.as_slice(), region.is_empty())
            && locations == "locations"
        {
            region.clone_from(location);
        }
        let service = request.namespace.as_deref().unwrap_or("Microsoft.Resources").to_owned();
        Target { service, operation: route.operation.clone(), region }
    }

    /// The error of a fault that keeps what the request names from being visible.
    fn unheard(&self, request: &Request, target: &Target) -> Option<ApiError> {
        let call = (target.service.as_str(), target.operation.as_str(), target.region.as_str());
        self.faults.strike_newborn(call, |thing| visibility::unheard(request, thing))
    }

    /// Lets the handler work on the subscription, keeps what it did if it succeeded and undoes it otherwise.
    fn handle(&self, request: &Request, route: &Route, ending: Ending) -> Result<Response, ApiError> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Everything { world, store, blobs, ids } = &mut *guard;
        let subscription = match Plane::of(request) {
            Plane::Blobs(account) => storage::subscription_of(world, account).unwrap_or_default().to_owned(),
            Plane::Vault(vault) => key_vault::subscription_of(world, vault).unwrap_or_default().to_owned(),
            Plane::Manager => request.subscription().map(str::to_lowercase).unwrap_or_default(),
        };
        let accounts_elsewhere = storage::names_elsewhere(world, &subscription);
        let vaults_elsewhere = key_vault::names_elsewhere(world, &subscription);
        let sub = world.entry(subscription.clone()).or_default();
        let mut cx = Cx {
            sub,
            subscription: subscription.clone(),
            now: now(),
            ids,
            pace: self.config.pace,
            page_limit: self.config.page_limit,
            zones: &self.config.zones,
            accounts_elsewhere,
            vaults_elsewhere,
            blobs,
            quotas: self.config.quotas,
            ending,
            dirty: false,
        };
        settle(&mut cx);
        let settled = cx.dirty;
        let before = (request.method != http::Method::GET).then(|| cx.sub.clone());
        let known = self.faults.hides().then(|| visibility::things(&cx));
        let result = (route.act)(&mut cx, request);
        if let (Ok(_), Some(known)) = (&result, known) {
            let made: Vec<_> = visibility::things(&cx).difference(&known).cloned().collect();
            self.faults.born(&made);
        }
        if result.is_err() {
            if let Some(before) = before {
                *cx.sub = before;
            }
            cx.blobs.rollback();
            cx.dirty = settled;
        }
        let saved = if cx.dirty && !subscription.is_empty() { store.save(&subscription, &*cx.sub) } else { Ok(()) };
        match saved {
            Ok(()) => cx.blobs.commit(),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the sandbox cannot keep its world");
                cx.blobs.rollback();
                return Err(ApiError::new(500, "InternalServerError", error.to_string()));
            }
        }
        result
    }
}

/// Lets time do its work: what was due by now has happened.
fn settle(cx: &mut Cx<'_>) {
    resource::settle(cx);
    private_dns::settle(cx);
    compute::settle(cx);
    resources::settle(cx);
    operation::settle(cx);
}

#[async_trait]
impl Cloud for Azure {
    async fn answer(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Cut> {
        let (parts, body) = request.into_parts();
        let is_head = parts.method == http::Method::HEAD;
        let request = Request::read(parts.method, &parts.uri, parts.headers, body);
        let plane = Plane::of(&request);
        let route = match plane {
            Plane::Blobs(_) => storage::blob::route(&request),
            Plane::Vault(_) => key_vault::keys::route(&request),
            Plane::Manager => route::route(&request),
        };
        let target = route.as_ref().ok().map(|route| self.target(&request, route));
        let named = target.clone();
        let work = |effect: Option<Effect>| {
            let outcome = route.and_then(|route| {
                let unheard = || named.and_then(|target| self.unheard(&request, &target));
                match struck(effect.as_ref(), &request, &route.operation).or_else(unheard) {
                    Some(error) => Err(error),
                    None => self.handle(&request, &route, ending(effect)),
                }
            });
            let (mut response, error) = match outcome {
                Ok(response) => (response, None),
                Err(error) if matches!(plane, Plane::Blobs(_)) => {
                    (storage::blob::refusal(&request, &error), Some(error.failure.code))
                }
                Err(error) => (Response::from(&error), Some(error.failure.code)),
            };
            if is_head {
                response.body = Bytes::new();
            }
            Answer { response: finish(response), error }
        };
        through(&self.faults, &self.log, target, work).await
    }

    fn inventory(&self) -> BTreeMap<String, Vec<String>> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Everything { world, blobs, ids, .. } = &mut *guard;
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (id, sub) in world {
            let mut cx = Cx {
                sub,
                subscription: id.clone(),
                now: now(),
                ids,
                pace: self.config.pace,
                page_limit: None,
                zones: &self.config.zones,
                accounts_elsewhere: Vec::new(),
                vaults_elsewhere: Vec::new(),
                blobs,
                quotas: self.config.quotas,
                ending: Ending::Usual,
                dirty: false,
            };
            settle(&mut cx);
            for group in cx.sub.groups.values() {
                all.entry("Microsoft.Resources/resourceGroups".to_owned()).or_default().push(group.name.clone());
            }
            for resource in cx.sub.resources.values() {
                all.entry(resource.kind.clone()).or_default().push(resource.id.clone());
            }
            for (container, contents) in &cx.sub.containers {
                let ids = contents.blobs.keys().map(|name| format!("{container}/blobs/{name}"));
                all.entry(storage::blob::KIND.to_owned()).or_default().extend(ids);
            }
            for (vault, keys) in &cx.sub.vaults {
                let ids = keys.values().map(|key| format!("{vault}/keys/{}", key.name));
                all.entry(key_vault::keys::KIND.to_owned()).or_default().extend(ids);
            }
        }
        all
    }
}

/// The error of a fault that answers instead of the service.
fn struck(effect: Option<&Effect>, request: &Request, operation: &str) -> Option<ApiError> {
    match Plane::of(request) {
        Plane::Blobs(_) => return storage::blob::struck(effect?),
        Plane::Vault(_) => return key_vault::keys::struck(effect?),
        Plane::Manager => {}
    }
    match effect? {
        Effect::Throttle => Some(ApiError::throttled(request.namespace.as_deref().unwrap_or_default())),
        Effect::ServerError { status } => Some(ApiError::server(*status)),
        Effect::Denied => Some(ApiError::denied(operation)),
        Effect::Expired => Some(ApiError::expired()),
        _ => None,
    }
}

/// How a fault lets the operation end that a call begins.
fn ending(effect: Option<Effect>) -> Ending {
    match effect {
        Some(Effect::Capacity) => Ending::NoCapacity,
        Some(Effect::FailAtEnd { code }) => Ending::Failure(code),
        _ => Ending::Usual,
    }
}

fn finish(response: Response) -> http::Response<Bytes> {
    let request_id = IdSource::new().uuid();
    let mut builder = http::Response::builder()
        .status(response.status)
        .header("x-ms-request-id", &request_id)
        .header("x-ms-correlation-request-id", &request_id);
    for (name, value) in &response.headers {
        builder = builder.header(name, value);
    }
    builder.body(response.body).unwrap_or_else(|error| {
        tracing::error!(%error, "the sandbox made an answer that HTTP cannot carry");
        let mut broken = http::Response::new(Bytes::new());
        *broken.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        broken
    })
}
