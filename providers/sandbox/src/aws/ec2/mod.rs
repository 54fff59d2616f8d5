//! Elastic Compute Cloud, version 2016-11-15: networks, machines and what is attached to them.
//!
//! One file a kind of resource. What takes time has a state and the moment at which it is due to change; [`settle`]
//! moves everything on before a request is handled. Other services launch machines and place network interfaces
//! through [`hooks`] and [`network`].

mod address;
mod describe;
mod dhcp_options;
pub mod hooks;
mod image;
mod instance;
mod instance_attribute;
mod instance_describe;
mod instance_type;
mod interface_attachment;
mod internet_gateway;
mod key_pair;
mod launch_spec;
mod launch_template;
mod nat_gateway;
pub mod network;
mod network_interface;
mod place;
mod route_table;
mod run_instances;
mod security_group;
mod security_group_rule;
mod subnet;
mod tag;
mod token;
mod volume;
mod volume_shape;
mod vpc;
mod vpc_endpoint;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::describe::Resource;
pub use self::tag::not_found;
use super::{ApiError, Cx, Params, Request, Response, Xml};

/// What exists of EC2 in a region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ec2 {
    /// VPCs.
    pub vpcs: BTreeMap<String, vpc::Vpc>,
    /// Subnets.
    pub subnets: BTreeMap<String, subnet::Subnet>,
    /// Security groups.
    pub security_groups: BTreeMap<String, security_group::SecurityGroup>,
    /// Network interfaces.
    pub network_interfaces: BTreeMap<String, network_interface::NetworkInterface>,
    /// Instances, terminated ones too until they are forgotten.
    pub instances: BTreeMap<String, instance::Instance>,
    /// Launch templates.
    pub launch_templates: BTreeMap<String, launch_template::LaunchTemplate>,
    /// The tags of everything, by id.
    pub tags: BTreeMap<String, Tags>,
    dhcp_options: BTreeMap<String, dhcp_options::DhcpOptions>,
    internet_gateways: BTreeMap<String, internet_gateway::InternetGateway>,
    addresses: BTreeMap<String, address::Address>,
    nat_gateways: BTreeMap<String, nat_gateway::NatGateway>,
    route_tables: BTreeMap<String, route_table::RouteTable>,
    security_group_rules: BTreeMap<String, security_group_rule::Rule>,
    volumes: BTreeMap<String, volume::Volume>,
    key_pairs: BTreeMap<String, key_pair::KeyPair>,
    vpc_endpoints: BTreeMap<String, vpc_endpoint::VpcEndpoint>,
    tokens: BTreeMap<String, token::Spent>,
}

/// The tags of a resource.
pub type Tags = BTreeMap<String, String>;

/// What a handler gives: the members of the answer.
type Answer = Result<Xml, ApiError>;

/// The answer of an operation that tells only that it is done.
#[expect(clippy::unnecessary_wraps, reason = "it ends handlers, which all give an answer")]
fn done() -> Answer {
    let mut x = Xml::new();
    x.text("return", true);
    Ok(x)
}

impl Ec2 {
    /// A resource by its id.
    pub fn get<R: Resource>(&self, id: &str) -> Result<&R, ApiError> {
        R::all(self).get(id).ok_or_else(|| R::not_found(id))
    }

    /// A resource by its id, to change it.
    pub fn get_mut<R: Resource>(&mut self, id: &str) -> Result<&mut R, ApiError> {
        R::all_mut(self).get_mut(id).ok_or_else(|| R::not_found(id))
    }

    /// Removes a resource and its tags.
    fn remove<R: Resource>(&mut self, id: &str) {
        R::all_mut(self).remove(id);
        self.tags.remove(id);
    }

