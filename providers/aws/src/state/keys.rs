//! Keys that are kept encrypted under a key of KMS.

use aws_sdk_kms::primitives::Blob;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use meridian_provider_api::{Api, CloudError, ErrorKind};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::AwsState;
use crate::client::call;
use crate::ec2::required;
use crate::limits::other;

/// The name in the encryption context under which ours stands. It shows in `CloudTrail`, and key policies may ask for it.
const CONTEXT: &str = "meridian";

/// What a key's name looks like.
const EXAMPLE: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// The longest name of an alias (KMS API reference, `CreateAlias`).
const LONGEST_ALIAS: usize = 256;

/// What is kept of a wrapped key. The key that did it stands in it, for an alias may point to another one by the time it
/// is unwrapped.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    /// The ARN of the key itself.
    key: String,
    /// What KMS gave, in base64.
    ciphertext: String,
}

/// The parts of a key's ARN that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
    is_alias: bool,
}

fn api(operation: &'static str) -> Api {
    other("kms", operation, true)
}

/// Encrypts `secret` under the key.
pub(super) async fn wrap(state: &AwsState, key: &str, context: &str, secret: &[u8]) -> Result<Vec<u8>, CloudError> {
    let named = read(key).ok_or_else(|| misnamed(key))?;
    let kms = state.kms(named.region);
    let answer = call(&state.caller(named.region), api("Encrypt"), || {
        kms.encrypt().key_id(key).encryption_context(CONTEXT, context).plaintext(Blob::new(secret)).send()
    })
    .await?;
    let done = required(answer.key_id, "kms:Encrypt", "key id")?;
    if !is_of(key, named, &done) {
        let why = format!("the answer names the key {done}, for which {key} does not stand");
        return Err(CloudError::new(ErrorKind::Invalid, "kms:Encrypt", why));
    }
    let ciphertext = required(answer.ciphertext_blob, "kms:Encrypt", "ciphertext")?;
    let wrapped = Wrapped { key: done, ciphertext: BASE64_STANDARD.encode(ciphertext) };
    serde_json::to_vec(&wrapped).map_err(|error| CloudError::new(ErrorKind::Invalid, "kms:Encrypt", error.to_string()))
}

