"""Recorded exchanges: a request and, where our own sandbox gave one, the answer."""

import base64
import json
import urllib.parse


class Malformed(Exception):
    """A recorded line is no exchange."""


class Exchange:
    """One recorded line."""

    def __init__(self, record):
        try:
            self.cloud = record["cloud"]
            self.method = record["method"].upper()
            target = urllib.parse.urlsplit(record["uri"])
            self.body = base64.b64decode(record.get("body_base64") or "", validate=True)
            self.headers = _headers(record.get("headers"))
            # A tap before somebody else's emulator knows no answer.
            self.status = int(record["status"]) if "status" in record else None
            self.answer = base64.b64decode(record.get("response_base64") or "", validate=True)
            self.answer_headers = _headers(record.get("response_headers"))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Malformed(f"no recorded exchange: {error!r}") from error
        self.path, self.query = target.path, target.query
        self.host = target.netloc or self.headers.get("host", "")
        self.hints = {name: record[name] for name in ("service", "operation") if record.get(name)}

    def parameters(self):
        """The query's names and values, decoded, in order."""
        return urllib.parse.parse_qsl(self.query, keep_blank_values=True)

    def answered_json(self):
        """The answer's document, and the list of what is wrong with its form."""
        kind = self.answer_headers.get("content-type", "")
        if kind.partition(";")[0].strip().lower() != "application/json":
            return None, [f"the answer's content type is {kind!r} and not application/json"]
        return read_json(self.answer, "the answer")


def read_json(body, what):
    """A body's document, and the list of what is wrong with its form."""
    try:
        return json.loads(body), []
    except ValueError as error:
        return None, [f"{what} is no JSON: {error}"]


def _headers(pairs):
    return {name.lower(): value for name, value in pairs or []}


def kind_of(value):
    """What JSON calls the type of a value."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
