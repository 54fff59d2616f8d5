//! The stores that state can be kept in, one file each.

mod azure;
pub mod credential;
pub mod endpoint;
mod fault;
pub mod file;
mod gcs;
mod http;
pub mod location;
mod names;
mod object;
mod remote;
mod s3;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::sync::Arc;

use crate::backends::azure::Blobs;
use crate::backends::credential::CredentialSource;
use crate::backends::endpoint::Endpoint;
use crate::backends::file::FileStore;
use crate::backends::gcs::Gcs;
use crate::backends::location::Location;
use crate::backends::remote::{Line, Patience, Remote, Wire};
use crate::store::{Store, StoreError};

/// The store at `location`. Nothing is asked of it yet, and nothing is made: a bucket must be there.
///
/// `endpoint` is where the store's API is, if not at its usual address. `credentials` are asked before each request; a directory
/// has no use for either.
pub fn open(
    location: &Location,
    endpoint: Option<&Endpoint>,
    credentials: Arc<dyn CredentialSource>,
) -> Result<Arc<dyn Store>, StoreError> {
    let setup = |error: Box<dyn Error + Send + Sync>| StoreError::Setup { store: location.to_string(), source: error };
    let client = || http::client(endpoint).map_err(|error| setup(error.into()));
    match location {
        Location::File { folder } => Ok(Arc::new(FileStore::new(folder))),
        Location::S3 { bucket, prefix, region } => {
            let wire = s3::wire(bucket, region.as_deref(), endpoint, client()?, credentials);
            Ok(remote(location, prefix, wire.map_err(|error| setup(error.into()))?))
        }
        Location::Gs { bucket, prefix } => {
            Ok(remote(location, prefix, Gcs::new(bucket, endpoint, client()?, credentials)))
        }
        Location::Az { account, container, prefix } => {
            let wire = Blobs::new(account, container, endpoint, client()?, credentials);
            Ok(remote(location, prefix, wire.map_err(setup)?))
        }
    }
}

fn remote<W: Wire + 'static>(location: &Location, prefix: &str, wire: W) -> Arc<dyn Store> {
    Arc::new(Remote {
        wire,
        name: location.to_string(),
        prefix: prefix.to_owned(),
        patience: Patience::default(),
        line: Line::default(),
    })
}
