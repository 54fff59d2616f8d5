"""Azure's requests and answers against its packages for Python, and blobs against a table.

`arm_models.py` reads the packages: those for management, and the one for the keys in vaults; `arm_typed.py` those of the newer generation. Blobs have another protocol, of which Meridian uses a few operations; these are in
`BLOBS`, after https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api.
"""

import base64
import binascii
import copy
import datetime
import re
import urllib.parse
import xml.etree.ElementTree as ElementTree

import arm_typed
from arm_models import Api, PACKAGES
from exchange import kind_of, read_json

# Where a long operation is asked about. Services hand these addresses out, and no specification has them.
POLL = re.compile(
    r"/subscriptions/[^/]+/(?:operationresults|(?:providers/[^/]+/locations/[^/]+/)"
    r"(?:operations|operationresults|operationstatuses|asyncoperations|diskoperations))/[^/]+",
    re.IGNORECASE,
)

# https://github.com/cloud-and-ai-microsoft/resource-provider-contract, "Asynchronous Operations".
POLL_FIELDS = {
    "id": "str", "name": "str", "status": "str", "resourceId": "str", "startTime": "iso-8601", "endTime": "iso-8601",
    "percentComplete": "float", "properties": None, "error": None,
}
ERROR_FIELDS = {"code", "message", "target", "details", "additionalInfo", "innererror"}
TERMINAL = {"Succeeded", "Failed", "Canceled"}

ARM = re.compile(r"/(?:subscriptions|providers|tenants)(?:/|$)", re.IGNORECASE)

# Our sandbox has every vault at one address, with the name of its host first in the path.
VAULT = re.compile(r"/[a-z][a-z0-9-]{1,22}[a-z0-9]\.vault\.azure\.net(?P<path>/.*)")


def check(exchange):
    """The operation that a recorded exchange called, and the list of its faults."""
    vault = VAULT.fullmatch(exchange.path)
    if vault:
        exchange = copy.copy(exchange)
        exchange.path = vault["path"]
        return _check_modelled(exchange, "keys")
    if not ARM.match(exchange.path):
        return check_blob(exchange)
    if POLL.fullmatch(exchange.path):
        faults = [] if exchange.method == "GET" else [f"the method is {exchange.method} and not GET"]
        faults += (f"answer {fault}" for fault in _check_poll(exchange))
        return "poll", faults
    namespace = re.findall(r"/providers/([^/]+)", exchange.path)[-1:]
    return _check_modelled(exchange, namespace[0].lower() if namespace else "")


def _check_modelled(exchange, namespace):
    version = dict(exchange.parameters()).get("api-version", "")
    name = f"{exchange.method} {_anonymous(exchange.path)}"
    if namespace not in PACKAGES:
        return name, [f"unknown resource provider {namespace!r}"]
    fitting = [
        operation
        for api in Api.find(namespace, version)
        for operation in api.operations
        if operation.verb == exchange.method and operation.path.fullmatch(exchange.path)
    ]
    known = [operation for operation in fitting if operation.version in (version, None)]
    if not known:
        if fitting:
            return fitting[0].name, [f"?api-version={version}: not a version of this, {fitting[0].version} is"]
        return name, [f"no operation of version {version!r} has this method and path"]
    operation = max(known, key=lambda one: one.weight)
    faults = [*_check_parameters(operation, exchange), *_check_request(operation, exchange)]
    if exchange.status is not None:
        faults += (f"answer {fault}" for fault in _check_answer(operation, exchange))
    return operation.name, faults


def _anonymous(path):
    """A path without the names in it."""
    parts = path.split("/")
    kept = (part if place % 2 or parts[place - 1].lower() == "providers" else "*" for place, part in enumerate(parts))
    return "/".join(["", *list(kept)[1:]])


def _check_parameters(operation, exchange):
    for name, value in operation.path.fullmatch(exchange.path).groupdict().items():
        yield from _bounds(operation.rules("url").get(name, {}), urllib.parse.unquote(value), f"{{{name}}}")
    rules = operation.rules("query")
    given = exchange.parameters()
    for name, value in given:
        if name in rules:
            yield from _bounds(rules[name], value, f"?{name}")
        # The address of a next page is the service's own.
        elif name.lower() != "$skiptoken":
            yield f"?{name}: unknown query parameter"
    for name, rule in rules.items():
        if rule["required"] and name not in dict(given):
            yield f"?{name}: required and missing"
    if not exchange.headers.get("authorization", "").startswith("Bearer "):
        yield "authorization: no bearer token"


