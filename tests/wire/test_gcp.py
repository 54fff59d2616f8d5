"""The checker's own tests for Google Cloud: right exchanges pass, and each kind of fault is caught."""

import base64
import json
import unittest

from check import check_record

COMPUTE = "/compute/v1/projects/p-1"
KEYS = "/v1/projects/p/locations/europe-west1/keyRings/r/cryptoKeys"
OPERATION = {"kind": "compute#operation", "name": "operation-1", "status": "RUNNING", "targetId": "1", "progress": 0}
NETWORK = {"name": "n-1", "autoCreateSubnetworks": False, "routingConfig": {"routingMode": "REGIONAL"}, "mtu": 1460}
ERROR = {"code": 404, "message": "m", "errors": [{"domain": "global", "reason": "notFound", "message": "m"}]}
UPLOAD = "/upload/storage/v1/b/b-1/o?uploadType=multipart"


def exchange(method, uri, body=None, answer=None, status=200, kind="application/json"):
    def encoded(value):
        if value is None:
            return ""
        return base64.b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).decode()

    answered = {"status": status, "response_base64": encoded(answer), "response_headers": []}
    if answer is not None and not isinstance(answer, bytes):
        answered["response_headers"] = [["content-type", "application/json; charset=UTF-8"]]
    request = {"cloud": "gcp", "method": method, "uri": uri, "body_base64": encoded(body)}
    return {**request, "headers": [["Content-Type", kind]], **answered}


def network(**fields):
    return exchange("POST", f"{COMPUTE}/global/networks", {**NETWORK, **fields}, OPERATION)


def operation(**fields):
    return exchange("POST", f"{COMPUTE}/global/networks", NETWORK, {**OPERATION, **fields})


def listed(query="", answer=None):
    return exchange("GET", f"{COMPUTE}/global/networks{query}", None, answer or {"kind": "compute#networkList"})


def failed(status=404, **fields):
    return exchange("GET", f"{COMPUTE}/global/networks/n", None, {"error": {**ERROR, **fields}}, status)


def upload(metadata, parts=2, kind="multipart/related; boundary=b"):
    content = b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" * (parts - 1)
    head = b"--b\r\nContent-Type: application/json\r\n\r\n" + json.dumps(metadata).encode() + b"\r\n"
    return exchange("POST", UPLOAD, head + content + b"--b--\r\n", {"name": "o", "generation": "1"}, 200, kind)


