//! A connected region.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use meridian_engine::apply::{Creation, Deletion, Executor, ExecutorError, Outcome, Update};
use meridian_engine::{Address, Observed};
use meridian_provider_api::{ACCOUNT_PIN, Cloud, CloudError, Connection, Dispatch, ErrorKind, Pins, Scope, Sighting};
use meridian_spec::Catalogue;
use meridian_spec::cluster::Cluster;

use crate::client::Gcp;
use crate::compute::image;
use crate::limits::compute_read;
use crate::provider::register;
use crate::shared;

/// One region of one project, for one cluster.
pub struct GcpCloud {
    dispatch: Dispatch<Gcp>,
}

impl GcpCloud {
    /// Builds the clients; no call is sent.
    pub async fn connect(connection: Connection) -> Result<Self, CloudError> {
        let (pace, forgotten) = (connection.pace, connection.forgotten.clone());
        let scope = Scope { cluster: connection.cluster.clone(), recorded: BTreeMap::new() };
        let client = Arc::new(Gcp::connect(connection).await?);
        Ok(Self { dispatch: register(Dispatch::new(client, pace, scope).without(forgotten)) })
    }

    fn client(&self) -> &Gcp {
        self.dispatch.client()
    }

    async fn images(&self, cluster: &Cluster, pins: &Pins) -> Result<Pins, CloudError> {
        let catalogue = Catalogue::builtin()
            .map_err(|error| CloudError::new(ErrorKind::Invalid, "reading the catalogue", error.to_string()))?;
        let source = catalogue.image_source("gcp", &cluster.region.partition);
        image::look_up(self.client(), cluster, source, pins).await
    }
}

#[async_trait]
impl Executor for GcpCloud {
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
impl Cloud for GcpCloud {
    async fn identity(&self) -> Result<String, CloudError> {
        let client = self.client();
        let project = client
            .call(compute_read("projects.get"), || client.compute.projects.get().set_project(&client.project).send())
            .await?;
        let number = project.id.map(|id| format!(" ({id})")).unwrap_or_default();
        Ok(format!("project {}{number}", client.project))
    }

    /// The project is said, never found out: whoever the credentials are, they may see several.
    async fn check_account(&self, pins: &Pins) -> Result<(), CloudError> {
        let Some(recorded) = pins.get(ACCOUNT_PIN) else { return Ok(()) };
        let present = &self.client().project;
        if present == recorded {
            return Ok(());
        }
        let message = format!("the cluster stands in project {recorded}, but {present} is named");
        Err(CloudError::new(ErrorKind::Denied, "checking the project", message))
    }

    async fn look_up(&self, cluster: &Cluster, pins: &Pins) -> Result<Pins, CloudError> {
        let (images, ()) = tokio::try_join!(self.images(cluster, pins), shared::check(self.client(), cluster))?;
        let mut all = pins.clone();
        all.extend(images);
        all.entry(ACCOUNT_PIN.to_owned()).or_insert_with(|| self.client().project.clone());
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
