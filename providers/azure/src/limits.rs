//! The calls of Azure and the limits they count against.
//!
//! Azure Resource Manager limits reads, writes and deletes of a principal in a subscription and region: 250 at once and
//! 25 a second, and 200 and 10 for the other two (learn.microsoft.com, "Understand how Azure Resource Manager throttles
//! requests"). Compute has limits of its own below these (learn.microsoft.com, "Troubleshoot API throttling errors").

use meridian_provider_api::Api;
use meridian_provider_api::limiter::Bucket;

const READS: Bucket = Bucket::new("arm:read", 250, 25);
const WRITES: Bucket = Bucket::new("arm:write", 200, 10);
const DELETES: Bucket = Bucket::new("arm:delete", 200, 10);
/// Making, changing and removing machines: 1500 at once, 500 a minute.
const MACHINES: Bucket = Bucket::new("arm:machines", 1500, 8);
/// Storage accounts answer thousands a second; this is only a leash.
const BLOBS: Bucket = Bucket::new("blob", 200, 200);
/// A vault does 4000 operations with RSA keys in 10 seconds (learn.microsoft.com, "Azure Key Vault service limits").
const VAULTS: Bucket = Bucket::new("vault", 400, 400);

/// A read. `service` is the resource provider (`Microsoft.Network`), `operation` its id in the published model
/// (`VirtualNetworks_List`).
#[must_use]
pub const fn read(service: &'static str, operation: &'static str) -> Api {
    Api { service, operation, bucket: READS, repeatable: true }
}

/// A write. Azure's are by name and say the whole, so that sending one twice does no more than once.
#[must_use]
pub const fn write(service: &'static str, operation: &'static str) -> Api {
    Api { service, operation, bucket: WRITES, repeatable: true }
}

/// Whether a call makes or changes something: what it names has then been made, and is only not known everywhere yet when it
/// is not found.
#[must_use]
pub fn makes(api: Api) -> bool {
    let writes = api.bucket == WRITES || api.bucket == MACHINES || api.operation == "BlockBlob_Upload";
    writes && !api.operation.ends_with("_Delete")
}

/// A delete.
#[must_use]
pub const fn delete(service: &'static str, operation: &'static str) -> Api {
    Api { service, operation, bucket: DELETES, repeatable: true }
}

/// A write or delete of a machine or scale set.
#[must_use]
pub const fn machine(operation: &'static str) -> Api {
    Api { service: "Microsoft.Compute", operation, bucket: MACHINES, repeatable: true }
}

/// A call of a storage account's data plane.
#[must_use]
pub const fn blob(operation: &'static str) -> Api {
    Api { service: "Microsoft.Storage.Blobs", operation, bucket: BLOBS, repeatable: true }
}

/// A call of a key vault. None of ours changes anything there.
#[must_use]
pub const fn vault(operation: &'static str) -> Api {
    Api { service: "Microsoft.KeyVault.Keys", operation, bucket: VAULTS, repeatable: true }
}
