//! The sandbox on its own, looked at by a client that is not ours.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use meridian_tests::binary::{expect, meridian};

#[test]
fn boto3_sees_what_was_made() {
    let dir = tempfile::tempdir().unwrap();
    expect(meridian(dir.path()).args(["create", "-f", "examples/aws.yaml", "--sandbox", "--yes"]), 0);
    let mut server = meridian(dir.path()).args(["sandbox", "serve"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let endpoint = line.trim().strip_prefix("aws ").unwrap().to_owned();
    let script = "import boto3, sys\n\
        c = lambda s: boto3.client(s, region_name='eu-west-1', endpoint_url=sys.argv[1], aws_access_key_id='a', aws_secret_access_key='b')\n\
        e = c('ec2')\n\
        f = [{'Name': 'tag:meridian:cluster', 'Values': ['prod-eu']}]\n\
        print(len(e.describe_subnets(Filters=f)['Subnets']), len(e.describe_nat_gateways(Filter=f)['NatGateways']),\n\
              c('elbv2').describe_load_balancers()['LoadBalancers'][0]['State']['Code'],\n\
              len(c('iam').list_roles(PathPrefix='/meridian/prod-eu/')['Roles']))\n";
    let output =
        Command::new(meridian_tests::tool("MERIDIAN_PYTHON")).args(["-c", script, &endpoint]).output().unwrap();
    // As a service manager ends it.
    expect(Command::new("kill").args(["-TERM", &server.id().to_string()]), 0);
    assert_eq!(server.wait().unwrap().code(), Some(0));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "6 3 active 2",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
