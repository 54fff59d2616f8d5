//! The attributes of a load balancer, of which a change names any.

use serde::{Deserialize, Serialize};

use super::{Answer, invalid};
use crate::aws::{ApiError, Cx, Params, Xml};

/// How a load balancer behaves. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    cross_zone: bool,
    /// The bucket, the prefix and the interval in minutes; none while the log is off.
    access_log: Option<(String, String, i64)>,
    /// How long; none while it is off.
    draining: Option<i64>,
    idle_timeout: i64,
}

impl Default for Attributes {
    /// What one has that is made through the API.
    fn default() -> Self {
        Self { cross_zone: false, access_log: None, draining: None, idle_timeout: 60 }
    }
}

pub fn modify(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let name = p.str("LoadBalancerName")?;
    let wanted = p
        .opt_struct("LoadBalancerAttributes")
        .ok_or_else(|| invalid("LoadBalancerAttributes is a required parameter"))?;
    let balancer = cx.here().elb.load_balancer_mut(&name)?;
    balancer.attributes.take(&wanted)?;
    let attributes = balancer.attributes.clone();
    cx.dirty_region();
    let mut x = Xml::new();
    x.text("LoadBalancerName", &name);
    x.nest("LoadBalancerAttributes", |x| attributes.write(x));
    Ok(x)
}

impl Attributes {
    fn take(&mut self, p: &Params) -> Result<(), ApiError> {
        if let Some(cross_zone) = p.opt_struct("CrossZoneLoadBalancing") {
            self.cross_zone = is_enabled(&cross_zone)?;
        }
        if let Some(log) = p.opt_struct("AccessLog") {
            let (bucket, prefix) = (log.opt_str("S3BucketName"), log.opt_str("S3BucketPrefix").unwrap_or_default());
            let interval = log.opt_int("EmitInterval")?.unwrap_or(60);
            if interval != 5 && interval != 60 {
                return Err(invalid("EmitInterval must be 5 or 60"));
            }
            self.access_log = match (is_enabled(&log)?, bucket) {
                (false, _) => None,
                (true, Some(bucket)) => Some((bucket, prefix, interval)),
                (true, None) => return Err(invalid("S3BucketName is required when the access log is enabled")),
            };
        }
        if let Some(draining) = p.opt_struct("ConnectionDraining") {
            let timeout = within(&draining, "Timeout", 1, 3600)?.unwrap_or(300);
            self.draining = is_enabled(&draining)?.then_some(timeout);
        }
        if let Some(settings) = p.opt_struct("ConnectionSettings") {
            self.idle_timeout = within(&settings, "IdleTimeout", 1, 3600)?
                .ok_or_else(|| invalid("ConnectionSettings.IdleTimeout is a required parameter"))?;
        }
        Ok(())
    }

    fn write(&self, x: &mut Xml) {
        x.nest("CrossZoneLoadBalancing", |x| x.text("Enabled", self.cross_zone));
        x.nest("AccessLog", |x| {
            x.text("Enabled", self.access_log.is_some());
            if let Some((bucket, prefix, interval)) = &self.access_log {
                x.text("S3BucketName", bucket);
                x.text("S3BucketPrefix", prefix);
                x.text("EmitInterval", interval);
            }
        });
        x.nest("ConnectionDraining", |x| {
            x.text("Enabled", self.draining.is_some());
            x.opt("Timeout", self.draining);
        });
        x.nest("ConnectionSettings", |x| x.text("IdleTimeout", self.idle_timeout));
    }
}

fn is_enabled(p: &Params) -> Result<bool, ApiError> {
    p.opt_bool("Enabled")?.ok_or_else(|| invalid("Enabled is a required parameter"))
}

fn within(p: &Params, parameter: &str, low: i64, high: i64) -> Result<Option<i64>, ApiError> {
    match p.opt_int(parameter)? {
        Some(value) if !(low..=high).contains(&value) => {
            Err(invalid(format!("{parameter} must be between {low} and {high}, not {value}")))
        }
        value => Ok(value),
    }
}
