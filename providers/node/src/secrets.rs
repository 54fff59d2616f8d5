//! The keys that a cluster lives by. They are made where they are written, at apply, and go nowhere else: no plan, no
//! state and no log holds them.

use meridian_provider_api::{CloudError, ErrorKind};
use zeroize::Zeroizing;

use crate::keys;

/// Where the keys are in the bucket; the names below are those of kubeadm's own files below `/etc/kubernetes/pki`.
const PKI: &str = "pki/";

/// A secret of every cluster.
#[derive(Debug)]
pub struct Secret {
    /// Name in the address.
    pub name: &'static str,
    /// Its files without what follows the last dot.
    stem: &'static str,
    /// For a certificate authority, its common name, which is that of kubeadm's own.
    authority: Option<&'static str>,
}

/// Every secret of a cluster.
pub const SECRETS: [Secret; 4] = [
    Secret { name: "cluster-ca", stem: "ca", authority: Some("kubernetes") },
    Secret { name: "etcd-ca", stem: "etcd/ca", authority: Some("etcd-ca") },
    Secret { name: "front-proxy-ca", stem: "front-proxy-ca", authority: Some("front-proxy-ca") },
    Secret { name: "service-account", stem: "sa", authority: None },
];

impl Secret {
    /// The secret called `name`.
    pub fn named(name: &str) -> Result<&'static Self, CloudError> {
        SECRETS.iter().find(|secret| secret.name == name).ok_or_else(|| {
            CloudError::new(ErrorKind::Invalid, "making a key pair", format!("`{name}` is no secret of a cluster"))
        })
    }

    /// Key of the object with the private half.
    #[must_use]
    pub fn private(&self) -> String {
        format!("{PKI}{}.key", self.stem)
    }

    /// Key of the object with the public half.
    #[must_use]
    pub fn public(&self) -> String {
        format!("{PKI}{}.{}", self.stem, if self.authority.is_some() { "crt" } else { "pub" })
    }

    /// A new private half, in PEM. The text is wiped when it is dropped.
    pub fn new_private_half() -> Result<Zeroizing<String>, CloudError> {
        keys::private_key()
    }

    /// The public half that belongs to a private one, in PEM: an authority's certificate, or a public key.
    pub fn public_half(&self, private: &str) -> Result<String, CloudError> {
        match self.authority {
            Some(common_name) => keys::authority(private, common_name),
            None => keys::public_key(private),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_where_machines_look_for_them() {
        let mut ours: Vec<String> = SECRETS.iter().flat_map(|secret| [secret.public(), secret.private()]).collect();
        let objects = meridian_templates::ClusterObjects::at_root();
        let mut theirs: Vec<String> = objects.pki().into_iter().map(|object| object.key.to_string()).collect();
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs);
    }
}
