"""The checker's own tests for Azure: right exchanges pass, and each kind of fault is caught."""

import ast
import base64
import json
import unittest

import arm_typed
from check import check_record

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g"
NETWORK = f"{GROUP}/providers/Microsoft.Network"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
LATER = [["Azure-AsyncOperation", "http://127.0.0.1:1/later"]]
GATEWAY = {"location": "westeurope", "sku": {"name": "Standard"}, "properties": {"idleTimeoutInMinutes": 4}}
DISK = {"location": "westeurope", "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 4}}
ASSIGNMENT = {"principalId": "p", "roleDefinitionId": "r", "principalType": "ServicePrincipal"}
LIST = "/account/container?restype=container&comp=list"
FOUND = b"\xef\xbb\xbf<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>"
BLOB_HEADERS = [["x-ms-version", "2022-11-02"], ["Authorization", "Bearer t"]]
BLOB_ANSWER = [["x-ms-request-id", "r"], ["x-ms-version", "2022-11-02"], ["ETag", "e"], ["Last-Modified", "l"]]


def encoded(value):
    if value is None:
        return ""
    return base64.b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).decode()


def exchange(method, uri, body=None, answer=None, status=200, headers=()):
    kind = [] if answer is None else [["Content-Type", "application/json; charset=utf-8"]]
    return {
        "cloud": "azure",
        "method": method,
        "uri": uri,
        "headers": [["Authorization", "Bearer t"], ["Content-Type", "application/json"]],
        "body_base64": encoded(body),
        "status": status,
        "response_headers": [*headers, *kind],
        "response_base64": encoded(answer),
    }


def gateway(answer=None, version="2024-03-01", status=201, headers=LATER, **fields):
    path = f"{NETWORK}/natGateways/n?api-version={version}"
    return exchange("PUT", path, {**GATEWAY, **fields}, {**GATEWAY, **(answer or {})}, status, headers)


def disk(**properties):
    body = {**DISK, "properties": {**DISK["properties"], **properties}}
    return exchange("PUT", f"{COMPUTE}/disks/d?api-version=2024-03-02", body, DISK, 202, LATER)


def listed(*gateways, query=""):
    uri = f"{NETWORK}/natGateways?api-version=2024-03-01{query}"
    return exchange("GET", uri, None, {"value": list(gateways)})


def failed(**fields):
    error = {"error": {"code": "ResourceNotFound", "message": "m", **fields}}
    return exchange("GET", f"{GROUP}?api-version=2021-04-01", None, error, 404)


def polled(answer, status=200):
    path = "/subscriptions/s/providers/Microsoft.Network/locations/westeurope/operations/o?api-version=2024-03-01"
    return exchange("GET", path, None, answer, status)


def blob(method, uri, answer=b"", status=200, headers=(), answer_headers=BLOB_ANSWER):
    entry = exchange(method, uri, b"x" if method == "PUT" else None, answer, status)
    return {**entry, "headers": [*BLOB_HEADERS, *headers], "response_headers": answer_headers}


def vault(path, body=None, answer=None, version="7.4", status=200):
    method = "GET" if body is None else "POST"
    return exchange(method, f"/team.vault.azure.net/keys/{path}?api-version={version}", body, answer, status)


def wrapped(body=(), answer=()):
    asked = {"alg": "RSA-OAEP-256", "value": "c2VjcmV0", **dict(body)}
    return vault("k/0123/wrapkey", asked, {"kid": "https://v/keys/k/0123", "value": "AA-_", **dict(answer)})


def put(kind="BlockBlob", **more):
    return blob("PUT", "/account/container/a/b", b"", 201, [["Content-Length", "1"], ["x-ms-blob-type", kind]], **more)


class Good(unittest.TestCase):
    def test_right_exchanges_pass(self):
        request = {name: value for name, value in gateway().items() if not name.startswith("resp") and name != "status"}
        role = "providers/Microsoft.Authorization/roleAssignments/n?api-version=2022-04-01"
        for name, entry in [
            ("NatGateways.create_or_update", gateway()),
            ("NatGateways.create_or_update", gateway({"properties": {"provisioningState": "Updating"}}, headers=[])),
            ("NatGateways.create_or_update", request),
            ("NatGateways.list", listed({**GATEWAY, "id": "i", "etag": "e"}, query="&$skiptoken=a")),
            ("NatGateways.delete", exchange(
                "DELETE", f"{NETWORK}/natGateways/n?api-version=2024-03-01", None, None, 202, LATER)),
            ("NatGateways.list", exchange(
                "GET", f"{NETWORK.lower()}/natgateways?api-version=2024-03-01", None, {"value": [], "nextLink": None})),
            ("Disks.create_or_update", disk()),
            ("RoleAssignments.create", exchange(
                "PUT", f"{NETWORK}/natGateways/n/{role}", {"properties": ASSIGNMENT}, {"properties": ASSIGNMENT}, 201)),
            ("ResourceGroups.get", failed(details=[{"code": "c", "message": "m"}])),
            ("poll", polled({"status": "InProgress"})),
            ("poll", polled({"status": "Failed", "error": {"code": "c", "message": "m"}})),
            ("blobs PutBlob", put()),
            ("blobs GetBlob", blob("GET", "/account/container/a/b")),
            ("blobs DeleteBlob", blob("DELETE", "/account/container/a/b", status=202)),
            ("blobs ListBlobs", blob("GET", f"{LIST}&prefix=a", FOUND)),
            ("blobs GetBlob", blob(
                "GET", "/account/container/none", b"<Error><Code>c</Code><Message>m</Message></Error>", 404,
                answer_headers=[*BLOB_ANSWER[:2], ["x-ms-error-code", "BlobNotFound"]])),
            ("blobs HeadContainerProperties", blob("HEAD", "/account/container?restype=container")),
            ("KeyVaultClientOperationsMixin.wrap_key", wrapped()),
            ("KeyVaultClientOperationsMixin.get_key", vault("k/", None, {"key": {"kty": "RSA", "n": "AA-_"}})),
            ("KeyVaultClientOperationsMixin.get_key", vault(
                "k/", None, {"error": {"code": "KeyNotFound", "message": "m"}}, status=404)),
        ]:
            with self.subTest(name=name):
                self.assertEqual(check_record(entry), (name, []))


