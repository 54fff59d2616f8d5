//! What a machine by itself and the machines of a pool have in common.

use google_cloud_compute_v1::model::metadata::Items;
use google_cloud_compute_v1::model::{Metadata, ServiceAccount as SdkAccount, ShieldedInstanceConfig};
use meridian_templates::Sha256;

/// Where cloud-init looks for its user data.
const USER_DATA: &str = "user-data";
/// Keys of people, each as `<user>:<key>`.
const SSH_KEYS: &str = "ssh-keys";

/// Nobody gets in by a key of the whole project or by OS Login, or at the serial port; and nothing in the machine can
/// write where everyone who may view the machine can read.
const HARDENED: [(&str, &str); 4] = [
    ("block-project-ssh-keys", "TRUE"),
    ("enable-guest-attributes", "FALSE"),
    ("enable-oslogin", "FALSE"),
    ("serial-port-enable", "FALSE"),
];

/// The only scope: what a machine may do, the policies say (Compute Engine, "Service accounts": best practices).
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Families of machines that take no Persistent Disks (Compute Engine, "Machine families": disk types).
const HYPERDISK_ONLY: [&str; 8] = ["c4", "c4a", "c4d", "m4", "n4", "n4a", "n4d", "x4"];

fn is_hyperdisk_only(machine_type: &str) -> bool {
    machine_type.split('-').next().is_some_and(|family| HYPERDISK_ONLY.contains(&family))
}

/// The type of a machine's own disks.
#[must_use]
pub fn root_disk_type(machine_type: &str) -> &'static str {
    if is_hyperdisk_only(machine_type) { "hyperdisk-balanced" } else { "pd-balanced" }
}

/// The type of a disk with a database on it, which waits for each write.
#[must_use]
pub fn state_disk_type(machine_type: &str) -> &'static str {
    if is_hyperdisk_only(machine_type) { "hyperdisk-balanced" } else { "pd-ssd" }
}

/// What a machine's metadata say of what we put there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub ssh_keys: Option<String>,
    pub user_data_sha256: String,
    /// Whether [`HARDENED`] holds.
    pub hardened: bool,
}

pub(super) fn read_metadata(metadata: Option<&Metadata>) -> Told {
    let items = metadata.map(|metadata| metadata.items.as_slice()).unwrap_or_default();
    let value = |key: &str| {
        items.iter().find(|item| item.key.as_deref() == Some(key)).map(|item| item.value.as_deref().unwrap_or_default())
    };
    Told {
        ssh_keys: value(SSH_KEYS).map(str::to_owned),
        user_data_sha256: value(USER_DATA).map(|text| Sha256::of(text).to_string()).unwrap_or_default(),
        hardened: HARDENED.iter().all(|(key, wanted)| value(key) == Some(*wanted)),
    }
}

/// Puts our metadata among those that are there; those of others stay. Without user data, what is there stays, too.
pub(super) fn with_metadata(now: Option<Metadata>, user_data: Option<&str>, ssh_keys: Option<&str>) -> Metadata {
    let mut metadata = now.unwrap_or_default();
    // Only answers say of what kind they are.
    metadata.kind = None;
    let mut put = |key: &str, value: Option<&str>| {
        metadata.items.retain(|item| item.key.as_deref() != Some(key));
        metadata.items.extend(value.map(|value| Items::new().set_key(key).set_value(value)));
    };
    for (key, value) in HARDENED {
        put(key, Some(value));
    }
    put(SSH_KEYS, ssh_keys);
    if user_data.is_some() {
        put(USER_DATA, user_data);
    }
    metadata
}

pub(super) fn service_account(email: &str) -> SdkAccount {
    SdkAccount::new().set_email(email).set_scopes([SCOPE])
}

/// Only what its maker has signed is booted, and what was booted is measured.
pub(super) fn shielded(secure_boot: bool) -> ShieldedInstanceConfig {
    ShieldedInstanceConfig::new()
        .set_enable_secure_boot(secure_boot)
        .set_enable_vtpm(true)
        .set_enable_integrity_monitoring(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_read_as_they_were_put_and_others_stay() {
        let theirs = Metadata::new().set_items([Items::new().set_key("theirs").set_value("x")]);
        let metadata = with_metadata(Some(theirs), Some("hello"), Some("ubuntu:ssh-ed25519 A"));
        let told = read_metadata(Some(&metadata));
        assert_eq!(told.user_data_sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert!(told.hardened && told.ssh_keys.is_some());
        let again = with_metadata(Some(metadata.clone()), None, None);
        assert_eq!(read_metadata(Some(&again)), Told { ssh_keys: None, ..told });
        assert_eq!(again.items.len(), metadata.items.len() - 1);
        assert!(!read_metadata(None).hardened);
    }

    #[test]
    fn a_family_gets_the_disks_that_it_takes() {
        assert_eq!((root_disk_type("n2-standard-4"), state_disk_type("n2-standard-4")), ("pd-balanced", "pd-ssd"));
        assert_eq!(root_disk_type("c4a-standard-4"), "hyperdisk-balanced");
        assert_eq!(root_disk_type("c3-standard-4"), "pd-balanced");
    }
}
