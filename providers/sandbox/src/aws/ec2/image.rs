//! Machine images: a made-up catalogue in the likeness of Canonical's, with other ids in each region.

use sha2::{Digest as _, Sha256};

use super::describe::{Filters, page};
use super::{Answer, Cx, Params, Tags, Xml};
use crate::aws::ApiError;

/// Canonical's account (<https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/>).
const CANONICAL: &str = "099720109477";

/// The publication dates, oldest first.
const DATES: [&str; 2] = ["20260915", "20261001"];

/// An image.
#[derive(Debug, Clone)]
pub struct Image {
    /// The id.
    pub id: String,
    /// `x86_64` or `arm64`.
    pub architecture: &'static str,
    /// The snapshot of the root device.
    pub snapshot: String,
    name: String,
    created: String,
    description: String,
}

/// The device that an image's root is on.
pub const ROOT_DEVICE: &str = "/dev/sda1";

/// The size of an image's root, in GiB.
pub const ROOT_SIZE: i64 = 8;

/// The images of a region.
pub fn catalogue(region: &str) -> Vec<Image> {
    let mut images = Vec::new();
    for (release, version) in [("jammy", "22.04"), ("noble", "24.04")] {
        for (arch, architecture) in [("amd64", "x86_64"), ("arm64", "arm64")] {
            for date in DATES {
                let ssd = if release == "jammy" { "hvm-ssd" } else { "hvm-ssd-gp3" };
                let name = format!("ubuntu/images/{ssd}/ubuntu-{release}-{version}-{arch}-server-{date}");
                let digest = digest(&format!("{region}/{name}"));
                images.push(Image {
                    id: format!("ami-0{}", &digest[..16]),
                    architecture,
                    snapshot: format!("snap-0{}", &digest[16..32]),
                    description: format!("Canonical, Ubuntu, {version}, {arch} {release} image"),
                    created: format!("{}-{}-{}T06:30:00.000Z", &date[..4], &date[4..6], &date[6..]),
                    name,
                });
            }
        }
    }
    images.sort_by(|a, b| a.id.cmp(&b.id));
    images
}

/// An image by its id.
pub fn get(region: &str, id: &str) -> Result<Image, ApiError> {
    catalogue(region).into_iter().find(|image| image.id == id).ok_or_else(|| {
        let code = if id.starts_with("ami-") { "InvalidAMIID.NotFound" } else { "InvalidAMIID.Malformed" };
        ApiError::bad(code, format!("The image id '[{id}]' does not exist"))
    })
}

/// A stable hexadecimal digest of a text.
pub fn digest(text: &str) -> String {
    crate::ids::hex(&Sha256::digest(text.as_bytes()))
}

impl Image {
    fn values(&self, filter: &str) -> Vec<String> {
        let value = match filter {
            "architecture" => self.architecture,
            "creation-date" => &self.created,
            "description" => &self.description,
            "image-id" => &self.id,
            "name" => &self.name,
            "block-device-mapping.snapshot-id" => &self.snapshot,
            "block-device-mapping.device-name" | "root-device-name" => ROOT_DEVICE,
            "block-device-mapping.volume-type" => "gp3",
            "block-device-mapping.encrypted" => "false",
            "ena-support" | "is-public" => "true",
            "hypervisor" => "xen",
            "image-type" => "machine",
            "owner-id" => CANONICAL,
            "owner-alias" => "amazon",
            "root-device-type" => "ebs",
            "state" => "available",
            _ => "hvm",
        };
        vec![value.to_owned()]
    }
}

const FILTERS: [&str; 18] = [
    "architecture",
    "block-device-mapping.device-name",
    "block-device-mapping.encrypted",
    "block-device-mapping.snapshot-id",
    "block-device-mapping.volume-type",
    "creation-date",
    "description",
    "ena-support",
    "hypervisor",
    "image-id",
    "image-type",
    "is-public",
    "name",
    "owner-id",
    "root-device-name",
    "root-device-type",
    "state",
    "virtualization-type",
];

/// `DescribeImages`.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (ids, owners, executable) = (p.list("ImageId"), p.list("Owner"), p.list("ExecutableBy"));
    p.opt_bool("IncludeDeprecated")?;
    p.opt_bool("IncludeDisabled")?;
    let filters = Filters::read(p)?;
    filters.check_names(&FILTERS, true)?;
    for id in &ids {
        get(&cx.region, id)?;
    }
    let owned = owners.is_empty() || owners.iter().any(|owner| owner == CANONICAL);
    let allowed = executable.is_empty() || executable.iter().any(|who| who == "all");
    let mut found = catalogue(&cx.region);
    found.retain(|image| {
        owned
            && allowed
            && (ids.is_empty() || ids.contains(&image.id))
            && filters.admit(&Tags::new(), |name| image.values(name))
    });
    Ok(page(found, |image| &image.id, cx.page_limit, p)?.answer("imagesSet", |x, image| write(x, &image)))
}

fn write(x: &mut Xml, image: &Image) {
    x.text("imageId", &image.id);
    x.text("imageLocation", format!("amazon/{}", image.name));
    x.text("imageState", "available");
    x.text("imageOwnerId", CANONICAL);
    x.text("creationDate", &image.created);
    x.text("isPublic", true);
    x.text("architecture", image.architecture);
    x.text("imageType", "machine");
    x.text("sriovNetSupport", "simple");
    x.text("name", &image.name);
    x.text("description", &image.description);
    x.text("rootDeviceType", "ebs");
    x.text("rootDeviceName", ROOT_DEVICE);
    x.list("blockDeviceMapping", "item", [image], |x, image| {
        x.text("deviceName", ROOT_DEVICE);
        x.nest("ebs", |x| {
            x.text("snapshotId", &image.snapshot);
            x.text("volumeSize", ROOT_SIZE);
            x.text("deleteOnTermination", true);
            x.text("volumeType", "gp3");
            x.text("encrypted", false);
        });
    });
    x.text("virtualizationType", "hvm");
    x.text("hypervisor", "xen");
    x.text("enaSupport", true);
    x.text("bootMode", "uefi-preferred");
    x.text("platformDetails", "Linux/UNIX");
    x.text("usageOperation", "RunInstances");
}