def _check_request(operation, exchange):
    if operation.body is None:
        if exchange.body:
            yield "a body, though the operation takes none"
        return
    kind = exchange.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/json":
        yield f"the content type is {kind!r} and not application/json"
    value, faults = read_json(exchange.body, "the body")
    faults = list(faults or Values(operation, sent=True).check(operation.body, value, "", {}, None))
    yield from faults
    if not faults:
        # What the version that is sent takes, the newest has to take, too.
        namespace = re.findall(r"/providers/([^/]+)", exchange.path)[-1:]
        faults = arm_typed.check(exchange, namespace[0].lower() if namespace else "", value)
        yield from (f"newest version: {fault}" for fault in faults)


def _check_answer(operation, exchange):
    status = exchange.status
    if status >= 400:
        if exchange.method != "HEAD":
            value, faults = exchange.answered_json()
            yield from faults or _check_error(value)
        return
    if status not in operation.statuses:
        yield f"has the status {status} and none of {', '.join(str(code) for code in operation.statuses)}"
        return
    later = {"azure-asyncoperation", "location"} & set(exchange.answer_headers)
    if status == 202 and operation.long and not later:
        yield "202 without Azure-AsyncOperation or Location"
    if status == 204 or (status == 202 and not exchange.answer):
        if exchange.answer:
            yield f"{status} with a body"
    elif operation.answer is None:
        # What has been deleted may still be told, but no model says how.
        if exchange.answer and not operation.long:
            yield "a body, though the operation gives none"
    elif exchange.method != "HEAD":
        value, faults = exchange.answered_json()
        yield from faults or Values(operation, sent=False).check(operation.answer, value, "", {}, None)
        properties = value.get("properties") if isinstance(value, dict) else None
        told = isinstance(properties, dict) and "provisioningState" in properties
        if status == 201 and operation.long and not later and not told:
            yield "201 without Azure-AsyncOperation, Location or a provisioning state"


def _check_poll(exchange):
    if exchange.status is None:
        return
    if exchange.status >= 400:
        value, faults = exchange.answered_json()
        yield from faults or _check_error(value)
    elif exchange.status == 202:
        if not {"azure-asyncoperation", "location"} & set(exchange.answer_headers):
            yield "202 without Azure-AsyncOperation or Location"
    elif exchange.status not in (200, 204):
        yield f"has the status {exchange.status}"
    elif exchange.answer:
        value, faults = exchange.answered_json()
        yield from faults or _check_progress(value)


def _check_progress(value):
    """Yields the faults of an operation's state; where the address is a `Location`, it may be the resource itself."""
    if not isinstance(value, dict):
        yield f"is {kind_of(value)} and not an object"
    elif "status" in value:
        yield from (f"{name}: unknown property" for name in sorted(set(value) - set(POLL_FIELDS)))
        for name, part in value.items():
            if POLL_FIELDS.get(name):
                yield from SCALARS[POLL_FIELDS[name]](part, name)
        if str(value["status"]) in TERMINAL - {"Succeeded"} and "error" not in value:
            yield f"error: missing with the status {value['status']}"
        if "error" in value:
            yield from _check_error({"error": value["error"]})
    elif "id" not in value:
        yield "is neither a state nor a resource"


def _check_error(value):
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict) or set(value) != {"error"}:
        yield "is no error: an object with `error` alone belongs here"
        return
    yield from (f"error.{name}: unknown property" for name in sorted(set(error) - ERROR_FIELDS))
    for name in ("code", "message"):
        if not isinstance(error.get(name), str) or not error[name]:
            yield f"error.{name}: missing"
    details = error.get("details") or []
    if not isinstance(details, list):
        yield f"error.details: {kind_of(details)} and not a list"
        return
    for detail in details:
        yield from _check_error({"error": detail})