    /// Everything that exists, by kind. What belongs to a VPC from its birth goes with it and is left out.
    pub fn inventory(&self) -> BTreeMap<String, Vec<String>> {
        fn ids<T>(all: &BTreeMap<String, T>, lives: impl Fn(&T) -> bool) -> Vec<String> {
            all.iter().filter(|(_, item)| lives(item)).map(|(id, _)| id.clone()).collect()
        }
        let kinds = [
            ("vpc", ids(&self.vpcs, |_| true)),
            ("dhcp-options", ids(&self.dhcp_options, |_| true)),
            ("subnet", ids(&self.subnets, |_| true)),
            ("internet-gateway", ids(&self.internet_gateways, |_| true)),
            ("elastic-ip", ids(&self.addresses, |_| true)),
            ("nat-gateway", ids(&self.nat_gateways, |nat| nat.state != "deleted")),
            ("route-table", ids(&self.route_tables, |table| !table.main)),
            ("security-group", ids(&self.security_groups, |group| !group.is_default())),
            ("network-interface", ids(&self.network_interfaces, |_| true)),
            ("volume", ids(&self.volumes, |_| true)),
            ("instance", ids(&self.instances, |instance| instance.state != "terminated")),
            ("launch-template", ids(&self.launch_templates, |_| true)),
            ("key-pair", ids(&self.key_pairs, |_| true)),
            ("vpc-endpoint", ids(&self.vpc_endpoints, |_| true)),
        ];
        kinds.into_iter().map(|(kind, ids)| (kind.to_owned(), ids)).collect()
    }
}

/// Lets time do its work.
pub fn settle(cx: &mut Cx<'_>) {
    instance::settle(cx);
    nat_gateway::settle(cx);
    volume::settle(cx);
    network_interface::settle(cx);
    vpc_endpoint::settle(cx);
}

/// Answers a request.
pub fn handle(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    let p = &request.params;
    let dry_run = p.bool("DryRun")?;
    let answer = token::once(cx, request, |cx| perform(cx, &request.operation, p))?;
    p.finish()?;
    if dry_run {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Err(ApiError::new(412, "DryRunOperation", message));
    }
    if !super::is_read(&request.operation) {
        cx.dirty_region();
    }
    Ok(Response::ec2(request, |x| x.append(&answer)))
}

fn perform(cx: &mut Cx<'_>, operation: &str, p: &Params) -> Answer {
    match operation {
        "CreateVpc" => vpc::create(cx, p),
        "DescribeVpcs" => vpc::describe(cx, p),
        "DeleteVpc" => vpc::delete(cx, p),
        "ModifyVpcAttribute" => vpc::modify(cx, p),
        "DescribeVpcAttribute" => vpc::attribute(cx, p),
        "CreateDhcpOptions" => dhcp_options::create(cx, p),
        "AssociateDhcpOptions" => dhcp_options::associate(cx, p),
        "DescribeDhcpOptions" => dhcp_options::describe(cx, p),
        "DeleteDhcpOptions" => dhcp_options::delete(cx, p),
        "CreateSubnet" => subnet::create(cx, p),
        "DescribeSubnets" => subnet::describe(cx, p),
        "DeleteSubnet" => subnet::delete(cx, p),
        "ModifySubnetAttribute" => subnet::modify(cx, p),
        "CreateInternetGateway" => internet_gateway::create(cx, p),
        "DescribeInternetGateways" => internet_gateway::describe(cx, p),
        "AttachInternetGateway" => internet_gateway::attach(cx, p),
        "DetachInternetGateway" => internet_gateway::detach(cx, p),
        "DeleteInternetGateway" => internet_gateway::delete(cx, p),
        "AllocateAddress" => address::allocate(cx, p),
        "DescribeAddresses" => address::describe(cx, p),
        "AssociateAddress" => address::associate(cx, p),
        "DisassociateAddress" => address::disassociate(cx, p),
        "ReleaseAddress" => address::release(cx, p),
        "CreateNatGateway" => nat_gateway::create(cx, p),
        "DescribeNatGateways" => nat_gateway::describe(cx, p),
        "DeleteNatGateway" => nat_gateway::delete(cx, p),
        "CreateRouteTable" => route_table::create(cx, p),
        "DescribeRouteTables" => route_table::describe(cx, p),
        "DeleteRouteTable" => route_table::delete(cx, p),
        "AssociateRouteTable" => route_table::associate(cx, p),
        "DisassociateRouteTable" => route_table::disassociate(cx, p),
        "ReplaceRouteTableAssociation" => route_table::replace_association(cx, p),
        "CreateRoute" => route_table::create_route(cx, p),
        "ReplaceRoute" => route_table::replace_route(cx, p),
        "DeleteRoute" => route_table::delete_route(cx, p),
        "CreateSecurityGroup" => security_group::create(cx, p),
        "DescribeSecurityGroups" => security_group::describe(cx, p),
        "DeleteSecurityGroup" => security_group::delete(cx, p),
        "AuthorizeSecurityGroupIngress" => security_group_rule::authorize(cx, p, false),
        "AuthorizeSecurityGroupEgress" => security_group_rule::authorize(cx, p, true),
        "RevokeSecurityGroupIngress" => security_group_rule::revoke(cx, p, false),
        "RevokeSecurityGroupEgress" => security_group_rule::revoke(cx, p, true),
        "UpdateSecurityGroupRuleDescriptionsIngress" => security_group_rule::describe_anew(cx, p, false),
        "UpdateSecurityGroupRuleDescriptionsEgress" => security_group_rule::describe_anew(cx, p, true),
        "DescribeSecurityGroupRules" => security_group_rule::describe(cx, p),
        "CreateNetworkInterface" => network_interface::create(cx, p),
        "DescribeNetworkInterfaces" => network_interface::describe(cx, p),
        "ModifyNetworkInterfaceAttribute" => network_interface::modify(cx, p),
        "AttachNetworkInterface" => interface_attachment::attach(cx, p),
        "DetachNetworkInterface" => interface_attachment::detach(cx, p),
        "DeleteNetworkInterface" => network_interface::delete(cx, p),
        "CreateVolume" => volume::create(cx, p),
        "DescribeVolumes" => volume::describe(cx, p),
        "DescribeVolumesModifications" => volume::describe_modifications(cx, p),
        "ModifyVolume" => volume::modify(cx, p),
        "AttachVolume" => volume::attach(cx, p),
        "DetachVolume" => volume::detach(cx, p),
        "DeleteVolume" => volume::delete(cx, p),
        "CreateTags" => tag::create(cx, p),
        "DeleteTags" => tag::delete(cx, p),
        "DescribeTags" => tag::describe(cx, p),
        other => perform_compute(cx, other, p),
    }
}

