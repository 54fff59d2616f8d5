//! S3 and KMS for the sake of state: on our sandbox, and on two emulators that others wrote.

use std::collections::BTreeMap;

use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, PublicAccessBlockConfiguration, Tag, Tagging,
};
use meridian_aws::AwsProvider;
use meridian_provider_api::{ErrorKind, Grade, Provider as _, StateBucket, StateHost, StoreCredential};
use meridian_sandbox::{Config, Effect, Fault};
use meridian_tests::emulator::Emulator;
use meridian_tests::hosts::{bucket, check_keys, connect, open_when_changed, other_than, prepare};
use meridian_tests::rig::Rig;
use meridian_tests::wire;

const REGION: &str = "eu-west-1";

const SETTINGS: [&str; 6] = ["access lists", "encryption", "expiry", "public access", "transport", "versioning"];

/// What an emulator gets wrong. What is listed has to show.
#[derive(Default)]
struct Flaws {
    /// The settings whose answers can't be read.
    unseen: &'static [&'static str],
    /// Whether it decrypts what was changed.
    opens_changed: bool,
    /// Whether it fails to delete keys.
    keeps_keys: bool,
}

/// The SDK's own clients, for what others do.
struct Others {
    s3: aws_sdk_s3::Client,
    kms: aws_sdk_kms::Client,
}

impl Others {
    fn at(endpoint: &str) -> Self {
        let keys = Credentials::new("dummy", "dummy", None, None, "suite");
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(endpoint)
            .credentials_provider(keys.clone())
            .force_path_style(true)
            .build();
        let kms = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(endpoint)
            .credentials_provider(keys)
            .build();
        Self { s3: aws_sdk_s3::Client::from_conf(s3), kms: aws_sdk_kms::Client::from_conf(kms) }
    }

    async fn bucket(&self, name: &str) {
        let here = BucketLocationConstraint::from(REGION);
        let place = CreateBucketConfiguration::builder().location_constraint(here).build();
        self.s3.create_bucket().bucket(name).create_bucket_configuration(place).send().await.unwrap();
    }

    /// Lets everyone in, as far as that goes.
    async fn open(&self, name: &str) {
        let block = PublicAccessBlockConfiguration::builder().block_public_acls(true).build();
        let put = self.s3.put_public_access_block().bucket(name).public_access_block_configuration(block);
        put.send().await.unwrap();
    }

    async fn mark(&self, name: &str) {
        let tag = Tag::builder().key("meridian-state").value("true").build().unwrap();
        let tagging = Tagging::builder().tag_set(tag).build().unwrap();
        self.s3.put_bucket_tagging().bucket(name).tagging(tagging).send().await.unwrap();
    }

    async fn key(&self) -> String {
        self.kms.create_key().send().await.unwrap().key_metadata.unwrap().arn.unwrap()
    }
}

async fn check_credential(host: &dyn StateHost) {
    let StoreCredential::Keys { id, secret, token } = host.credential().await.unwrap() else {
        panic!("no keys of AWS");
    };
    assert_eq!((id.as_str(), secret.as_str(), token), ("dummy", "dummy", None));
}

async fn check_buckets(host: &dyn StateHost, others: &Others, flaws: &Flaws) {
    let unseen = flaws.unseen;
    let seen = || ["public access", "transport", "versioning"].into_iter().filter(|what| !unseen.contains(what));
    let missing = host.region_of(&bucket("meridian-state-new")).await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotFound, "{missing}");
    let made = prepare(host, &bucket("meridian-state-new")).await;
    assert_eq!(made["bucket"], Grade::Made);
    assert_eq!(made["transport"], Grade::Made);
    assert_eq!(other_than(&made, &[Grade::Made, Grade::Good]), Vec::<&str>::new());
    let again = prepare(host, &bucket("meridian-state-new")).await;
    assert_eq!(other_than(&again, &[Grade::Good]), unseen);
    assert_eq!(again.keys().copied().collect::<Vec<_>>(), {
        let mut all = [&SETTINGS[..], &["owner"]].concat();
        all.sort_unstable();
        all
    });
    assert_eq!(host.region_of(&bucket("meridian-state-new")).await.unwrap().as_deref(), Some(REGION));

    // Somebody else's is looked at and left as it is.
    others.bucket("meridian-state-weak").await;
    others.open("meridian-state-weak").await;
    for _ in 0..2 {
        let weak = prepare(host, &bucket("meridian-state-weak")).await;
        for what in seen() {
            assert_eq!(weak[what], Grade::Weak, "{what}");
        }
        assert_eq!(other_than(&weak, &[Grade::Good, Grade::Weak]), unseen);
    }

    // One that we were stopped at is finished.
    others.bucket("meridian-state-half").await;
    others.open("meridian-state-half").await;
    others.mark("meridian-state-half").await;
    let half = prepare(host, &bucket("meridian-state-half")).await;
    for what in seen() {
        assert_eq!(half[what], Grade::Made, "{what}");
    }
    assert_eq!(other_than(&prepare(host, &bucket("meridian-state-half")).await, &[Grade::Good]), unseen);
}