class Values:
    """Judges values by an operation's models: as its request, or as its answer."""

    def __init__(self, operation, sent):
        self.models, self.sent, self.patch = operation.models, sent, operation.verb == "PATCH"

    def check(self, kind, value, path, rules, words):
        """Yields what is wrong with a value of a type, which is written as in `_attribute_map`."""
        here = path or "the body"
        if value is None:
            # A patch takes a property away with null, and services tell of what is not set with it.
            if (self.sent and not self.patch) or not path:
                yield f"{here}: null"
        elif kind.startswith("["):
            if not isinstance(value, list):
                yield f"{here}: {kind_of(value)} and not a list"
                return
            yield from _count(rules, value, here)
            for position, part in enumerate(value):
                yield from self.check(kind[1:-1], part, f"{path}[{position}]", {}, words)
        elif kind.startswith("{"):
            if not isinstance(value, dict):
                yield f"{here}: {kind_of(value)} and not an object"
                return
            for part in value.values():
                yield from self.check(kind[1:-1], part, f"{path}.*", {}, words)
        elif kind in SCALARS:
            yield from SCALARS[kind](value, here)
            if isinstance(value, str):
                if words is not None and value not in words:
                    yield f"{here}: {value!r} is not one of {', '.join(words[:8])}"
                yield from _bounds(rules, value, here)
            elif isinstance(value, (int, float)):
                yield from _range(rules, value, here)
        elif kind != "object":
            cls = self.models.of(kind, value)
            if cls is None:
                yield f"{here}: this checker does not know the type {kind}"
            elif isinstance(cls, type) and hasattr(cls, "_attribute_map"):
                yield from self._object(self.models.tree(cls), value, path)
            else:
                yield from SCALARS["str"](value, here)
                if isinstance(value, str) and value not in [word.value for word in cls]:
                    yield f"{here}: {value!r} is not one of {kind}"

    def _object(self, tree, value, path):
        if not isinstance(value, dict):
            yield f"{path or 'the body'}: {kind_of(value)} and not an object"
            return
        if tree is None:
            return
        for name, part in value.items():
            here = f"{path}.{name}" if path else name
            field = tree.get(name)
            if field is None:
                yield f"{here}: unknown property"
            elif self.sent and field.rules.get("readonly"):
                yield f"{here}: read-only, and sent"
            elif field.type is None:
                yield from self._object(field.inside, part, here)
            else:
                yield from self.check(field.type, part, here, field.rules, field.words)
        if self.sent:
            yield from self._missing(tree, value, path)

    def _missing(self, tree, value, path):
        for name, field in tree.items():
            here = f"{path}.{name}" if path else name
            if name in value:
                continue
            if field.rules.get("required") and not field.rules.get("readonly"):
                yield f"{here}: required and missing"
            if field.type is None:
                # What is required further down is so although the level between is missing.
                yield from self._missing(field.inside, {}, here)


def _bounds(rules, text, path):
    if "pattern" in rules and not re.search(rules["pattern"], text):
        yield f"{path}: {text[:80]!r} does not match {rules['pattern']}"
    if len(text) < rules.get("min_length", 0):
        yield f"{path}: {len(text)} characters, at least {rules['min_length']} are needed"
    if len(text) > rules.get("max_length", len(text)):
        yield f"{path}: {len(text)} characters, at most {rules['max_length']} are allowed"


def _range(rules, value, path):
    if value < rules.get("minimum", value) or value > rules.get("maximum", value):
        yield f"{path}: {value} is not from {rules.get('minimum')} to {rules.get('maximum')}"


def _count(rules, value, path):
    if len(value) < rules.get("min_items", 0) or len(value) > rules.get("max_items", len(value)):
        yield f"{path}: {len(value)} items, not from {rules.get('min_items')} to {rules.get('max_items')}"


def _is(kinds, name):
    def judge(value, path):
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            yield f"{path}: {kind_of(value)} and not {name}"

    return judge


def _text(reads, name):
    def judge(value, path):
        if not isinstance(value, str):
            yield f"{path}: {kind_of(value)} and not a string"
            return
        try:
            reads(value)
        except (ValueError, binascii.Error):
            yield f"{path}: {value[:80]!r} is not {name}"

    return judge


def _duration(text):
    if not re.fullmatch(r"-?P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?", text):
        raise ValueError(text)


def _base64url(text):
    if not re.fullmatch(r"[\w-]*={0,2}", text, re.ASCII) or len(text.rstrip("=")) % 4 == 1:
        raise ValueError(text)


SCALARS = {
    "str": _is((str,), "a string"),
    "int": _is((int,), "a whole number"),
    "long": _is((int,), "a whole number"),
    "float": _is((int, float), "a number"),
    "bool": _is((bool,), "a boolean"),
    "iso-8601": _text(lambda text: datetime.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)), "a time"),
    "duration": _text(_duration, "a duration"),
    "unix-time": _is((int,), "seconds since 1970"),
    "base64": _text(_base64url, "base64url"),
    "bytearray": _text(lambda text: base64.b64decode(text, validate=True), "base64"),
}


