//! Machine images. They are looked up once and pinned, so that a plan names them and a later run finds the same.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use meridian_provider_api::{CloudError, ErrorKind, Pins};
use meridian_spec::ImageSource;
use meridian_spec::cluster::{Architecture, Cluster, Machine};

use crate::client::Gcp;
use crate::gce::{path_of, required};
use crate::limits::compute_read;

/// Key of the pin that holds the image of an architecture.
fn image_pin(architecture: Architecture) -> String {
    let name = match architecture {
        Architecture::Amd64 => "amd64",
        Architecture::Arm64 => "arm64",
    };
    format!("image/{name}")
}

/// The path of a machine's image; a placeholder when it has not been looked up.
#[must_use]
pub fn image(machine: &Machine, pins: &Pins) -> String {
    if let Some(image) = &machine.image {
        return path_of(image);
    }
    let pin = image_pin(machine.architecture);
    pins.get(&pin).cloned().unwrap_or_else(|| format!("unresolved:{pin}"))
}

/// Looks up the images that the cluster needs and `pins` does not have: the newest of the family of each architecture.
/// One call an architecture, all at once; none when nothing is missing.
///
/// `source` is the catalogue's row of the partition. Where it has none, no public images are known, and the spec has to
/// name one for each machine.
pub async fn look_up(
    client: &Gcp,
    cluster: &Cluster,
    source: Option<&ImageSource>,
    pins: &Pins,
) -> Result<Pins, CloudError> {
    let bastion = cluster.bastion.as_ref().map(|bastion| &bastion.machine);
    let machines = std::iter::once(&cluster.control_plane.machine)
        .chain(cluster.pools.iter().map(|pool| &pool.machine))
        .chain(bastion);
    let missing: BTreeSet<Architecture> = machines
        .filter(|machine| machine.image.is_none() && !pins.contains_key(&image_pin(machine.architecture)))
        .map(|machine| machine.architecture)
        .collect();
    let found = missing.into_iter().map(|architecture| async move {
        let Some(source) = source else {
            return Err(CloudError::new(
                ErrorKind::Unsupported,
                "compute:images.getFromFamily",
                "no public images are known in this partition; name an image for each machine in the spec",
            ));
        };
        let family = source.name(architecture);
        let newest = client
            .call(compute_read("images.getFromFamily"), || {
                client.compute.images.get_from_family().set_project(&source.owner).set_family(family).send()
            })
            .await?;
        let link = required(newest.self_link, "compute:images.getFromFamily", "link")?;
        Ok((image_pin(architecture), path_of(&link)))
    });
    Ok(try_join_all(found).await?.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_stands_for_what_was_not_looked_up() {
        let mut machine =
            Machine { native_type: "c4a-standard-4".to_owned(), architecture: Architecture::Arm64, image: None };
        assert_eq!(image(&machine, &Pins::new()), "unresolved:image/arm64");
        let pins = Pins::from([("image/arm64".to_owned(), "projects/ubuntu-os-cloud/global/images/u".to_owned())]);
        assert_eq!(image(&machine, &pins), "projects/ubuntu-os-cloud/global/images/u");
        machine.image = Some("https://www.googleapis.com/compute/v1/projects/p/global/images/own".to_owned());
        assert_eq!(image(&machine, &pins), "projects/p/global/images/own");
    }
}
