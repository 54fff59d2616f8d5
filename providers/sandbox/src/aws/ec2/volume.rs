//! Volumes, their attachments and their modifications.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::describe::{Field, Filters, Resource, page, select};
use super::instance::Instance;
use super::volume_shape::{Shape, ShapeWish};
use super::{Answer, Cx, Ec2, Params, Tags, Xml, done, place, tag};
use crate::aws::{ApiError, Millis, timestamp};

/// A volume.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Volume {
    /// The id.
    pub id: String,
    /// The zone.
    pub zone: String,
    /// What is attached where.
    pub attachment: Option<Attachment>,
    shape: Shape,
    ready: Millis,
    created: Millis,
    modification: Option<Modification>,
}

/// A volume's place on an instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Attachment {
    /// The instance.
    pub instance: String,
    /// The device.
    pub device: String,
    /// When it began.
    pub at: Millis,
    /// When `attaching` becomes `attached`.
    pub ready: Millis,
    /// When a detachment ends.
    pub gone: Option<Millis>,
    /// Whether the volume goes with the instance.
    pub delete_on_termination: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Modification {
    from: Shape,
    to: Shape,
    start: Millis,
    end: Millis,
}

impl Resource for Volume {
    const TYPE: &'static str = "volume";
    const IDS: &'static str = "VolumeId";
    const NOT_FOUND: &'static str = "InvalidVolume.NotFound";
    const FIELDS: &'static [Field<Self>] = &[
        ("volume-id", |_, v| vec![v.id.clone()]),
        ("availability-zone", |_, v| vec![v.zone.clone()]),
        ("availability-zone-id", |_, v| vec![place::zone_id(&v.zone)]),
        ("attachment.instance-id", |_, v| v.attachment.iter().map(|a| a.instance.clone()).collect()),
        ("attachment.device", |_, v| v.attachment.iter().map(|a| a.device.clone()).collect()),
        ("attachment.status", |_, v| v.attachment.iter().map(|a| a.status().to_owned()).collect()),
        ("attachment.delete-on-termination", |_, v| {
            v.attachment.iter().map(|a| a.delete_on_termination.to_string()).collect()
        }),
        ("encrypted", |_, v| vec![v.shape.encrypted.to_string()]),
        ("size", |_, v| vec![v.shape.size.to_string()]),
        ("snapshot-id", |_, v| v.shape.snapshot.iter().cloned().collect()),
        ("status", |_, v| vec![v.status().to_owned()]),
        ("volume-type", |_, v| vec![v.shape.kind.clone()]),
    ];

    fn id(&self) -> &str {
        &self.id
    }
    fn all(ec2: &Ec2) -> &BTreeMap<String, Self> {
        &ec2.volumes
    }
    fn all_mut(ec2: &mut Ec2) -> &mut BTreeMap<String, Self> {
        &mut ec2.volumes
    }
    fn not_found(id: &str) -> ApiError {
        ApiError::bad(Self::NOT_FOUND, format!("The volume '{id}' does not exist."))
    }
}

impl Attachment {
    fn status(&self) -> &'static str {
        match (self.gone, self.ready) {
            (Some(_), _) => "detaching",
            (None, 0) => "attached",
            (None, _) => "attaching",
        }
    }
}

impl Volume {
    /// A volume of a shape, which is not yet kept.
    pub fn new(cx: &mut Cx<'_>, zone: &str, shape: Shape) -> Self {
        Self {
            id: cx.ids.ec2("vol"),
            zone: zone.to_owned(),
            attachment: None,
            shape,
            ready: cx.now + cx.pace.volume_creating,
            created: cx.now,
            modification: None,
        }
    }

    fn status(&self) -> &'static str {
        match (&self.attachment, self.ready) {
            (Some(_), _) => "in-use",
            (None, 0) => "available",
            (None, _) => "creating",
        }
    }
}

