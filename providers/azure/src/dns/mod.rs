//! The private zone and its records.

pub mod link;
pub mod record;
pub mod zone;

use std::future::Future;

use azure_core::error::Error;
use azure_core::{Continuable, Pageable};
use futures::future::try_join_all;
use meridian_node::names::dns_zone;
use meridian_provider_api::{Api, CloudError};
use serde::de::DeserializeOwned;

pub use link::Link;
pub use record::Record;
pub use zone::Zone;

use crate::arm::found;
use crate::client::Azure;
use crate::client::id::ArmId;

/// Every item of a kind inside of the cluster's zones, each with its id. The zones' name is known, so that nobody waits
/// for their listing; what is in a zone of that name which is not ours is left out.
async fn in_zones<P, T>(
    client: &Azure,
    api: Api,
    list: impl Fn(&str, &str) -> Pageable<P, Error> + Send + Sync,
    items: fn(P) -> Vec<T>,
    id: fn(&T) -> Option<&str>,
) -> Result<Vec<(ArmId, T)>, CloudError>
where
    P: Continuable<Continuation = String> + DeserializeOwned + Send + 'static,
    T: Send,
{
    let name = dns_zone(&client.cluster);
    let (list, name) = (&list, name.as_str());
    let inside = async {
        let groups = client.groups().await?;
        let each = groups.iter().map(|group| async move {
            Ok::<_, CloudError>(found(client.pages(api, || list(group, name), items).await)?.unwrap_or_default())
        });
        Ok(try_join_all(each).await?.into_iter().flatten().collect::<Vec<T>>())
    };
    let (zones, all) = tokio::try_join!(zone::ids(client), boxed(inside))?;
    let read = |item: T| Some((id(&item)?.parse::<ArmId>().ok()?, item));
    Ok(all
        .into_iter()
        .filter_map(read)
        .filter(|(id, _)| id.within().is_some_and(|zone| zones.contains(&zone)))
        .collect())
}

/// On the heap: a page of the SDK's is large, and so is whatever waits for one.
fn boxed<'a, T>(future: impl Future<Output = T> + Send + 'a) -> futures::future::BoxFuture<'a, T> {
    Box::pin(future)
}
