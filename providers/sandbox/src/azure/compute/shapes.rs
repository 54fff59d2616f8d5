//! What machines and scale sets have in common.

use super::disk::TYPES;
use crate::azure::body::{Object, Shape, optional, read_only, required};

/// An image.
pub const IMAGE: Shape = Shape::Object(&Object {
    name: "ImageReference",
    fields: &[
        optional("publisher", &Shape::Text),
        optional("offer", &Shape::Text),
        optional("sku", &Shape::Text),
        optional("version", &Shape::Text),
        optional("id", &Shape::Text),
        read_only("exactVersion"),
    ],
});

/// A managed disk of a machine.
pub const MANAGED: Shape = Shape::Object(&Object {
    name: "ManagedDiskParameters",
    fields: &[optional("id", &Shape::Text), optional("storageAccountType", &TYPES)],
});

/// How a disk is cached.
pub const CACHING: Shape = Shape::OneOf(&["None", "ReadOnly", "ReadWrite"]);

/// What becomes of a part when the machine goes.
pub const DELETE: Shape = Shape::OneOf(&["Delete", "Detach"]);

/// Login and provisioning of Linux.
pub const LINUX: Shape = Shape::Object(&Object {
    name: "LinuxConfiguration",
    fields: &[
        optional("disablePasswordAuthentication", &Shape::Bool),
        optional("provisionVMAgent", &Shape::Bool),
        optional("enableVMAgentPlatformUpdates", &Shape::Bool),
        optional(
            "patchSettings",
            &Shape::Object(&Object {
                name: "LinuxPatchSettings",
                fields: &[
                    optional("patchMode", &Shape::OneOf(&["ImageDefault", "AutomaticByPlatform"])),
                    optional("assessmentMode", &Shape::OneOf(&["ImageDefault", "AutomaticByPlatform"])),
                ],
            }),
        ),
        optional(
            "ssh",
            &Shape::Object(&Object {
                name: "SshConfiguration",
                fields: &[optional(
                    "publicKeys",
                    &Shape::List(&Shape::Object(&Object {
                        name: "SshPublicKey",
                        fields: &[required("path", &Shape::Text), required("keyData", &Shape::Text)],
                    })),
                )],
            }),
        ),
    ],
});

/// Trusted launch. Encryption at the host is a feature that a subscription has to ask for, and this one has not.
pub const SECURITY: Shape = Shape::Object(&Object {
    name: "SecurityProfile",
    fields: &[
        optional("securityType", &Shape::OneOf(&["Standard", "TrustedLaunch"])),
        optional("encryptionAtHost", &Shape::Bool),
        optional(
            "uefiSettings",
            &Shape::Object(&Object {
                name: "UefiSettings",
                fields: &[optional("secureBootEnabled", &Shape::Bool), optional("vTpmEnabled", &Shape::Bool)],
            }),
        ),
    ],
});

/// Where the console's output goes.
pub const DIAGNOSTICS: Shape = Shape::Object(&Object {
    name: "DiagnosticsProfile",
    fields: &[optional(
        "bootDiagnostics",
        &Shape::Object(&Object { name: "BootDiagnostics", fields: &[optional("enabled", &Shape::Bool)] }),
    )],
});

/// What a spot machine may cost.
pub const BILLING: Shape =
    Shape::Object(&Object { name: "BillingProfile", fields: &[optional("maxPrice", &Shape::Number)] });

/// Kinds of machines by what they cost.
pub const PRIORITY: Shape = Shape::OneOf(&["Regular", "Low", "Spot"]);

/// What becomes of a spot machine that is taken away.
pub const EVICTION: Shape = Shape::OneOf(&["Deallocate", "Delete"]);
