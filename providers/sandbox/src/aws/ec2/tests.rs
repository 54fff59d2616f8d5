//! EC2 through HTTP.

use std::time::Duration;

use crate::aws::testing::{Answer, ec2, ok, query, sandbox, start};
use crate::{Config, Pace, Sandbox};

async fn code(sandbox: &Sandbox, operation: &str, parameters: &[(&str, &str)]) -> String {
    ec2(sandbox, operation, parameters).await.code()
}

async fn vpc(sandbox: &Sandbox) -> String {
    ok(sandbox, "CreateVpc", &[("CidrBlock", "10.0.0.0/16")]).await.value("vpcId")
}

async fn subnet(sandbox: &Sandbox, vpc: &str, cidr: &str, zone: &str) -> String {
    let parameters = [("VpcId", vpc), ("CidrBlock", cidr), ("AvailabilityZone", zone)];
    ok(sandbox, "CreateSubnet", &parameters).await.value("subnetId")
}

async fn image(sandbox: &Sandbox) -> String {
    let parameters = [
        ("Owner.1", "099720109477"),
        ("Filter.1.Name", "name"),
        ("Filter.1.Value.1", "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"),
    ];
    let found = ok(sandbox, "DescribeImages", &parameters).await;
    assert_eq!(found.values("imageId").len(), 2);
    found.value("imageId")
}

async fn run(sandbox: &Sandbox, more: &[(&str, &str)]) -> Answer {
    let image = image(sandbox).await;
    let mut parameters =
        vec![("ImageId", image.as_str()), ("InstanceType", "m7i.large"), ("MinCount", "1"), ("MaxCount", "1")];
    parameters.extend(more);
    ec2(sandbox, "RunInstances", &parameters).await
}

#[tokio::test]
async fn subnets_keep_to_their_vpc_and_to_themselves() {
    let sandbox = sandbox().await;
    let vpc = vpc(&sandbox).await;
    let create = |cidr: &'static str, zone: &'static str| {
        let parameters =
            [("VpcId", vpc.clone()), ("CidrBlock", cidr.to_owned()), ("AvailabilityZone", zone.to_owned())];
        let sandbox = &sandbox;
        async move {
            let parameters: Vec<(&str, &str)> = parameters.iter().map(|(k, v)| (*k, v.as_str())).collect();
            code(sandbox, "CreateSubnet", &parameters).await
        }
    };
    assert_eq!(create("10.0.0.0/20", "eu-west-1a").await, "");
    assert_eq!(create("10.0.8.0/24", "eu-west-1a").await, "InvalidSubnet.Conflict");
    assert_eq!(create("10.1.0.0/24", "eu-west-1a").await, "InvalidSubnet.Range");
    assert_eq!(create("10.0.64.0/29", "eu-west-1a").await, "InvalidSubnet.Range");
    assert_eq!(create("10.0.64.0/24", "us-east-1a").await, "InvalidParameterValue");
    assert_eq!(code(&sandbox, "DeleteVpc", &[("VpcId", &vpc)]).await, "DependencyViolation");
    assert_eq!(code(&sandbox, "CreateVpc", &[("CidrBlock", "10.0.0.0/8")]).await, "InvalidVpc.Range");
}

#[tokio::test]
async fn pages_are_complete_and_small() {
    let sandbox = start(Config { pace: Pace::instant(), page_limit: Some(2), ..Config::default() }).await;
    let vpc = vpc(&sandbox).await;
    let mut made = Vec::new();
    for third in 0..5 {
        made.push(subnet(&sandbox, &vpc, &format!("10.0.{third}.0/24"), "eu-west-1a").await);
    }
    made.sort();
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let page = ok(&sandbox, "DescribeSubnets", &[("NextToken", &token), ("MaxResults", "100")]).await;
        assert!(page.values("subnetId").len() <= 2);
        found.extend(page.values("subnetId"));
        token = page.value("nextToken");
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, made);
    assert_eq!(code(&sandbox, "DescribeSubnets", &[("NextToken", "x")]).await, "InvalidParameterValue");
}