fn perform_compute(cx: &mut Cx<'_>, operation: &str, p: &Params) -> Answer {
    match operation {
        "RunInstances" => run_instances::run(cx, p),
        "DescribeInstances" => instance_describe::describe(cx, p),
        "DescribeInstanceStatus" => instance_describe::status(cx, p),
        "TerminateInstances" => instance::terminate_all(cx, p),
        "StopInstances" => instance::stop(cx, p),
        "StartInstances" => instance::start(cx, p),
        "RebootInstances" => instance::reboot(cx, p),
        "ModifyInstanceAttribute" => instance_attribute::modify(cx, p),
        "DescribeInstanceAttribute" => instance_attribute::describe(cx, p),
        "ModifyInstanceMetadataOptions" => instance_attribute::modify_metadata(cx, p),
        "CreateLaunchTemplate" => launch_template::create(cx, p),
        "CreateLaunchTemplateVersion" => launch_template::create_version(cx, p),
        "DescribeLaunchTemplates" => launch_template::describe(cx, p),
        "DescribeLaunchTemplateVersions" => launch_template::describe_versions(cx, p),
        "ModifyLaunchTemplate" => launch_template::modify(cx, p),
        "DeleteLaunchTemplate" => launch_template::delete(cx, p),
        "DeleteLaunchTemplateVersions" => launch_template::delete_versions(cx, p),
        "ImportKeyPair" => key_pair::import(cx, p),
        "DescribeKeyPairs" => key_pair::describe(cx, p),
        "DeleteKeyPair" => key_pair::delete(cx, p),
        "DescribeImages" => image::describe(cx, p),
        "DescribeInstanceTypes" => instance_type::describe(cx, p),
        "DescribeInstanceTypeOfferings" => instance_type::offerings(cx, p),
        "DescribeAvailabilityZones" => place::zones(cx, p),
        "DescribeRegions" => place::regions(cx, p),
        "CreateVpcEndpoint" => vpc_endpoint::create(cx, p),
        "DescribeVpcEndpoints" => vpc_endpoint::describe(cx, p),
        "ModifyVpcEndpoint" => vpc_endpoint::modify(cx, p),
        "DeleteVpcEndpoints" => vpc_endpoint::delete(cx, p),
        other => Err(ApiError::invalid_action(other)),
    }
}
