"""Metadata services and object stores: AWS's (IMDSv2 only) with an S3 that recomputes every signature (AWS Signature
Version 4) by itself; Google's with a Cloud Storage, and Azure's with a storage account, that take the token of the
machine's own identity only.

Prints its port. Refuses a request whose secrets any process shows in its arguments.
"""

import hashlib
import hmac
import http.server
import json
import pathlib
import urllib.parse

ACCESS_KEY = "ASIAEXAMPLE"
SECRET = 'se/cr+et"with\\marks'
SESSION = "session/token+with=marks=="
METADATA_TOKEN = "metadata-token=="
ACCESS_TOKEN = "ya29.to-ken_of.the-machine"
AZURE_TOKEN = 'azure.token-with+"marks"'
AZURE_IDENTITY = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/meridian-prod-eu"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/prod-eu-workers"
)
REGION = "eu-west-1"
OBJECTS = {}


def leaked():
    for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = process.read_bytes()
        except OSError:
            continue
        secrets = (SECRET, SESSION, METADATA_TOKEN, ACCESS_TOKEN, AZURE_TOKEN)
        if any(secret.encode() in arguments for secret in secrets):
            return True
    return False


def expected_signature(method, path, headers, date, signed):
    names = signed.split(";")
    canonical = "\n".join([
        method, path, "", *(f"{name}:{' '.join(headers[name].split())}" for name in names), "", signed,
        headers["x-amz-content-sha256"],
    ])
    scope = f"{date[:8]}/{REGION}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + SECRET).encode()
    for part in (date[:8], REGION, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return scope, hmac.new(key, text.encode(), "sha256").hexdigest()


def is_signed(method, path, headers, body):
    if headers.get("x-amz-security-token") != SESSION or "x-amz-content-sha256" not in headers:
        return False
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    scope, signature = expected_signature(method, path, headers, headers["x-amz-date"], fields["SignedHeaders"])
    return (
        scheme == "AWS4-HMAC-SHA256"
        and {"host", "x-amz-date", "x-amz-security-token"} <= set(fields["SignedHeaders"].split(";"))
        and fields["Credential"] == f"{ACCESS_KEY}/{scope}"
        and fields["Signature"] == signature
        and headers["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
    )


class Handler(http.server.BaseHTTPRequestHandler):
    def reply(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        if leaked():
            return self.reply(418)
        if self.path == "/latest/api/token":
            good = self.command == "PUT" and "x-aws-ec2-metadata-token-ttl-seconds" in headers
            return self.reply(200, METADATA_TOKEN.encode()) if good else self.reply(400)
        if self.path.startswith("/latest/"):
            if headers.get("x-aws-ec2-metadata-token") != METADATA_TOKEN:
                return self.reply(401)
            role = self.path.removeprefix("/latest/meta-data/iam/security-credentials/")
            if role == "":
                return self.reply(200, b"node")
            if role == "node":
                keys = {"Code": "Success", "AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET, "Token": SESSION}
                return self.reply(200, json.dumps(keys).encode())
            return self.reply(404)
        if self.path.startswith("/computeMetadata/v1/"):
            token = self.path == "/computeMetadata/v1/instance/service-accounts/default/token"
            if headers.get("metadata-flavor") != "Google" or not token:
                return self.reply(403)
            return self.reply(200, json.dumps({"access_token": ACCESS_TOKEN, "expires_in": 3599}).encode())
        if "/storage/v1/" in self.path:
            return self.cloud_storage(headers, body)
        if self.path.startswith("/metadata/"):
            url = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(url.query))
            asked = {
                "api-version": "2018-02-01",
                "resource": "https://storage.azure.com/",
                "msi_res_id": AZURE_IDENTITY,
            }
            good = url.path == "/metadata/identity/oauth2/token" and headers.get("metadata") == "true" and query == asked
            return self.reply(200, json.dumps({"access_token": AZURE_TOKEN}).encode()) if good else self.reply(400)
        if self.path.startswith("/account/"):
            if headers.get("authorization") != "Bearer " + AZURE_TOKEN or "x-ms-version" not in headers:
                return self.reply(403)
            if self.command == "PUT" and headers.get("x-ms-blob-type") != "BlockBlob":
                return self.reply(400)
            if self.command == "PUT":
                OBJECTS[self.path] = body
                return self.reply(201)
            return self.reply(200, OBJECTS[self.path]) if self.path in OBJECTS else self.reply(404)
        if not is_signed(self.command, self.path, headers, body):
            return self.reply(403)
        if self.command == "PUT":
            OBJECTS[self.path] = body
            return self.reply(200)
        return self.reply(200, OBJECTS[self.path]) if self.path in OBJECTS else self.reply(404)

    def cloud_storage(self, headers, body):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, strict_parsing=True))
        if headers.get("authorization") != f"Bearer {ACCESS_TOKEN}":
            return self.reply(401)
        if self.command == "POST" and url.path == "/upload/storage/v1/b/bootstrap/o" and query["uploadType"] == "media":
            OBJECTS["gs://" + query["name"]] = body
            return self.reply(200, json.dumps({"name": query["name"]}).encode())
        prefix, _, key = url.path.rpartition("/")
        if self.command != "GET" or prefix != "/storage/v1/b/bootstrap/o" or query != {"alt": "media"}:
            return self.reply(400)
        found = OBJECTS.get("gs://" + urllib.parse.unquote(key))
        return self.reply(404) if found is None else self.reply(200, found)

    do_GET = do_PUT = do_POST = answer

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