/// `CreateVolume`.
pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let zone = match (p.opt_str("AvailabilityZone"), p.opt_str("AvailabilityZoneId")) {
        (Some(zone), None) => cx.zones_here().into_iter().find(|known| *known == zone).ok_or(zone),
        (None, Some(id)) => cx.zones_here().into_iter().find(|known| place::zone_id(known) == id).ok_or(id),
        _ => {
            return Err(ApiError::bad("MissingParameter", "The request must contain the parameter AvailabilityZone"));
        }
    };
    let zone =
        zone.map_err(|wrong| ApiError::bad("InvalidZone.NotFound", format!("The zone '{wrong}' does not exist.")))?;
    let shape = ShapeWish::read(p, "Size")?.resolve(None)?;
    if p.bool("MultiAttachEnabled")? {
        return Err(ApiError::bad("UnsupportedOperation", "Multi-attach is not supported here"));
    }
    let tags = tag::specified(p, "volume")?;
    let mut volume = Volume::new(cx, &zone, shape);
    if let Some(key) = &mut volume.shape.key
        && !key.starts_with("arn:")
    {
        *key = cx.arn("kms", &format!("key/{key}"));
    }
    let ec2 = cx.ec2();
    tag::set(ec2, &volume.id, tags);
    let mut x = Xml::new();
    write(&mut x, ec2, &volume);
    ec2.volumes.insert(volume.id.clone(), volume);
    Ok(x)
}

fn write(x: &mut Xml, ec2: &Ec2, volume: &Volume) {
    x.text("volumeId", &volume.id);
    x.text("size", volume.shape.size);
    x.text("snapshotId", volume.shape.snapshot.as_deref().unwrap_or_default());
    x.text("availabilityZone", &volume.zone);
    x.text("availabilityZoneId", place::zone_id(&volume.zone));
    x.text("status", volume.status());
    x.text("createTime", timestamp(volume.created));
    x.text("volumeType", &volume.shape.kind);
    x.opt("iops", volume.shape.iops);
    x.opt("throughput", volume.shape.throughput);
    x.text("encrypted", volume.shape.encrypted);
    x.opt("kmsKeyId", volume.shape.key.as_ref());
    x.text("multiAttachEnabled", false);
    x.list("attachmentSet", "item", &volume.attachment, |x, attachment| write_attachment(x, &volume.id, attachment));
    tag::write(x, ec2, &volume.id);
}

fn write_attachment(x: &mut Xml, volume: &str, attachment: &Attachment) {
    x.text("volumeId", volume);
    x.text("instanceId", &attachment.instance);
    x.text("device", &attachment.device);
    x.text("status", attachment.status());
    x.text("attachTime", timestamp(attachment.at));
    x.text("deleteOnTermination", attachment.delete_on_termination);
}

/// `DescribeVolumes`.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.page_limit;
    let ec2 = cx.ec2();
    Ok(select::<Volume>(ec2, limit, p)?.answer("volumeSet", |x, volume| write(x, ec2, volume)))
}

/// `ModifyVolume`: larger, faster, or of another type; not smaller, and not while a modification runs.
pub fn modify(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("VolumeId")?;
    let (start, end) = (cx.now, cx.now + cx.pace.volume_modifying);
    let volume = cx.ec2().get_mut::<Volume>(&id)?;
    if volume.ready > 0 {
        return Err(ApiError::bad("IncorrectState", format!("The volume '{id}' is being created")));
    }
    if volume.modification.as_ref().is_some_and(|modification| modification.end > start) {
        return Err(ApiError::bad("IncorrectModificationState", format!("Volume {id} is already being modified.")));
    }
    let from = volume.shape.clone();
    for fixed in ["Encrypted", "KmsKeyId", "SnapshotId"] {
        if p.has(fixed) {
            return Err(ApiError::bad("UnknownParameter", format!("The parameter {fixed} is not recognized")));
        }
    }
    let to = ShapeWish::read(p, "Size")?.resolve(Some(&from))?;
    if to.size < from.size {
        return Err(ApiError::value("New size cannot be smaller than existing size"));
    }
    volume.shape = to.clone();
    let modification = Modification { from, to, start, end };
    let mut x = Xml::new();
    x.nest("volumeModification", |x| {
        write_modification(x, &id, &modification, start);
    });
    volume.modification = Some(modification);
    Ok(x)
}

fn write_modification(x: &mut Xml, volume: &str, modification: &Modification, now: Millis) {
    let finished = modification.end <= now;
    x.text("volumeId", volume);
    x.text("modificationState", if finished { "completed" } else { "modifying" });
    x.text("targetSize", modification.to.size);
    x.opt("targetIops", modification.to.iops);
    x.text("targetVolumeType", &modification.to.kind);
    x.opt("targetThroughput", modification.to.throughput);
    x.text("originalSize", modification.from.size);
    x.opt("originalIops", modification.from.iops);
    x.text("originalVolumeType", &modification.from.kind);
    x.opt("originalThroughput", modification.from.throughput);
    x.text("progress", if finished { 100 } else { 0 });
    x.text("startTime", timestamp(modification.start));
    x.opt("endTime", finished.then(|| timestamp(modification.end)));
}

