//! The keys that a cluster lives by. They are made where they are written, at apply, and go nowhere else: no plan, no
//! state and no log holds them.

use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, resource};
use meridian_node::{SECRETS, Secret};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};
use zeroize::Zeroizing;

use super::Bucket;
use super::contents::{api, contents, purge};
use crate::client::Aws;
use crate::ec2::{allowing, id_of, made};

resource! {
    /// A key pair, with its certificate when it is an authority's. Its id is `<bucket>/<key of the private half>`.
    pub struct ClusterSecret = "aws_cluster_secret", "cluster key", Replacement::Refused(
        "every certificate of the cluster hangs on it, and no machine could talk to another after it. Rotate keys inside \
         the cluster, or make a new cluster");
    fields {
        bucket: Ref<Bucket> => replace,
        /// Key of the private half (`pki/ca.key`).
        key: String => replace,
    }
    computed {}
}

#[async_trait]
impl KindOps<Aws> for ClusterSecret {
    async fn find(client: &Aws, scope: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let contents = contents(client, scope).await?;
        let Some(contents) = contents.as_ref() else { return Ok(Vec::new()) };
        let has = |key: &String| contents.keys.contains(key);
        Ok(SECRETS.iter().filter_map(|secret| read(&contents.bucket, secret, has)).collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        self.make(client, &new.address).await
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        self.make(client, &existing.address).await
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let secret = Secret::named(existing.address.name())?;
        let bucket = id_of(&existing.before.bucket)?;
        // The public half first: a private half alone can be finished, a public half alone can not.
        for key in [secret.public(), secret.private()] {
            allowing(purge(client, bucket, &key).await, |error| error.kind == ErrorKind::NotFound)?;
        }
        Ok(())
    }
}

impl ClusterSecret {
    /// The secret `name` in the bucket.
    #[must_use]
    pub fn of(bucket: Ref<Bucket>, secret: &Secret) -> Self {
        Self { bucket, key: secret.private() }
    }

    /// Writes the private half unless there is one, and the public half that belongs to the one that is there. So it
    /// ends the same wherever an earlier run was cut short.
    async fn make(&self, client: &Aws, address: &Address) -> Result<Made, CloudError> {
        let secret = Secret::named(address.name())?;
        let bucket = id_of(&self.bucket)?;
        let made_now = Secret::new_private_half()?;
        let private = if put_new(client, bucket, &secret.private(), &made_now).await? {
            made_now
        } else {
            get(client, bucket, &secret.private()).await?
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
        resource: ClusterSecret { bucket: Ref::existing(bucket), key: secret.private() },
        computed: Fields::new(),
        condition: match (private, public) {
            (true, true) => Condition::Ready,
            (true, false) => Condition::Unfinished("its public half is missing".to_owned()),
            // A new private half would not fit the public one, which machines already trust.
            _ => Condition::Failed("its private half is lost".to_owned()),
        },
    })
}

/// Writes an object unless it is there; whether it was written. An answer that was lost leaves it written: then it is
/// there the next time, and is read back.
async fn put_new(client: &Aws, bucket: &str, key: &str, body: &str) -> Result<bool, CloudError> {
    let owner = client.account().await?;
    let put = client
        .call(api("PutObject"), || {
            client
                .s3
                .put_object()
                .bucket(bucket)
                .key(key)
                .expected_bucket_owner(owner)
                .if_none_match("*")
                .body(ByteStream::from(body.as_bytes().to_vec()))
                .send()
        })
        .await;
    match put {
        Ok(_) => Ok(true),
        Err(error) if error.code.as_deref() == Some("PreconditionFailed") => Ok(false),
        Err(error) => Err(error),
    }
}

async fn get(client: &Aws, bucket: &str, key: &str) -> Result<Zeroizing<String>, CloudError> {
    let owner = client.account().await?;
    let answer = client
        .call(api("GetObject"), || client.s3.get_object().bucket(bucket).key(key).expected_bucket_owner(owner).send())
        .await?;
    let bytes = answer
        .body
        .collect()
        .await
        .map_err(|error| CloudError::new(ErrorKind::Transient, "s3:GetObject", error.to_string()))?;
    let text = String::from_utf8(bytes.to_vec())
        .map_err(|_| CloudError::new(ErrorKind::Invalid, "s3:GetObject", format!("{key} is no PEM")))?;
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
