//! The names under which machines find each other. Each is a function of the cluster's name alone.

/// The cluster's private DNS zone, without a dot at the end.
#[must_use]
pub fn dns_zone(cluster: &str) -> String {
    format!("{cluster}.meridian.internal")
}

/// The name under which machines reach the API: that of every slot.
#[must_use]
pub fn api_host(cluster: &str) -> String {
    format!("api.{}", dns_zone(cluster))
}
