//! Bundles: what each machine fetches and runs.

use async_trait::async_trait;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};
use meridian_templates::Sha256;

use super::contents::contents;
use super::{Container, blobs};
use crate::arm::{arm_id, made};
use crate::client::Azure;

/// Where bundles are.
const BUNDLES: &str = "nodes/";

resource! {
    /// A bundle in the container. Its id is `<container>/<key>`, and its key holds the digest of its content: other
    /// content is another blob, and machines that are still at the old one find it until nobody refers to it any more.
    pub struct Object = "azure_storage_blob", "bundle", Replacement::CreateFirst;
    fields {
        container: Ref<Container> => replace,
        /// `nodes/<name>/<SHA-256>`.
        key: String => replace,
        content: Option<String> => unread,
    }
    computed {}
}

impl Object {
    /// The bundle of the machines called `name`.
    #[must_use]
    pub fn bundle(container: Ref<Container>, name: &str, content: String) -> Self {
        let key = format!("{}{}", prefix(name), Sha256::of(&content));
        Self { container, key, content: Some(content) }
    }

    async fn put(&self, client: &Azure) -> Result<Made, CloudError> {
        let container = arm_id(&self.container)?;
        blobs::put(client, &container, &self.key, self.content.as_deref().unwrap_or_default()).await?;
        Ok(made(format!("{container}/{}", self.key)))
    }
}

/// Where the bundles of the machines called `name` are.
#[must_use]
pub fn prefix(name: &str) -> String {
    format!("{BUNDLES}{name}/")
}

#[async_trait]
impl KindOps<Azure> for Object {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let contents = contents(client).await?;
        let Some(contents) = contents.as_ref() else { return Ok(Vec::new()) };
        Ok(contents.below(BUNDLES).filter_map(|rest| read(&contents.container, rest)).collect())
    }

    async fn create(&self, client: &Azure, _: &New) -> Result<Made, CloudError> {
        self.put(client).await
    }

    async fn update(&self, client: &Azure, _: &Existing<Self>) -> Result<Made, CloudError> {
        self.put(client).await
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        blobs::remove(client, &arm_id(&existing.before.container)?, &existing.before.key).await
    }
}

fn read(container: &str, rest: &str) -> Option<Found<Object>> {
    let (name, _) = rest.split_once('/')?;
    let key = format!("{BUNDLES}{rest}");
    Some(Found {
        address: Address::new(Object::SCHEMA.kind, name).ok()?,
        id: format!("{container}/{key}"),
        resource: Object { container: Ref::existing(container), key, content: None },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_holds_name_and_digest() {
        let bundle = Object::bundle(Ref::existing("c"), "control-plane-0", "x".to_owned());
        let digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
        assert_eq!(bundle.key, format!("nodes/control-plane-0/{digest}"));
        let found = read("c", &format!("control-plane-0/{digest}")).unwrap();
        assert_eq!(found.address.to_string(), "azure_storage_blob.control-plane-0");
        assert_eq!(found.resource, Object { content: None, ..bundle });
    }
}
