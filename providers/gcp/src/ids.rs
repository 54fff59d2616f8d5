//! How the ids of Google Cloud look.

use meridian_provider_api::ids::{Form, IdForm};

const fn id(kind: &'static str, form: &'static str) -> IdForm {
    IdForm { kind, form: Form::Id(form) }
}

const fn part(kind: &'static str, whole: &'static str) -> IdForm {
    IdForm { kind, form: Form::Part(whole) }
}

/// The form of every kind's ids.
pub(crate) const FORMS: &[IdForm] = &[
    id("google_compute_network", "projects/{account}/global/networks/*"),
    id("google_compute_subnetwork", "projects/{account}/regions/{region}/subnetworks/*"),
    id("google_compute_router", "projects/{account}/regions/{region}/routers/*"),
    id("google_compute_address", "projects/{account}/regions/{region}/addresses/*"),
    id("google_compute_firewall", "projects/{account}/global/firewalls/*"),
    id("google_compute_region_health_check", "projects/{account}/regions/{region}/healthChecks/*"),
    id("google_compute_region_backend_service", "projects/{account}/regions/{region}/backendServices/*"),
    id("google_compute_forwarding_rule", "projects/{account}/regions/{region}/forwardingRules/*"),
    id("google_compute_instance_group", "projects/{account}/zones/{region}-*/instanceGroups/*"),
    id("google_compute_instance", "projects/{account}/zones/{region}-*/instances/*"),
    id("google_compute_disk", "projects/{account}/zones/{region}-*/disks/*"),
    id("google_compute_instance_template", "projects/{account}/global/instanceTemplates/*"),
    id("google_compute_region_instance_group_manager", "projects/{account}/regions/{region}/instanceGroupManagers/*"),
    id("google_service_account", "*@{account}.iam.gserviceaccount.com"),
    id("google_dns_managed_zone", "*"),
    part("google_dns_record_set", "DNS zone"),
    id("google_storage_bucket", "*"),
    part("google_storage_bucket_iam_policy", "bucket"),
    part("google_storage_bucket_object", "bucket"),
    part("google_cluster_secret", "bucket"),
];
