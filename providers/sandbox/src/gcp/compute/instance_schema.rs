//! The fields of instances and of the templates for them. A template names machine types and disk types without their
//! zone; all else is the same.

use super::disk::{ENCRYPTION_KEY, FEATURE};
use crate::gcp::schema::{Kind, Schema};

/// What of a disk is made with an instance.
macro_rules! initialize {
    ($kind:expr) => {
        &[
            ("diskName", Kind::Str),
            ("diskSizeGb", Kind::Long),
            ("diskType", $kind),
            ("sourceImage", Kind::Ref(&["images"])),
            ("description", Kind::Str),
            ("labels", Kind::Map(&Kind::Str)),
            ("licenses", Kind::List(&Kind::Str)),
            ("provisionedIops", Kind::Long),
            ("provisionedThroughput", Kind::Long),
            ("architecture", Kind::Enum(&["ARM64", "X86_64"])),
            ("onUpdateAction", Kind::Unsupported),
            ("enableConfidentialCompute", Kind::Unsupported),
            ("replicaZones", Kind::Unsupported),
            ("resourceManagerTags", Kind::Unsupported),
            ("resourcePolicies", Kind::Unsupported),
            ("sourceImageEncryptionKey", Kind::Unsupported),
            ("sourceSnapshot", Kind::Unsupported),
            ("sourceSnapshotEncryptionKey", Kind::Unsupported),
            ("storagePool", Kind::Unsupported),
        ]
    };
}

macro_rules! disk {
    ($initialize:expr) => {
        &[
            ("source", Kind::Ref(&["disks"])),
            ("initializeParams", Kind::Object($initialize)),
            ("boot", Kind::Bool),
            ("autoDelete", Kind::Bool),
            ("deviceName", Kind::Str),
            ("mode", Kind::Enum(&["READ_ONLY", "READ_WRITE"])),
            ("type", Kind::Enum(&["PERSISTENT"])),
            ("interface", Kind::Enum(&["NVME", "SCSI"])),
            ("diskSizeGb", Kind::Long),
            ("diskEncryptionKey", Kind::Object(ENCRYPTION_KEY)),
            ("guestOsFeatures", Kind::List(&Kind::Object(FEATURE))),
            ("forceAttach", Kind::Bool),
            ("kind", Kind::Output),
            ("index", Kind::Output),
            ("licenses", Kind::Output),
            ("architecture", Kind::Output),
            ("savedState", Kind::Output),
            ("shieldedInstanceInitialState", Kind::Output),
        ]
    };
}

/// The fields that instances and templates share.
macro_rules! machine {
    ($machine_type:expr, $disk:expr; $($more:expr,)*) => {
        &[
            $($more,)*
            ("description", Kind::Str),
            ("machineType", $machine_type),
            ("disks", Kind::List(&Kind::Object($disk))),
            ("networkInterfaces", Kind::List(&Kind::Object(INTERFACE))),
            ("metadata", Kind::Object(METADATA)),
            ("tags", Kind::Object(TAGS)),
            ("labels", Kind::Map(&Kind::Str)),
            ("scheduling", Kind::Object(SCHEDULING)),
            ("serviceAccounts", Kind::List(&Kind::Object(ACCOUNT))),
            ("shieldedInstanceConfig", Kind::Object(SHIELDED)),
            ("canIpForward", Kind::Bool),
            ("minCpuPlatform", Kind::Str),
            ("advancedMachineFeatures", Kind::Object(FEATURES)),
            ("reservationAffinity", Kind::Object(AFFINITY)),
            ("keyRevocationActionType", Kind::Enum(&["NONE", "STOP"])),
            ("confidentialInstanceConfig", Kind::Unsupported),
            ("guestAccelerators", Kind::Unsupported),
            ("localSsdEncryptionMode", Kind::Unsupported),
            ("networkPerformanceConfig", Kind::Unsupported),
            ("privateIpv6GoogleAccess", Kind::Unsupported),
            ("resourcePolicies", Kind::Unsupported),
            ("workloadIdentityConfig", Kind::Unsupported),
        ]
    };
}

/// A disk of an instance.
pub const DISK: Schema = disk!(initialize!(Kind::Ref(&["diskTypes"])));
const TEMPLATE_DISK: Schema = disk!(initialize!(Kind::Str));

/// A disk that a group picks for other machine types.
pub const SELECTION_DISK: Schema = TEMPLATE_DISK;

