//! Which operation a request asks for.

use http::Method;

use super::error::ApiError;
use super::kind::Kind;
use super::request::Request;
use super::response::Response;
use super::world::Cx;
use super::{SERVICES, Service, operation, resource, resources};

/// What answers a request.
pub type Act = Box<dyn Fn(&mut Cx<'_>, &Request) -> Result<Response, ApiError> + Send + Sync>;

/// An operation, by its published name, and what answers it.
pub struct Route {
    /// The name, such as `VirtualNetworks_CreateOrUpdate`.
    pub operation: String,
    /// What answers it.
    pub act: Act,
}

impl Route {
    /// An operation and its handler.
    pub fn new(
        operation: impl Into<String>,
        act: impl Fn(&mut Cx<'_>, &Request) -> Result<Response, ApiError> + Send + Sync + 'static,
    ) -> Self {
        Self { operation: operation.into(), act: Box::new(act) }
    }
}

/// Finds the operation of a request that carries a token and a version of the API that exists.
pub fn route(request: &Request) -> Result<Route, ApiError> {
    let is_bearer = |value: &str| value.len() > 7 && value[..7].eq_ignore_ascii_case("bearer ");
    if !request.header("authorization").is_some_and(is_bearer) {
        return Err(ApiError::unauthenticated());
    }
    if let Some(subscription) = request.subscription() {
        check_subscription(subscription)?;
    }
    let Some(namespace) = request.namespace.as_deref() else {
        check_version(request, resources::NAMESPACE, resources::VERSIONS)?;
        return resources::route(request);
    };
    // The list of providers and their registration belong to the resource manager itself.
    if request.rest.is_empty() || request.rest == ["register"] {
        check_version(request, resources::NAMESPACE, resources::VERSIONS)?;
        return resources::route(request);
    }
    // Two services may share a namespace, each with versions of its own; what is neither's own goes to the first.
    let named = || SERVICES.iter().filter(|service| service.namespace.eq_ignore_ascii_case(namespace));
    let first = request.rest.first().map(String::as_str).unwrap_or_default();
    let of_type =
        |kind: &&'static dyn Kind| kind.spec().types().next().is_some_and(|kind| kind.eq_ignore_ascii_case(first));
    let service = named().find(|service| service.kinds.iter().any(of_type)).or_else(|| named().next());
    let service = service.ok_or_else(|| {
        ApiError::new(404, "InvalidResourceNamespace", format!("The resource namespace '{namespace}' is invalid."))
    })?;
    check_version(request, service.namespace, service.versions)?;
    if let Some((id, result)) = operation::asked(request).filter(|_| request.method == Method::GET) {
        let id = id.to_owned();
        return Ok(Route::new("Operations_Get", move |cx, request| operation::poll(cx, request, &id, result)));
    }
    (service.special)(request).or_else(|| of_kind(service, request)).ok_or_else(|| unknown(request, service.namespace))
}

/// The operations that every kind has.
fn of_kind(service: &'static Service, request: &Request) -> Option<Route> {
    let types: Vec<&str> = request.rest.iter().step_by(2).map(String::as_str).collect();
    let named = request.rest.len().is_multiple_of(2);
    let matching = |types: &[&str]| {
        let fits = |kind: &&&'static dyn Kind| {
            let own: Vec<&str> = kind.spec().types().collect();
            own.len() == types.len() && own.iter().zip(types).all(|(own, given)| own.eq_ignore_ascii_case(given))
        };
        service.kinds.iter().find(fits).copied()
    };
    if request.method == Method::POST {
        let (action, types) = types.split_last()?;
        let kind = matching(types)?;
        let (action, end) = *kind.spec().actions.iter().find(|(known, _)| known.eq_ignore_ascii_case(action))?;
        let name = format!("{}_{end}", kind.spec().operations);
        return (!named).then(|| Route::new(name, move |cx, request| resource::act(cx, request, kind, action)));
    }
    let kind = matching(&types)?;
    let spec = kind.spec();
    let name = |end: &str| format!("{}_{end}", spec.operations);
    match (&request.method, named) {
        (&Method::GET, true) if request.group().is_some() => {
            Some(Route::new(name("Get"), move |cx, request| resource::get(cx, request, kind)))
        }
        (&Method::PUT, true) if request.group().is_some() => {
            Some(Route::new(name(spec.put), move |cx, request| resource::put(cx, request, kind)))
        }
        (&Method::DELETE, true) if request.group().is_some() => {
            Some(Route::new(name("Delete"), move |cx, request| resource::delete(cx, request, kind)))
        }
        (&Method::PATCH, true) if request.group().is_some() => {
            let (end, _) = spec.patch?;
            Some(Route::new(name(end), move |cx, request| resource::patch(cx, request, kind)))
        }
        (&Method::GET, false) => {
            let end = if request.group().is_some() { spec.lists.0 } else { spec.lists.1? };
            Some(Route::new(name(end), move |cx, request| resource::list(cx, request, kind)))
        }
        _ => None,
    }
}

fn check_subscription(id: &str) -> Result<(), ApiError> {
    let parts: Vec<usize> = id.split('-').map(str::len).collect();
    if parts == [8, 4, 4, 4, 12] && id.chars().all(|letter| letter == '-' || letter.is_ascii_hexdigit()) {
        return Ok(());
    }
    Err(ApiError::new(
        404,
        "InvalidSubscriptionId",
        format!("The provided subscription identifier '{id}' is malformed or invalid."),
    ))
}

fn check_version(request: &Request, namespace: &str, versions: &[&str]) -> Result<(), ApiError> {
    match request.version() {
        "" => Err(ApiError::bad(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )),
        version if versions.contains(&version) => Ok(()),
        version => Err(ApiError::bad(
            "NoRegisteredProviderFound",
            format!(
                "No registered resource provider found for API version '{version}' for '{namespace}'. The supported \
                 api-versions are '{}'.",
                versions.join(", ")
            ),
        )),
    }
}

/// The answer to a path or verb that nothing has.
pub fn unknown(request: &Request, namespace: &str) -> ApiError {
    ApiError::new(
        404,
        "InvalidResourceType",
        format!(
            "The resource type of '{} {}' could not be found in the namespace '{namespace}' for api version '{}'.",
            request.method,
            request.path,
            request.version()
        ),
    )
}
