//! Machine images. They are looked up once and pinned, so that a plan names them and a later run finds the same.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{ArchitectureValues, Filter, Image};
use meridian_provider_api::{CloudError, ErrorKind, Pins};
use meridian_spec::ImageSource;
use meridian_spec::cluster::{Architecture, Cluster, Machine};

use crate::client::Aws;
use crate::ec2;
use crate::limits::ec2_read;

/// The root device of images whose own is not known; all of the catalogue's have it.
const USUAL_ROOT: &str = "/dev/sda1";

/// Key of the pin that holds the image of an architecture.
fn image_pin(architecture: Architecture) -> String {
    format!("image/{}", name_of(architecture))
}

/// Key of the pin that holds the name of an image's root device.
fn root_pin(image: &str) -> String {
    format!("root-device/{image}")
}

fn name_of(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Amd64 => "amd64",
        Architecture::Arm64 => "arm64",
    }
}

/// The image of a machine; a placeholder when it has not been looked up.
#[must_use]
pub fn image(machine: &Machine, pins: &Pins) -> String {
    machine.image.clone().unwrap_or_else(|| {
        let pin = image_pin(machine.architecture);
        pins.get(&pin).cloned().unwrap_or_else(|| format!("unresolved:{pin}"))
    })
}

/// The name of the root device of a machine's image.
#[must_use]
pub fn root_device(machine: &Machine, pins: &Pins) -> String {
    pins.get(&root_pin(&image(machine, pins))).cloned().unwrap_or_else(|| USUAL_ROOT.to_owned())
}

fn machines(cluster: &Cluster) -> impl Iterator<Item = &Machine> {
    let bastion = cluster.bastion.as_ref().map(|bastion| &bastion.machine);
    std::iter::once(&cluster.control_plane.machine).chain(cluster.pools.iter().map(|pool| &pool.machine)).chain(bastion)
}

/// Looks up the images that the cluster needs and `pins` does not have: the newest of each architecture, and the root
/// device of every image. At most two calls, at once; none when nothing is missing.
///
/// `source` is the catalogue's row of the partition. Where it has none, no public images are known, and the spec has to name one for each machine.
pub async fn look_up(
    client: &Aws,
    cluster: &Cluster,
    source: Option<&ImageSource>,
    pins: &Pins,
) -> Result<Pins, CloudError> {
    let unpinned: BTreeSet<Architecture> = machines(cluster)
        .filter(|machine| machine.image.is_none() && !pins.contains_key(&image_pin(machine.architecture)))
        .map(|machine| machine.architecture)
        .collect();
    let without_root: BTreeSet<String> = machines(cluster)
        .filter(|machine| machine.image.is_some() || !unpinned.contains(&machine.architecture))
        .map(|machine| image(machine, pins))
        .filter(|image| !pins.contains_key(&root_pin(image)))
        .collect();
    let (newest, named) =
        tokio::try_join!(newest(client, &unpinned, source), named(client, without_root.into_iter().collect()))?;
    let mut found = Pins::new();
    for (architecture, image) in newest {
        let id = image.image_id.clone().unwrap_or_default();
        found.insert(image_pin(architecture), id);
        found.extend(root_of(&image));
    }
    found.extend(named.iter().filter_map(root_of));
    Ok(found)
}

fn root_of(image: &Image) -> Option<(String, String)> {
    Some((root_pin(image.image_id()?), image.root_device_name()?.to_owned()))
}

async fn named(client: &Aws, ids: Vec<String>) -> Result<Vec<Image>, CloudError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let answer = client
        .call(ec2_read("DescribeImages"), || {
            client.ec2.describe_images().set_image_ids(Some(ids.clone())).include_deprecated(true).send()
        })
        .await?;
    Ok(answer.images.unwrap_or_default())
}

async fn newest(
    client: &Aws,
    architectures: &BTreeSet<Architecture>,
    source: Option<&ImageSource>,
) -> Result<Vec<(Architecture, Image)>, CloudError> {
    if architectures.is_empty() {
        return Ok(Vec::new());
    }
    let Some(source) = source else {
        return Err(CloudError::new(
            ErrorKind::Unsupported,
            "ec2:DescribeImages",
            "no public images are known in this partition; name an image for each machine in the spec",
        ));
    };
    let filter = |name: &str, values: Vec<String>| Filter::builder().name(name).set_values(Some(values)).build();
    let filters = [
        filter("name", architectures.iter().map(|one| source.name(*one).to_owned()).collect()),
        filter("state", vec!["available".to_owned()]),
        filter("virtualization-type", vec!["hvm".to_owned()]),
        filter("root-device-type", vec!["ebs".to_owned()]),
    ];
    let images = ec2::pages(|token| {
        let filters = filters.to_vec();
        async move {
            let page = client
                .call(ec2_read("DescribeImages"), || {
                    client
                        .ec2
                        .describe_images()
                        .owners(&source.owner)
                        .set_filters(Some(filters.clone()))
                        .max_results(500)
                        .set_next_token(token.clone())
                        .send()
                })
                .await?;
            Ok((page.images, page.next_token))
        }
    })
    .await?;
    architectures
        .iter()
        .map(|architecture| {
            let image = latest(&images, *architecture).ok_or_else(|| {
                CloudError::new(
                    ErrorKind::NotFound,
                    "ec2:DescribeImages",
                    format!("account {} has no image `{}` here", source.owner, source.name(*architecture)),
                )
            })?;
            Ok((*architecture, image.clone()))
        })
        .collect()
}

/// The newest image of an architecture. The dates are in ISO 8601, so that they sort as text; the id decides a tie.
fn latest(images: &[Image], architecture: Architecture) -> Option<&Image> {
    let wanted = match architecture {
        Architecture::Amd64 => ArchitectureValues::X8664,
        Architecture::Arm64 => ArchitectureValues::Arm64,
    };
    images
        .iter()
        .filter(|image| image.architecture() == Some(&wanted))
        .max_by_key(|image| (image.creation_date.clone(), image.image_id.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ami(id: &str, date: &str, architecture: ArchitectureValues) -> Image {
        Image::builder().image_id(id).creation_date(date).architecture(architecture).build()
    }

    #[test]
    fn the_newest_image_of_the_architecture_wins() {
        let images = [
            ami("ami-1", "2026-01-02T00:00:00.000Z", ArchitectureValues::X8664),
            ami("ami-2", "2026-03-02T00:00:00.000Z", ArchitectureValues::X8664),
            ami("ami-3", "2026-04-02T00:00:00.000Z", ArchitectureValues::Arm64),
        ];
        assert_eq!(latest(&images, Architecture::Amd64).unwrap().image_id(), Some("ami-2"));
        assert_eq!(latest(&images[..2], Architecture::Arm64), None);
    }

    #[test]
    fn a_placeholder_stands_for_what_was_not_looked_up() {
        let machine = Machine { native_type: "m7g.large".to_owned(), architecture: Architecture::Arm64, image: None };
        assert_eq!(image(&machine, &Pins::new()), "unresolved:image/arm64");
        let pins = Pins::from([
            ("image/arm64".to_owned(), "ami-3".to_owned()),
            ("root-device/ami-3".to_owned(), "/dev/xvda".to_owned()),
        ]);
        assert_eq!(image(&machine, &pins), "ami-3");
        assert_eq!(root_device(&machine, &pins), "/dev/xvda");
        assert_eq!(root_device(&machine, &Pins::new()), "/dev/sda1");
    }
}
