//! How the ids of AWS look.

use meridian_provider_api::ids::{Form, IdForm};

const fn id(kind: &'static str, form: &'static str) -> IdForm {
    IdForm { kind, form: Form::Id(form) }
}

const fn part(kind: &'static str, whole: &'static str) -> IdForm {
    IdForm { kind, form: Form::Part(whole) }
}

/// The form of every kind's ids.
pub(crate) const FORMS: &[IdForm] = &[
    id("aws_vpc", "vpc-*"),
    id("aws_dhcp_options", "dopt-*"),
    id("aws_subnet", "subnet-*"),
    id("aws_internet_gateway", "igw-*"),
    id("aws_eip", "eipalloc-*"),
    id("aws_nat_gateway", "nat-*"),
    id("aws_route_table", "rtb-*"),
    id("aws_security_group", "sg-*"),
    part("aws_security_group_rules", "security group"),
    id("aws_ebs_volume", "vol-*"),
    id("aws_network_interface", "eni-*"),
    id("aws_instance", "i-*"),
    id("aws_key_pair", "*"),
    id("aws_launch_template", "lt-*"),
    id("aws_autoscaling_group", "*"),
    id("aws_lb", "arn:*:elasticloadbalancing:{region}:{account}:loadbalancer/*/*/*"),
    id("aws_lb_target_group", "arn:*:elasticloadbalancing:{region}:{account}:targetgroup/*/*"),
    id("aws_lb_listener", "arn:*:elasticloadbalancing:{region}:{account}:listener/*/*/*/*"),
    id("aws_iam_role", "*"),
    id("aws_iam_instance_profile", "*"),
    id("aws_route53_zone", "Z*"),
    part("aws_route53_record", "DNS zone"),
    id("aws_s3_bucket", "*"),
    part("aws_s3_object", "bucket"),
    part("aws_cluster_secret", "bucket"),
];
