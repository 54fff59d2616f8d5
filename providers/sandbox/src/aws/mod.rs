//! AWS: the services that a cluster needs, over their own wire protocols.
//!
//! Every request passes through [`Aws::answer`]: it is read, faults strike it, and one handler at a time works on the
//! world. A handler that fails, or a dry run, leaves the world as it was; a handler that succeeds has its part of the
//! world on disk before the answer leaves.

mod autoscaling;
mod ec2;
mod elb;
mod elbv2;
mod error;
mod iam;
mod kms;
mod params;
mod request;
mod response;
mod route53;
mod s3;
mod sts;
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

pub use self::error::ApiError;
pub use self::params::Params;
pub use self::request::Request;
pub use self::response::Response;
pub use self::world::{Cx, partition};
pub use crate::xml::Xml;

use self::world::{ACCOUNT, GLOBAL, World};
pub use crate::clock::{Millis, timestamp};

use crate::clock::now;
use crate::config::Config;
use crate::fault::{Effect, Faults};
use crate::front::{Answer, Cloud, Cut, Target, through};
use crate::ids::IdSource;
use crate::log::CallLog;
use crate::store::{Blobs, Store, StoreError};

/// The AWS part of a sandbox.
#[derive(Debug)]
pub struct Aws {
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

impl Aws {
    /// Opens the world in the configured directory.
    pub fn open(config: &Config, faults: Faults, log: CallLog) -> Result<Self, StoreError> {
        let store = Store::open(config.dir.as_deref(), "aws")?;
        let world = World::read(&store)?;
        let blobs = Blobs::new(store.objects_dir());
        let state = Mutex::new(State { world, store, blobs, ids: IdSource::new() });
        Ok(Self { config: config.clone(), faults, log, state })
    }

    fn context<'a>(
        &'a self,
        world: &'a mut World,
        blobs: &'a mut Blobs,
        ids: &'a mut IdSource,
        region: &str,
    ) -> Cx<'a> {
        Cx {
            world,
            region: region.to_owned(),
            account: ACCOUNT,
            now: now(),
            ids,
            pace: self.config.pace,
            quotas: self.config.quotas,
            page_limit: self.config.page_limit,
            zones: &self.config.zones,
            blobs,
            faults: &self.faults,
            region_dirty: false,
            global_dirty: false,
        }
    }

    /// The error of a fault that keeps what the request names from being visible.
    fn unheard(&self, request: &Request) -> Option<ApiError> {
        let call = (request.service.name, request.operation.as_str(), request.region.as_str());
        self.faults.strike_newborn(call, |thing| visibility::unheard(request, thing))
    }

    /// Lets the handler work on the world, keeps what it did if it succeeded and undoes it otherwise.
    fn handle(&self, request: &mut Request) -> Result<Response, ApiError> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { world, store, blobs, ids } = &mut *guard;
        let mut cx = self.context(world, blobs, ids, &request.region);
        cx.settle();
        let before = (!is_read(&request.operation)).then(|| (cx.here().clone(), cx.world.global.clone()));
        let undo = |cx: &mut Cx<'_>| {
            if let Some((region, global)) = before {
                *cx.here() = region;
                cx.world.global = global;
            }
        };
        let settled = (cx.region_dirty, cx.global_dirty);
        let known = self.faults.hides().then(|| visibility::things(&cx));
        let result = route(&mut cx, request);
        if let (Ok(_), Some(known)) = (&result, known) {
            let made: Vec<_> = visibility::things(&cx).difference(&known).cloned().collect();
            self.faults.born(&made);
        }
        if result.is_err() {
            undo(&mut cx);
            cx.blobs.rollback();
            (cx.region_dirty, cx.global_dirty) = settled;
        }
        let (region_dirty, global_dirty) = (cx.region_dirty, cx.global_dirty);
        let mut saved = Ok(());
        if region_dirty {
            saved = store.save(&request.region, cx.here());
        }
        if global_dirty && saved.is_ok() {
            saved = store.save(GLOBAL, &cx.world.global);
        }
        match saved {
            Ok(()) => cx.blobs.commit(),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the sandbox cannot keep its world");
                cx.blobs.rollback();
                return Err(ApiError::new(500, "InternalError", error.to_string()));
            }
        }
        result
    }
}

