//! The SDK's clients for one region, behind the one way a call leaves.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials as StaticCredentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_smithy_http_client::tls::{Provider as Tls, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use meridian_engine::Address;
use meridian_provider_api::provider::{WireRequest, WireTap};
use meridian_provider_api::{
    Api, Caller, Client, CloudError, Connection, Credentials, ErrorKind, Existing, Recorded, Scope, Stranger,
};
use tokio::sync::OnceCell;

use crate::ec2::required;
use crate::errors::{causes, from_sdk};
use crate::limits::other;

/// Tag that holds the cluster's name; on everything that is made.
pub const CLUSTER_TAG: &str = "meridian:cluster";
/// Tag that holds the resource's address; on everything that is made.
pub const ADDRESS_TAG: &str = "meridian:address";

/// Tags of a resource without the two that mark it as ours.
pub type Tags = BTreeMap<String, String>;

/// Everything that is called in one region, for one cluster.
pub struct Aws {
    /// Name of the cluster.
    pub cluster: String,
    pub region: String,
    /// For regional services.
    pub caller: Caller,
    /// For IAM and Route 53, whose limits are one for the whole account.
    pub global: Caller,
    pub ec2: aws_sdk_ec2::Client,
    pub autoscaling: aws_sdk_autoscaling::Client,
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    /// The first version of the service, which knows the classic load balancers alone.
    pub classic_elb: aws_sdk_elasticloadbalancing::Client,
    pub iam: aws_sdk_iam::Client,
    pub route53: aws_sdk_route53::Client,
    pub s3: aws_sdk_s3::Client,
    pub sts: aws_sdk_sts::Client,
    account: Arc<OnceCell<String>>,
    recorded: Recorded,
    listings: Mutex<HashMap<String, Listing>>,
}

/// A listing of any type, read at most once.
type Listing = Arc<OnceCell<Arc<dyn Any + Send + Sync>>>;

impl Client for Aws {
    const MARKS_LATER: bool = true;

    fn fresh(&self, recorded: Recorded) -> Self {
        Self {
            cluster: self.cluster.clone(),
            region: self.region.clone(),
            caller: self.caller.clone(),
            global: self.global.clone(),
            ec2: self.ec2.clone(),
            autoscaling: self.autoscaling.clone(),
            elb: self.elb.clone(),
            classic_elb: self.classic_elb.clone(),
            iam: self.iam.clone(),
            route53: self.route53.clone(),
            s3: self.s3.clone(),
            sts: self.sts.clone(),
            account: Arc::clone(&self.account),
            recorded,
            listings: Mutex::default(),
        }
    }

    fn recorded(&self) -> &Recorded {
        &self.recorded
    }
}

impl Aws {
    /// Builds the clients; nothing is called yet, but for what the default credential chain asks.
    pub async fn connect(connection: Connection) -> Result<Self, CloudError> {
        let config = configure(&connection.region, connection.endpoint.as_deref(), connection.credentials).await;
        credentials(&config).await?;
        Ok(Self::with_config(&config, connection))
    }

