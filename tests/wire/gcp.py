"""Google Cloud's requests and answers against the discovery documents that google-api-python-client carries.

A document says for each method its verb, its path, its parameters and the schemas of request and answer. Where schemas
mark no field as read-only, their descriptions do, with "[Output Only]" or "Output only".
"""

import base64
import binascii
import datetime
import email.parser
import email.policy
import json
import pathlib
import re
import urllib.parse

import googleapiclient

from exchange import kind_of, read_json

# Documents, and the beginnings of the paths that are theirs.
SERVICES = [
    ("compute.v1", re.compile(r"/compute/v1/")),
    ("storage.v1", re.compile(r"/(?:(?:resumable/)?upload/|download/)?storage/v1/")),
    ("dns.v1", re.compile(r"/dns/v1/")),
    ("cloudkms.v1", re.compile(r"/v1/projects/[^/]+/locations/[^/]+/keyRings\b")),
    ("iam.v1", re.compile(r"/v1/(?:projects/[^/]+/(?:serviceAccounts|roles|locations)|roles|permissions)\b")),
    ("cloudresourcemanager.v3", re.compile(r"/v3/")),
]

# https://cloud.google.com/apis/docs/system-parameters lists these beside the ones in the documents.
SYSTEM_PARAMETERS = {"$alt", "$apiVersion", "$prettyPrint", "$fields", "$userProject"}

BOUNDS = {"int32": (-(2**31), 2**31), "uint32": (0, 2**32), "int64": (-(2**63), 2**63), "uint64": (0, 2**64)}

# The fields of an error and of each of its items: https://cloud.google.com/apis/design/errors and, for `errors`,
# https://cloud.google.com/storage/docs/json_api/v1/status-codes.
ERROR_FIELDS = {"code": int, "message": str, "status": str, "errors": list, "details": list}
ERROR_ITEM_FIELDS = {"domain", "reason", "message", "location", "locationType", "extendedHelp", "debugInfo"}
CANONICAL = {
    "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "UNAUTHENTICATED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
}

OUTPUT_ONLY = re.compile(r"\s*\[?output[ -]only", re.IGNORECASE)


class Document:
    """One service's discovery document."""

    _loaded = {}

    def __init__(self, document):
        self.schemas = document["schemas"]
        self.parameters = document["parameters"]
        self.methods = [
            Method(method, document["servicePath"]) for method in _methods(document)
        ]

    @classmethod
    def load(cls, name):
        """The document of a service; read once."""
        if name not in cls._loaded:
            folder = pathlib.Path(googleapiclient.__file__).parent / "discovery_cache/documents"
            cls._loaded[name] = cls(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))
        return cls._loaded[name]

    def method(self, verb, path):
        """The method that a verb and a path call, and whether the path is one for uploads; None when there is none."""
        found = [
            (route.weight, method, route.upload)
            for method in self.methods
            if method.verb == verb
            for route in method.routes
            if route.flat.fullmatch(path)
        ]
        return max(found, key=lambda entry: entry[0])[1:] if found else (None, False)


class Route:
    """A path that leads to a method."""

    def __init__(self, flat, template, upload=False):
        self.flat = re.compile(_expression(flat, named=False))
        self.named = re.compile(_expression(template, named=True))
        self.upload = upload
        # Where several fit, the one with the most fixed text is meant.
        self.weight = len(re.sub(r"\{[^}]*\}", "", flat))


class Method:
    """One method of a document."""

    def __init__(self, document, prefix):
        self.id = document["id"]
        self.verb = document["httpMethod"]
        self.parameters = document.get("parameters", {})
        self.request = document.get("request")
        self.response = document.get("response")
        self.downloads = document.get("supportsMediaDownload", False)
        template = "/" + prefix + document["path"]
        # The storage document has its paths below the service's; a path with the service's name in it is whole.
        self.routes = [Route("/" + prefix + document.get("flatPath", document["path"]), template)]
        if self.downloads:
            self.routes.append(Route("/download" + template, "/download" + template))
        for protocol in document.get("mediaUpload", {}).get("protocols", {}).values():
            self.routes.append(Route(protocol["path"], protocol["path"], upload=True))


def _methods(resource):
    yield from resource.get("methods", {}).values()
    for child in resource.get("resources", {}).values():
        yield from _methods(child)


def _expression(template, named):
    parts = []
    for literal, plus, name in re.findall(r"([^{]*)(?:\{(\+?)(\w+)\})?", template):
        parts.append(re.escape(literal))
        if name:
            label = f"?P<{name}>" if named else "?:"
            parts.append(f"({label}{'.+' if plus else '[^/]+'})")
    return "".join(parts)


