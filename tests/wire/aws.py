"""AWS: which operation a recorded request calls, and the faults of request and answer.

`service` and `operation` of a line may be missing: the service is taken from the signature, the operation from `Action`
or from the method and the path.
"""

import re
import urllib.parse

from answers import check_answer
from exchange import Malformed
from json_protocol import check_json
from model import Model, service_name
from protocols import check_query, check_rest_xml, match_template

# Answers that the real services give although their models say otherwise: the service, the fault, and the source.
TRUE_ANSWERS = [
    # EC2's reference has `return` in the answers of operations for which the model has no answer at all.
    ("ec2", re.compile(r"return: unknown element")),
    # The model's own documentation of InternetGatewayAttachment has it: "the state is available when attached".
    ("ec2", re.compile(r"InternetGateways?(\[\d+\])?\.Attachments\[\d+\]\.State: 'available' is not one of .*")),
    # The identifiers of today have 21 characters, which with their prefix are more than the model's 32.
    ("route53", re.compile(r"HostedZones?(\[\d+\])?\.Id: 33 characters, at most 32 are allowed")),
    # A private zone has no name servers to tell.
    ("route53", re.compile(r"DelegationSet: required and missing")),
    # The bound is for requests: what has no tags has none to list.
    ("route53", re.compile(r"ResourceTagSet\.Tags: 0 items, at least 1 are needed")),
]


class Request:
    """The request of an exchange, as the protocols read it."""

    def __init__(self, exchange):
        self.method, self.path, self.query = exchange.method, exchange.path, exchange.query
        self.host, self.body, self.headers = exchange.host, exchange.body, exchange.headers
        self.trailers = self.headers.get("x-amz-trailer", "").lower().split(",")
        self._service, self._operation = exchange.hints.get("service"), exchange.hints.get("operation")

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
        if model.protocol == "json":
            return [self.headers.get("x-amz-target", "").rpartition(".")[2]]
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


def check(exchange):
    """The service and operation of a recorded exchange, and the list of its faults."""
    request = Request(exchange)
    service = request.service()
    model = Model.load(service)
    check_request = {"rest-xml": check_rest_xml, "json": check_json}.get(model.protocol, check_query)
    found = []
    for operation in request.operations(model):
        name = f"{service} {operation or request.method + ' ' + request.path}"
        if operation not in model.operations:
            return name, ["unknown operation"]
        try:
            faults = list(check_request(model, operation, request))
        except UnicodeDecodeError:
            return name, ["the body is not UTF-8"]
        if exchange.status is not None:
            found_there = check_answer(model, operation, exchange)
            faults += (f"answer {fault}" for fault in found_there if not is_true(service, fault))
        found.append((name, faults))
    return min(found, key=lambda pair: len(pair[1]))


def is_true(service, fault):
    """Whether the real service answers like this as well."""
    return any(service == known and pattern.fullmatch(fault) for known, pattern in TRUE_ANSWERS)
