//! The keys that a cluster lives by. They are made where they are written, at apply, and go nowhere else: no plan, no
//! state and no log holds them.

use async_trait::async_trait;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, resource};
use meridian_node::{SECRETS, Secret};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};
use zeroize::Zeroizing;

use super::contents::{contents, get, purge, put_new};
use super::{Bucket, BucketPolicy};
use crate::client::Gcp;
use crate::gce::{gone, id_of, made, with_new};

resource! {
    /// A key pair, with its certificate when it is an authority's. Its id is `<bucket>/<key of the private half>`.
    pub struct ClusterSecret = "google_cluster_secret", "cluster key", Replacement::Refused(
        "every certificate of the cluster hangs on it, and no machine could talk to another after it. Rotate keys inside \
         the cluster, or make a new cluster");
    fields {
        bucket: Ref<Bucket> => replace,
        /// Key of the private half (`pki/ca.key`).
        key: String => replace,
        /// An order, and nothing that is sent: until then, everyone who may view the project may read the bucket.
        access: Option<Ref<BucketPolicy>> => unread,
    }
    computed {}
}

#[async_trait]
impl KindOps<Gcp> for ClusterSecret {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let contents = contents(client).await?;
        let Some(contents) = contents.as_ref() else { return Ok(Vec::new()) };
        let has = |key: &String| contents.keys.contains(key);
        Ok(SECRETS.iter().filter_map(|secret| read(&contents.bucket, secret, has)).collect())
    }

    async fn create(&self, client: &Gcp, new: &New) -> Result<Made, CloudError> {
        with_new(client, || self.make(client, &new.address)).await
    }

    async fn update(&self, client: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        self.make(client, &existing.address).await
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let secret = Secret::named(existing.address.name())?;
        let bucket = id_of(&existing.before.bucket)?;
        // The public half first: a private half alone can be finished, a public half alone can not.
        for key in [secret.public(), secret.private()] {
            gone(purge(client, bucket, &key).await)?;
        }
        Ok(())
    }
}

impl ClusterSecret {
    /// A secret in the bucket, once `access` holds.
    #[must_use]
    pub fn of(bucket: Ref<Bucket>, access: Ref<BucketPolicy>, secret: &Secret) -> Self {
        Self { bucket, key: secret.private(), access: Some(access) }
    }

    /// Writes the private half unless there is one, and the public half that belongs to the one that is there. So it
    /// ends the same wherever an earlier run was cut short.
    async fn make(&self, client: &Gcp, address: &Address) -> Result<Made, CloudError> {
        let secret = Secret::named(address.name())?;
        let bucket = id_of(&self.bucket)?;
        let made_now = Secret::new_private_half()?;
        let private = if put_new(client, bucket, &secret.private(), &made_now).await? {
            made_now
        } else {
            read_back(client, bucket, &secret.private()).await?
        };
        let public = secret.public_half(&private)?;
        put_new(client, bucket, &secret.public(), &public).await?;
        Ok(made(format!("{bucket}/{}", self.key)))
    }
}

fn read(bucket: &str, secret: &Secret, has: impl Fn(&String) -> bool) -> Option<Found<ClusterSecret>> {
    let (private, public) = (has(&secret.private()), has(&secret.public()));
    if !private && !public {
        return None;
    }
    Some(Found {
        address: Address::new(ClusterSecret::SCHEMA.kind, secret.name).ok()?,
        id: format!("{bucket}/{}", secret.private()),
        resource: ClusterSecret { bucket: Ref::existing(bucket), key: secret.private(), access: None },
        computed: Fields::new(),
        condition: match (private, public) {
            (true, true) => Condition::Ready,
            (true, false) => Condition::Unfinished("its public half is missing".to_owned()),
            // A new private half would not fit the public one, which machines already trust.
            _ => Condition::Failed("its private half is lost".to_owned()),
        },
    })
}

async fn read_back(client: &Gcp, bucket: &str, key: &str) -> Result<Zeroizing<String>, CloudError> {
    let text = String::from_utf8(get(client, bucket, key).await?)
        .map_err(|_| CloudError::new(ErrorKind::Invalid, "storage:objects.get", format!("{key} is no PEM")))?;
    Ok(Zeroizing::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_pair_is_not_ready() {
        let condition =
            |keys: &[&str]| read("b", &SECRETS[0], |key| keys.contains(&key.as_str())).map(|found| found.condition);
        assert_eq!(condition(&[]), None);
        assert_eq!(condition(&["pki/ca.key", "pki/ca.crt"]), Some(Condition::Ready));
        assert!(matches!(condition(&["pki/ca.key"]), Some(Condition::Unfinished(_))));
        assert!(matches!(condition(&["pki/ca.crt"]), Some(Condition::Failed(_))));
    }
}