class Good(unittest.TestCase):
    def test_right_exchanges_pass(self):
        account = "/v1/projects/p/serviceAccounts"
        for name, entry in [
            ("compute.networks.insert", network()),
            ("compute.networks.insert", {k: v for k, v in network().items() if not k.startswith("resp") and k != "status"}),
            ("compute.networks.list", listed("?maxResults=3&$alt=json&filter=name%20eq%20a&prettyPrint=false")),
            ("compute.networks.get", failed()),
            ("compute.networks.get", exchange(
                "GET", f"{COMPUTE}/global/networks/n", None,
                {"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}}, 503)),
            ("compute.instances.setLabels", exchange(
                "POST", f"{COMPUTE}/zones/europe-west1-b/instances/i/setLabels",
                {"labels": {"a": "b"}, "labelFingerprint": "abcd"}, OPERATION)),
            ("cloudkms.projects.locations.keyRings.cryptoKeys.encrypt", exchange(
                "POST", f"{KEYS}/k:encrypt", {"plaintext": "c2VjcmV0", "plaintextCrc32c": "7"},
                {"ciphertext": "c2VjcmV0", "verifiedPlaintextCrc32c": True})),
            ("iam.projects.serviceAccounts.create", exchange("POST", account, {"accountId": "a"}, {"uniqueId": "1"})),
            ("iam.projects.serviceAccounts.getIamPolicy", exchange("POST", f"{account}/a@b:getIamPolicy", None, {})),
            ("cloudresourcemanager.projects.setIamPolicy", exchange(
                "POST", "/v3/projects/p:setIamPolicy", {"policy": {"version": 3, "etag": "YQ=="}}, {"etag": "YQ=="})),
            ("dns.resourceRecordSets.get", exchange(
                "GET", "/dns/v1/projects/p/managedZones/z/rrsets/a.b./A", None, {"ttl": 60, "rrdatas": ["10.0.0.1"]})),
            ("storage.objects.insert", upload({"name": "a/b"})),
            ("storage.objects.insert", exchange(
                "POST", "/upload/storage/v1/b/b-1/o?uploadType=media&name=a", b"x", {"size": "1"}, kind="text/plain")),
            ("storage.objects.get", exchange("GET", "/storage/v1/b/b-1/o/a%2Fb?alt=media", None, b"any bytes")),
            ("storage.objects.get", exchange("GET", "/storage/v1/b/b-1/o/a%2Fb?alt=media", None, b"Not Found", 404)),
            ("storage.objects.delete", exchange("DELETE", "/storage/v1/b/b-1/o/a%2Fb?generation=12", status=204)),
            ("storage.buckets.patch", exchange("PATCH", "/storage/v1/b/b-1", {"labels": {"a": None}}, {"name": "b-1"})),
        ]:
            with self.subTest(name=name):
                self.assertEqual(check_record(entry), (name, []))


class Bad(unittest.TestCase):
    def assert_fault(self, entry, text):
        found = check_record(entry)[1]
        self.assertEqual(len(found), 1, found)
        self.assertIn(text, found[0])

    def test_paths_and_parameters(self):
        self.assert_fault(exchange("GET", "/v9/things"), "no service has this path")
        self.assert_fault(exchange("GET", f"{COMPUTE}/global/nets"), "unknown method")
        self.assert_fault(exchange("PUT", f"{COMPUTE}/global/networks", NETWORK, OPERATION), "unknown method")
        self.assert_fault(listed("?limit=1"), "?limit: unknown query parameter")
        self.assert_fault(listed("?maxResults=ten"), "is not a number")
        self.assert_fault(listed("?maxResults=-1"), "beyond the minimum")
        self.assert_fault(listed("?prettyPrint=yes"), "is not true or false")
        self.assert_fault(listed("?pageToken=a&pageToken=b"), "given twice")
        self.assert_fault(listed("?alt=yaml"), "'yaml' is not one of")
        self.assert_fault(exchange("GET", "/storage/v1/b", None, {}), "?project: required and missing")
        self.assert_fault(
            exchange("GET", "/compute/v1/projects/p-1/zones/EUROPE/instances", None, {}), "'EUROPE' does not match"
        )

    def test_requests(self):
        self.assert_fault(network(colour="red"), "colour: unknown field")
        self.assert_fault(network(autoCreateSubnetworks="false"), "a string and not a boolean")
        self.assert_fault(network(routingConfig={"routingMode": "LOCAL"}), "'LOCAL' is not one of")
        self.assert_fault(network(routingConfig=[]), "a list and not an object")
        self.assert_fault(network(mtu="1460"), "mtu: a string and not a number")
        self.assert_fault(network(mtu=2**31), "is not a number of the form int32")
        self.assert_fault(network(name="N"), "name: 'N' does not match")
        self.assert_fault(network(name=None), "name: null")
        self.assert_fault(network(selfLink="l"), "selfLink: output only, and sent")
        self.assert_fault(network(subnetworks=["l"]), "subnetworks: output only, and sent")
        self.assert_fault(exchange("GET", f"{COMPUTE}/global/networks", {}, {}), "a body, though")
        bodiless = f"{COMPUTE}/regions/r/instanceGroupManagers/g/resize?size=1"
        self.assert_fault(exchange("POST", bodiless, {"size": 1}, OPERATION), "a body, though")
        self.assertEqual(check_record(exchange("POST", bodiless, {}, OPERATION))[1], [])
        self.assert_fault(exchange("POST", f"{COMPUTE}/global/networks", b"{", OPERATION), "the body is no JSON")
        self.assert_fault({**network(), "headers": []}, "the content type is ''")
        bucket = exchange("POST", "/storage/v1/b?project=p", {}, {})
        self.assert_fault(bucket, "name: required and missing")
        disk = {"name": "d", "sizeGb": 10}
        self.assert_fault(exchange("POST", f"{COMPUTE}/zones/z/disks", disk, OPERATION), "sizeGb: a number and not")
        disk["sizeGb"] = "ten"
        self.assert_fault(exchange("POST", f"{COMPUTE}/zones/z/disks", disk, OPERATION), "not a number of the form")

    def test_uploads(self):
        self.assert_fault(upload({"named": "a"}), "named: unknown field")
        self.assert_fault(upload({}, 3), "3 parts")
        self.assert_fault(upload({}, kind="application/json"), "not multipart/related")
        self.assert_fault(exchange("POST", "/upload/storage/v1/b/b-1/o", b"x", {}), "?uploadType: [] is not")
        self.assert_fault(
            exchange("POST", "/upload/storage/v1/b/b-1/o?uploadType=media", b"x", {}), "?name: required and missing"
        )

    def test_answers(self):
        self.assert_fault(operation(colour="red"), "answer colour: unknown field")
        self.assert_fault(operation(status="ready"), "answer status: 'ready' is not one of")
        self.assert_fault(operation(targetId=1), "answer targetId: a number and not a string")
        self.assert_fault(operation(progress="0"), "answer progress: a string and not a number")
        self.assert_fault(operation(warnings=None), "answer warnings: null")
        self.assert_fault(listed(answer={"items": [{"name": "n", "mtu": True}]}), "answer items[0].mtu: a boolean")
        self.assert_fault(listed() | {"response_headers": []}, "content type is ''")
        self.assert_fault(listed() | {"status": 302}, "has the status 302")
        self.assert_fault(exchange("DELETE", "/storage/v1/b/b-1", None, {}), "though the method gives none")
        bucket = {"timeCreated": "yesterday"}
        self.assert_fault(exchange("GET", "/storage/v1/b/b-1", None, bucket), "not a time as RFC 3339 has it")

    def test_errors(self):
        self.assert_fault(failed(code=400), "error.code: 400 with the status 404")
        self.assert_fault(failed(status=404, message=""), "error.message: missing")
        self.assert_fault(failed(hint="a"), "error.hint: unknown field")
        self.assert_fault(failed(errors=[{"domain": "global", "message": "m"}]), "errors[0].reason: missing")
        self.assert_fault(failed(errors=["notFound"]), "errors[0]: a string and not an object")
        self.assert_fault(failed(details=[{}]), "details[0].@type: missing")
        self.assert_fault(failed(errors=[]), "neither a status nor errors")
        self.assert_fault(exchange("GET", f"{COMPUTE}/global/networks", None, {"message": "m"}, 404), "is no error")
        gone = exchange("GET", f"{COMPUTE}/global/networks", None, {"error": {**ERROR, "status": "GONE"}}, 404)
        self.assert_fault(gone, "'GONE' is no canonical code")


if __name__ == "__main__":
    unittest.main()
