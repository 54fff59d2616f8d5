//! Networks and subnets that the spec names: by name or by path, but in the cluster's own project.
//!
//! A network of a host project (Shared VPC) can't be used: firewall rules are a network's, in its project, and those of a
//! cluster would be the host's (VPC, "Shared VPC": firewall rules).

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

/// Why a path can't be used, where it leads to another project than `own`.
#[must_use]
pub fn elsewhere(path: &str, own: &str) -> Option<String> {
    let project = project(path, own);
    (project != own).then(|| {
        format!(
            "{path} is of the project {project}, and the cluster's is {own}: its firewall rules can't be made there"
        )
    })
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
        assert!(elsewhere(&subnet("p", "r", link), "p").is_some_and(|why| why.contains("project host")));
        assert_eq!(elsewhere(&network("p", "n"), "p"), None);
    }
}
