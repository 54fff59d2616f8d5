//! A connected region.

use std::collections::BTreeMap;
use std::future::IntoFuture as _;
use std::sync::Arc;

use async_trait::async_trait;
use meridian_engine::apply::{Creation, Deletion, Executor, ExecutorError, Outcome, Update};
use meridian_engine::{Address, Observed};
use meridian_provider_api::{ACCOUNT_PIN, Cloud, CloudError, Connection, Dispatch, ErrorKind, Pins, Scope, Sighting};
use meridian_spec::Catalogue;
use meridian_spec::cluster::Cluster;

use crate::client::Azure;
use crate::compile::names::existing_group;
use crate::compute::image;
use crate::limits::read;
use crate::network::resource_group;
use crate::provider::register;
use crate::shared;

/// One region of one subscription, for one cluster.
pub struct AzureCloud {
    dispatch: Dispatch<Azure>,
}

impl AzureCloud {
    /// Builds the clients; as [`Azure::connect`].
    pub async fn connect(connection: Connection) -> Result<Self, CloudError> {
        let (pace, forgotten) = (connection.pace, connection.forgotten.clone());
        let scope = Scope { cluster: connection.cluster.clone(), recorded: BTreeMap::new() };
        let client = Arc::new(Azure::connect(connection).await?);
        Ok(Self { dispatch: register(Dispatch::new(client, pace, scope).without(forgotten)) })
    }

    fn client(&self) -> &Azure {
        self.dispatch.client()
    }

    async fn images(&self, cluster: &Cluster, pins: &Pins) -> Result<Pins, CloudError> {
        let catalogue = Catalogue::builtin()
            .map_err(|error| CloudError::new(ErrorKind::Invalid, "reading the catalogue", error.to_string()))?;
        let source = catalogue.image_source("azure", &cluster.region.partition);
        image::look_up(self.client(), cluster, source, pins).await
    }
}

#[async_trait]
impl Executor for AzureCloud {
    async fn create(&self, creation: Creation) -> Result<Outcome, ExecutorError> {
        self.dispatch.create(creation).await
    }

    async fn update(&self, update: Update) -> Result<Outcome, ExecutorError> {
        self.dispatch.update(update).await
    }

    async fn delete(&self, deletion: Deletion) -> Result<(), ExecutorError> {
        self.dispatch.delete(deletion).await
    }
}

#[async_trait]
impl Cloud for AzureCloud {
    async fn identity(&self) -> Result<String, CloudError> {
        let client = self.client();
        let subscription = client
            .call(read("Microsoft.Resources", "Subscriptions_Get"), || {
                client.subscriptions.subscriptions_client().get(&client.subscription).into_future()
            })
            .await?;
        let name = subscription.display_name.unwrap_or_else(|| "unnamed".to_owned());
        Ok(format!("subscription {} ({name})", client.subscription))
    }

    async fn check_account(&self, pins: &Pins) -> Result<(), CloudError> {
        let Some(recorded) = pins.get(ACCOUNT_PIN) else { return Ok(()) };
        let present = &self.client().subscription;
        if present == recorded {
            return Ok(());
        }
        let message = format!("the cluster stands in subscription {recorded}, but {present} is meant");
        Err(CloudError::new(ErrorKind::Denied, "checking the subscription", message))
    }

    async fn look_up(&self, cluster: &Cluster, pins: &Pins) -> Result<Pins, CloudError> {
        let (images, (), ()) = tokio::try_join!(
            self.images(cluster, pins),
            resource_group::check(self.client(), existing_group(cluster)),
            shared::check(self.client(), cluster)
        )?;
        let mut all = pins.clone();
        all.entry(ACCOUNT_PIN.to_owned()).or_insert_with(|| self.client().subscription.clone());
        all.extend(images);
        Ok(all)
    }

    async fn observe(&self, scope: &Scope) -> Result<Vec<Observed>, CloudError> {
        self.dispatch.find(scope).await
    }

    async fn sight(&self, address: &Address, id: &str) -> Result<Sighting, CloudError> {
        self.dispatch.sight(address, id).await
    }

    async fn leftovers(&self, scope: &Scope) -> Result<Vec<Observed>, CloudError> {
        self.dispatch.find_leftovers(scope).await
    }
}