/// An instance.
pub const INSTANCE: Schema = machine![Kind::Ref(&["machineTypes"]), DISK;
    ("name", Kind::Str),
    ("hostname", Kind::Str),
    ("deletionProtection", Kind::Bool),
    ("displayDevice", Kind::Object(&[("enableDisplay", Kind::Bool)])),
    ("shieldedInstanceIntegrityPolicy", Kind::Object(&[("updateAutoLearnPolicy", Kind::Bool)])),
    ("instanceEncryptionKey", Kind::Unsupported),
    ("params", Kind::Unsupported),
    ("sourceMachineImage", Kind::Unsupported),
    ("sourceMachineImageEncryptionKey", Kind::Unsupported),
    ("cpuPlatform", Kind::Output),
    ("fingerprint", Kind::Output),
    ("lastStartTimestamp", Kind::Output),
    ("lastStopTimestamp", Kind::Output),
    ("lastSuspendedTimestamp", Kind::Output),
    ("resourceStatus", Kind::Output),
    ("satisfiesPzi", Kind::Output),
    ("satisfiesPzs", Kind::Output),
    ("startRestricted", Kind::Output),
    ("status", Kind::Output),
    ("statusMessage", Kind::Output),
];

/// The properties of a template.
pub const PROPERTIES: Schema = machine![Kind::Str, TEMPLATE_DISK;
    ("resourceManagerTags", Kind::Unsupported),
];

const INTERFACE: Schema = &[
    ("network", Kind::Ref(&["networks"])),
    ("subnetwork", Kind::Ref(&["subnetworks"])),
    ("networkIP", Kind::Str),
    ("accessConfigs", Kind::List(&Kind::Object(ACCESS))),
    ("aliasIpRanges", Kind::List(&Kind::Object(ALIAS))),
    ("nicType", Kind::Enum(&["GVNIC", "IDPF", "VIRTIO_NET"])),
    ("stackType", Kind::Enum(&["IPV4_ONLY"])),
    ("queueCount", Kind::Int),
    ("kind", Kind::Output),
    ("name", Kind::Output),
    ("fingerprint", Kind::Output),
    ("ipv6AccessConfigs", Kind::Unsupported),
    ("ipv6Address", Kind::Unsupported),
    ("networkAttachment", Kind::Unsupported),
    ("parentNicName", Kind::Unsupported),
    ("vlan", Kind::Unsupported),
];

/// A public address of an interface.
pub const ACCESS: Schema = &[
    ("name", Kind::Str),
    ("type", Kind::Enum(&["ONE_TO_ONE_NAT"])),
    ("natIP", Kind::Str),
    ("networkTier", Kind::Enum(&["PREMIUM", "STANDARD"])),
    ("kind", Kind::Output),
    ("publicPtrDomainName", Kind::Unsupported),
    ("setPublicPtr", Kind::Unsupported),
    ("securityPolicy", Kind::Unsupported),
];

const ALIAS: Schema = &[("ipCidrRange", Kind::Str), ("subnetworkRangeName", Kind::Str)];

/// Metadata of an instance.
pub const METADATA: Schema =
    &[("items", Kind::List(&Kind::Object(ENTRY))), ("fingerprint", Kind::Bytes), ("kind", Kind::Output)];

const ENTRY: Schema = &[("key", Kind::Str), ("value", Kind::Str)];

/// Network tags of an instance.
pub const TAGS: Schema = &[("items", Kind::List(&Kind::Str)), ("fingerprint", Kind::Bytes)];

/// The identity of an instance.
pub const ACCOUNT: Schema = &[("email", Kind::Str), ("scopes", Kind::List(&Kind::Str))];

const SCHEDULING: Schema = &[
    ("automaticRestart", Kind::Bool),
    ("onHostMaintenance", Kind::Enum(&["MIGRATE", "TERMINATE"])),
    ("preemptible", Kind::Bool),
    ("provisioningModel", Kind::Enum(&["SPOT", "STANDARD"])),
    ("instanceTerminationAction", Kind::Enum(&["DELETE", "STOP"])),
    ("availabilityDomain", Kind::Unsupported),
    ("maxRunDuration", Kind::Unsupported),
    ("minNodeCpus", Kind::Unsupported),
    ("nodeAffinities", Kind::Unsupported),
    ("onInstanceStopAction", Kind::Unsupported),
    ("terminationTime", Kind::Unsupported),
    ("localSsdRecoveryTimeout", Kind::Unsupported),
    ("hostErrorTimeoutSeconds", Kind::Unsupported),
];

const SHIELDED: Schema =
    &[("enableIntegrityMonitoring", Kind::Bool), ("enableSecureBoot", Kind::Bool), ("enableVtpm", Kind::Bool)];

const FEATURES: Schema = &[
    ("enableNestedVirtualization", Kind::Bool),
    ("enableUefiNetworking", Kind::Bool),
    ("threadsPerCore", Kind::Int),
    ("visibleCoreCount", Kind::Int),
];

const AFFINITY: Schema =
    &[("consumeReservationType", Kind::Enum(&["ANY_RESERVATION", "NO_RESERVATION", "SPECIFIC_RESERVATION"]))];