def check(exchange):
    """The method that a recorded exchange called, and the list of its faults."""
    name = next((name for name, prefix in SERVICES if prefix.match(exchange.path)), None)
    if name is None:
        return f"{exchange.method} {exchange.path}", ["no service has this path"]
    document = Document.load(name)
    method, upload = document.method(exchange.method, exchange.path)
    if method is None:
        # The sandbox says so as well, and then the answer is the right one; the request is wrong all the same.
        return f"{name} {exchange.method} {exchange.path}", ["unknown method"]
    faults = list(_check_parameters(document, method, exchange))
    faults += _check_request(document, method, upload, exchange)
    if exchange.status is not None:
        faults += (f"answer {fault}" for fault in _check_answer(document, method, exchange))
    return method.id, faults


def _check_parameters(document, method, exchange):
    route = next(route for route in method.routes if route.flat.fullmatch(exchange.path))
    given = route.named.fullmatch(exchange.path)
    for name, value in (given.groupdict() if given else {}).items():
        yield from _check_parameter(method.parameters[name], urllib.parse.unquote(value), f"{{{name}}}")
    seen = set()
    for name, value in exchange.parameters():
        parameter = method.parameters.get(name, {})
        if parameter.get("location") != "query":
            parameter = document.parameters.get(name)
            # An upload may name what the metadata would name; `alt` has one more value where content can be fetched.
            if parameter is None and name not in SYSTEM_PARAMETERS:
                yield f"?{name}: unknown query parameter"
            if parameter is None or (name == "alt" and value == "media" and method.downloads):
                continue
        if name in seen and not parameter.get("repeated"):
            yield f"?{name}: given twice"
        seen.add(name)
        yield from _check_parameter(parameter, value, f"?{name}")
    for name, parameter in method.parameters.items():
        if parameter.get("required") and parameter["location"] == "query" and name not in seen:
            yield f"?{name}: required and missing"


def _check_parameter(parameter, text, path):
    kind = parameter["type"]
    if kind == "boolean":
        if text not in ("true", "false"):
            yield f"{path}: {text!r} is not true or false"
    elif kind == "integer":
        if not re.fullmatch(r"-?\d+", text):
            yield f"{path}: {text!r} is not a number"
            return
        for bound, beyond in (("minimum", int.__lt__), ("maximum", int.__gt__)):
            if bound in parameter and beyond(int(text), int(parameter[bound])):
                yield f"{path}: {text} is beyond the {bound} {parameter[bound]}"
    else:
        yield from _check_string(parameter, text, path)


def _check_request(document, method, upload, exchange):
    body = exchange.body
    if upload:
        kinds = [value for name, value in exchange.parameters() if name == "uploadType"]
        if kinds not in (["media"], ["multipart"], ["resumable"]):
            yield f"?uploadType: {kinds} is not one of media, multipart, resumable"
            return
        if kinds == ["media"]:
            if "name" not in dict(exchange.parameters()):
                yield "?name: required and missing"
            return
        if kinds == ["multipart"]:
            body, faults = _metadata(exchange)
            yield from faults
            if faults:
                return
    if method.request is None:
        # Google's own client sends an empty object where a method takes nothing.
        if body.strip() not in ((b"", b"{}") if exchange.method == "POST" else (b"",)):
            yield "a body, though the method takes none"
        return
    if not body:
        value = {}
    else:
        kind = exchange.headers.get("content-type", "").partition(";")[0].strip()
        if not upload and kind != "application/json":
            yield f"the content type is {kind!r} and not application/json"
        value, faults = read_json(body, "the body")
        yield from faults
        if faults:
            return
    yield from Values(document, method).check(method.request, value, "")


def _metadata(exchange):
    """The first part of a multipart upload, and what is wrong with the form of the whole."""
    kind = exchange.headers.get("content-type", "")
    head = f"content-type: {kind}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + exchange.body)
    if message.get_content_type() != "multipart/related" or not message.is_multipart():
        return b"", [f"an upload of the type {kind!r} and not multipart/related"]
    parts = list(message.iter_parts())
    if len(parts) != 2:
        return b"", [f"an upload of {len(parts)} parts and not of metadata and content"]
    if parts[0].get_content_type() != "application/json":
        return b"", [f"metadata of the type {parts[0].get_content_type()!r} and not application/json"]
    return parts[0].get_payload(decode=True), []


def _check_answer(document, method, exchange):
    if exchange.status == 304:
        if exchange.answer:
            yield "304 with a body"
        return
    media = method.downloads and (
        exchange.path.startswith("/download/") or ("alt", "media") in exchange.parameters()
    )
    if exchange.status >= 400:
        # Content is answered for by a server that speaks plain text.
        if not media:
            value, faults = exchange.answered_json()
            yield from faults or _check_error(value, exchange.status)
    elif exchange.status >= 300:
        yield f"has the status {exchange.status}"
    elif media:
        return
    elif method.response is None:
        if exchange.answer:
            yield "a body, though the method gives none"
    else:
        value, faults = exchange.answered_json()
        yield from faults or Values(document, None).check(method.response, value, "")