#[tokio::test]
async fn tags_have_limits_and_filters_find_them() {
    let sandbox = sandbox().await;
    let parameters = [
        ("CidrBlock", "10.0.0.0/16"),
        ("TagSpecification.1.ResourceType", "vpc"),
        ("TagSpecification.1.Tag.1.Key", "owner"),
        ("TagSpecification.1.Tag.1.Value", "a<b"),
    ];
    let id = ok(&sandbox, "CreateVpc", &parameters).await.value("vpcId");
    let find = [("Filter.1.Name", "tag:owner"), ("Filter.1.Value.1", "a*")];
    let found = ok(&sandbox, "DescribeVpcs", &find).await;
    assert_eq!(found.value("vpcId"), id);
    assert_eq!(found.value("value"), "a&lt;b");
    let tag = |key: &'static str| [("ResourceId.1", id.clone()), ("Tag.1.Key", key.to_owned())];
    let reserved = tag("aws:thing");
    let reserved: Vec<(&str, &str)> = reserved.iter().map(|(k, v)| (*k, v.as_str())).collect();
    assert_eq!(code(&sandbox, "CreateTags", &reserved).await, "InvalidParameterValue");
    let missing = [("ResourceId.1", "vpc-00000000000000000"), ("Tag.1.Key", "k")];
    assert_eq!(code(&sandbox, "CreateTags", &missing).await, "InvalidVpcID.NotFound");
    let wrong = [
        ("CidrBlock", "10.0.0.0/16"),
        ("TagSpecification.1.ResourceType", "subnet"),
        ("TagSpecification.1.Tag.1.Key", "k"),
    ];
    assert_eq!(code(&sandbox, "CreateVpc", &wrong).await, "InvalidParameterValue");
    ok(&sandbox, "DeleteTags", &[("ResourceId.1", &id), ("Tag.1.Key", "owner")]).await;
    assert!(ok(&sandbox, "DescribeTags", &[]).await.values("key").is_empty());
}

#[tokio::test]
async fn rules_are_unique_and_groups_in_use_stay() {
    let sandbox = sandbox().await;
    let vpc = vpc(&sandbox).await;
    let group = |name: &'static str| {
        let (sandbox, vpc) = (&sandbox, vpc.clone());
        async move {
            let parameters = [("VpcId", vpc.as_str()), ("GroupName", name), ("GroupDescription", "d")];
            ok(sandbox, "CreateSecurityGroup", &parameters).await.value("groupId")
        }
    };
    let (a, b) = (group("a").await, group("b").await);
    let duplicate = [("VpcId", vpc.as_str()), ("GroupName", "a"), ("GroupDescription", "d")];
    assert_eq!(code(&sandbox, "CreateSecurityGroup", &duplicate).await, "InvalidGroup.Duplicate");
    let rule = [
        ("GroupId", a.as_str()),
        ("IpPermissions.1.IpProtocol", "6"),
        ("IpPermissions.1.FromPort", "443"),
        ("IpPermissions.1.ToPort", "443"),
        ("IpPermissions.1.Groups.1.GroupId", b.as_str()),
        ("IpPermissions.1.Groups.1.Description", "the API"),
    ];
    let made = ok(&sandbox, "AuthorizeSecurityGroupIngress", &rule).await;
    assert_eq!(made.value("ipProtocol"), "tcp");
    assert_eq!(code(&sandbox, "AuthorizeSecurityGroupIngress", &rule).await, "InvalidPermission.Duplicate");
    assert_eq!(code(&sandbox, "DeleteSecurityGroup", &[("GroupId", &b)]).await, "DependencyViolation");
    let rules =
        ok(&sandbox, "DescribeSecurityGroupRules", &[("Filter.1.Name", "group-id"), ("Filter.1.Value.1", &a)]).await;
    assert_eq!(rules.values("securityGroupRuleId").len(), 2);
    let id = made.value("securityGroupRuleId");
    ok(&sandbox, "RevokeSecurityGroupIngress", &[("GroupId", &a), ("SecurityGroupRuleId.1", &id)]).await;
    assert_eq!(code(&sandbox, "RevokeSecurityGroupIngress", &rule).await, "InvalidPermission.NotFound");
    ok(&sandbox, "DeleteSecurityGroup", &[("GroupId", &b)]).await;
    ok(&sandbox, "DeleteSecurityGroup", &[("GroupId", &a)]).await;
    ok(&sandbox, "DeleteVpc", &[("VpcId", &vpc)]).await;
    assert!(sandbox.inventory("aws").is_empty());
}

