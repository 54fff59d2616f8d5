//! Attaching network interfaces to instances, and detaching them.

use super::instance::Instance;
use super::network_interface::{Attachment, NetworkInterface, attachment_not_found, of_instance, own};
use super::{Answer, Cx, Params, Xml, done};
use crate::aws::ApiError;

/// Attaches an interface to an instance in the same zone. The caller has checked the instance.
pub fn attach_to(
    cx: &mut Cx<'_>,
    id: &str,
    instance: &str,
    device_index: i64,
    delete_on_termination: bool,
) -> Result<String, ApiError> {
    let attachment = cx.ids.ec2("eni-attach");
    let at = cx.now;
    let ec2 = cx.ec2();
    own(ec2, id)?;
    if of_instance(ec2, instance).iter().any(|interface| {
        interface.attachment.as_ref().is_some_and(|attachment| attachment.device_index == device_index)
    }) {
        return Err(ApiError::value(format!(
            "Instance '{instance}' already has an interface attached at device index '{device_index}'."
        )));
    }
    let interface = ec2.get_mut::<NetworkInterface>(id)?;
    if interface.attachment.is_some() {
        return Err(ApiError::bad("InvalidNetworkInterface.InUse", format!("Interface: [{id}] in use.")));
    }
    interface.attachment = Some(Attachment {
        id: attachment.clone(),
        instance: instance.to_owned(),
        device_index,
        delete_on_termination,
        at,
        gone: None,
    });
    Ok(attachment)
}

/// `AttachNetworkInterface`.
pub fn attach(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (id, instance, index) = (p.str("NetworkInterfaceId")?, p.str("InstanceId")?, p.int("DeviceIndex")?);
    p.opt_int("NetworkCardIndex")?;
    let ec2 = cx.ec2();
    let zone = ec2.get::<NetworkInterface>(&id)?.zone.clone();
    let target = ec2.get::<Instance>(&instance)?;
    if !matches!(target.state.as_str(), "running" | "stopped") {
        return Err(ApiError::bad("IncorrectInstanceState", format!("The instance '{instance}' is {}", target.state)));
    }
    if target.zone != zone {
        return Err(ApiError::combination(format!(
            "You may not attach a network interface to an instance in a different zone: {id}"
        )));
    }
    let attachment = attach_to(cx, &id, &instance, index, false)?;
    let mut x = Xml::new();
    x.text("attachmentId", attachment);
    x.text("networkCardIndex", 0);
    Ok(x)
}

/// `DetachNetworkInterface`, which takes a while. The first interface of an instance stays.
pub fn detach(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("AttachmentId")?;
    p.opt_bool("Force")?;
    let gone = cx.now + cx.pace.network_interface_detaching;
    let ec2 = cx.ec2();
    let interface = ec2
        .network_interfaces
        .values_mut()
        .find(|interface| interface.attachment.as_ref().is_some_and(|attachment| attachment.id == id))
        .ok_or_else(|| attachment_not_found(&id))?;
    if interface.requester.is_some() {
        return Err(ApiError::bad("OperationNotPermitted", "You are not allowed to manage this attachment."));
    }
    if let Some(attachment) = &mut interface.attachment {
        if attachment.device_index == 0 {
            return Err(ApiError::bad(
                "OperationNotPermitted",
                "The network interface at device index 0 cannot be detached.",
            ));
        }
        attachment.gone.get_or_insert(gone);
    }
    done()
}
