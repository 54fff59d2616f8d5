"""Requests and answers of AWS's JSON protocol, read back into values of the model.

As in `protocols.py`, the wire form is judged here and the values in `model.py`, whose leaves are strings.
"""

from exchange import kind_of, read_json
from protocols import TRANSPORT_HEADERS

# What any operation may answer besides its own errors (KMS API reference, "Common Errors").
COMMON_ERRORS = {
    "AccessDeniedException",
    "IncompleteSignature",
    "InternalFailure",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "RequestExpired",
    "SerializationException",
    "ServiceUnavailable",
    "ThrottlingException",
    "UnknownOperationException",
    "ValidationException",
}

# What JSON has for a scalar of the model.
SCALARS = {
    "string": str,
    "blob": str,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
    "boolean": bool,
}


def content_type(model):
    return f"application/x-amz-json-{model.metadata['jsonVersion']}"


def check_json(model, operation, request):
    """Yields the faults of a request."""
    if request.method != "POST":
        yield f"the method is {request.method} and not POST"
    if request.path not in ("", "/") or request.query:
        yield f"the path is {request.path!r} with the query {request.query!r}, and not '/' alone"
    target = f"{model.metadata['targetPrefix']}.{operation}"
    if request.headers.get("x-amz-target") != target:
        yield f"x-amz-target is {request.headers.get('x-amz-target')!r} and not {target!r}"
    if request.headers.get("content-type") != content_type(model):
        yield f"the content type is {request.headers.get('content-type')!r} and not {content_type(model)!r}"
    for name in request.headers:
        if name.startswith("x-amz-") and name not in TRANSPORT_HEADERS | {"x-amz-target"}:
            yield f"{name}: unknown header"
    yield from _check(model, model.input(operation), request.body, "the body")


def check_json_answer(model, operation, exchange):
    """Yields the faults of an answer that is no error."""
    reference = model.operations[operation].get("output")
    if reference is None:
        if exchange.answer:
            yield "has a body, though the operation gives none"
        return
    if exchange.answer_headers.get("content-type") != content_type(model):
        yield f"has the content type {exchange.answer_headers.get('content-type')!r}"
    yield from _check(model, reference, exchange.answer, "the body")


def check_json_error(model, operation, exchange):
    """Yields the faults of an error."""
    value, faults = read_json(exchange.answer, "the error")
    if faults or not isinstance(value, dict):
        yield from faults or [f"the error is {kind_of(value)} and not an object"]
        return
    yield from (f"error: {name}: unknown field" for name in sorted(set(value) - {"__type", "message", "Message"}))
    code = str(value.get("__type", "")).rpartition("#")[2]
    known = {error["shape"] for error in model.operations[operation].get("errors", [])}
    if code not in known | COMMON_ERRORS:
        yield f"error: {code!r} is none of the operation's"


def _check(model, reference, body, what):
    document, faults = read_json(body, what)
    if faults:
        yield from faults
        return
    faults = []
    value = json_value(model, reference, document, "", faults)
    yield from faults
    if not faults:
        yield from model.check(reference, value, "")


def json_value(model, reference, document, path, faults):
    """The value of a part of a document."""
    shape = model.shape(reference)
    kind, here = shape["type"], path or "the body"
    if kind == "structure":
        if not isinstance(document, dict):
            faults.append(f"{here}: {kind_of(document)} and not an object")
            return {}
        value = {}
        for name, part in document.items():
            place = f"{path}.{name}" if path else name
            if name not in shape["members"]:
                faults.append(f"{place}: unknown field")
            elif part is None:
                faults.append(f"{place}: null")
            else:
                value[name] = json_value(model, shape["members"][name], part, place, faults)
        return value
    if kind == "list":
        if not isinstance(document, list):
            faults.append(f"{here}: {kind_of(document)} and not a list")
            return []
        return [
            json_value(model, shape["member"], part, f"{path}[{position}]", faults)
            for position, part in enumerate(document)
        ]
    if kind == "map":
        if not isinstance(document, dict):
            faults.append(f"{here}: {kind_of(document)} and not an object")
            return {}
        return {
            key: json_value(model, shape["value"], part, f"{path}.{key}", faults) for key, part in document.items()
        }
    wanted = SCALARS.get(kind, str)
    if not isinstance(document, wanted) or (wanted is not bool and isinstance(document, bool)):
        faults.append(f"{here}: {kind_of(document)}, where the model has a {kind}")
        return ""
    return document if isinstance(document, str) else str(document).lower()
