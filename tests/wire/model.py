"""Values against the shapes of botocore's published models.

A value is a tree whose leaves are strings: a dict for a structure or a map, a list, or a string. The protocols in
`protocols.py` make such trees from requests; here they are judged.
"""

import base64
import binascii
import datetime
import gzip
import json
import os

import botocore
import regex

# Where each service's model lies below botocore's data directory.
MODELS = {
    "ec2": "ec2/2016-11-15",
    "autoscaling": "autoscaling/2011-01-01",
    "elasticloadbalancing": "elb/2012-06-01",
    "elasticloadbalancingv2": "elbv2/2015-12-01",
    "iam": "iam/2010-05-08",
    "kms": "kms/2014-11-01",
    "route53": "route53/2013-04-01",
    "s3": "s3/2006-03-01",
    "sts": "sts/2011-06-15",
}

# Names that signatures, endpoints and SDKs use for the same services, without spaces and in lower case.
ALIASES = {
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancingv2",
}

# Services that sign with another one's name, by that name and the version that the request names.
NAMESAKES = {("elasticloadbalancing", "2015-12-01"): "elasticloadbalancingv2"}


def service_name(name, version=""):
    """The key of `MODELS` for a service's name in any spelling and a request's version, or None."""
    key = "".join(name.lower().split()).replace("-", "")
    key = ALIASES.get(key, key)
    key = NAMESAKES.get((key, version), key)
    return key if key in MODELS else None


class Model:
    """One service's published model."""

    _loaded = {}

    def __init__(self, service, document):
        self.service = service
        self.metadata = document["metadata"]
        self.operations = document["operations"]
        self.shapes = document["shapes"]
        self._patterns = {}

    @classmethod
    def load(cls, service):
        """The model of a service; read once."""
        if service not in cls._loaded:
            path = os.path.join(
                os.path.dirname(botocore.__file__), "data", MODELS[service], "service-2.json.gz"
            )
            with gzip.open(path) as file:
                cls._loaded[service] = cls(service, json.load(file))
        return cls._loaded[service]

    @property
    def protocol(self):
        return self.metadata["protocol"]

    def shape(self, reference):
        """The shape a member, an input or a payload refers to."""
        return self.shapes[reference["shape"]]

    def input(self, operation):
        """The operation's input reference, or None when it takes nothing."""
        return self.operations[operation].get("input")

    def pattern(self, text):
        """The compiled pattern of a string shape."""
        if text not in self._patterns:
            # Java writes the characters beyond the basic plane as a range of surrogate pairs.
            python = text.replace("\\uD800\\uDC00-\\uDBFF\\uDFFF", "\\U00010000-\\U0010FFFF")
            self._patterns[text] = regex.compile(python, regex.V0)
        return self._patterns[text]

    def check(self, reference, value, path):
        """Yields what is wrong with a value for the shape that `reference` names."""
        shape = self.shape(reference)
        kind = shape["type"]
        if kind == "structure":
            yield from self._structure(shape, value, path)
        elif kind == "list":
            yield from self._list(shape, value, path)
        elif kind == "map":
            yield from self._map(shape, value, path)
        elif not isinstance(value, str):
            yield f"{path}: a {kind} is one value, not parts"
        else:
            yield from self._scalar(shape, value, path)

    def _structure(self, shape, value, path):
        if not isinstance(value, dict):
            yield f"{path}: a structure, given as the value {value!r}"
            return
        for name in shape.get("required", []):
            if name not in value:
                yield f"{join(path, name)}: required and missing"
        for name, part in value.items():
            yield from self.check(shape["members"][name], part, join(path, name))

    def _list(self, shape, value, path):
        if not isinstance(value, list):
            yield f"{path}: a list, given as the value {value!r}"
            return
        yield from bounds(len(value), shape, path, "items")
        for position, part in enumerate(value):
            yield from self.check(shape["member"], part, f"{path}[{position}]")

    def _map(self, shape, value, path):
        if not isinstance(value, dict):
            yield f"{path}: a map, given as the value {value!r}"
            return
        yield from bounds(len(value), shape, path, "entries")
        for key, part in value.items():
            yield from self.check(shape["key"], key, f"{path} (key)")
            yield from self.check(shape["value"], part, f"{path}.{key}")

    def _scalar(self, shape, value, path):
        kind = shape["type"]
        if kind == "string":
            if "enum" in shape and value not in shape["enum"]:
                yield f"{path}: {value!r} is not one of {shorten(shape['enum'])}"
            yield from bounds(len(value), shape, path, "characters")
            if "pattern" in shape and not self.pattern(shape["pattern"]).fullmatch(value):
                yield f"{path}: {value[:80]!r} does not match {shape['pattern']}"
        elif kind in ("integer", "long"):
            yield from number(value, int, kind, shape, path)
        elif kind in ("float", "double"):
            yield from number(value, float, kind, shape, path)
        elif kind == "boolean":
            if value not in ("true", "false"):
                yield f"{path}: {value!r} is not true or false"
        elif kind == "timestamp":
            if not is_timestamp(value):
                yield f"{path}: {value!r} is not a timestamp"
        elif kind == "blob":
            try:
                base64.b64decode(value, validate=True)
            except binascii.Error:
                yield f"{path}: not base64"
        else:
            yield f"{path}: this checker does not know the type {kind}"


def number(value, convert, kind, shape, path):
    """Yields what is wrong with a number's text."""
    try:
        parsed = convert(value)
    except ValueError:
        yield f"{path}: {value!r} is not a number of type {kind}"
        return
    if "min" in shape and parsed < shape["min"]:
        yield f"{path}: {value} is below {shape['min']}"
    if "max" in shape and parsed > shape["max"]:
        yield f"{path}: {value} is above {shape['max']}"


def bounds(length, shape, path, unit):
    """Yields what is wrong with a length."""
    if "min" in shape and length < shape["min"]:
        yield f"{path}: {length} {unit}, at least {shape['min']} are needed"
    if "max" in shape and length > shape["max"]:
        yield f"{path}: {length} {unit}, at most {shape['max']} are allowed"


def is_timestamp(value):
    """Whether a value is an ISO 8601 time, seconds since 1970, or an HTTP date."""
    try:
        datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        return True
    except ValueError:
        pass
    try:
        datetime.datetime.strptime(value, "%a, %d %b %Y %H:%M:%S GMT")
        return True
    except ValueError:
        return value.replace(".", "", 1).isdigit()


def join(path, name):
    return f"{path}.{name}" if path else name


def shorten(values):
    text = ", ".join(values[:8])
    return text if len(values) <= 8 else f"{text}, … ({len(values)} values)"
