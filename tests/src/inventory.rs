//! Everything that exists in an AWS account and region, listed without any filter of ours.

use std::collections::BTreeSet;
use std::error::Error;

use meridian_aws::client::Aws;
use meridian_conformance::Inventory;

/// Lists everything of the kinds that Meridian makes, terminated and deleted leftovers excluded.
pub async fn aws(client: &Aws) -> Result<Inventory, String> {
    list(client).await.map_err(|error| {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            text = format!("{text}: {next}");
            cause = next.source();
        }
        text
    })
}

async fn list(client: &Aws) -> Result<Inventory, Box<dyn Error + Send + Sync>> {
    let mut found = Inventory::new();
    let mut put = |kind: &str, ids: Vec<Option<String>>| {
        let ids: BTreeSet<String> = ids.into_iter().flatten().collect();
        if !ids.is_empty() {
            found.insert(kind.to_owned(), ids);
        }
    };
    macro_rules! ec2 {
        ($call:ident, $list:ident, $id:ident) => {
            put(
                stringify!($list),
                client.ec2.$call().send().await?.$list().iter().map(|x| x.$id().map(str::to_owned)).collect(),
            )
        };
    }
    ec2!(describe_vpcs, vpcs, vpc_id);
    ec2!(describe_subnets, subnets, subnet_id);
    ec2!(describe_dhcp_options, dhcp_options, dhcp_options_id);
    ec2!(describe_internet_gateways, internet_gateways, internet_gateway_id);
    ec2!(describe_addresses, addresses, allocation_id);
    ec2!(describe_route_tables, route_tables, route_table_id);
    ec2!(describe_security_groups, security_groups, group_id);
    ec2!(describe_network_interfaces, network_interfaces, network_interface_id);
    ec2!(describe_volumes, volumes, volume_id);
    ec2!(describe_launch_templates, launch_templates, launch_template_id);
    ec2!(describe_key_pairs, key_pairs, key_pair_id);
    let gateways = client.ec2.describe_nat_gateways().send().await?;
    put(
        "nat_gateways",
        gateways
            .nat_gateways()
            .iter()
            .filter(|gateway| gateway.state().is_none_or(|state| state.as_str() != "deleted"))
            .map(|gateway| gateway.nat_gateway_id().map(str::to_owned))
            .collect(),
    );
    let reservations = client.ec2.describe_instances().send().await?;
    put(
        "instances",
        reservations
            .reservations()
            .iter()
            .flat_map(aws_sdk_ec2::types::Reservation::instances)
            .filter(|instance| {
                instance.state().and_then(|state| state.name()).is_none_or(|name| name.as_str() != "terminated")
            })
            .map(|instance| instance.instance_id().map(str::to_owned))
            .collect(),
    );
    let groups = client.autoscaling.describe_auto_scaling_groups().send().await?;
    put(
        "autoscaling_groups",
        groups.auto_scaling_groups().iter().map(|group| group.auto_scaling_group_name().map(str::to_owned)).collect(),
    );
    let balancers = client.elb.describe_load_balancers().send().await?;
    put(
        "load_balancers",
        balancers.load_balancers().iter().map(|lb| lb.load_balancer_arn().map(str::to_owned)).collect(),
    );
    let targets = client.elb.describe_target_groups().send().await?;
    put(
        "target_groups",
        targets.target_groups().iter().map(|group| group.target_group_arn().map(str::to_owned)).collect(),
    );
    let roles = client.iam.list_roles().send().await?;
    put("roles", roles.roles().iter().map(|role| Some(role.role_name().to_owned())).collect());
    let profiles = client.iam.list_instance_profiles().send().await?;
    put(
        "instance_profiles",
        profiles.instance_profiles().iter().map(|profile| Some(profile.instance_profile_name().to_owned())).collect(),
    );
    let zones = client.route53.list_hosted_zones().send().await?;
    put("hosted_zones", zones.hosted_zones().iter().map(|zone| Some(zone.id().to_owned())).collect());
    let buckets = client.s3.list_buckets().send().await?;
    put("buckets", buckets.buckets().iter().map(|bucket| bucket.name().map(str::to_owned)).collect());
    Ok(found)
}