class Bad(unittest.TestCase):
    def assert_fault(self, entry, text):
        found = check_record(entry)[1]
        self.assertEqual(len(found), 1, found)
        self.assertIn(text, found[0])

    def test_paths_and_versions(self):
        self.assert_fault(gateway(version="2024-03-02"), "?api-version=2024-03-02: not a version")
        self.assert_fault(gateway(version="2019-01-01"), "2024-03-01 is")
        self.assert_fault(exchange("GET", f"{NETWORK}/natDoors?api-version=2024-03-01"), "no operation of version")
        self.assert_fault(exchange("POST", f"{NETWORK}/natGateways?api-version=2024-03-01"), "no operation of version")
        self.assert_fault(exchange("GET", f"{COMPUTE}/disks?api-version=2024-03-09"), "no operation of version")
        self.assert_fault(exchange("GET", f"{GROUP}/providers/Microsoft.Cake/slices"), "unknown resource provider")
        self.assert_fault(listed(query="&$filter=a"), "?$filter: unknown query parameter")
        self.assert_fault(listed() | {"headers": []}, "no bearer token")
        long = exchange("GET", f"{GROUP}{'g' * 90}?api-version=2021-04-01", None, {"location": "l"})
        self.assert_fault(long, "at most 90")

    def test_requests(self):
        self.assert_fault(gateway(colour="red"), "colour: unknown property")
        self.assert_fault(gateway(properties={"idleTimeout": 4}), "properties.idleTimeout: unknown property")
        self.assert_fault(gateway(properties={"idleTimeoutInMinutes": "4"}), "a string and not a whole number")
        self.assert_fault(gateway(properties=[]), "a list and not an object")
        self.assert_fault(gateway(zones="1"), "zones: a string and not a list")
        self.assert_fault(gateway(sku={"name": "Luxury"}), "sku.name: 'Luxury' is not one of")
        self.assert_fault(gateway(tags={"a": 1}), "tags.*: a number and not a string")
        self.assert_fault(gateway(etag="e"), "etag: read-only, and sent")
        self.assert_fault(gateway(properties={"provisioningState": "Succeeded"}), "provisioningState: read-only, and")
        self.assert_fault(gateway(location=None), "location: null")
        self.assert_fault(disk(creationData={}), "creationData.createOption: required and missing")
        self.assert_fault(disk(creationData={"createOption": "Nothing"}), "'Nothing' is not one of")
        self.assert_fault(disk(osType="BeOS"), "'BeOS' is not one of")
        no_location = disk() | {"body_base64": encoded({"properties": DISK["properties"]})}
        self.assert_fault(no_location, "location: required and missing")
        self.assert_fault(gateway() | {"body_base64": encoded(b"{")}, "the body is no JSON")
        self.assert_fault(gateway() | {"headers": [["Authorization", "Bearer t"]]}, "the content type is ''")
        self.assert_fault(listed() | {"body_base64": encoded({})}, "a body, though")

    def test_required_below_what_is_missing(self):
        role = f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/n?api-version=2022-04-01"
        found = check_record(exchange("PUT", role, {}, {"properties": ASSIGNMENT}, 201))[1]
        wanted = ["properties.roleDefinitionId: required and missing", "properties.principalId: required and missing"]
        self.assertEqual(found, wanted)

    def test_answers(self):
        self.assert_fault(gateway({"colour": "red"}), "answer colour: unknown property")
        self.assert_fault(gateway({"sku": {"name": "Luxury"}}), "answer sku.name: 'Luxury' is not one of")
        self.assert_fault(listed({"zones": "1"}), "answer value[0].zones: a string and not a list")
        self.assert_fault(listed({"properties": {"resourceGuid": 1}}), "resourceGuid: a number and not a string")
        self.assert_fault(listed() | {"status": 204}, "has the status 204")
        self.assert_fault(listed() | {"response_headers": []}, "content type is ''")
        self.assert_fault(gateway(headers=[]), "201 without Azure-AsyncOperation")
        self.assert_fault(gateway(status=202, headers=[]), "202 without Azure-AsyncOperation")
        for time, right in [("2026-01-01T00:00:00.1234567+00:00", True), ("yesterday", False)]:
            answer = {"value": [{**DISK, "properties": {**DISK["properties"], "timeCreated": time}}]}
            entry = exchange("GET", f"{COMPUTE}/disks?api-version=2024-03-02", None, answer)
            if right:
                self.assertEqual(check_record(entry)[1], [])
            else:
                self.assert_fault(entry, "timeCreated: 'yesterday' is not a time")

    def test_errors_and_polls(self):
        self.assert_fault(failed(status="NotFound"), "error.status: unknown property")
        self.assert_fault(failed(message=""), "error.message: missing")
        self.assert_fault(failed(details=[{"code": "c"}]), "error.message: missing")
        self.assert_fault(failed() | {"response_base64": encoded({"code": "c", "message": "m"})}, "is no error")
        self.assert_fault(polled({"status": "Failed"}), "error: missing with the status Failed")
        self.assert_fault(polled({"state": "InProgress"}), "neither a state nor a resource")
        self.assert_fault(polled({"status": "InProgress", "progress": 1}), "progress: unknown property")
        self.assert_fault(polled({"status": "InProgress", "startTime": "now"}), "startTime: 'now' is not a time")
        self.assert_fault(polled({"status": 1}), "status: a number and not a string")
        self.assert_fault(polled(None, 202), "202 without")
        self.assert_fault(failed(details="d"), "error.details: a string and not a list")

    def test_vaults(self):
        self.assert_fault(vault("k/", version="8"), "no operation of version")
        self.assert_fault(vault("k/0123/lock", {}), "no operation of version")
        self.assert_fault(wrapped({"colour": "red"}), "colour: unknown property")
        self.assert_fault(wrapped({"alg": "ROT13"}), "'ROT13' is not one of")
        self.assert_fault(wrapped({"value": "a+b"}), "'a+b' is not base64url")
        self.assert_fault(wrapped(answer={"value": "a+b"}), "answer value: 'a+b' is not base64url")
        self.assert_fault(wrapped(answer={"iv": 1}), "a number and not a string")
        old = {"attributes": {"created": "2026"}}
        self.assert_fault(vault("k/", None, old), "attributes.created: a string and not seconds since 1970")

    def test_blobs(self):
        self.assert_fault(blob("PATCH", "/account/container/a"), "no operation has this method")
        self.assert_fault(put("LumpBlob"), "'LumpBlob' is not one of")
        self.assert_fault(blob("PUT", "/account/container/a", b"", 201, [["Content-Length", "1"]]), "x-ms-blob-type: req")
        self.assert_fault(blob("GET", "/account/container/a") | {"headers": BLOB_HEADERS[1:]}, "x-ms-version: None is")
        self.assert_fault(blob("GET", "/account/container/a") | {"headers": BLOB_HEADERS[:1]}, "authorization: missing")
        self.assert_fault(blob("GET", "/account/container/a?version=1"), "?version: unknown query parameter")
        self.assert_fault(put(answer_headers=BLOB_ANSWER[:3]), "answer last-modified: missing")
        self.assert_fault(blob("GET", "/account/container/a", answer_headers=BLOB_ANSWER[1:]), "x-ms-request-id: missing")
        self.assert_fault(blob("DELETE", "/account/container/a", status=200), "has the status 200 and none of 202")
        self.assert_fault(blob("GET", LIST, b"<Blobs/>" * 2), "is no XML")
        self.assert_fault(blob("GET", LIST, FOUND.replace(b"<Blobs/>", b"")), "EnumerationResults.Blobs: missing")