async fn check_kms(host: &dyn StateHost, others: &Others, flaws: &Flaws) {
    let (key, other) = (others.key().await, others.key().await);
    check_keys(host, &key, &other).await;
    assert_eq!(!open_when_changed(host, &key).await.is_empty(), flaws.opens_changed);

    // An alias may be led to another key, and what was wrapped by the first one opens all the same.
    let alias = format!("{}:alias/state", key.rsplit_once(':').unwrap().0);
    others.kms.create_alias().alias_name("alias/state").target_key_id(&key).send().await.unwrap();
    let old = host.wrap(&alias, "prod", b"secret").await.unwrap();
    others.kms.update_alias().alias_name("alias/state").target_key_id(&other).send().await.unwrap();
    let new = host.wrap(&alias, "prod", b"secret").await.unwrap();
    for wrapped in [&old, &new] {
        assert_eq!(host.unwrap(&alias, "prod", wrapped).await.unwrap().as_slice(), b"secret");
    }
    assert_eq!(host.unwrap(&key, "prod", &new).await.unwrap_err().kind, ErrorKind::Invalid);

    let delete = others.kms.schedule_key_deletion().key_id(&key).pending_window_in_days(7).send().await;
    assert_eq!(delete.is_err(), flaws.keeps_keys);
    if !flaws.keeps_keys {
        let deleted = host.unwrap(&alias, "prod", &old).await.unwrap_err();
        assert_eq!(deleted.kind, ErrorKind::Invalid, "{deleted}");
    }
    let (account, _) = key.split_once("key/").unwrap();
    let unknown = format!("{account}key/00000000-0000-0000-0000-000000000000");
    assert_eq!(host.wrap(&unknown, "prod", b"secret").await.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn state_on_aws_by_the_sandbox() {
    let rig = Rig::recorded("state-hosts-aws", Config::default()).await;
    let endpoint = rig.sandbox.endpoint("aws").unwrap();
    let host = connect(&AwsProvider, &endpoint, Some(REGION), None).await;
    let others = Others::at(&endpoint);
    check_credential(&*host).await;
    check_buckets(&*host, &others, &Flaws::default()).await;
    check_kms(&*host, &others, &Flaws::default()).await;

    // Whoever asks in another region is told the right one, and works there.
    let elsewhere = connect(&AwsProvider, &endpoint, None, None).await;
    let ours = bucket("meridian-state-new");
    assert_eq!(elsewhere.region_of(&ours).await.unwrap().as_deref(), Some(REGION));
    assert_eq!(other_than(&prepare(&*elsewhere, &ours).await, &[Grade::Good]), Vec::<&str>::new());
    let nowhere = elsewhere.prepare(&bucket("meridian-state-nowhere")).await.unwrap_err();
    assert!(nowhere.to_string().contains("no region is named"), "{nowhere}");
    // In the oldest region, whose name may not be sent.
    let oldest = StateBucket { region: Some("us-east-1".to_owned()), ..bucket("meridian-state-oldest") };
    assert_eq!(prepare(&*elsewhere, &oldest).await["bucket"], Grade::Made);
}

#[tokio::test]
async fn state_on_aws_when_something_fails() {
    let rig = Rig::recorded("state-hosts-aws", Config::default()).await;
    let endpoint = rig.sandbox.endpoint("aws").unwrap();
    let host = connect(&AwsProvider, &endpoint, Some(REGION), None).await;
    let others = Others::at(&endpoint);
    let faults = rig.sandbox.faults();

    // Cut off after each call that changes something, and sent again.
    for operation in ["CreateBucket", "PutBucketVersioning", "PutBucketPolicy"] {
        faults.add(Fault::new(Effect::CutAfter).on(operation).times(1));
    }
    let made = prepare(&*host, &bucket("meridian-state-cut")).await;
    assert_eq!(other_than(&made, &[Grade::Made, Grade::Good]), Vec::<&str>::new());

    // What may not be set stays weak, and is set as soon as it may.
    faults.add(Fault::new(Effect::Denied).on("PutBucketVersioning").times(1));
    let denied = prepare(&*host, &bucket("meridian-state-denied")).await;
    assert_eq!(other_than(&denied, &[Grade::Made, Grade::Good]), ["versioning"]);
    let again = prepare(&*host, &bucket("meridian-state-denied")).await;
    assert_eq!(again["versioning"], Grade::Made);

    // What may not be looked at is unknown.
    let reads: BTreeMap<&str, &str> = [
        ("GetBucketVersioning", "versioning"),
        ("GetPublicAccessBlock", "public access"),
        ("GetBucketEncryption", "encryption"),
        ("GetBucketOwnershipControls", "access lists"),
        ("GetBucketPolicy", "transport"),
        ("GetBucketLifecycleConfiguration", "expiry"),
    ]
    .into();
    for (operation, what) in reads {
        faults.add(Fault::new(Effect::Denied).on(operation).times(1));
        let looked = prepare(&*host, &bucket("meridian-state-denied")).await;
        assert_eq!(looked[what], Grade::Unknown, "{operation}");
        assert_eq!(other_than(&looked, &[Grade::Good]), [what], "{operation}");
    }

    let key = others.key().await;
    for operation in ["Encrypt", "Decrypt"] {
        faults.add(Fault::new(Effect::Throttle).on(operation).times(1));
        faults.add(Fault::new(Effect::ServerError { status: 500 }).on(operation).times(1));
        faults.add(Fault::new(Effect::CutBefore).on(operation).times(1));
    }
    let wrapped = host.wrap(&key, "prod", b"secret").await.unwrap();
    assert_eq!(host.unwrap(&key, "prod", &wrapped).await.unwrap().as_slice(), b"secret");
    faults.add(Fault::new(Effect::Denied).on("Decrypt").times(1));
    assert_eq!(host.unwrap(&key, "prod", &wrapped).await.unwrap_err().kind, ErrorKind::Denied);
}

#[tokio::test]
async fn state_on_aws_by_moto() {
    let moto = Emulator::moto();
    let tap = wire::tap("state-hosts-moto");
    let host = connect(&AwsProvider, moto.endpoint(), Some(REGION), Some(tap)).await;
    let others = Others::at(moto.endpoint());
    // The root of moto's answer to GetBucketVersioning has the wrong name, and ScheduleKeyDeletion fails with 500.
    let flaws = Flaws { unseen: &["versioning"], keeps_keys: true, ..Flaws::default() };
    check_credential(&*host).await;
    check_buckets(&*host, &others, &flaws).await;
    check_kms(&*host, &others, &flaws).await;
}

#[tokio::test]
async fn state_on_aws_by_ministack() {
    let ministack = Emulator::ministack();
    let tap = wire::tap("state-hosts-ministack");
    let host = connect(&AwsProvider, ministack.endpoint(), Some(REGION), Some(tap)).await;
    let others = Others::at(ministack.endpoint());
    // ministack's KMS does not authenticate what it encrypts.
    let flaws = Flaws { opens_changed: true, ..Flaws::default() };
    check_credential(&*host).await;
    check_buckets(&*host, &others, &flaws).await;
    check_kms(&*host, &others, &flaws).await;
}

#[test]
fn aws_is_named_by_its_own_schemes() {
    let schemes = AwsProvider.state_schemes();
    assert_eq!((schemes.store, schemes.keys), ("s3", "aws-kms"));
}
