//! Route 53 through HTTP.

use crate::aws::testing::{Answer, authorization, ok, raw, sandbox, start};
use crate::{Config, Pace, Sandbox};

async fn call(sandbox: &Sandbox, method: &str, path: &str, body: &str) -> Answer {
    let authorization = authorization("route53", "us-east-1");
    let path = format!("/2013-04-01/{path}");
    let headers = [("authorization", authorization.as_str())];
    raw(sandbox, method, &path, &headers, body.as_bytes()).await
}

async fn zone(sandbox: &Sandbox, name: &str, reference: &str, vpc: &str) -> Answer {
    let body = format!(
        "<CreateHostedZoneRequest><Name>{name}</Name><VPC><VPCRegion>eu-west-1</VPCRegion><VPCId>{vpc}</VPCId></VPC>\
         <CallerReference>{reference}</CallerReference></CreateHostedZoneRequest>"
    );
    call(sandbox, "POST", "hostedzone", &body).await
}

async fn change(sandbox: &Sandbox, id: &str, changes: &[(&str, &str, &str)]) -> Answer {
    let changes: Vec<String> = changes
        .iter()
        .map(|(action, name, value)| {
            format!(
                "<Change><Action>{action}</Action><ResourceRecordSet><Name>{name}</Name><Type>A</Type><TTL>60</TTL>\
                 <ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change>"
            )
        })
        .collect();
    let changes = changes.concat();
    let body = format!(
        "<ChangeResourceRecordSetsRequest><ChangeBatch><Changes>{changes}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
    );
    call(sandbox, "POST", &format!("hostedzone/{id}/rrset/"), &body).await
}

async fn private_zone(sandbox: &Sandbox) -> (String, String) {
    let vpc = ok(sandbox, "CreateVpc", &[("CidrBlock", "10.0.0.0/16")]).await.value("vpcId");
    let made = zone(sandbox, "Example.internal", "1", &vpc).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.value("Id").replace("/hostedzone/", "");
    (id, vpc)
}

#[tokio::test]
async fn duplicates_and_strangers_are_refused() {
    let sandbox = sandbox().await;
    let (_, vpc) = private_zone(&sandbox).await;
    let again = zone(&sandbox, "other.internal", "1", &vpc).await;
    assert_eq!(again.code(), "HostedZoneAlreadyExists");
    let same = zone(&sandbox, "example.internal.", "2", &vpc).await;
    assert_eq!(same.code(), "ConflictingDomainExists");
    let stranger = zone(&sandbox, "other.internal", "3", "vpc-0").await;
    assert_eq!(stranger.code(), "InvalidVPCId");
    let odd = "<CreateHostedZoneRequest><Name>a.b</Name><CallerReference>9</CallerReference><Colour/></CreateHostedZoneRequest>";
    assert_eq!(call(&sandbox, "POST", "hostedzone", odd).await.code(), "InvalidInput");
}

#[tokio::test]
async fn a_batch_happens_as_a_whole_or_not_at_all() {
    let sandbox = sandbox().await;
    let (id, _) = private_zone(&sandbox).await;
    let first = change(&sandbox, &id, &[("CREATE", "api.example.internal", "10.0.0.1")]).await;
    assert_eq!(first.code(), "", "{}", first.body);
    let mixed = [("CREATE", "new.example.internal", "10.0.0.2"), ("CREATE", "api.example.internal", "10.0.0.3")];
    assert_eq!(change(&sandbox, &id, &mixed).await.code(), "InvalidChangeBatch");
    let listed = call(&sandbox, "GET", &format!("hostedzone/{id}/rrset"), "").await;
    assert_eq!(listed.values("Name"), ["example.internal.", "example.internal.", "api.example.internal."]);
    for wrong in [
        ("DELETE", "api.example.internal", "10.0.0.9"),
        ("CREATE", "api.example.com", "10.0.0.9"),
        ("CREATE", "x.example.internal", "10.0.0"),
    ] {
        assert_eq!(change(&sandbox, &id, &[wrong]).await.code(), "InvalidChangeBatch", "{wrong:?}");
    }
}

#[tokio::test]
async fn a_zone_with_records_stays_and_one_without_its_vpc_goes() {
    let sandbox = sandbox().await;
    let (id, vpc) = private_zone(&sandbox).await;
    change(&sandbox, &id, &[("UPSERT", "*.example.internal", "10.0.0.1")]).await;
    let path = format!("hostedzone/{id}");
    assert_eq!(call(&sandbox, "DELETE", &path, "").await.code(), "HostedZoneNotEmpty");
    change(&sandbox, &id, &[("DELETE", "*.example.internal", "10.0.0.1")]).await;
    ok(&sandbox, "DeleteVpc", &[("VpcId", &vpc)]).await;
    assert_eq!(call(&sandbox, "DELETE", &path, "").await.code(), "");
    assert_eq!(call(&sandbox, "GET", &path, "").await.code(), "NoSuchHostedZone");
    assert!(sandbox.inventory("aws").is_empty());
}

#[tokio::test]
async fn changes_take_a_moment_and_lists_have_pages() {
    let sandbox =
        start(Config { pace: Pace { dns_change: 150, ..Pace::instant() }, page_limit: Some(2), ..Config::default() })
            .await;
    let (id, _) = private_zone(&sandbox).await;
    let made = change(&sandbox, &id, &[("CREATE", "a.example.internal", "10.0.0.1")]).await;
    assert_eq!(made.value("Status"), "PENDING");
    let path = made.value("Id").trim_start_matches('/').to_owned();
    tokio::time::sleep(std::time::Duration::from_millis(170)).await;
    let later = call(&sandbox, "GET", &path, "").await;
    assert_eq!(later.value("Status"), "INSYNC");
    let first = call(&sandbox, "GET", &format!("hostedzone/{id}/rrset"), "").await;
    assert_eq!(first.value("NextRecordName"), "a.example.internal.");
    let next = format!("hostedzone/{id}/rrset?name=a.example.internal.&type=A");
    let second = call(&sandbox, "GET", &next, "").await;
    assert_eq!(second.values("Name"), ["a.example.internal."]);
    assert_eq!(second.value("IsTruncated"), "false");
}
