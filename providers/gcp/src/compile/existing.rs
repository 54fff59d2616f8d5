//! Networks and subnets that the spec names: by name, or by path where they stand in another project (a shared VPC).

use crate::gce::path_of;

/// Path of a network.
#[must_use]
pub fn network(project: &str, named: &str) -> String {
    if named.contains('/') { path_of(named) } else { format!("projects/{project}/global/networks/{named}") }
}

/// Path of a subnet of the region.
#[must_use]
pub fn subnet(project: &str, region: &str, named: &str) -> String {
    if named.contains('/') {
        path_of(named)
    } else {
        format!("projects/{project}/regions/{region}/subnetworks/{named}")
    }
}

/// The project in a path; `own` where there is none.
#[must_use]
pub fn project<'a>(path: &'a str, own: &'a str) -> &'a str {
    path.strip_prefix("projects/").and_then(|rest| rest.split('/').next()).unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_the_own_project_and_a_path_of_any() {
        assert_eq!(network("p", "n"), "projects/p/global/networks/n");
        let link = "https://www.googleapis.com/compute/v1/projects/host/regions/r/subnetworks/s";
        assert_eq!(subnet("p", "r", link), "projects/host/regions/r/subnetworks/s");
        assert_eq!(project(&subnet("p", "r", link), "p"), "host");
    }
}