def _check_error(value, status):
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict) or set(value) != {"error"}:
        yield "is no error: an object with `error` alone belongs here"
        return
    for name, part in error.items():
        if name not in ERROR_FIELDS:
            yield f"error.{name}: unknown field"
        elif not isinstance(part, ERROR_FIELDS[name]):
            yield f"error.{name}: {kind_of(part)}, which is of the wrong type"
    if error.get("code") != status:
        yield f"error.code: {error.get('code')!r} with the status {status}"
    if not error.get("message"):
        yield "error.message: missing"
    if isinstance(error.get("status"), str) and error["status"] not in CANONICAL:
        yield f"error.status: {error['status']!r} is no canonical code"
    if "status" not in error and not error.get("errors"):
        yield "error: neither a status nor errors"
    for position, item in enumerate(_list(error, "errors")):
        here = f"error.errors[{position}]"
        if not isinstance(item, dict):
            yield f"{here}: {kind_of(item)} and not an object"
            continue
        yield from (f"{here}.{name}: unknown field" for name in sorted(set(item) - ERROR_ITEM_FIELDS))
        for name in ("domain", "reason", "message"):
            if not isinstance(item.get(name), str) or not item[name]:
                yield f"{here}.{name}: missing"
    for position, item in enumerate(_list(error, "details")):
        if not isinstance(item, dict) or "@type" not in item:
            yield f"error.details[{position}].@type: missing"


def _list(error, name):
    return error[name] if isinstance(error.get(name), list) else []


class Values:
    """Judges values by a document's schemas: as a request of `sender`, or as an answer where that is None."""

    def __init__(self, document, sender):
        self.schemas, self.sender = document.schemas, sender

    def check(self, schema, value, path):
        """Yields what is wrong with a value."""
        schema = self.schemas[schema["$ref"]] if "$ref" in schema else schema
        kind = schema.get("type", "any")
        here = path or "the body"
        if value is None and kind != "any":
            # A patch takes a field away with null.
            if not (self.sender and self.sender.verb == "PATCH" and path):
                yield f"{here}: null"
        elif kind == "object":
            if isinstance(value, dict):
                yield from self._object(schema, value, path)
            else:
                yield f"{here}: {kind_of(value)} and not an object"
        elif kind == "array":
            if not isinstance(value, list):
                yield f"{here}: {kind_of(value)} and not a list"
                return
            for position, part in enumerate(value):
                yield from self.check(schema["items"], part, f"{path}[{position}]")
        elif kind == "string":
            if isinstance(value, str):
                yield from _check_string(schema, value, path)
            else:
                yield f"{here}: {kind_of(value)} and not a string"
        elif kind == "boolean":
            if not isinstance(value, bool):
                yield f"{here}: {kind_of(value)} and not a boolean"
        elif kind in ("integer", "number"):
            yield from _check_number(schema, value, here)
        elif kind != "any":
            yield f"{here}: this checker does not know the type {kind}"

    def _object(self, schema, value, path):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name, part in value.items():
            here = f"{path}.{name}" if path else name
            if name not in properties:
                if others is None:
                    yield f"{here}: unknown field"
                else:
                    yield from self.check(others, part, f"{path}.*")
                continue
            if self.sender and _is_output(properties[name]):
                yield f"{here}: output only, and sent"
            yield from self.check(properties[name], part, here)
        if self.sender:
            for name, field in properties.items():
                if self.sender.id in field.get("annotations", {}).get("required", []) and name not in value:
                    yield f"{path}.{name}: required and missing".lstrip(".")


def _is_output(field):
    return field.get("readOnly", False) or OUTPUT_ONLY.match(field.get("description", "")) is not None


def _check_string(schema, text, path):
    form = schema.get("format")
    if "enum" in schema and text not in schema["enum"]:
        yield f"{path}: {text!r} is not one of {', '.join(schema['enum'][:8])}"
    elif "pattern" in schema and not re.fullmatch(schema["pattern"], text):
        yield f"{path}: {text[:80]!r} does not match {schema['pattern']}"
    elif form in ("int64", "uint64"):
        low, high = BOUNDS[form]
        if not re.fullmatch(r"-?\d+", text) or not low <= int(text) < high:
            yield f"{path}: {text!r} is not a number of the form {form}"
    elif form == "byte":
        try:
            base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)
        except binascii.Error:
            yield f"{path}: not base64"
    elif form in ("date-time", "google-datetime"):
        if not _is_time(text):
            yield f"{path}: {text!r} is not a time as RFC 3339 has it"
    elif form == "date":
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            yield f"{path}: {text!r} is not a date"
    elif form == "google-duration":
        if not re.fullmatch(r"-?\d+(\.\d{1,9})?s", text):
            yield f"{path}: {text!r} is not a duration"


def _is_time(text):
    try:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).tzinfo is not None
    except ValueError:
        return False


def _check_number(schema, value, here):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        yield f"{here}: {kind_of(value)} and not a number"
    elif schema["type"] == "integer":
        low, high = BOUNDS[schema.get("format", "int32")]
        if not isinstance(value, int) or not low <= value < high:
            yield f"{here}: {value} is not a number of the form {schema.get('format', 'int32')}"