    fn with_config(config: &SdkConfig, connection: Connection) -> Self {
        let tap = Tap(connection.wire_tap.clone());
        let caller = Caller {
            region: connection.region.clone(),
            pace: connection.pace,
            limiter: Arc::clone(&connection.limiter),
            telemetry: Arc::clone(&connection.telemetry),
        };
        let global = Caller { region: "global".to_owned(), ..caller.clone() };
        Self {
            ec2: aws_sdk_ec2::Client::from_conf(
                aws_sdk_ec2::config::Builder::from(config).interceptor(tap.clone()).build(),
            ),
            autoscaling: aws_sdk_autoscaling::Client::from_conf(
                aws_sdk_autoscaling::config::Builder::from(config).interceptor(tap.clone()).build(),
            ),
            elb: aws_sdk_elasticloadbalancingv2::Client::from_conf(
                aws_sdk_elasticloadbalancingv2::config::Builder::from(config).interceptor(tap.clone()).build(),
            ),
            classic_elb: aws_sdk_elasticloadbalancing::Client::from_conf(
                aws_sdk_elasticloadbalancing::config::Builder::from(config).interceptor(tap.clone()).build(),
            ),
            iam: aws_sdk_iam::Client::from_conf(
                aws_sdk_iam::config::Builder::from(config).interceptor(tap.clone()).build(),
            ),
            route53: aws_sdk_route53::Client::from_conf(
                aws_sdk_route53::config::Builder::from(config).interceptor(tap.clone()).build(),
            ),
            s3: aws_sdk_s3::Client::from_conf(
                aws_sdk_s3::config::Builder::from(config)
                    .force_path_style(connection.endpoint.is_some())
                    .interceptor(tap.clone())
                    .build(),
            ),
            sts: aws_sdk_sts::Client::from_conf(aws_sdk_sts::config::Builder::from(config).interceptor(tap).build()),
            cluster: connection.cluster,
            region: connection.region,
            caller,
            global,
            account: Arc::default(),
            recorded: Recorded::default(),
            listings: Mutex::default(),
        }
    }

    /// Sends a call of a regional service, or of a global one with its own limits.
    pub async fn call<T, E, F, Fut>(&self, api: Api, send: F) -> Result<T, CloudError>
    where
        F: FnMut() -> Fut + Send,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        T: Send,
    {
        let caller = if matches!(api.service, "iam" | "route53") { &self.global } else { &self.caller };
        call(caller, api, send).await
    }

    /// A listing that is read once a client (see [`Client::fresh`]), however many kinds look at it.
    pub async fn listing<T, F, Fut>(&self, name: &str, read: F) -> Result<Arc<T>, CloudError>
    where
        T: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<T, CloudError>> + Send,
    {
        let cell = {
            let mut listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(listings.entry(name.to_owned()).or_default())
        };
        let shared = cell
            .get_or_try_init(|| async { read().await.map(|list| Arc::new(list) as Arc<dyn Any + Send + Sync>) })
            .await?;
        Arc::clone(shared)
            .downcast()
            .map_err(|_| CloudError::new(ErrorKind::Invalid, name, "the listing is kept under another type"))
    }

    /// The account's id; asked for once in a client's life.
    pub async fn account(&self) -> Result<&str, CloudError> {
        let account = self
            .account
            .get_or_try_init(|| async {
                let api = other("sts", "GetCallerIdentity", true);
                let answer = self.call(api, || self.sts.get_caller_identity().send()).await?;
                required(answer.account, "sts:GetCallerIdentity", "account")
            })
            .await?;
        Ok(account)
    }

    /// The two tags that mark a resource as ours, and its own.
    #[must_use]
    pub fn all_tags(&self, address: &Address, own: &Tags) -> Tags {
        let mut tags = own.clone();
        tags.insert(CLUSTER_TAG.to_owned(), self.cluster.clone());
        tags.insert(ADDRESS_TAG.to_owned(), address.to_string());
        tags
    }

    /// The tags that an update brings a resource to: its own, and the two marks where they are missing.
    #[must_use]
    pub fn tags_of<R>(&self, existing: &Existing<R>, own: &Tags) -> Tags {
        if existing.unmarked { self.all_tags(&existing.address, own) } else { own.clone() }
    }

    /// Whose resources are read.
    #[must_use]
    pub fn owner(&self) -> Owner<'_> {
        Owner { cluster: &self.cluster, recorded: &self.recorded }
    }

    /// Name of the EC2 filter for what is tagged with our cluster, and its value.
    #[must_use]
    pub fn owner_filter(&self) -> aws_sdk_ec2::types::Filter {
        aws_sdk_ec2::types::Filter::builder().name(format!("tag:{CLUSTER_TAG}")).values(&self.cluster).build()
    }
}

