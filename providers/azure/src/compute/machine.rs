//! What single machines and scale sets have in common: image, identity, login, protection.

use azure_mgmt_compute::package_2024_07_01::models;

use super::ssh;
use crate::client::id::normal;

/// Tag that holds the digest of the user data, which no answer shows.
pub const USER_DATA_TAG: &str = "meridian-user-data";

/// The word that stands for Trusted Launch (secure boot and a virtual TPM).
const TRUSTED_LAUNCH: models::security_profile::SecurityType = models::security_profile::SecurityType::TrustedLaunch;

/// An image by its URN (`publisher:offer:sku:version`) or its resource id, as the SDK takes it.
#[must_use]
pub fn image_reference(image: &str) -> models::ImageReference {
    let mut reference = models::ImageReference::new();
    if let [publisher, offer, sku, version] = image.split(':').collect::<Vec<_>>()[..] {
        reference.publisher = Some(publisher.to_owned());
        reference.offer = Some(offer.to_owned());
        reference.sku = Some(sku.to_owned());
        reference.version = Some(version.to_owned());
    } else {
        reference.sub_resource.id = Some(image.to_owned());
    }
    reference
}

/// The way back.
#[must_use]
pub fn image(reference: Option<&models::ImageReference>) -> String {
    let Some(reference) = reference else { return String::new() };
    if let Some(id) = &reference.sub_resource.id {
        return normal(id);
    }
    let parts = [&reference.publisher, &reference.offer, &reference.sku, &reference.version];
    parts.map(|part| part.as_deref().unwrap_or_default()).join(":")
}

/// The part of an image that no machine group can change: publisher and offer, or that it is someone's own.
#[must_use]
pub fn image_family(image: &str) -> String {
    match image.split(':').collect::<Vec<_>>()[..] {
        [publisher, offer, _, _] => format!("{publisher}:{offer}"),
        _ => "own".to_owned(),
    }
}

/// Login by key alone.
#[must_use]
pub fn linux(public_key: &str) -> models::LinuxConfiguration {
    models::LinuxConfiguration {
        disable_password_authentication: Some(true),
        ssh: Some(models::SshConfiguration {
            public_keys: vec![models::SshPublicKey {
                path: Some(format!("/home/{}/.ssh/authorized_keys", ssh::USER)),
                key_data: Some(public_key.to_owned()),
            }],
        }),
        ..models::LinuxConfiguration::new()
    }
}

/// The way back.
#[must_use]
pub fn public_key(linux: Option<&models::LinuxConfiguration>) -> String {
    let key = linux.and_then(|linux| linux.ssh.as_ref()?.public_keys.first()?.key_data.as_deref());
    ssh::bare(key.unwrap_or_default())
}

/// Secure boot and a virtual TPM, where the processor has them.
#[must_use]
pub fn security(trusted_launch: bool) -> Option<models::SecurityProfile> {
    trusted_launch.then(|| models::SecurityProfile {
        security_type: Some(TRUSTED_LAUNCH),
        uefi_settings: Some(models::UefiSettings { secure_boot_enabled: Some(true), v_tpm_enabled: Some(true) }),
        ..models::SecurityProfile::new()
    })
}

/// The way back.
#[must_use]
pub fn is_trusted_launch(security: Option<&models::SecurityProfile>) -> bool {
    let uefi = security.and_then(|security| security.uefi_settings.as_ref());
    security.and_then(|security| security.security_type.as_ref()) == Some(&TRUSTED_LAUNCH)
        && uefi.is_some_and(|uefi| uefi.secure_boot_enabled == Some(true) && uefi.v_tpm_enabled == Some(true))
}

/// A size of a disk as the SDK takes it.
#[must_use]
pub fn gib(size: u32) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

/// The way back.
#[must_use]
pub fn size_gib(size: Option<i32>) -> u32 {
    size.and_then(|size| size.try_into().ok()).unwrap_or_default()
}

/// The kind of disk that a machine type takes: premium ones need an `s` among the letters behind the number of its
/// processors (learn.microsoft.com, "Azure virtual machine sizes naming conventions"), or in the series of old types
/// (`Standard_DS2_v2`).
#[must_use]
pub fn disk_type(machine_type: &str) -> &'static str {
    let name = machine_type.split('_').nth(1).unwrap_or_default();
    let is_premium = name.char_indices().any(|(at, letter)| at > 0 && letter.eq_ignore_ascii_case(&'s'));
    if is_premium { "Premium_LRS" } else { "StandardSSD_LRS" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_comes_back_as_it_was_named() {
        for text in [
            "Canonical:ubuntu-24_04-lts:server:24.04.202511120",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/own",
            "unresolved:image/amd64",
        ] {
            assert_eq!(image(Some(&image_reference(text))), text);
        }
        assert_eq!(image_family("Canonical:ubuntu-24_04-lts:server:1"), "Canonical:ubuntu-24_04-lts");
        assert_eq!(image_family("/subscriptions/x"), "own");
    }

    #[test]
    fn only_some_machines_take_premium_disks() {
        for name in ["Standard_D2s_v5", "Standard_B1s", "Standard_E4ps_v5", "Standard_DS2_v2", "Standard_L8s_v3"] {
            assert_eq!(disk_type(name), "Premium_LRS", "{name}");
        }
        for name in ["Standard_D2_v5", "Standard_D4a_v4", "Standard_A2_v2", ""] {
            assert_eq!(disk_type(name), "StandardSSD_LRS", "{name}");
        }
    }

    #[test]
    fn a_login_comes_back() {
        assert_eq!(public_key(Some(&linux(ssh::NOBODY))), ssh::NOBODY);
        assert!(is_trusted_launch(security(true).as_ref()) && !is_trusted_launch(security(false).as_ref()));
    }
}