/// `DescribeVolumesModifications`.
pub fn describe_modifications(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (limit, now) = (cx.page_limit, cx.now);
    let ec2 = cx.ec2();
    let ids = p.list("VolumeId");
    for id in &ids {
        ec2.get::<Volume>(id)?;
    }
    let filters = Filters::read(p)?;
    filters.check_names(&["volume-id", "modification-state"], false)?;
    let state = |modification: &Modification| {
        if modification.end <= now { "completed" } else { "modifying" }
    };
    let found: Vec<(&String, &Modification)> = ec2
        .volumes
        .values()
        .filter_map(|volume| Some((&volume.id, volume.modification.as_ref()?)))
        .filter(|(id, _)| ids.is_empty() || ids.contains(id))
        .filter(|(id, modification)| {
            filters.admit(&Tags::new(), |name| {
                vec![if name == "volume-id" { (*id).clone() } else { state(modification).to_owned() }]
            })
        })
        .collect();
    Ok(page(found, |(id, _)| id, limit, p)?.answer("volumeModificationSet", |x, (id, modification)| {
        write_modification(x, id, modification, now);
    }))
}

/// `AttachVolume`, to an instance in the same zone.
pub fn attach(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (id, instance, device) = (p.str("VolumeId")?, p.str("InstanceId")?, p.str("Device")?);
    let (at, ready) = (cx.now, cx.now + cx.pace.volume_attaching);
    let ec2 = cx.ec2();
    let target = ec2.get::<Instance>(&instance)?;
    if !matches!(target.state.as_str(), "pending" | "running" | "stopping" | "stopped") {
        return Err(ApiError::bad("IncorrectState", format!("Instance '{instance}' is '{}'.", target.state)));
    }
    let volume = ec2.get::<Volume>(&id)?;
    if volume.attachment.is_some() {
        return Err(ApiError::bad("VolumeInUse", format!("{id} is already attached to an instance")));
    }
    if volume.ready > 0 {
        return Err(ApiError::bad("IncorrectState", format!("The volume '{id}' is 'creating'")));
    }
    if volume.zone != target.zone {
        return Err(ApiError::bad(
            "InvalidVolume.ZoneMismatch",
            format!("The volume '{id}' is not in the same availability zone as instance '{instance}'"),
        ));
    }
    let taken = |volume: &Volume| {
        volume.attachment.as_ref().is_some_and(|other| other.instance == instance && other.device == device)
    };
    if ec2.volumes.values().any(taken) {
        return Err(ApiError::value(format!(
            "Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
        )));
    }
    let attachment = Attachment { instance, device, at, ready, gone: None, delete_on_termination: false };
    let mut x = Xml::new();
    write_attachment(&mut x, &id, &attachment);
    ec2.get_mut::<Volume>(&id)?.attachment = Some(attachment);
    Ok(x)
}

/// `DetachVolume`, which takes a while.
pub fn detach(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("VolumeId")?;
    let (instance, device) = (p.opt_str("InstanceId"), p.opt_str("Device"));
    p.opt_bool("Force")?;
    let gone = cx.now + cx.pace.volume_attaching;
    let volume = cx.ec2().get_mut::<Volume>(&id)?;
    let attachment = volume
        .attachment
        .as_mut()
        .filter(|attachment| instance.is_none_or(|instance| attachment.instance == instance))
        .filter(|attachment| device.is_none_or(|device| attachment.device == device))
        .ok_or_else(|| ApiError::bad("IncorrectState", format!("Volume '{id}' is in the 'available' state.")))?;
    attachment.gone.get_or_insert(gone);
    let mut x = Xml::new();
    write_attachment(&mut x, &id, attachment);
    Ok(x)
}

/// `DeleteVolume`: it may not be attached.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("VolumeId")?;
    let ec2 = cx.ec2();
    if let Some(attachment) = &ec2.get::<Volume>(&id)?.attachment {
        return Err(ApiError::bad(
            "VolumeInUse",
            format!("Volume {id} is currently attached to {}", attachment.instance),
        ));
    }
    ec2.remove::<Volume>(&id);
    done()
}

/// Finishes creations, attachments and detachments.
pub fn settle(cx: &mut Cx<'_>) {
    let now = cx.now;
    for volume in cx.ec2().volumes.values_mut() {
        if volume.ready <= now {
            volume.ready = 0;
        }
        if let Some(attachment) = &mut volume.attachment
            && attachment.ready <= now
        {
            attachment.ready = 0;
        }
        if volume.attachment.as_ref().and_then(|attachment| attachment.gone).is_some_and(|gone| gone <= now) {
            volume.attachment = None;
        }
    }
}