/// What every client is built with. Nothing is called, but for what the default credential chain asks.
pub(crate) async fn configure(region: &str, endpoint: Option<&str>, who: Credentials) -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Tls::Rustls(CryptoMode::AwsLc)).build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .http_client(http)
        // Retries are decided in one place, by the kind of the error.
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(10))
                .operation_attempt_timeout(Duration::from_mins(1))
                .build(),
        );
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if who == Credentials::Dummy {
        loader = loader.credentials_provider(StaticCredentials::from_keys("dummy", "dummy", None));
    }
    loader.load().await
}

/// Sends a call of the SDK.
pub(crate) async fn call<T, E, F, Fut>(caller: &Caller, api: Api, mut send: F) -> Result<T, CloudError>
where
    F: FnMut() -> Fut + Send,
    Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    T: Send,
{
    let region = &caller.region;
    caller
        .call(api, || {
            // On the heap: the SDK's futures are of several kilobytes, and every caller would hold one.
            let answer = Box::pin(send());
            async move { answer.await.map_err(|error| from_sdk(api, region, &error)) }
        })
        .await
}

/// The credentials of now. They are looked for before the first call: one without any looks like one that got no answer,
/// and would be tried again until patience ends.
pub(crate) async fn credentials(config: &SdkConfig) -> Result<StaticCredentials, CloudError> {
    let missing = |why: String| CloudError::new(ErrorKind::Denied, "finding AWS credentials", why);
    let provider = config.credentials_provider().ok_or_else(|| missing("no provider is configured".to_owned()))?;
    provider.provide_credentials().await.map_err(|error| missing(causes(&error)))
}

/// Whose resources are read.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// Name of the cluster.
    pub cluster: &'a str,
    pub recorded: &'a Recorded,
}

/// Takes our two tags off. `None` when the resource is not of `kind`, is another cluster's, or carries no mark and was not
/// recorded: whatever a filter has let through, nothing of another's is ever taken for ours.
#[must_use]
pub fn owned<K: Into<String>, V: Into<String>>(
    owner: Owner<'_>,
    kind: &str,
    id: Option<&str>,
    tags: impl IntoIterator<Item = (K, V)>,
) -> Option<(Address, Tags)> {
    let mut tags: Tags = tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    let (cluster, address) = (tags.remove(CLUSTER_TAG), tags.remove(ADDRESS_TAG));
    tags.retain(|key, _| !key.starts_with("aws:"));
    if let Some(other) = cluster.as_ref().filter(|cluster| *cluster != owner.cluster) {
        owner.recorded.turn_down(id?, Stranger::OfCluster(other.clone()));
        return None;
    }
    let marked: Option<Address> = cluster.and(address).and_then(|address| address.parse().ok());
    let address = match marked {
        Some(address) => Some(address).filter(|address| address.kind() == kind),
        None => owner.recorded.unmarked(kind, id?),
    };
    Some((address?, tags))
}

/// The id that the state recorded for an address, for what carries no tags.
#[must_use]
pub fn recorded<'a>(scope: &'a Scope, address: &Address) -> Option<&'a str> {
    scope.recorded.get(address).map(String::as_str)
}

/// Shows each request to the tap, if there is one.
#[derive(Clone)]
pub(crate) struct Tap(pub Option<Arc<dyn WireTap>>);

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tap")
    }
}

impl Intercept for Tap {
    fn name(&self) -> &'static str {
        "WireTap"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (Some(tap), Some(metadata)) = (&self.0, config.load::<Metadata>()) else { return Ok(()) };
        let request = context.request();
        tap.request(WireRequest {
            service: metadata.service(),
            operation: metadata.name(),
            method: request.method(),
            uri: request.uri(),
            headers: request.headers().iter().collect(),
            body: request.body().bytes().unwrap_or_default(),
        });
        Ok(())
    }
}
