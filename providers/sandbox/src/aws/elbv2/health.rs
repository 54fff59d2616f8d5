//! The health check of a target group.

use super::{HealthCheck, invalid, one_of, unsuited};
use crate::aws::{ApiError, Params};

const PROTOCOLS: [&str; 3] = ["HTTP", "HTTPS", "TCP"];

impl HealthCheck {
    /// What a target group of that protocol has, unless it is told otherwise.
    fn usual(group_protocol: &str, protocol: String) -> Self {
        let (layer7, http) = (group_protocol.starts_with("HTTP"), protocol.starts_with("HTTP"));
        let timeout = match (layer7, http) {
            (true, _) => 5,
            (false, true) => 6,
            (false, false) => 10,
        };
        Self {
            enabled: true,
            protocol,
            port: "traffic-port".to_owned(),
            path: http.then(|| "/".to_owned()),
            matcher: http.then(|| if layer7 { "200" } else { "200-399" }.to_owned()),
            interval: 30,
            timeout,
            healthy: 5,
            unhealthy: 2,
        }
    }

    /// Reads the parameters of a creation, or of a change to `held`.
    pub fn read(p: &Params, held: Option<&Self>, group_protocol: &str) -> Result<Self, ApiError> {
        let layer7 = group_protocol.starts_with("HTTP");
        let asked = one_of(p, "HealthCheckProtocol", &PROTOCOLS)?;
        if layer7 && asked.as_deref() == Some("TCP") {
            return Err(unsuited(
                "Health check protocol TCP is not supported for target groups with the protocol HTTP or HTTPS",
            ));
        }
        let protocol = asked
            .or_else(|| Some(held?.protocol.clone()))
            .unwrap_or_else(|| if layer7 { group_protocol } else { "TCP" }.to_owned());
        let mut health = Self::usual(group_protocol, protocol);
        if let Some(held) = held {
            let http = health.path.is_some();
            health = Self {
                protocol: health.protocol,
                path: held.path.clone().or(health.path).filter(|_| http),
                matcher: held.matcher.clone().or(health.matcher).filter(|_| http),
                ..held.clone()
            };
        }
        health.take(p, held.is_none())?;
        Ok(health)
    }

    fn take(&mut self, p: &Params, new: bool) -> Result<(), ApiError> {
        let (path, matcher) = (p.opt_str("HealthCheckPath"), p.opt_struct("Matcher"));
        if self.path.is_none() && (path.is_some() || matcher.is_some()) {
            return Err(unsuited("Health check path and matcher are supported for HTTP and HTTPS health checks only"));
        }
        self.path = path.or(self.path.take());
        if let Some(matcher) = matcher {
            self.matcher = Some(matcher.str("HttpCode")?);
        }
        self.port = p.opt_str("HealthCheckPort").unwrap_or_else(|| self.port.clone());
        if self.port != "traffic-port" && !self.port.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err(invalid(format!("Health check port '{}' must be 'traffic-port' or a port number", self.port)));
        }
        self.interval = number(p, "HealthCheckIntervalSeconds", 5, 300)?.unwrap_or(self.interval);
        let timeout = number(p, "HealthCheckTimeoutSeconds", 2, 120)?;
        // A new check whose interval is short has a timeout that fits into it.
        self.timeout = timeout.unwrap_or(if new { self.timeout.min(self.interval) } else { self.timeout });
        if self.timeout > self.interval {
            return Err(invalid(format!(
                "Health check timeout '{}' must be smaller than or equal to the interval '{}'",
                self.timeout, self.interval
            )));
        }
        self.healthy = number(p, "HealthyThresholdCount", 2, 10)?.unwrap_or(self.healthy);
        self.unhealthy = number(p, "UnhealthyThresholdCount", 2, 10)?.unwrap_or(self.unhealthy);
        if p.opt_bool("HealthCheckEnabled")? == Some(false) {
            return Err(unsuited(
                "Health check enabled must be true for target groups with target type instance or ip",
            ));
        }
        Ok(())
    }
}

fn number(p: &Params, parameter: &str, low: i64, high: i64) -> Result<Option<i64>, ApiError> {
    match p.opt_int(parameter)? {
        Some(value) if !(low..=high).contains(&value) => Err(invalid(format!(
            "Value '{value}' at '{parameter}' failed to satisfy constraint: Member must have value between {low} and {high}"
        ))),
        value => Ok(value),
    }
}