#[async_trait]
impl Cloud for Aws {
    async fn answer(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Cut> {
        let request_id = IdSource::new().uuid();
        let (parts, body) = request.into_parts();
        let is_head = parts.method == http::Method::HEAD;
        // Handlers keep their parameters in single-threaded cells, so a request may not live across an await: what
        // the faults need is read first, and the request itself is read again when its time has come.
        let read = || {
            let (method, headers) = (parts.method.clone(), parts.headers.clone());
            Request::read(method, &parts.uri, headers, body.clone(), request_id.clone())
        };
        let target = read().ok().map(|request| Target {
            service: request.service.name.to_owned(),
            operation: request.operation,
            region: request.region,
        });
        let work = |effect| {
            let (protocol, namespace, outcome) = match read() {
                Err((protocol, error)) => (protocol, "", Err(error)),
                Ok(mut request) => {
                    let outcome = match struck(effect, &request).or_else(|| self.unheard(&request)) {
                        Some(error) => Err(error),
                        None => self.handle(&mut request),
                    };
                    (request.service.protocol, request.namespace(), outcome)
                }
            };
            let (mut response, error) = match outcome {
                Ok(response) => (response, None),
                Err(error) => (error.render(protocol, &request_id, namespace), Some(error.code)),
            };
            if is_head {
                response.body = Bytes::new();
            }
            Answer { response: finish(response, &request_id), error }
        };
        through(&self.faults, &self.log, target, work).await
    }

    fn inventory(&self) -> BTreeMap<String, Vec<String>> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { world, blobs, ids, .. } = &mut *guard;
        let regions: Vec<String> = world.regions.keys().cloned().collect();
        let mut all = BTreeMap::new();
        for name in regions {
            let mut cx = self.context(world, blobs, ids, &name);
            cx.settle();
            let region = cx.here();
            let (balancers, classic) = (region.elbv2.inventory(), region.elb.inventory());
            let keys = region.kms.inventory();
            for part in [region.ec2.inventory(), region.autoscaling.inventory(), balancers, classic, keys] {
                merge(&mut all, part);
            }
        }
        let global = &world.global;
        for part in [global.iam.inventory(), global.route53.inventory(), global.s3.inventory()] {
            merge(&mut all, part);
        }
        all.retain(|_, ids| {
            ids.sort();
            !ids.is_empty()
        });
        all
    }
}

fn merge(all: &mut BTreeMap<String, Vec<String>>, part: BTreeMap<String, Vec<String>>) {
    for (kind, ids) in part {
        all.entry(kind).or_default().extend(ids);
    }
}

/// Whether an operation changes nothing, by its name.
fn is_read(operation: &str) -> bool {
    ["Describe", "Get", "List", "Head"].iter().any(|verb| operation.starts_with(verb))
}

fn route(cx: &mut Cx<'_>, request: &mut Request) -> Result<Response, ApiError> {
    let response = match request.service.name {
        "ec2" => ec2::handle(cx, request),
        "sts" => sts::handle(cx, request),
        "autoscaling" => autoscaling::handle(cx, request),
        "elasticloadbalancing" if request.service.version == elb::VERSION => elb::handle(cx, request),
        "elasticloadbalancing" => elbv2::handle(cx, request),
        "iam" => iam::handle(cx, request),
        "route53" => return route53::handle(cx, request),
        "kms" => return kms::handle(cx, request),
        _ => return s3::handle(cx, request),
    }?;
    request.params.finish()?;
    Ok(response)
}

/// The error of a fault that answers instead of the service.
fn struck(effect: Option<Effect>, request: &Request) -> Option<ApiError> {
    let service = request.service.name;
    match effect? {
        Effect::Throttle => Some(ApiError::throttled(service)),
        Effect::ServerError { status } => Some(ApiError::server(service, status)),
        Effect::Capacity => Some(ApiError::capacity()),
        Effect::Denied => Some(ApiError::denied(service, &request.operation)),
        Effect::Expired => Some(ApiError::expired(service)),
        _ => None,
    }
}

fn finish(response: Response, request_id: &str) -> http::Response<Bytes> {
    let mut builder = http::Response::builder()
        .status(response.status)
        .header("x-amzn-requestid", request_id)
        .header("x-amz-request-id", request_id);
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
