//! The listeners of a load balancer.

use super::{Listener, invalid};
use crate::aws::{ApiError, Params, Xml};

const PROTOCOLS: [&str; 4] = ["HTTP", "HTTPS", "TCP", "SSL"];

/// `Listeners`, at least one. There are no certificates here, so that what is encrypted finds none.
pub fn read(p: &Params) -> Result<Vec<Listener>, ApiError> {
    let mut listeners: Vec<Listener> = Vec::new();
    for asked in p.structs("Listeners") {
        let protocol = protocol(&asked.str("Protocol")?)?;
        let instance_protocol = match asked.opt_str("InstanceProtocol") {
            Some(named) => self::protocol(&named)?,
            None => protocol.clone(),
        };
        let is_http = |protocol: &str| protocol.starts_with("HTTP");
        if is_http(&protocol) != is_http(&instance_protocol) {
            return Err(invalid(format!(
                "Listener protocol {protocol} and instance protocol {instance_protocol} must be of the same layer"
            )));
        }
        let (port, instance_port) = (port(&asked, "LoadBalancerPort")?, self::port(&asked, "InstancePort")?);
        let certificate = asked.opt_str("SSLCertificateId");
        if protocol == "HTTPS" || protocol == "SSL" {
            return Err(ApiError::bad(
                "CertificateNotFound",
                format!("Server Certificate not found for the key: {}", certificate.unwrap_or_default()),
            ));
        }
        if listeners.iter().any(|listener| listener.port == port) {
            return Err(invalid(format!("Two listeners have the port {port}")));
        }
        listeners.push(Listener { protocol, port, instance_protocol, instance_port });
    }
    if listeners.is_empty() { Err(invalid("At least one listener must be specified")) } else { Ok(listeners) }
}

pub fn write(x: &mut Xml, listeners: &[Listener]) {
    x.nest("ListenerDescriptions", |x| {
        for listener in listeners {
            x.nest("member", |x| {
                x.nest("Listener", |x| {
                    x.text("Protocol", &listener.protocol);
                    x.text("LoadBalancerPort", listener.port);
                    x.text("InstanceProtocol", &listener.instance_protocol);
                    x.text("InstancePort", listener.instance_port);
                });
                x.nest("PolicyNames", |_| {});
            });
        }
    });
}

/// In capitals, as it is told again; any case is taken.
fn protocol(named: &str) -> Result<String, ApiError> {
    let protocol = named.to_ascii_uppercase();
    if PROTOCOLS.contains(&protocol.as_str()) {
        return Ok(protocol);
    }
    Err(ApiError::bad("UnsupportedProtocol", format!("The protocol {named} is not supported")))
}

fn port(p: &Params, parameter: &str) -> Result<u16, ApiError> {
    let port = p.int(parameter)?;
    u16::try_from(port)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| invalid(format!("{parameter} must be between 1 and 65535, not {port}")))
}
