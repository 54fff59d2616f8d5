//! Machine images. They are looked up once and pinned, so that a plan names them and a later run finds the same.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use meridian_provider_api::{CloudError, ErrorKind, Pins};
use meridian_spec::ImageSource;
use meridian_spec::cluster::{Architecture, Cluster, Machine};

use super::SERVICE;
use crate::client::Azure;
use crate::client::id::normal;
use crate::limits::read;

/// Key of the pin that holds the image of an architecture.
fn image_pin(architecture: Architecture) -> String {
    let name = match architecture {
        Architecture::Amd64 => "amd64",
        Architecture::Arm64 => "arm64",
    };
    format!("image/{name}")
}

/// The image of a machine, by URN or resource id; a placeholder when it has not been looked up.
#[must_use]
pub fn image(machine: &Machine, pins: &Pins) -> String {
    machine.image.as_deref().map_or_else(
        || {
            let pin = image_pin(machine.architecture);
            pins.get(&pin).cloned().unwrap_or_else(|| format!("unresolved:{pin}"))
        },
        kept,
    )
}

/// An image in the form in which it comes back: ids know no case.
fn kept(image: &str) -> String {
    if image.starts_with('/') { normal(image) } else { image.to_owned() }
}

fn machines(cluster: &Cluster) -> impl Iterator<Item = &Machine> {
    let bastion = cluster.bastion.as_ref().map(|bastion| &bastion.machine);
    std::iter::once(&cluster.control_plane.machine).chain(cluster.pools.iter().map(|pool| &pool.machine)).chain(bastion)
}

/// Looks up the images that the cluster needs and `pins` does not have: the newest version for each architecture. One call
/// each, at once; none when nothing is missing.
///
/// `source` is the catalogue's row of the partition. Where it has none, the spec has to name an image for each machine.
pub async fn look_up(
    client: &Azure,
    cluster: &Cluster,
    source: Option<&ImageSource>,
    pins: &Pins,
) -> Result<Pins, CloudError> {
    let missing: BTreeSet<Architecture> = machines(cluster)
        .filter(|machine| machine.image.is_none() && !pins.contains_key(&image_pin(machine.architecture)))
        .map(|machine| machine.architecture)
        .collect();
    let found = missing.into_iter().map(|architecture| async move {
        let source = source.ok_or_else(|| {
            CloudError::new(
                ErrorKind::Unsupported,
                "VirtualMachineImages_List",
                "no public images are known in this partition; name an image for each machine in the spec",
            )
        })?;
        Ok::<_, CloudError>((image_pin(architecture), newest(client, source, architecture).await?))
    });
    Ok(try_join_all(found).await?.into_iter().collect())
}

async fn newest(client: &Azure, source: &ImageSource, architecture: Architecture) -> Result<String, CloudError> {
    let name = source.name(architecture);
    let (offer, sku) = name.split_once(':').ok_or_else(|| {
        CloudError::new(ErrorKind::Invalid, "reading the catalogue", format!("`{name}` is no offer with its SKU"))
    })?;
    let images = client.compute.virtual_machine_images_client();
    let versions = client
        .call(read(SERVICE, "VirtualMachineImages_List"), || {
            images.list(&client.region, &source.owner, offer, sku, &client.subscription).into_future()
        })
        .await?;
    let latest = versions.iter().map(|version| version.name.as_str()).max_by_key(|version| parts(version));
    let latest = latest.ok_or_else(|| {
        let message = format!("{} has no image `{name}` here", source.owner);
        CloudError::new(ErrorKind::NotFound, "VirtualMachineImages_List", message)
    })?;
    Ok(format!("{}:{offer}:{sku}:{latest}", source.owner))
}

/// The numbers of a version (`24.04.202511120`), by which versions are in order.
fn parts(version: &str) -> Vec<u64> {
    version.split('.').map(|part| part.parse().unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        assert!(parts("24.04.202511120") > parts("24.04.202509230"));
        assert!(parts("24.10.1") > parts("24.9.1"));
    }

    #[test]
    fn a_placeholder_stands_for_what_was_not_looked_up() {
        let machine =
            Machine { native_type: "Standard_D2ps_v5".to_owned(), architecture: Architecture::Arm64, image: None };
        assert_eq!(image(&machine, &Pins::new()), "unresolved:image/arm64");
        let pins = Pins::from([("image/arm64".to_owned(), "a:b:c:1".to_owned())]);
        assert_eq!(image(&machine, &pins), "a:b:c:1");
    }
}