/// Decrypts what [`wrap`] gave. `wrapped` comes from the store, where anybody may have written it: no key is asked that
/// `key` does not stand for.
pub(super) async fn unwrap(
    state: &AwsState,
    key: &str,
    context: &str,
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CloudError> {
    let named = read(key).ok_or_else(|| misnamed(key))?;
    let invalid = |why: String| CloudError::new(ErrorKind::Invalid, "kms:Decrypt", why);
    let Wrapped { key: done, ciphertext } = serde_json::from_slice(wrapped)
        .map_err(|_| invalid("what is stored is no key that was wrapped by KMS".to_owned()))?;
    if !is_of(key, named, &done) {
        return Err(invalid(format!("what is stored was wrapped by another key than {key} stands for")));
    }
    let ciphertext = BASE64_STANDARD
        .decode(ciphertext)
        .map_err(|_| invalid("what is stored of the wrapped key is not base64".to_owned()))?;
    let kms = state.kms(named.region);
    let answer = call(&state.caller(named.region), api("Decrypt"), || {
        kms.decrypt()
            // KMS refuses what another key than the named one has encrypted.
            .key_id(&done)
            .encryption_context(CONTEXT, context)
            .ciphertext_blob(Blob::new(ciphertext.clone()))
            .send()
    })
    .await
    .map_err(explained)?;
    Ok(Zeroizing::new(required(answer.plaintext, "kms:Decrypt", "plaintext")?.into_inner()))
}

/// KMS leaves the message of this error empty, so as not to tell what is wrong.
fn explained(mut error: CloudError) -> CloudError {
    if error.code.as_deref() == Some("InvalidCiphertextException") {
        "it was wrapped for something else, or was changed since".clone_into(&mut error.message);
    }
    error
}

fn misnamed(key: &str) -> CloudError {
    let why = format!("{key:?} is no name of a key; it is an ARN such as {EXAMPLE}, or that of an alias");
    CloudError::new(ErrorKind::Invalid, "reading the name of a KMS key", why)
}

/// Whether `done` is a key that the name `key`, read as `named`, stands for: itself, or for an alias a key of the same account
/// and region.
fn is_of(key: &str, named: Key<'_>, done: &str) -> bool {
    if !named.is_alias {
        return key == done;
    }
    read(done) == Some(Key { is_alias: false, ..named })
}

/// Reads an ARN (KMS Developer Guide, "Key identifiers"). Its region becomes part of a host's name, so nothing else than a
/// region may stand there.
fn read(arn: &str) -> Option<Key<'_>> {
    let ["arn", partition, "kms", region, account, resource] = arn.splitn(6, ':').collect::<Vec<_>>()[..] else {
        return None;
    };
    let lower = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let is_placed = partition.starts_with("aws")
        && lower(partition)
        && is_region(region)
        && account.len() == 12
        && account.chars().all(|c| c.is_ascii_digit());
    let (is_alias, is_named) = match resource.split_once('/')? {
        ("key", id) => {
            (false, (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        }
        ("alias", name) => {
            let fits = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
            (true, !name.is_empty() && resource.len() <= LONGEST_ALIAS && name.chars().all(fits))
        }
        _ => return None,
    };
    (is_placed && is_named).then_some(Key { partition, region, account, is_alias })
}

/// Whether a name has the form of a region's: words of letters, then a number.
fn is_region(name: &str) -> bool {
    let Some((words, number)) = name.rsplit_once('-') else { return false };
    words.contains('-')
        && words.split('-').all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()))
        && (1..=2).contains(&number.len())
        && number.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_arns_are_names() {
        let key = read(EXAMPLE).unwrap();
        assert_eq!((key.partition, key.region, key.account), ("aws", "eu-west-1", "111122223333"));
        for good in [
            "arn:aws-us-gov:kms:us-gov-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
            "arn:aws:kms:ap-southeast-10:111122223333:alias/team/state_1",
            "arn:aws-cn:kms:cn-north-1:111122223333:alias/a",
        ] {
            assert!(read(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "alias/state",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:s3:eu-west-1:111122223333:key/1234abcd",
            "arn:aws:kms::111122223333:key/1234abcd",
            "arn:aws:kms:evil.example/eu-west-1:111122223333:key/1234abcd",
            "arn:aws:kms:eu-west-1:11112222:key/1234abcd",
            "arn:aws:kms:eu-west-1:111122223333:key/",
            "arn:aws:kms:eu-west-1:111122223333:key/1234:abcd",
            "arn:aws:kms:eu-west-1:111122223333:key/1234abcd\n",
            "arn:aws:kms:eu-west-1:111122223333:grant/1234abcd",
            "arn:evil:kms:eu-west-1:111122223333:key/1234abcd",
        ] {
            assert!(read(bad).is_none(), "{bad}");
            let error = misnamed(bad).to_string();
            assert!(error.contains(EXAMPLE), "{error}");
        }
    }

    #[test]
    fn an_alias_stands_for_keys_beside_it_only() {
        let alias = "arn:aws:kms:eu-west-1:111122223333:alias/state";
        let leads_to = |done: &str| is_of(alias, read(alias).unwrap(), done);
        assert!(leads_to(EXAMPLE));
        assert!(!leads_to("arn:aws:kms:eu-west-1:999922223333:key/1234abcd"));
        assert!(!leads_to("arn:aws:kms:eu-west-2:111122223333:key/1234abcd"));
        assert!(!leads_to("arn:aws:kms:eu-west-1:111122223333:alias/other"));
        assert!(is_of(EXAMPLE, read(EXAMPLE).unwrap(), EXAMPLE));
        assert!(!is_of(EXAMPLE, read(EXAMPLE).unwrap(), "arn:aws:kms:eu-west-1:111122223333:key/1234abcd"));
    }

    #[test]
    fn an_empty_refusal_is_put_into_words() {
        let mut error = CloudError::new(ErrorKind::Invalid, "kms:Decrypt", "null");
        error.code = Some("InvalidCiphertextException".to_owned());
        assert!(explained(error).to_string().contains("wrapped for something else"));
    }
}
