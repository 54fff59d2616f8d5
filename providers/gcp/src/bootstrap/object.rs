//! Bundles: what each machine fetches and runs.

use async_trait::async_trait;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};
use meridian_templates::Sha256;

use super::Bucket;
use super::contents::{contents, delete, put};
use crate::client::Gcp;
use crate::gce::{id_of, made, with_new};

/// Where bundles are.
const BUNDLES: &str = "nodes/";

resource! {
    /// A bundle in the bucket. Its id is `<bucket>/<key>`, and its key holds the digest of its content: other content is
    /// another object, and machines that are still at the old one find it until nobody refers to it any more.
    pub struct Object = "google_storage_bucket_object", "bundle", Replacement::CreateFirst;
    fields {
        bucket: Ref<Bucket> => replace,
        /// `nodes/<name>/<SHA-256>`.
        key: String => replace,
        content: Option<String> => unread,
    }
    computed {}
}

impl Object {
    /// The bundle of the machines called `name`.
    #[must_use]
    pub fn bundle(bucket: Ref<Bucket>, name: &str, content: String) -> Self {
        let key = format!("{}{}", prefix(name), Sha256::of(&content));
        Self { bucket, key, content: Some(content) }
    }

    async fn put(&self, client: &Gcp) -> Result<Made, CloudError> {
        let bucket = id_of(&self.bucket)?;
        put(client, bucket, &self.key, self.content.as_deref().unwrap_or_default()).await?;
        Ok(made(format!("{bucket}/{}", self.key)))
    }
}

/// Where the bundles of the machines called `name` are.
#[must_use]
pub fn prefix(name: &str) -> String {
    format!("{BUNDLES}{name}/")
}

/// Where the bundles of every pool are: [`Bundle`](meridian_node::Bundle) calls a pool's `pool-<name>`.
#[must_use]
pub fn pools_prefix() -> String {
    format!("{BUNDLES}pool-")
}

#[async_trait]
impl KindOps<Gcp> for Object {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let contents = contents(client).await?;
        let Some(contents) = contents.as_ref() else { return Ok(Vec::new()) };
        Ok(contents.below(BUNDLES).filter_map(|rest| read(&contents.bucket, rest)).collect())
    }

    async fn create(&self, client: &Gcp, _: &New) -> Result<Made, CloudError> {
        with_new(client, || self.put(client)).await
    }

    async fn update(&self, client: &Gcp, _: &Existing<Self>) -> Result<Made, CloudError> {
        self.put(client).await
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        delete(client, id_of(&existing.before.bucket)?, &existing.before.key).await
    }
}

fn read(bucket: &str, rest: &str) -> Option<Found<Object>> {
    let (name, _) = rest.split_once('/')?;
    let key = format!("{BUNDLES}{rest}");
    Some(Found {
        address: Address::new(Object::SCHEMA.kind, name).ok()?,
        id: format!("{bucket}/{key}"),
        resource: Object { bucket: Ref::existing(bucket), key, content: None },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_holds_name_and_digest() {
        let bundle = Object::bundle(Ref::existing("b"), "control-plane-0", "x".to_owned());
        let digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
        assert_eq!(bundle.key, format!("nodes/control-plane-0/{digest}"));
        let found = read("b", &format!("control-plane-0/{digest}")).unwrap();
        assert_eq!(found.address.to_string(), "google_storage_bucket_object.control-plane-0");
        assert_eq!(found.resource, Object { content: None, ..bundle });
    }
}
