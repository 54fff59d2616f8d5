//! The keys that a cluster lives by. They are made where they are written, at apply, and go nowhere else: no plan, no
//! state and no log holds them.

use async_trait::async_trait;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, resource};
use meridian_node::{SECRETS, Secret};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::contents::contents;
use super::{Container, blobs};
use crate::arm::{arm_id, made};
use crate::client::Azure;

resource! {
    /// A key pair, with its certificate when it is an authority's. Its id is `<container>/<key of the private half>`.
    pub struct ClusterSecret = "azure_cluster_secret", "cluster key", Replacement::Refused(
        "every certificate of the cluster hangs on it, and no machine could talk to another after it. Rotate keys inside \
         the cluster, or make a new cluster");
    fields {
        container: Ref<Container> => replace,
        /// Key of the private half (`pki/ca.key`).
        key: String => replace,
    }
    computed {}
}

impl ClusterSecret {
    /// The secret in the container.
    #[must_use]
    pub fn of(container: Ref<Container>, secret: &Secret) -> Self {
        Self { container, key: secret.private() }
    }

    /// Writes the private half unless there is one, and the public half that belongs to the one that is there. So it
    /// ends the same wherever an earlier run was cut short.
    async fn make(&self, client: &Azure, address: &Address) -> Result<Made, CloudError> {
        let secret = Secret::named(address.name())?;
        let container = arm_id(&self.container)?;
        let made_now = Secret::new_private_half()?;
        let private = if blobs::put_new(client, &container, &secret.private(), &made_now).await? {
            made_now
        } else {
            blobs::get(client, &container, &secret.private()).await?
        };
        let public = secret.public_half(&private)?;
        blobs::put_new(client, &container, &secret.public(), &public).await?;
        Ok(made(format!("{container}/{}", self.key)))
    }
}

#[async_trait]
impl KindOps<Azure> for ClusterSecret {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let contents = contents(client).await?;
        let Some(contents) = contents.as_ref() else { return Ok(Vec::new()) };
        let has = |key: &String| contents.keys.contains(key);
        Ok(SECRETS.iter().filter_map(|secret| read(&contents.container, secret, has)).collect())
    }

    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        self.make(client, &new.address).await
    }

    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        self.make(client, &existing.address).await
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let secret = Secret::named(existing.address.name())?;
        let container = arm_id(&existing.before.container)?;
        // The public half first: a private half alone can be finished, a public half alone can not.
        for key in [secret.public(), secret.private()] {
            blobs::remove(client, &container, &key).await?;
        }
        Ok(())
    }
}

fn read(container: &str, secret: &Secret, has: impl Fn(&String) -> bool) -> Option<Found<ClusterSecret>> {
    let (private, public) = (has(&secret.private()), has(&secret.public()));
    if !private && !public {
        return None;
    }
    Some(Found {
        address: Address::new(ClusterSecret::SCHEMA.kind, secret.name).ok()?,
        id: format!("{container}/{}", secret.private()),
        resource: ClusterSecret { container: Ref::existing(container), key: secret.private() },
        computed: Fields::new(),
        condition: match (private, public) {
            (true, true) => Condition::Ready,
            (true, false) => Condition::Unfinished("its public half is missing".to_owned()),
            // A new private half would not fit the public one, which machines already trust.
            _ => Condition::Failed("its private half is lost".to_owned()),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_pair_is_not_ready() {
        let condition =
            |keys: &[&str]| read("c", &SECRETS[0], |key| keys.contains(&key.as_str())).map(|found| found.condition);
        assert_eq!(condition(&[]), None);
        assert_eq!(condition(&["pki/ca.key", "pki/ca.crt"]), Some(Condition::Ready));
        assert!(matches!(condition(&["pki/ca.key"]), Some(Condition::Unfinished(_))));
        assert!(matches!(condition(&["pki/ca.crt"]), Some(Condition::Failed(_))));
    }
}
