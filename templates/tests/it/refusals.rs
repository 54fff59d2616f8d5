use std::collections::BTreeSet;

use meridian_spec::flags::{Component, reserved};
use meridian_templates::{
    Arguments, AzureBlobStore, ControlPlaneSlot, Device, GcsStore, NodeBundle, ObjectKey, S3Endpoint, S3Store, Store,
    TemplateError, bundle, user_data,
};

use crate::fixtures;

fn slot_error(change: impl FnOnce(&mut meridian_templates::ControlPlaneSlot)) -> TemplateError {
    let mut slot = fixtures::slot();
    change(&mut slot);
    bundle(&NodeBundle::ControlPlane(Box::new(slot))).unwrap_err()
}

fn worker_error(change: impl FnOnce(&mut meridian_templates::Worker)) -> TemplateError {
    let mut worker = fixtures::worker();
    change(&mut worker);
    bundle(&NodeBundle::Worker(Box::new(worker))).unwrap_err()
}

fn invalid(error: &TemplateError, expected: &str) {
    match error {
        TemplateError::Invalid { field, .. } => assert_eq!(*field, expected),
        other => panic!("{other:?} instead of an invalid {expected}"),
    }
}

#[test]
fn a_slot_that_is_no_member() {
    let error = slot_error(|slot| slot.name = "elsewhere".to_owned());
    assert!(matches!(error, TemplateError::NotAMember { .. }), "{error:?}");
}

#[test]
fn arguments_that_meridian_sets() {
    let error = slot_error(|slot| {
        slot.cluster.arguments.etcd.insert("initial-cluster".to_owned(), "x".to_owned());
    });
    assert!(matches!(error, TemplateError::Reserved { .. }), "{error:?}");
    let error = slot_error(|slot| {
        slot.cluster.kubelet.insert("kind".to_owned(), "Pod".into());
    });
    assert!(matches!(error, TemplateError::Reserved { .. }), "{error:?}");
    let error = worker_error(|worker| {
        worker.settings.kubelet_arguments.insert("node-labels".to_owned(), "a=b".to_owned());
    });
    assert!(matches!(error, TemplateError::Reserved { .. }), "{error:?}");
}

/// What we give ourselves stands on the list by which the spec refuses it.
#[test]
fn every_argument_of_ours_is_reserved() {
    let mut slot = fixtures::slot();
    slot.cluster.feature_gates.insert("Gate".to_owned(), true);
    let bare = |slot: &mut ControlPlaneSlot| {
        slot.cluster.arguments = Arguments::default();
        slot.settings.kubelet_arguments.clear();
    };
    bare(&mut slot);
    let text = bundle(&NodeBundle::ControlPlane(Box::new(slot))).expect("renders");
    let names: BTreeSet<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("- name: '")?.strip_suffix('\'')).collect();
    for expected in ["feature-gates", "initial-cluster-token", "node-ip", "node-labels"] {
        assert!(names.contains(expected), "{names:?}");
    }
    for name in names {
        assert!(Component::ALL.into_iter().any(|component| reserved(component, name).is_some()), "{name}");
    }
}

#[test]
fn values_that_no_quoting_could_carry() {
    invalid(&slot_error(|slot| slot.members[1].name = "b=c,d".to_owned()), "the slot's name");
    invalid(&slot_error(|slot| slot.cluster.endpoint = "api".to_owned()), "the endpoint");
    invalid(&slot_error(|slot| slot.etcd_disk = Device::Path("/dev/../x".to_owned())), "the device");
    invalid(&worker_error(|worker| worker.settings.volumes[0].mount_point = "/a b".to_owned()), "the mount point");
    let label = |key: &str, value: &str| {
        worker_error(|worker| {
            worker.settings.labels.insert(key.to_owned(), value.to_owned());
        })
    };
    invalid(&label("a", "b,c=d"), "the label's value");
    invalid(&label("a b", "c"), "the label");
    let spaced = worker_error(|worker| {
        worker.settings.kubelet_arguments.insert("v".to_owned(), "2 --root-dir=/".to_owned());
    });
    invalid(&spaced, "kubelet's arguments");
    let repository = worker_error(|worker| {
        worker.software.repositories[0].url = "https://x/\nTrusted: yes".to_owned();
    });
    invalid(&repository, "the repository's address");
}

#[test]
fn places_that_do_not_exist() {
    for key in ["", "/a", "a/", "a//b", "../a", "a b", "a?b", "a%2f"] {
        invalid(&ObjectKey::new(key).unwrap_err(), "the object key");
    }
    let mut input = fixtures::user_data();
    input.store = Store::S3(S3Store {
        bucket: "with.dots".to_owned(),
        region: "eu-west-1".to_owned(),
        endpoint: S3Endpoint::Url { url: "http://10.0.0.1:4566".to_owned() },
    });
    invalid(&user_data(&input).unwrap_err(), "the bucket");
    let gcs = |bucket: &str, endpoint: &str| {
        Store::Gcs(GcsStore { bucket: bucket.to_owned(), endpoint: endpoint.to_owned() })
    };
    input.store = gcs("a/b", "http://10.0.0.1:4443");
    invalid(&user_data(&input).unwrap_err(), "the bucket");
    input.store = gcs("bootstrap", "storage.googleapis.com");
    invalid(&user_data(&input).unwrap_err(), "the endpoint of Cloud Storage");
    let store = fixtures::azure_store("https://a.blob.core.windows.net");
    for (store, what) in [
        (AzureBlobStore { endpoint: "a.blob.core.windows.net".to_owned(), ..store.clone() }, "the storage account"),
        (AzureBlobStore { container: "a/b".to_owned(), ..store.clone() }, "the container"),
        (AzureBlobStore { identity: "a&b=c".to_owned(), ..store }, "the identity"),
    ] {
        input.store = Store::AzureBlob(store);
        invalid(&user_data(&input).unwrap_err(), what);
    }
    input = fixtures::user_data();
    input.hostname = Some("two words".to_owned());
    invalid(&user_data(&input).unwrap_err(), "the host name");
}
