"""AWS's answers, read back into values of the model by the rules of botocore's `parsers.py`.

As for requests, the wire form is judged here and the values in `model.py`.
"""

import xml.etree.ElementTree as ElementTree

from json_protocol import check_json_answer, check_json_error
from protocols import read_xml, split_tag, xml_value

# What every answer may carry besides its operation's own headers.
COMMON_HEADERS = {"x-amz-request-id", "x-amz-id-2", "x-amzn-requestid", "x-amz-bucket-region", "x-amzn-errortype"}

# Where each protocol has the error, below the root of that name.
ERRORS = {
    "ec2": ("Response", "Errors/Error"),
    "query": ("ErrorResponse", "Error"),
    "rest-xml": ("ErrorResponse", "Error"),
}


def check_answer(model, operation, exchange):
    """Yields the faults of an answer."""
    if exchange.status == 304 or (exchange.method == "HEAD" and exchange.status >= 400):
        if exchange.answer:
            yield f"{exchange.status} with a body"
    elif exchange.status >= 400 and model.protocol == "json":
        yield from check_json_error(model, operation, exchange)
    elif exchange.status >= 400:
        yield from _check_error(model, exchange)
    elif exchange.status >= 300:
        yield f"has the status {exchange.status}"
    elif model.protocol == "rest-xml":
        yield from _check_rest(model, operation, exchange)
    elif model.protocol == "json":
        yield from check_json_answer(model, operation, exchange)
    else:
        yield from _check_query(model, operation, exchange)


def _check_error(model, exchange):
    root, faults = _parse(exchange)
    if root is None:
        yield from faults
        return
    if model.service == "s3":
        wanted, error = "Error", root
    else:
        wanted, place = ERRORS[model.protocol]
        error = _find(root, place)
    if split_tag(root.tag)[1] != wanted:
        yield f"is an error with the root {split_tag(root.tag)[1]!r} and not {wanted!r}"
        return
    for name in ("Code", "Message"):
        if error is None or not (_find(error, name).text if _find(error, name) is not None else ""):
            yield f"error: {name} is missing"


def _find(element, path):
    for name in path.split("/"):
        element = next((child for child in element if split_tag(child.tag)[1] == name), None)
        if element is None:
            return None
    return element


def _parse(exchange):
    try:
        return ElementTree.fromstring(exchange.answer), []
    except ElementTree.ParseError as error:
        return None, [f"is no XML: {error}"]


def _check_query(model, operation, exchange):
    root, faults = _parse(exchange)
    if root is None:
        yield from faults
        return
    namespace, name = split_tag(root.tag)
    if name != f"{operation}Response":
        yield f"has the root {name!r} and not '{operation}Response'"
    if namespace.rstrip("/") != model.metadata["xmlNamespace"].rstrip("/"):
        yield f"has the namespace {namespace!r} and not {model.metadata['xmlNamespace']!r}"
    reference = model.operations[operation].get("output")
    wrapper = reference.get("resultWrapper") if reference else None
    request_id = "requestId" if model.protocol == "ec2" else "ResponseMetadata/RequestId"
    if _find(root, request_id) is None:
        yield f"{request_id}: missing"
    own = [child for child in root if split_tag(child.tag)[1] != request_id.partition("/")[0]]
    if wrapper:
        if [split_tag(child.tag)[1] for child in own] != [wrapper]:
            yield f"{wrapper}: this alone belongs beside ResponseMetadata"
            return
        own = list(own[0])
    if reference is None or model.protocol == "query" and not wrapper:
        yield from (f"{split_tag(child.tag)[1]}: unknown element" for child in own)
        return
    result = ElementTree.Element("result")
    result.extend(own)
    faults = []
    value = xml_value(model, reference, result, "", faults)
    yield from faults
    yield from model.check(reference, value, "")


def _check_rest(model, operation, exchange):
    description = model.operations[operation]
    wanted = description["http"].get("responseCode", 200)
    # The contents of a range are answered for with 206.
    if exchange.status not in (wanted, 206 if "range" in exchange.headers else wanted):
        yield f"has the status {exchange.status} and not {wanted}"
    reference = description.get("output")
    if reference is None:
        if exchange.answer:
            yield "has a body, though the operation gives none"
        return
    shape = model.shape(reference)
    value, faults = {}, []
    _headers(model, shape, exchange, value, faults)
    payload = shape.get("payload")
    member = shape["members"][payload] if payload else None
    if member and model.shape(member)["type"] in ("blob", "string"):
        value[payload] = ""
    elif member:
        if exchange.answer:
            value[payload] = read_xml(model, member, None, exchange.answer, faults)
    elif exchange.answer or any(part.get("location") is None for part in shape["members"].values()):
        # An answer without members may still be an empty element.
        document = read_xml(model, reference, None, exchange.answer, faults)
        if isinstance(document, dict):
            value.update(document)
    yield from faults
    yield from model.check(reference, value, "")


def _headers(model, shape, exchange, value, faults):
    known = {}
    for name, member in shape["members"].items():
        if member.get("location") == "header":
            known[member["locationName"].lower()] = name
        elif member.get("location") == "headers":
            prefix = member["locationName"].lower()
            held = {k: v for k, v in exchange.answer_headers.items() if k.startswith(prefix)}
            value[name] = {key[len(prefix) :]: content for key, content in held.items()}
            known.update(dict.fromkeys(held))
    for wire, content in exchange.answer_headers.items():
        if known.get(wire):
            value[known[wire]] = content
        elif wire.startswith("x-amz") and wire not in known and wire not in COMMON_HEADERS:
            faults.append(f"{wire}: unknown header")