class Typed(unittest.TestCase):
    """The newer generation of the packages."""

    def judge(self, name, path, body):
        package = arm_typed.Package.load(name)
        kind = package.body("PUT", f"{GROUP}/providers/{path}")
        self.assertIsNotNone(kind, path)
        return list(package.judge(ast.Name(kind), body, ""))

    def test_bodies(self):
        self.assertEqual(self.judge("network", "Microsoft.Network/natGateways/n", GATEWAY), [])
        self.assertEqual(self.judge("compute", "Microsoft.Compute/disks/d", DISK), [])

    def test_faults(self):
        wrong = {**GATEWAY, "colour": "red", "sku": {"name": "Best"}}
        faults = self.judge("network", "Microsoft.Network/natGateways/n", wrong)
        self.assertEqual(len(faults), 2, faults)
        self.assertTrue(any(fault == "colour: unknown property" for fault in faults), faults)
        self.assertTrue(any(fault.startswith("sku.name: 'Best' is not one of") for fault in faults), faults)
        faults = self.judge("compute", "Microsoft.Compute/disks/d", {"properties": {"diskSizeGB": 4}})
        self.assertIn("location: required and missing", faults)
        self.assertIn("properties.creationData: required and missing", faults)
        self.assertEqual(self.judge("network", "Microsoft.Network/natGateways/n", []), ["the body: a list and not an object"])


if __name__ == "__main__":
    unittest.main()
