//! A connected region.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use meridian_engine::apply::{Creation, Deletion, Executor, ExecutorError, Outcome, Update};
use meridian_engine::{Address, Observed};
use meridian_provider_api::{ACCOUNT_PIN, Cloud, CloudError, Connection, Dispatch, ErrorKind, Pins, Scope, Sighting};
use meridian_spec::Catalogue;
use meridian_spec::cluster::Cluster;

use crate::client::Aws;
use crate::compute::image;
use crate::limits::other;
use crate::provider::register;
use crate::shared;

/// One region of one account, for one cluster.
pub struct AwsCloud {
    dispatch: Dispatch<Aws>,
}

impl AwsCloud {
    /// Builds the clients; no call is sent.
    pub async fn connect(connection: Connection) -> Result<Self, CloudError> {
        let (pace, forgotten) = (connection.pace, connection.forgotten.clone());
        let scope = Scope { cluster: connection.cluster.clone(), recorded: BTreeMap::new() };
        let client = Arc::new(Aws::connect(connection).await?);
        Ok(Self { dispatch: register(Dispatch::new(client, pace, scope).without(forgotten)) })
    }

    fn client(&self) -> &Aws {
        self.dispatch.client()
    }

    async fn account_pin(&self, pins: &Pins) -> Result<Pins, CloudError> {
        if pins.contains_key(ACCOUNT_PIN) {
            return Ok(Pins::new());
        }
        Ok(Pins::from([(ACCOUNT_PIN.to_owned(), self.client().account().await?.to_owned())]))
    }

    async fn images(&self, cluster: &Cluster, pins: &Pins) -> Result<Pins, CloudError> {
        let catalogue = Catalogue::builtin()
            .map_err(|error| CloudError::new(ErrorKind::Invalid, "reading the catalogue", error.to_string()))?;
        let source = catalogue.image_source("aws", &cluster.region.partition);
        image::look_up(self.client(), cluster, source, pins).await
    }
}

#[async_trait]
impl Executor for AwsCloud {
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
impl Cloud for AwsCloud {
    async fn identity(&self) -> Result<String, CloudError> {
        let client = self.client();
        let api = other("sts", "GetCallerIdentity", true);
        let answer = client.call(api, || client.sts.get_caller_identity().send()).await?;
        // The part of the ARN after the account: `user/name`, `assumed-role/name/session`.
        let who = answer.arn().and_then(|arn| arn.splitn(6, ':').nth(5)).unwrap_or("unknown");
        Ok(format!("account {} as {who}", answer.account().unwrap_or("unknown")))
    }

    async fn check_account(&self, pins: &Pins) -> Result<(), CloudError> {
        let Some(recorded) = pins.get(ACCOUNT_PIN) else { return Ok(()) };
        let present = self.client().account().await?;
        if present == recorded {
            return Ok(());
        }
        let message = format!("the cluster stands in account {recorded}, but the credentials are of {present}");
        Err(CloudError::new(ErrorKind::Denied, "checking the account", message))
    }

    async fn look_up(&self, cluster: &Cluster, pins: &Pins) -> Result<Pins, CloudError> {
        let (account, images, ()) = tokio::try_join!(
            self.account_pin(pins),
            self.images(cluster, pins),
            shared::check(self.client(), cluster)
        )?;
        let mut all = pins.clone();
        all.extend(account);
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