#[tokio::test]
async fn a_nat_gateway_takes_its_time_and_holds_its_address() {
    let pace = Pace { nat_pending: 80, nat_deleting: 80, ..Pace::instant() };
    let sandbox = start(Config { pace, ..Config::default() }).await;
    let vpc = vpc(&sandbox).await;
    let subnet = subnet(&sandbox, &vpc, "10.0.0.0/24", "eu-west-1b").await;
    let address = ok(&sandbox, "AllocateAddress", &[("Domain", "vpc")]).await.value("allocationId");
    let create = [("SubnetId", subnet.as_str()), ("AllocationId", address.as_str()), ("ClientToken", "t1")];
    assert_eq!(code(&sandbox, "CreateNatGateway", &create).await, "Gateway.NotAttached");
    let gateway = ok(&sandbox, "CreateInternetGateway", &[]).await.value("internetGatewayId");
    let attachment = [("InternetGatewayId", gateway.as_str()), ("VpcId", vpc.as_str())];
    ok(&sandbox, "AttachInternetGateway", &attachment).await;
    let nat = ok(&sandbox, "CreateNatGateway", &create).await;
    assert_eq!(nat.value("state"), "pending");
    let again = ok(&sandbox, "CreateNatGateway", &create).await;
    assert_eq!(again.value("natGatewayId"), nat.value("natGatewayId"));
    let other = [("SubnetId", subnet.as_str()), ("ConnectivityType", "private"), ("ClientToken", "t1")];
    assert_eq!(code(&sandbox, "CreateNatGateway", &other).await, "IdempotentParameterMismatch");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let id = nat.value("natGatewayId");
    assert_eq!(ok(&sandbox, "DescribeNatGateways", &[("NatGatewayId.1", &id)]).await.value("state"), "available");
    assert_eq!(code(&sandbox, "DetachInternetGateway", &attachment).await, "DependencyViolation");
    ok(&sandbox, "DeleteNatGateway", &[("NatGatewayId", &id)]).await;
    assert_eq!(code(&sandbox, "ReleaseAddress", &[("AllocationId", &address)]).await, "InvalidIPAddress.InUse");
    assert_eq!(code(&sandbox, "DeleteSubnet", &[("SubnetId", &subnet)]).await, "DependencyViolation");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(ok(&sandbox, "DescribeNatGateways", &[]).await.value("state"), "deleted");
    ok(&sandbox, "ReleaseAddress", &[("AllocationId", &address)]).await;
    ok(&sandbox, "DeleteSubnet", &[("SubnetId", &subnet)]).await;
    ok(&sandbox, "DetachInternetGateway", &attachment).await;
    ok(&sandbox, "DeleteInternetGateway", &[("InternetGatewayId", &gateway)]).await;
    ok(&sandbox, "DeleteVpc", &[("VpcId", &vpc)]).await;
    assert!(sandbox.inventory("aws").is_empty());
}

#[tokio::test]
async fn routes_lead_somewhere_in_the_same_network() {
    let sandbox = sandbox().await;
    let vpc = vpc(&sandbox).await;
    let subnet = subnet(&sandbox, &vpc, "10.0.0.0/24", "eu-west-1a").await;
    let table = ok(&sandbox, "CreateRouteTable", &[("VpcId", &vpc)]).await.value("routeTableId");
    let gateway = ok(&sandbox, "CreateInternetGateway", &[]).await.value("internetGatewayId");
    let route =
        [("RouteTableId", table.as_str()), ("DestinationCidrBlock", "0.0.0.0/0"), ("GatewayId", gateway.as_str())];
    assert_eq!(code(&sandbox, "CreateRoute", &route).await, "InvalidParameterValue");
    ok(&sandbox, "AttachInternetGateway", &[("InternetGatewayId", &gateway), ("VpcId", &vpc)]).await;
    ok(&sandbox, "CreateRoute", &route).await;
    assert_eq!(code(&sandbox, "CreateRoute", &route).await, "RouteAlreadyExists");
    let associate = [("RouteTableId", table.as_str()), ("SubnetId", subnet.as_str())];
    let association = ok(&sandbox, "AssociateRouteTable", &associate).await.value("associationId");
    assert_eq!(code(&sandbox, "DeleteRouteTable", &[("RouteTableId", &table)]).await, "DependencyViolation");
    ok(&sandbox, "DetachInternetGateway", &[("InternetGatewayId", &gateway), ("VpcId", &vpc)]).await;
    let seen = ok(&sandbox, "DescribeRouteTables", &[("RouteTableId.1", &table)]).await;
    assert_eq!(seen.values("state")[..2], ["active", "blackhole"]);
    ok(&sandbox, "DisassociateRouteTable", &[("AssociationId", &association)]).await;
    ok(&sandbox, "DeleteRouteTable", &[("RouteTableId", &table)]).await;
    let main = ok(&sandbox, "DescribeRouteTables", &[]).await.value("routeTableId");
    assert_eq!(code(&sandbox, "DeleteRouteTable", &[("RouteTableId", &main)]).await, "DependencyViolation");
}

