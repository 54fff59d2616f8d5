"""The checker's own tests for AWS: it passes what botocore itself would send, and catches each kind of fault."""

import base64
import json
import unittest
import urllib.parse

import botocore.model
import botocore.serialize

from check import check_record
from model import MODELS, Model, service_name

# One good call for each shape of request that Meridian sends, as a caller of botocore would write it.
CALLS = [
    ("ec2", "DescribeAvailabilityZones", {}),
    ("ec2", "CreateVpc", {"CidrBlock": "10.0.0.0/16", "TagSpecifications": [
        {"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "a b&c=é"}]}]}),
    ("ec2", "DescribeSubnets", {"Filters": [{"Name": "tag:a.b", "Values": ["x", "y"]}], "MaxResults": 100}),
    ("ec2", "AuthorizeSecurityGroupIngress", {"GroupId": "sg-1", "IpPermissions": [
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
         "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "api"}]}]}),
    ("ec2", "RunInstances", {"MinCount": 1, "MaxCount": 1, "ImageId": "ami-1", "InstanceType": "m7i.xlarge",
                             "UserData": "aGk=", "MetadataOptions": {"HttpTokens": "required"},
                             "NetworkInterfaces": [{"DeviceIndex": 0, "NetworkInterfaceId": "eni-1"}]}),
    ("ec2", "ModifyVpcAttribute", {"VpcId": "vpc-1", "EnableDnsSupport": {"Value": True}}),
    ("autoscaling", "CreateAutoScalingGroup", {
        "AutoScalingGroupName": "a", "MinSize": 0, "MaxSize": 3, "VPCZoneIdentifier": "subnet-1,subnet-2",
        "MixedInstancesPolicy": {"LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-1", "Version": "1"},
            "Overrides": [{"InstanceType": "m7i.large"}]}},
        "Tags": [{"Key": "k", "Value": "v", "PropagateAtLaunch": True}]}),
    ("elasticloadbalancingv2", "CreateTargetGroup", {
        "Name": "tg", "Protocol": "TCP", "Port": 6443, "VpcId": "vpc-1", "HealthCheckProtocol": "HTTPS",
        "HealthCheckPath": "/readyz", "HealthCheckIntervalSeconds": 10}),
    ("elasticloadbalancingv2", "CreateListener", {
        "LoadBalancerArn": "arn:lb", "Port": 443, "DefaultActions": [{
            "Type": "authenticate-oidc", "AuthenticateOidcConfig": {
                "Issuer": "i", "AuthorizationEndpoint": "a", "TokenEndpoint": "t", "UserInfoEndpoint": "u",
                "ClientId": "c", "AuthenticationRequestExtraParams": {"one": "1", "two": "2"}}}]}),
    ("elasticloadbalancing", "CreateLoadBalancer", {
        "LoadBalancerName": "a", "Subnets": ["subnet-1"], "Listeners": [
            {"Protocol": "TCP", "LoadBalancerPort": 80, "InstancePort": 30080}], "Tags": [{"Key": "k", "Value": "v"}]}),
    ("elasticloadbalancing", "DescribeTags", {"LoadBalancerNames": ["a", "b"]}),
    ("iam", "CreateRole", {"RoleName": "role", "AssumeRolePolicyDocument": '{"Version": "2012-10-17"}',
                           "Tags": [{"Key": "k", "Value": "v"}]}),
    ("sts", "GetCallerIdentity", {}),
    ("kms", "Encrypt", {"KeyId": "arn:aws:kms:eu-west-1:123456789012:key/a", "Plaintext": b"secret",
                        "EncryptionContext": {"meridian": "prod"}}),
    ("kms", "ScheduleKeyDeletion", {"KeyId": "a", "PendingWindowInDays": 7}),
    ("route53", "CreateHostedZone", {"Name": "a.internal", "CallerReference": "r", "VPC": {
        "VPCRegion": "eu-west-1", "VPCId": "vpc-1"}, "HostedZoneConfig": {"PrivateZone": True}}),
    ("route53", "ChangeResourceRecordSets", {"HostedZoneId": "Z1", "ChangeBatch": {"Changes": [
        {"Action": "UPSERT", "ResourceRecordSet": {"Name": "api.a.internal", "Type": "A", "TTL": 60,
                                                   "ResourceRecords": [{"Value": "10.0.0.1"}]}}]}}),
    ("route53", "ListResourceRecordSets", {"HostedZoneId": "Z1", "StartRecordType": "A"}),
    ("s3", "CreateBucket", {"Bucket": "b", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}),
    ("s3", "PutBucketTagging", {"Bucket": "b", "Tagging": {"TagSet": [{"Key": "k", "Value": "v"}]}}),
    ("s3", "PutObject", {"Bucket": "b", "Key": "a/b c.json", "Body": b"\x00\xff", "IfNoneMatch": "*",
                         "ServerSideEncryption": "AES256", "Metadata": {"serial": "1"}}),
    ("s3", "GetObject", {"Bucket": "b", "Key": "a/b"}),
    ("s3", "ListObjectsV2", {"Bucket": "b", "Prefix": "a/", "MaxKeys": 10}),
    ("s3", "DeleteObjects", {"Bucket": "b", "Delete": {"Objects": [{"Key": "a"}, {"Key": "b"}], "Quiet": True}}),
]


def record(service, operation, parameters):
    """The recorded request that botocore would send for a call."""
    model = Model.load(service)
    document = {"metadata": model.metadata, "operations": model.operations, "shapes": model.shapes}
    serializer = botocore.serialize.create_serializer(model.protocol, include_validation=False)
    operation_model = botocore.model.ServiceModel(document, service).operation_model(operation)
    request = serializer.serialize_to_request(parameters, operation_model)
    body, query = request["body"], request["query_string"]
    if isinstance(body, dict):
        body = urllib.parse.urlencode(body)
    if isinstance(query, dict):
        query = urllib.parse.urlencode(query)
    path, _, fixed = request["url_path"].partition("?")
    query = "&".join(part for part in (fixed, query) if part)
    headers = [[name, str(value)] for name, value in request["headers"].items()]
    if operation_model.http_checksum_required or operation_model.http_checksum.get("requestChecksumRequired"):
        headers.append(["Content-MD5", "x"])
    return {
        "cloud": "aws",
        "service": service,
        "operation": operation,
        "method": request["method"],
        "uri": path + (f"?{query}" if query else ""),
        "headers": headers,
        "body_base64": base64.b64encode(body.encode() if isinstance(body, str) else body).decode(),
    }


def faults(entry):
    return check_record(entry)[1]


def form(service, operation, text):
    """A recorded form with the given parameters."""
    version = Model.load(service).metadata["apiVersion"]
    body = f"Action={operation}&Version={version}&{text}" if text else f"Action={operation}&Version={version}"
    return {
        "cloud": "aws",
        "service": service,
        "operation": operation,
        "method": "POST",
        "uri": "http://127.0.0.1:1/",
        "body_base64": base64.b64encode(body.encode()).decode(),
    }


def rest(service, operation, method, uri, body=b"", headers=()):
    return {
        "cloud": "aws",
        "service": service,
        "operation": operation,
        "method": method,
        "uri": uri,
        "headers": list(headers),
        "body_base64": base64.b64encode(body).decode(),
    }


ROUTE53 = b'<%s xmlns="https://route53.amazonaws.com/doc/2013-04-01/">%s</%s>'


def zone(content):
    body = ROUTE53 % (b"CreateHostedZoneRequest", content, b"CreateHostedZoneRequest")
    return rest("route53", "CreateHostedZone", "POST", "/2013-04-01/hostedzone", body)


class Good(unittest.TestCase):
    def test_what_botocore_sends_passes(self):
        for call in CALLS:
            with self.subTest(call=call[:2]):
                self.assertEqual(faults(record(*call)), [])

    def test_the_operation_is_found_without_being_named(self):
        for call in CALLS:
            with self.subTest(call=call[:2]):
                entry = record(*call)
                del entry["operation"]
                self.assertEqual(check_record(entry), (f"{call[0]} {call[1]}", []))

    def test_services_have_many_spellings(self):
        spellings = [
            "EC2", "Auto Scaling", "Elastic Load Balancing", "Elastic Load Balancing v2", "IAM", "KMS", "Route 53", "S3",
            "STS",
        ]
        known = {service_name(name) for name in spellings}
        self.assertEqual(known, set(MODELS))
        self.assertEqual(service_name("elb"), "elasticloadbalancing")
        self.assertEqual(service_name("elbv2"), "elasticloadbalancingv2")
        self.assertIsNone(service_name("dynamodb"))

    def test_the_service_is_read_from_the_signature(self):
        entry = form("autoscaling", "DescribeAutoScalingGroups", "")
        del entry["service"], entry["operation"]
        scope = "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/autoscaling/aws4_request, Signature=0"
        entry["headers"] = [["Authorization", scope]]
        self.assertEqual(check_record(entry), ("autoscaling DescribeAutoScalingGroups", []))

    def test_services_that_sign_alike_are_told_apart_by_version(self):
        scope = "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/elasticloadbalancing/aws4_request, Signature=0"
        for service in ["elasticloadbalancing", "elasticloadbalancingv2"]:
            entry = form(service, "DescribeLoadBalancers", "")
            del entry["service"], entry["operation"]
            entry["headers"] = [["Authorization", scope]]
            self.assertEqual(check_record(entry), (f"{service} DescribeLoadBalancers", []))

    def test_a_bucket_may_stand_in_the_host(self):
        entry = rest("s3", "GetObject", "GET", "https://b.s3.eu-west-1.amazonaws.com/a/b?x-id=GetObject")
        self.assertEqual(faults(entry), [])

    def test_every_pattern_of_the_models_compiles(self):
        for service in MODELS:
            model = Model.load(service)
            for shape in model.shapes.values():
                if "pattern" in shape:
                    model.pattern(shape["pattern"])


class Bad(unittest.TestCase):
    """Each sample has one fault, whose message holds the text beside it."""

    def assert_fault(self, entry, text):
        found = faults(entry)
        self.assertEqual(len(found), 1, found)
        self.assertIn(text, found[0])

    def test_operations_and_versions(self):
        self.assert_fault(form("ec2", "CreateVpcs", ""), "unknown operation")
        entry = form("ec2", "DescribeVpcs", "")
        entry["operation"] = "DescribeSubnets"
        self.assert_fault(entry, "Action is 'DescribeVpcs'")
        entry["operation"] = "DescribeVpcs"
        body = base64.b64decode(entry["body_base64"]).replace(b"2016-11-15", b"2014-01-01")
        entry["body_base64"] = base64.b64encode(body).decode()
        self.assert_fault(entry, "Version is '2014-01-01'")

    def test_ec2(self):
        self.assert_fault(form("ec2", "CreateVpc", "CidrBlok=10.0.0.0%2F16"), "CidrBlok: unknown parameter")
        self.assert_fault(form("ec2", "DescribeVpcs", "Filters.1.Name=a"), "Filters: unknown parameter")
        self.assert_fault(form("ec2", "DescribeVpcs", "Filter.1.Values.1=a"), "Filter.1.Values: unknown")
        self.assert_fault(form("ec2", "DescribeVpcs", "Filter.2.Name=a"), "not from 1 upwards")
        self.assert_fault(form("ec2", "DescribeVpcs", "Filter.member.1.Name=a"), "a number belongs here")
        self.assert_fault(form("ec2", "DescribeVpcs", "Filter=a"), "a list, given as the value")
        self.assert_fault(form("ec2", "DescribeVpcs", "MaxResults=1"), "below 5")
        self.assert_fault(form("ec2", "DescribeVpcs", "MaxResults=ten"), "is not a number")
        self.assert_fault(form("ec2", "DescribeVpcs", "DryRun=True"), "is not true or false")
        self.assert_fault(form("ec2", "DescribeVpcs", "DryRun=true&DryRun=true"), "given twice")
        self.assert_fault(form("ec2", "DescribeVpcs", "DryRun=true&DryRun.Value=true"), "DryRun.Value: unknown parameter")
        self.assert_fault(form("ec2", "CreateSubnet", "CidrBlock=10.0.0.0%2F24"), "VpcId: required and missing")
        self.assert_fault(form("ec2", "CreateVpc", "InstanceTenancy=mine"), "is not one of")
        self.assert_fault(
            form("ec2", "RunInstances", "MinCount=1&MaxCount=1&MetadataOptions=required"), "a structure, given as"
        )

    def test_query(self):
        good = "AutoScalingGroupName=a&MinSize=0&MaxSize=1"
        create = "CreateAutoScalingGroup"
        self.assert_fault(form("autoscaling", create, good + "&Tags.1.Key=k"), "Tags.1: unknown parameter, 'member'")
        self.assert_fault(form("autoscaling", create, good + "&Tags.member.1.Value=v"), "Key: required and missing")
        self.assert_fault(form("autoscaling", create, good + "&HealthCheckKind=EC2"), "HealthCheckKind: unknown")
        self.assert_fault(form("autoscaling", create, "MinSize=0&MaxSize=1"), "AutoScalingGroupName: required")
        self.assert_fault(form("autoscaling", create, good + "&InstanceId="), "0 characters")
        self.assert_fault(form("elasticloadbalancing", "DescribeLoadBalancers", "Names.member.1=a"), "unknown parameter")
        self.assert_fault(form("iam", "CreateUser", "UserName=a%20b"), "does not match")
        self.assert_fault(form("iam", "CreateUser", "UserName=" + "a" * 65), "at most 64")
        self.assert_fault(form("sts", "GetCallerIdentity", "Who=me"), "Who: unknown parameter")
        self.assert_fault(
            form("elasticloadbalancingv2", "CreateTargetGroup", "Name=t&Protocol=TPC"), "'TPC' is not one of"
        )
        self.assert_fault(
            form("elasticloadbalancingv2", "CreateTargetGroup", "Name=t&Port=65536"), "above 65535"
        )

    def test_rest_xml_bodies(self):
        good = b"<Name>a</Name><CallerReference>r</CallerReference>"
        self.assertEqual(faults(zone(good)), [])
        self.assert_fault(zone(b"<Name>a</Name>"), "CallerReference: required and missing")
        self.assert_fault(zone(good + b"<Zone/>"), "Zone: unknown element")
        self.assert_fault(zone(good + b"<VPC><VPCRegion>mars</VPCRegion></VPC>"), "'mars' is not one of")
        self.assert_fault(zone(good + b"<Name>b</Name>"), "Name: given twice")
        self.assert_fault(
            zone(good + b"<HostedZoneConfig><PrivateZone>yes</PrivateZone></HostedZoneConfig>"), "not true or false"
        )
        entry = zone(good)
        body = base64.b64decode(entry["body_base64"])
        for old, new, text in [
            (b"CreateHostedZoneRequest", b"CreateZone", "root is 'CreateZone'"),
            (b"https://route53", b"http://route53", "namespace is"),
        ]:
            entry["body_base64"] = base64.b64encode(body.replace(old, new)).decode()
            self.assert_fault(entry, text)
        entry["body_base64"] = base64.b64encode(b"<a>").decode()
        self.assertIn("no XML", faults(entry)[0])

    def test_rest_xml_requests(self):
        self.assert_fault(rest("route53", "GetHostedZone", "POST", "/2013-04-01/hostedzone/Z1"), "method is POST")
        self.assert_fault(rest("route53", "GetHostedZone", "GET", "/2012-02-29/hostedzone/Z1"), "does not fit")
        self.assert_fault(rest("route53", "GetHostedZone", "GET", "/2013-04-01/hostedzone/" + "Z" * 33), "at most 32")
        self.assert_fault(rest("route53", "ListHostedZones", "GET", "/2013-04-01/hostedzone?max=1"), "?max: unknown")
        self.assert_fault(rest("route53", "GetHostedZone", "GET", "/2013-04-01/hostedzone/Z1", b"<a/>"), "a body")
        self.assert_fault(rest("s3", "ListObjectsV2", "GET", "/b"), "?list-type=2: missing")
        self.assert_fault(rest("s3", "ListObjectsV2", "GET", "/b?list-type=2&limit=1"), "?limit: unknown")
        self.assert_fault(rest("s3", "GetObject", "GET", "/b/k?x-id=PutObject"), "?x-id: unknown")
        self.assert_fault(
            rest("s3", "PutObject", "PUT", "/b/k", headers=[["x-amz-server-side-encryption", "DES"]]), "not one of"
        )
        self.assert_fault(rest("s3", "PutObject", "PUT", "/b/k", headers=[["x-amz-acls", "private"]]), "unknown header")
        tagging = b'<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet/></Tagging>'
        self.assert_fault(rest("s3", "PutBucketTagging", "PUT", "/b?tagging", tagging), "a checksum")
        delete = b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object/></Delete>'
        self.assert_fault(
            rest("s3", "DeleteObjects", "POST", "/b?delete", delete, [["Content-MD5", "x"]]),
            "Delete.Objects[0].Key: required and missing",
        )


QUERY = '<%(op)sResponse xmlns="%(ns)s"><%(op)sResult>%(content)s</%(op)sResult><ResponseMetadata><RequestId>r</RequestId>\
</ResponseMetadata></%(op)sResponse>'
VPC = "<vpcSet><item><vpcId>vpc-1</vpcId><state>available</state></item></vpcSet>"
EC2 = '<DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>%s</DescribeVpcsResponse>'
ZONE = """<GetHostedZoneResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><HostedZone><Id>/hostedzone/Z1</Id>\
<Name>a.internal.</Name><CallerReference>r</CallerReference></HostedZone></GetHostedZoneResponse>"""


def answered(entry, answer, status=200, headers=()):
    """A recorded exchange of which the request is right."""
    encoded = base64.b64encode(answer.encode()).decode()
    return {**entry, "status": status, "response_headers": list(headers), "response_base64": encoded}


class Answers(unittest.TestCase):
    def vpcs(self, content, status=200):
        return answered(form("ec2", "DescribeVpcs", ""), content, status)

    def query(self, service, operation, text, content):
        namespace = Model.load(service).metadata["xmlNamespace"]
        return answered(
            form(service, operation, text), QUERY % {"op": operation, "ns": namespace, "content": content}
        )

    def zone(self, content, status=200):
        return answered(rest("route53", "GetHostedZone", "GET", "/2013-04-01/hostedzone/Z1"), content, status)

    def object(self, status, headers=(), content=""):
        return answered(rest("s3", "GetObject", "GET", "/b/k"), content, status, headers)

    def test_right_ones_pass(self):
        identity = "<Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/u</Arn><UserId>u</UserId>"
        role = "<DeleteRoleResponse xmlns='https://iam.amazonaws.com/doc/2010-05-08/'><ResponseMetadata><RequestId>r\
</RequestId></ResponseMetadata></DeleteRoleResponse>"
        for entry in [
            self.vpcs(EC2 % VPC),
            self.vpcs("<Response><Errors><Error><Code>c</Code><Message>m</Message></Error></Errors></Response>", 400),
            self.query("sts", "GetCallerIdentity", "", identity),
            answered(form("iam", "DeleteRole", "RoleName=r"), role),
            self.zone(ZONE),
            self.object(200, [["ETag", '"e"'], ["x-amz-request-id", "r"]], "any bytes"),
            self.object(404, content="<Error><Code>NoSuchKey</Code><Message>m</Message></Error>"),
            self.object(304),
        ]:
            with self.subTest(entry=entry["operation"]):
                self.assertEqual(faults(entry), [])

    def assert_fault(self, entry, text):
        found = faults(entry)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith("answer "), found[0])
        self.assertIn(text, found[0])

    def test_wrong_ones_do_not(self):
        self.assert_fault(self.vpcs(EC2 % VPC.replace("vpcId", "vpcID")), "vpcID: unknown element")
        self.assert_fault(self.vpcs(EC2 % VPC.replace("available", "there")), "'there' is not one of")
        self.assert_fault(self.vpcs(EC2.replace("DescribeVpcs", "DescribeVpc") % VPC), "has the root")
        self.assert_fault(self.vpcs(EC2.replace("2016", "2014") % VPC), "has the namespace")
        self.assert_fault(self.vpcs(EC2.replace("<requestId>r</requestId>", "") % VPC), "requestId: missing")
        self.assert_fault(self.vpcs("{}"), "is no XML")
        self.assert_fault(self.vpcs(EC2 % VPC, 302), "has the status 302")
        self.assert_fault(self.vpcs("", 503), "is no XML")
        self.assert_fault(
            self.vpcs("<Response><Errors><Error><Code>c</Code></Error></Errors></Response>", 400), "Message is missing"
        )
        self.assert_fault(self.query("iam", "DeleteRole", "RoleName=r", ""), "DeleteRoleResult: unknown element")
        self.assert_fault(self.query("sts", "GetCallerIdentity", "", "<Account>1</Account><Who/>"), "Who: unknown")
        self.assert_fault(self.query("iam", "GetRole", "RoleName=r", ""), "Role: required and missing")
        self.assert_fault(self.zone(ZONE.replace("<Name>a.internal.</Name>", "")), "HostedZone.Name: required and")
        self.assert_fault(self.zone(ZONE, 201), "has the status 201")
        self.assert_fault(self.object(200, [["x-amz-storage-kind", "a"]]), "x-amz-storage-kind: unknown header")
        self.assert_fault(self.object(200, [["x-amz-storage-class", "ICE"]]), "'ICE' is not one of")
        self.assert_fault(self.object(304, content="a"), "304 with a body")


ENCRYPT = ("kms", "Encrypt", {"KeyId": "alias/a", "Plaintext": b"secret"})
JSON = [["Content-Type", "application/x-amz-json-1.1"]]


class Json(unittest.TestCase):
    """The JSON protocol, whose body is a document."""

    def encrypt(self, **change):
        entry = record(*ENCRYPT)
        document = {**json.loads(base64.b64decode(entry["body_base64"])), **change}
        return {**entry, "body_base64": base64.b64encode(json.dumps(document).encode()).decode()}

    def assert_fault(self, entry, text):
        found = faults(entry)
        self.assertEqual(len(found), 1, found)
        self.assertIn(text, found[0])

    def test_requests(self):
        self.assert_fault(self.encrypt(Colour="red"), "Colour: unknown field")
        self.assert_fault(self.encrypt(KeyId=1), "KeyId: a number, where the model has a string")
        self.assert_fault(self.encrypt(KeyId=None), "KeyId: null")
        self.assert_fault(self.encrypt(Plaintext="?"), "Plaintext: not base64")
        self.assert_fault(self.encrypt(DryRun="true"), "DryRun: a string, where the model has a boolean")
        self.assert_fault(self.encrypt(GrantTokens="t"), "GrantTokens: a string and not a list")
        self.assert_fault(self.encrypt(EncryptionContext={"a": 1}), "EncryptionContext.a: a number")
        self.assert_fault(self.encrypt(EncryptionAlgorithm="ROT13"), "'ROT13' is not one of")
        self.assert_fault({**self.encrypt(), "body_base64": ""}, "the body is no JSON")
        self.assert_fault({**self.encrypt(), "method": "PUT"}, "the method is PUT")
        self.assert_fault({**self.encrypt(), "uri": "/?a=b"}, "the path is")
        other = [[name, value.replace("Encrypt", "Decrypt")] for name, value in record(*ENCRYPT)["headers"]]
        self.assert_fault({**self.encrypt(), "headers": other}, "x-amz-target is")

    def test_answers(self):
        good = '{"CiphertextBlob": "c2VjcmV0", "KeyId": "a", "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}'
        for answer, status in [(good, 200), ('{"__type": "DisabledException", "message": "m"}', 400),
                               ('{"__type": "NotFoundException"}', 400)]:
            self.assertEqual(faults(answered(self.encrypt(), answer, status, JSON)), [])
        self.assert_fault(answered(self.encrypt(), good), "has the content type None")
        self.assert_fault(answered(self.encrypt(), good.replace("KeyId", "Key"), 200, JSON), "Key: unknown field")
        self.assert_fault(answered(self.encrypt(), '{"__type": "Teapot"}', 400, JSON), "'Teapot' is none of")
        self.assert_fault(answered(self.encrypt(), "<a/>", 500, JSON), "is no JSON")
        key = record("kms", "EnableKey", {"KeyId": "a"})
        self.assertEqual(faults(answered(key, "", 200, JSON)), [])
        self.assert_fault(answered(key, "{}", 200, JSON), "has a body")


if __name__ == "__main__":
    unittest.main()
