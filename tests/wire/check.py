"""Checks recorded requests against the published models of the AWS APIs that botocore carries.

    python check.py DIRECTORY

reads every `*.jsonl` below DIRECTORY, one request a line:

    {"service": "ec2", "operation": "CreateVpc", "method": "POST", "uri": "/", "headers": [["host", "…"]],
     "body_base64": "…"}

and exits with 1 and a list of faults if a request names an operation, version, parameter, header or element that the
model does not have, leaves out a required one, or gives a value out of its enumeration, bounds, pattern or type; and
also if there is no request at all. `service` may have any known spelling; a missing `service` is taken from the
signature, a missing `operation` from `Action` or from the method and the path.
"""

import base64
import json
import pathlib
import re
import sys
import urllib.parse

from model import Model, service_name
from protocols import check_query, check_rest_xml, match_template


class Malformed(Exception):
    """A recorded line is no request."""


class Request:
    """One recorded request."""

    def __init__(self, record):
        try:
            self.method = record["method"].upper()
            target = urllib.parse.urlsplit(record["uri"])
            self.body = base64.b64decode(record.get("body_base64") or "", validate=True)
            self.headers = {name.lower(): value for name, value in record.get("headers") or []}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Malformed(f"no recorded request: {error!r}") from error
        self.path, self.query = target.path, target.query
        self.host = target.netloc or self.headers.get("host", "")
        self.trailers = self.headers.get("x-amz-trailer", "").lower().split(",")
        self._service, self._operation = record.get("service"), record.get("operation")

    def service(self):
        """The key of the request's service in `model.MODELS`."""
        name = self._service
        if not name:
            scope = re.search(
                r"Credential=[^/,]+/\d{8}/[^/,]*/([^/,]+)/aws4", self.headers.get("authorization", "")
            )
            if scope is None:
                raise Malformed("neither a service nor a signature tells which service this is for")
            name = scope.group(1)
        form = dict(urllib.parse.parse_qsl(self.body.decode(errors="replace")))
        key = service_name(name, form.get("Version", ""))
        if key is None:
            raise Malformed(f"unknown service {name!r}")
        return key

    def operations(self, model):
        """The operation's name; where nothing names it, every operation whose method and path this could be."""
        if self._operation:
            return [self._operation]
        if model.protocol != "rest-xml":
            text = self.query if self.method == "GET" else self.body.decode(errors="replace")
            return [dict(urllib.parse.parse_qsl(text)).get("Action", "")]
        given = dict(urllib.parse.parse_qsl(self.query, keep_blank_values=True))
        found = {}
        for name, operation in model.operations.items():
            http = operation["http"]
            if http["method"] != self.method or given.get("x-id", name) != name:
                continue
            labels, fixed = match_template(http["requestUri"], self.rest_path(model.service))
            if labels is not None and all(given.get(key) == value for key, value in fixed.items()):
                found.setdefault((len(fixed), -len(labels)), []).append(name)
        return found[max(found)] if found else [""]

    def rest_path(self, service):
        """The path with the bucket in it, also when the bucket stood in the host's name."""
        virtual = re.match(r"(.+)\.s3[.-]", self.host) if service == "s3" else None
        return f"/{virtual.group(1)}{self.path}" if virtual else self.path


def check_record(record):
    """Returns the service and operation of a recorded request, and the list of its faults."""
    request = Request(record)
    service = request.service()
    model = Model.load(service)
    check = check_rest_xml if model.protocol == "rest-xml" else check_query
    found = []
    for operation in request.operations(model):
        name = f"{service} {operation or request.method + ' ' + request.path}"
        if operation not in model.operations:
            return name, ["unknown operation"]
        try:
            found.append((name, list(check(model, operation, request))))
        except UnicodeDecodeError:
            return name, ["the body is not UTF-8"]
    return min(found, key=lambda pair: len(pair[1]))


def check_directory(directory, out):
    """Checks every recording below `directory`, writes the findings, and returns whether all is well."""
    requests, operations, places, counts = 0, set(), {}, {}
    for path in sorted(directory.rglob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                requests += 1
                try:
                    name, faults = check_record(json.loads(line))
                    operations.add(name)
                except (Malformed, json.JSONDecodeError) as error:
                    name, faults = "?", [str(error)]
                for fault in faults:
                    key = (name, fault)
                    places.setdefault(key, f"{path.relative_to(directory)}:{number}")
                    counts[key] = counts.get(key, 0) + 1
    for (name, fault), place in sorted(places.items()):
        times = counts[name, fault]
        print(f"{name}: {fault}  [{place}{f', {times} times' if times > 1 else ''}]", file=out)
    print(f"{requests} requests, {len(operations)} operations, {len(places)} faults", file=out)
    if requests == 0:
        print(f"no request was recorded in {directory}: the suites do not write there", file=out)
    return requests > 0 and not places


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check.py DIRECTORY")
    directory = pathlib.Path(sys.argv[1])
    if not directory.is_dir():
        sys.exit(f"{directory} is no directory")
    sys.exit(0 if check_directory(directory, sys.stdout) else 1)


if __name__ == "__main__":
    main()