#[tokio::test]
async fn a_slot_outlives_its_machine() {
    let sandbox = sandbox().await;
    let vpc = vpc(&sandbox).await;
    let subnet = subnet(&sandbox, &vpc, "10.0.0.0/24", "eu-west-1a").await;
    let fixed = [("SubnetId", subnet.as_str()), ("PrivateIpAddress", "10.0.0.10"), ("ClientToken", "slot-a")];
    let interface = ok(&sandbox, "CreateNetworkInterface", &fixed).await.value("networkInterfaceId");
    let taken = [("SubnetId", subnet.as_str()), ("PrivateIpAddress", "10.0.0.10")];
    assert_eq!(code(&sandbox, "CreateNetworkInterface", &taken).await, "InvalidIPAddress.InUse");
    let reserved = [("SubnetId", subnet.as_str()), ("PrivateIpAddress", "10.0.0.1")];
    assert_eq!(code(&sandbox, "CreateNetworkInterface", &reserved).await, "InvalidParameterValue");
    let disk = [("AvailabilityZone", "eu-west-1a"), ("Size", "20"), ("VolumeType", "gp3"), ("Encrypted", "true")];
    let volume = ok(&sandbox, "CreateVolume", &disk).await.value("volumeId");
    let launch = [
        ("NetworkInterface.1.DeviceIndex", "0"),
        ("NetworkInterface.1.NetworkInterfaceId", interface.as_str()),
        ("MetadataOptions.HttpTokens", "required"),
        ("UserData", "I2Nsb3VkLWNvbmZpZwo="),
        ("ClientToken", "machine-1"),
        ("DisableApiTermination", "true"),
    ];
    let launched = run(&sandbox, &launch).await;
    assert_eq!(launched.status, 200, "{}", launched.body);
    let instance = launched.value("instanceId");
    assert_eq!(run(&sandbox, &launch).await.value("instanceId"), instance);
    assert_eq!(launched.value("privateIpAddress"), "10.0.0.10");
    let data = [("InstanceId", instance.as_str()), ("Attribute", "userData")];
    assert_eq!(ok(&sandbox, "DescribeInstanceAttribute", &data).await.value("value"), "I2Nsb3VkLWNvbmZpZwo=");
    let attach = [("VolumeId", volume.as_str()), ("InstanceId", instance.as_str()), ("Device", "/dev/sdf")];
    ok(&sandbox, "AttachVolume", &attach).await;
    assert_eq!(code(&sandbox, "DeleteVolume", &[("VolumeId", &volume)]).await, "VolumeInUse");
    assert_eq!(code(&sandbox, "TerminateInstances", &[("InstanceId.1", &instance)]).await, "OperationNotPermitted");
    let unprotect = [("InstanceId", instance.as_str()), ("DisableApiTermination.Value", "false")];
    ok(&sandbox, "ModifyInstanceAttribute", &unprotect).await;
    ok(&sandbox, "TerminateInstances", &[("InstanceId.1", &instance)]).await;
    let gone = ok(&sandbox, "DescribeInstances", &[("InstanceId.1", &instance)]).await;
    assert_eq!(gone.value("name"), "terminated");
    assert_eq!(run(&sandbox, &launch).await.code(), "IdempotentInstanceTerminated");
    let inventory = sandbox.inventory("aws");
    assert_eq!(inventory["network-interface"], std::slice::from_ref(&interface));
    assert_eq!(inventory["volume"], std::slice::from_ref(&volume));
    assert!(!inventory.contains_key("instance"));
    let larger = [("VolumeId", volume.as_str()), ("Size", "30")];
    assert_eq!(ok(&sandbox, "ModifyVolume", &larger).await.value("targetSize"), "30");
    let smaller = [("VolumeId", volume.as_str()), ("Size", "10")];
    assert_eq!(code(&sandbox, "ModifyVolume", &smaller).await, "InvalidParameterValue");
    ok(&sandbox, "DeleteVolume", &[("VolumeId", &volume)]).await;
    ok(&sandbox, "DeleteNetworkInterface", &[("NetworkInterfaceId", &interface)]).await;
}

