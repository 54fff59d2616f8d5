//! Key pairs: public keys under a name.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::describe::{Field, Filters, Resource};
use super::{Answer, Cx, Ec2, Params, Xml, tag};
use crate::aws::{ApiError, Millis, timestamp};

/// A key pair.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyPair {
    id: String,
    /// The name.
    pub name: String,
    kind: String,
    fingerprint: String,
    public_key: String,
    created: Millis,
}

impl Resource for KeyPair {
    const TYPE: &'static str = "key-pair";
    const IDS: &'static str = "KeyPairId";
    const NOT_FOUND: &'static str = "InvalidKeyPair.NotFound";
    const FIELDS: &'static [Field<Self>] = &[
        ("key-pair-id", |_, k| vec![k.id.clone()]),
        ("fingerprint", |_, k| vec![k.fingerprint.clone()]),
        ("key-name", |_, k| vec![k.name.clone()]),
    ];

    fn id(&self) -> &str {
        &self.id
    }
    fn all(ec2: &Ec2) -> &BTreeMap<String, Self> {
        &ec2.key_pairs
    }
    fn all_mut(ec2: &mut Ec2) -> &mut BTreeMap<String, Self> {
        &mut ec2.key_pairs
    }
}

/// The error for a name that does not exist.
pub fn no_name(name: &str) -> ApiError {
    ApiError::bad(KeyPair::NOT_FOUND, format!("The key pair '{name}' does not exist"))
}

/// `ImportKeyPair`, of an RSA or ED25519 key in OpenSSH's form.
pub fn import(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let name = p.str("KeyName")?;
    let material = p.str("PublicKeyMaterial")?;
    let tags = tag::specified(p, "key-pair")?;
    if name.len() > 255 || !name.is_ascii() {
        return Err(ApiError::value(format!("Value ({name}) for parameter keyName is invalid.")));
    }
    if cx.ec2().key_pairs.values().any(|key| key.name == name) {
        return Err(ApiError::bad("InvalidKeyPair.Duplicate", format!("The keypair '{name}' already exists.")));
    }
    let malformed = || ApiError::bad("InvalidKey.Format", "Key is not in valid OpenSSH public key format");
    let public_key = STANDARD
        .decode(&material)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(malformed)?
        .trim()
        .to_owned();
    let mut words = public_key.split_whitespace();
    let kind = match words.next() {
        Some("ssh-rsa") => "rsa",
        Some("ssh-ed25519") => "ed25519",
        _ => return Err(malformed()),
    };
    let blob = words.next().and_then(|blob| STANDARD.decode(blob).ok()).ok_or_else(malformed)?;
    // An imported RSA key's fingerprint is an MD5 sum, an ED25519 key's what OpenSSH prints.
    let fingerprint = if kind == "rsa" {
        let pairs: Vec<String> = Md5::digest(&blob).iter().map(|byte| format!("{byte:02x}")).collect();
        pairs.join(":")
    } else {
        format!("{}=", STANDARD_NO_PAD.encode(Sha256::digest(&blob)))
    };
    let id = cx.ids.ec2("key");
    let key = KeyPair { id, name, kind: kind.to_owned(), fingerprint, public_key, created: cx.now };
    let ec2 = cx.ec2();
    tag::set(ec2, &key.id, tags);
    let mut x = Xml::new();
    x.text("keyName", &key.name);
    x.text("keyFingerprint", &key.fingerprint);
    x.text("keyPairId", &key.id);
    tag::write(&mut x, ec2, &key.id);
    ec2.key_pairs.insert(key.id.clone(), key);
    Ok(x)
}

/// `DescribeKeyPairs`, which has no pages.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (names, ids) = (p.list("KeyName"), p.list("KeyPairId"));
    let public = p.bool("IncludePublicKey")?;
    let filters = Filters::read(p)?;
    filters.check::<KeyPair>()?;
    let ec2 = cx.ec2();
    for name in &names {
        if !ec2.key_pairs.values().any(|key| key.name == *name) {
            return Err(no_name(name));
        }
    }
    for id in &ids {
        ec2.get::<KeyPair>(id)?;
    }
    let found = ec2.key_pairs.values().filter(|key| {
        (names.is_empty() && ids.is_empty() || names.contains(&key.name) || ids.contains(&key.id))
            && filters.admits(ec2, *key)
    });
    let mut x = Xml::new();
    x.list("keySet", "item", found, |x, key| {
        x.text("keyPairId", &key.id);
        x.text("keyName", &key.name);
        x.text("keyType", &key.kind);
        x.text("keyFingerprint", &key.fingerprint);
        x.opt("publicKey", public.then_some(&key.public_key));
        x.text("createTime", timestamp(key.created));
        tag::write(x, ec2, &key.id);
    });
    Ok(x)
}

/// `DeleteKeyPair`. A key pair that does not exist is no error, as in AWS.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, id) = (p.opt_str("KeyName"), p.opt_str("KeyPairId"));
    if name.is_none() == id.is_none() {
        return Err(ApiError::combination("Either a key name or a key pair id must be given"));
    }
    let ec2 = cx.ec2();
    let found: Option<String> = ec2
        .key_pairs
        .values()
        .find(|key| name.as_ref() == Some(&key.name) || id.as_ref() == Some(&key.id))
        .map(|key| key.id.clone());
    let mut x = Xml::new();
    x.text("return", true);
    if let Some(id) = found {
        ec2.remove::<KeyPair>(&id);
        x.text("keyPairId", id);
    }
    Ok(x)
}