# Verb, level, the query that tells the operation, the other query parameters, headers that must be there, statuses.
BLOBS = {
    "ListBlobs": (
        "GET", "container", {"restype": "container", "comp": "list"},
        {"prefix", "delimiter", "marker", "maxresults", "include", "timeout"}, set(), {200},
    ),
    "GetContainerProperties": ("GET", "container", {"restype": "container"}, {"timeout"}, set(), {200}),
    "HeadContainerProperties": ("HEAD", "container", {"restype": "container"}, {"timeout"}, set(), {200}),
    "CreateContainer": ("PUT", "container", {"restype": "container"}, {"timeout"}, {"content-length"}, {201}),
    "DeleteContainer": ("DELETE", "container", {"restype": "container"}, {"timeout"}, set(), {202}),
    "SubmitBatch": (
        "POST", "container", {"restype": "container", "comp": "batch"}, {"timeout"}, {"content-length"}, {202},
    ),
    "PutBlob": ("PUT", "blob", {}, {"timeout"}, {"content-length", "x-ms-blob-type"}, {201}),
    "PutBlock": ("PUT", "blob", {"comp": "block"}, {"blockid", "timeout"}, {"content-length"}, {201}),
    "PutBlockList": ("PUT", "blob", {"comp": "blocklist"}, {"timeout"}, {"content-length"}, {201}),
    "GetBlob": ("GET", "blob", {}, {"snapshot", "versionid", "timeout"}, set(), {200, 206, 304}),
    "GetBlobProperties": ("HEAD", "blob", {}, {"snapshot", "versionid", "timeout"}, set(), {200, 304}),
    "DeleteBlob": ("DELETE", "blob", {}, {"snapshot", "versionid", "deletetype", "timeout"}, set(), {202}),
}

BLOB_TYPES = {"BlockBlob", "PageBlob", "AppendBlob"}


def check_blob(exchange):
    """The operation on blobs that a recorded exchange called, and the list of its faults."""
    level = {2: "container"}.get(len(exchange.path.strip("/").split("/", 2)), "blob")
    given = exchange.parameters()
    found = [
        name
        for name, (verb, where, fixed, *_) in BLOBS.items()
        if verb == exchange.method and where == level and fixed.items() <= dict(given).items()
    ]
    name = max(found, key=lambda one: len(BLOBS[one][2]), default=None)
    if name is None:
        return f"blobs {exchange.method} {level}", ["no operation has this method, level and query"]
    faults = [*_check_blob_request(name, given, exchange)]
    if exchange.status is not None:
        faults += (f"answer {fault}" for fault in _check_blob_answer(name, exchange))
    return f"blobs {name}", faults


def _check_blob_request(name, given, exchange):
    _, _, fixed, others, headers, _ = BLOBS[name]
    for parameter, _ in given:
        if parameter not in fixed and parameter not in others:
            yield f"?{parameter}: unknown query parameter"
    # https://learn.microsoft.com/rest/api/storageservices/versioning-for-the-azure-storage-services
    if not re.fullmatch(r"20\d\d-\d\d-\d\d", exchange.headers.get("x-ms-version", "")):
        yield f"x-ms-version: {exchange.headers.get('x-ms-version')!r} is no version"
    if not exchange.headers.get("authorization", "").startswith(("Bearer ", "SharedKey ")):
        yield "authorization: missing"
    for header in sorted(headers - set(exchange.headers)):
        yield f"{header}: required and missing"
    kind = exchange.headers.get("x-ms-blob-type")
    if name == "PutBlob" and kind is not None and kind not in BLOB_TYPES:
        yield f"x-ms-blob-type: {kind!r} is not one of {', '.join(sorted(BLOB_TYPES))}"


def _check_blob_answer(name, exchange):
    for header in ("x-ms-request-id", "x-ms-version"):
        if header not in exchange.answer_headers:
            yield f"{header}: missing"
    if exchange.status >= 400:
        if "x-ms-error-code" not in exchange.answer_headers:
            yield "x-ms-error-code: missing"
        if exchange.method != "HEAD":
            yield from _check_root(exchange.answer, "Error", ["Code", "Message"])
    elif exchange.status not in BLOBS[name][5]:
        wanted = ", ".join(str(status) for status in sorted(BLOBS[name][5]))
        yield f"has the status {exchange.status} and none of {wanted}"
    elif name == "ListBlobs":
        yield from _check_root(exchange.answer, "EnumerationResults", ["Blobs", "NextMarker"])
    elif exchange.status in (200, 201, 206):
        missing = {"etag", "last-modified"} - set(exchange.answer_headers)
        yield from (f"{header}: missing" for header in sorted(missing))


def _check_root(body, name, parts):
    try:
        # The service begins with a byte order mark.
        root = ElementTree.fromstring(body.decode("utf-8-sig"))
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        yield f"is no XML: {error}"
        return
    if root.tag != name:
        yield f"has the root {root.tag!r} and not {name!r}"
    yield from (f"{name}.{part}: missing" for part in parts if root.find(part) is None)