#[tokio::test]
async fn launches_are_checked() {
    let sandbox = sandbox().await;
    let vpc = vpc(&sandbox).await;
    let subnet = subnet(&sandbox, &vpc, "10.0.0.0/24", "eu-west-1a").await;
    assert_eq!(run(&sandbox, &[]).await.code(), "VPCIdNotSpecified");
    let cases = [
        (("KeyName", "nobody"), "InvalidKeyPair.NotFound"),
        (("IamInstanceProfile.Name", "nobody"), "InvalidParameterValue"),
        (("UserData", "%%%"), "InvalidUserData.Malformed"),
        (("SecurityGroupId.1", "sg-0"), "InvalidGroup.NotFound"),
        (("MetadataOptions.HttpTokens", "maybe"), "InvalidParameterValue"),
        (("Placement.AvailabilityZone", "eu-west-1b"), "InvalidParameterValue"),
        (("Colour", "red"), "UnknownParameter"),
    ];
    for (extra, expected) in cases {
        assert_eq!(run(&sandbox, &[("SubnetId", &subnet), extra]).await.code(), expected, "{extra:?}");
    }
    let image = image(&sandbox).await;
    let arm = [
        ("ImageId", image.as_str()),
        ("InstanceType", "m7g.large"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("SubnetId", subnet.as_str()),
    ];
    assert_eq!(code(&sandbox, "RunInstances", &arm).await, "InvalidParameterValue");
    assert!(!sandbox.inventory("aws").contains_key("instance"));
    assert_eq!(run(&sandbox, &[("SubnetId", &subnet)]).await.status, 200);
    assert_eq!(code(&sandbox, "DeleteSubnet", &[("SubnetId", &subnet)]).await, "DependencyViolation");
}

#[tokio::test]
async fn templates_have_versions() {
    let sandbox = sandbox().await;
    let create = [
        ("LaunchTemplateName", "pool"),
        ("LaunchTemplateData.InstanceType", "m7i.large"),
        ("LaunchTemplateData.BlockDeviceMapping.1.DeviceName", "/dev/sda1"),
        ("LaunchTemplateData.BlockDeviceMapping.1.Ebs.VolumeSize", "40"),
        ("LaunchTemplateData.TagSpecification.1.ResourceType", "instance"),
        ("LaunchTemplateData.TagSpecification.1.Tag.1.Key", "k"),
        ("LaunchTemplateData.TagSpecification.1.Tag.1.Value", "v"),
    ];
    let id = ok(&sandbox, "CreateLaunchTemplate", &create).await.value("launchTemplateId");
    assert_eq!(
        code(&sandbox, "CreateLaunchTemplate", &create).await,
        "InvalidLaunchTemplateName.AlreadyExistsException"
    );
    let next =
        [("LaunchTemplateId", id.as_str()), ("SourceVersion", "1"), ("LaunchTemplateData.InstanceType", "m7i.xlarge")];
    assert_eq!(ok(&sandbox, "CreateLaunchTemplateVersion", &next).await.value("versionNumber"), "2");
    ok(&sandbox, "ModifyLaunchTemplate", &[("LaunchTemplateId", &id), ("SetDefaultVersion", "2")]).await;
    let latest = ok(&sandbox, "DescribeLaunchTemplateVersions", &[("LaunchTemplateVersion.1", "$Default")]).await;
    assert_eq!(latest.value("instanceType"), "m7i.xlarge");
    assert_eq!(latest.value("volumeSize"), "40");
    let unknown = [("LaunchTemplateId", id.as_str()), ("LaunchTemplateVersion.1", "7")];
    assert_eq!(
        code(&sandbox, "DescribeLaunchTemplateVersions", &unknown).await,
        "InvalidLaunchTemplateId.VersionNotFound"
    );
    let vpc = vpc(&sandbox).await;
    let subnet = subnet(&sandbox, &vpc, "10.0.0.0/24", "eu-west-1c").await;
    let image = image(&sandbox).await;
    let from = [
        ("LaunchTemplate.LaunchTemplateName", "pool"),
        ("ImageId", image.as_str()),
        ("SubnetId", subnet.as_str()),
        ("MinCount", "2"),
        ("MaxCount", "2"),
    ];
    let launched = ok(&sandbox, "RunInstances", &from).await;
    assert_eq!(launched.values("instanceType"), ["m7i.xlarge", "m7i.xlarge"]);
    assert!(launched.values("key").contains(&"aws:ec2launchtemplate:id".to_owned()));
    ok(&sandbox, "DeleteLaunchTemplate", &[("LaunchTemplateId", &id)]).await;
}

#[tokio::test]
async fn regions_are_worlds_apart() {
    let sandbox = sandbox().await;
    let id = vpc(&sandbox).await;
    let there = query(&sandbox, "ec2", "2016-11-15", "us-east-1", "DescribeVpcs", &[("VpcId.1", &id)]).await;
    assert_eq!(there.code(), "InvalidVpcID.NotFound");
    let zones = query(&sandbox, "ec2", "2016-11-15", "us-east-1", "DescribeAvailabilityZones", &[]).await;
    assert_eq!(zones.values("zoneName"), ["us-east-1a", "us-east-1b", "us-east-1c"]);
    let images = query(&sandbox, "ec2", "2016-11-15", "us-east-1", "DescribeImages", &[]).await;
    assert!(!images.values("imageId").contains(&image(&sandbox).await));
}

#[tokio::test]
async fn gateway_endpoints_make_routes() {
    let sandbox = sandbox().await;
    let vpc = vpc(&sandbox).await;
    let table = ok(&sandbox, "CreateRouteTable", &[("VpcId", &vpc)]).await.value("routeTableId");
    let create =
        [("VpcId", vpc.as_str()), ("ServiceName", "com.amazonaws.eu-west-1.s3"), ("RouteTableId.1", table.as_str())];
    let endpoint = ok(&sandbox, "CreateVpcEndpoint", &create).await.value("vpcEndpointId");
    assert_eq!(code(&sandbox, "CreateVpcEndpoint", &create).await, "RouteAlreadyExists");
    assert!(ok(&sandbox, "DescribeRouteTables", &[]).await.body.contains("destinationPrefixListId"));
    assert_eq!(code(&sandbox, "DeleteVpc", &[("VpcId", &vpc)]).await, "DependencyViolation");
    ok(&sandbox, "DeleteVpcEndpoints", &[("VpcEndpointId.1", &endpoint)]).await;
    ok(&sandbox, "DeleteRouteTable", &[("RouteTableId", &table)]).await;
    ok(&sandbox, "DeleteVpc", &[("VpcId", &vpc)]).await;
    assert!(sandbox.inventory("aws").is_empty());
}

#[tokio::test]
async fn keys_are_known_by_name() {
    let sandbox = sandbox().await;
    // "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f test"
    let material = "c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUFBQkFnTUVCUVlIQ0FrS0N3d05EZzhRRVJJVEZCVVdGeGdaR2hzY0hSNGYgdGVzdA==";
    let import = [("KeyName", "me"), ("PublicKeyMaterial", material)];
    ok(&sandbox, "ImportKeyPair", &import).await;
    assert_eq!(code(&sandbox, "ImportKeyPair", &import).await, "InvalidKeyPair.Duplicate");
    let broken = [("KeyName", "you"), ("PublicKeyMaterial", "bm90IGEga2V5")];
    assert_eq!(code(&sandbox, "ImportKeyPair", &broken).await, "InvalidKey.Format");
    ok(&sandbox, "DeleteKeyPair", &[("KeyName", "me")]).await;
    ok(&sandbox, "DeleteKeyPair", &[("KeyName", "me")]).await;
    assert_eq!(code(&sandbox, "DescribeKeyPairs", &[("KeyName.1", "me")]).await, "InvalidKeyPair.NotFound");
}
