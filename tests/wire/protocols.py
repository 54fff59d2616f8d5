"""Requests of the three wire protocols, read back into values of the model.

Each function yields faults of the wire form itself (unknown names, wrong places) and leaves the values to `model.py`.
The serialisation rules are those of botocore's `serialize.py`.
"""

import urllib.parse
import xml.etree.ElementTree as ElementTree

# Headers that belong to HTTP, to signing or to the SDK's own transport, and to no operation.
TRANSPORT_HEADERS = {
    "accept",
    "accept-encoding",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-md5",
    "content-type",
    "expect",
    "host",
    "te",
    "traceparent",
    "transfer-encoding",
    "user-agent",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-security-token",
    "x-amz-trailer",
    "x-amz-user-agent",
    "x-amzn-trace-id",
}


class Node:
    """A node of the tree that the dots in parameter names make."""

    def __init__(self):
        self.value = None
        self.children = {}


def check_query(model, operation, request):
    """Yields the faults of a request in the `query` or `ec2` protocol."""
    if request.path not in ("", "/"):
        yield f"the path is {request.path!r} and not '/'"
    text = request.query if request.method == "GET" else request.body.decode()
    if request.method not in ("GET", "POST"):
        yield f"the method is {request.method} and not POST"
    elif request.method == "POST" and request.query:
        yield f"unknown query string {request.query!r}"
    parameters = {}
    for name, value in urllib.parse.parse_qsl(text, keep_blank_values=True):
        if name in parameters:
            yield f"{name}: given twice"
        parameters[name] = value
    action, version = parameters.pop("Action", None), parameters.pop("Version", None)
    if action != operation:
        yield f"Action is {action!r}"
    if version != model.metadata["apiVersion"]:
        yield f"Version is {version!r} and not {model.metadata['apiVersion']!r}"
    root = Node()
    for name, value in parameters.items():
        node = root
        for part in name.split("."):
            node = node.children.setdefault(part, Node())
        node.value = value
    reference = model.input(operation)
    if reference is None:
        for name in parameters:
            yield f"{name}: unknown parameter"
        return
    faults = []
    value = _query_value(model, reference, root, "", faults)
    yield from faults
    yield from model.check(reference, value, "")


def query_name(model, name, member):
    """A member's name on the wire."""
    if model.protocol == "ec2":
        if "queryName" in member:
            return member["queryName"]
        location = member.get("locationName", name)
        return location[0].upper() + location[1:]
    shape = model.shape(member)
    if shape.get("flattened") and shape["type"] == "list" and "locationName" in shape["member"]:
        return shape["member"]["locationName"]
    return member.get("locationName", name)


def _query_value(model, reference, node, path, faults):
    shape = model.shape(reference)
    kind = shape["type"]
    if kind == "structure":
        if node.value is not None:
            return node.value
        members = {query_name(model, n, m): (n, m) for n, m in shape["members"].items()}
        value = {}
        for wire, child in node.children.items():
            if wire not in members:
                faults.append(f"{path}{wire}: unknown parameter{_below(child)}")
                continue
            name, member = members[wire]
            value[name] = _query_value(model, member, child, f"{path}{wire}.", faults)
        return value
    if kind == "list":
        if model.protocol == "query" and node.value == "" and not node.children:
            return []
        if node.value is not None:
            return node.value
        if model.protocol == "query" and not shape.get("flattened"):
            node, path = _step(node, shape["member"].get("locationName", "member"), path, faults)
        return [
            _query_value(model, shape["member"], child, f"{path}{index}.", faults)
            for index, child in _numbered(node, path, faults)
        ]
    if kind == "map":
        if node.value is not None:
            return node.value if node.value else {}
        if not shape.get("flattened"):
            node, path = _step(node, "entry", path, faults)
        value = {}
        for index, child in _numbered(node, path, faults):
            key = child.children.pop(shape["key"].get("locationName", "key"), Node())
            content = child.children.pop(shape["value"].get("locationName", "value"), Node())
            for wire in child.children:
                faults.append(f"{path}{index}.{wire}: unknown parameter")
            here = f"{path}{index}."
            value[key.value or ""] = _query_value(model, shape["value"], content, here, faults)
        return value
    for wire, child in node.children.items():
        faults.append(f"{path}{wire}: unknown parameter{_below(child)}")
    return "" if node.value is None else node.value


def _below(node):
    return "" if node.value is not None else " (with parts)"


def _step(node, name, path, faults):
    for wire in node.children:
        if wire != name:
            faults.append(f"{path}{wire}: unknown parameter, {name!r} belongs here")
    return node.children.get(name, Node()), f"{path}{name}."


def _numbered(node, path, faults):
    numbers = []
    for wire, child in node.children.items():
        if wire.isdigit():
            numbers.append((int(wire), child))
        else:
            faults.append(f"{path}{wire}: unknown parameter, a number belongs here")
    numbers.sort(key=lambda pair: pair[0])
    if [number for number, _ in numbers] != list(range(1, len(numbers) + 1)):
        faults.append(f"{path}N: numbered {[n for n, _ in numbers]} and not from 1 upwards")
    return numbers


def check_rest_xml(model, operation, request):
    """Yields the faults of a request in the `rest-xml` protocol."""
    http = model.operations[operation]["http"]
    if request.method != http["method"]:
        yield f"the method is {request.method} and not {http['method']}"
    labels, fixed = match_template(http["requestUri"], request.rest_path(model.service))
    if labels is None:
        yield f"the path {request.path!r} does not fit {http['requestUri']!r}"
        return
    reference = model.input(operation)
    shape = model.shape(reference) if reference else {"members": {}}
    by_location = {}
    for name, member in shape["members"].items():
        by_location.setdefault(member.get("location", "body"), {})[name] = member
    value, faults = {}, []
    _labels(by_location.get("uri", {}), labels, value)
    _query_string(model, by_location, operation, fixed, request, value, faults)
    _headers(model, by_location, request, value, faults)
    _body(model, reference, shape, by_location.get("body", {}), request, value, faults)
    yield from faults
    checksum = model.operations[operation].get("httpChecksum", {})
    if checksum.get("requestChecksumRequired") and not has_checksum(request):
        yield "a checksum of the body is required and missing"
    if reference:
        yield from model.check(reference, value, "")


def has_checksum(request):
    return "content-md5" in request.headers or any(
        name.startswith("x-amz-checksum-") for name in [*request.headers, *request.trailers]
    )


def match_template(template, path):
    """The labels of a URI template in a path, and the template's fixed query string; None when it does not fit."""
    pattern, _, query = template.partition("?")
    fixed = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    # Route 53's models close some templates with a slash that its servers and the SDKs treat as optional.
    wanted = pattern.rstrip("/").split("/")
    given = path.rstrip("/").split("/")
    labels = {}
    for position, part in enumerate(wanted):
        if part.startswith("{") and part.endswith("+}"):
            rest = path.split("/", position)[position:]
            if not rest or not rest[0]:
                return None, fixed
            labels[part[1:-2]] = urllib.parse.unquote(rest[0])
            return labels, fixed
        if position >= len(given):
            return None, fixed
        if part.startswith("{"):
            if not given[position]:
                return None, fixed
            labels[part[1:-1]] = urllib.parse.unquote(given[position])
        elif part != given[position]:
            return None, fixed
    return (labels, fixed) if len(given) == len(wanted) else (None, fixed)


def _labels(members, labels, value):
    for name, member in members.items():
        if member.get("locationName", name) in labels:
            value[name] = labels[member.get("locationName", name)]


def _query_string(model, by_location, operation, fixed, request, value, faults):
    members = {
        member.get("locationName", name): (name, member)
        for name, member in by_location.get("querystring", {}).items()
    }
    given = urllib.parse.parse_qsl(request.query, keep_blank_values=True)
    for wire, expected in fixed.items():
        if (wire, expected) not in given:
            faults.append(f"?{wire}={expected}: missing in the query string")
    for wire, content in given:
        if wire in fixed:
            continue
        if wire == "x-id" and content == operation:
            continue
        if wire not in members:
            faults.append(f"?{wire}: unknown query parameter")
            continue
        name, member = members[wire]
        if model.shape(member)["type"] == "list":
            value.setdefault(name, []).append(content)
        elif name in value:
            faults.append(f"?{wire}: given twice")
        else:
            value[name] = content


def _headers(model, by_location, request, value, faults):
    members = {
        member["locationName"].lower(): (name, member)
        for name, member in by_location.get("header", {}).items()
    }
    prefixes = {
        member["locationName"].lower(): name for name, member in by_location.get("headers", {}).items()
    }
    for wire, content in request.headers.items():
        if wire in members:
            name, member = members[wire]
            is_list = model.shape(member)["type"] == "list"
            value[name] = [part.strip() for part in content.split(",")] if is_list else content
            continue
        prefix = next((p for p in prefixes if p and wire.startswith(p)), None)
        if prefix is not None:
            value.setdefault(prefixes[prefix], {})[wire[len(prefix) :]] = content
        elif wire.startswith("x-amz-") and wire not in TRANSPORT_HEADERS:
            # The flexible checksums of a streamed body are the SDK's own doing.
            if not wire.startswith(("x-amz-checksum-", "x-amz-sdk-checksum-")):
                faults.append(f"{wire}: unknown header")


def _body(model, reference, shape, members, request, value, faults):
    payload = shape.get("payload")
    if payload is not None:
        member = shape["members"][payload]
        if model.shape(member)["type"] in ("blob", "string"):
            # An opaque object's bytes are any bytes; the value only says that it is there.
            value[payload] = ""
            return
        if request.body:
            value[payload] = read_xml(model, member, member.get("locationName", payload), request.body, faults)
        return
    if not members:
        if request.body:
            faults.append("a body, though the operation takes none")
        return
    if request.body:
        document = read_xml(model, reference, reference.get("locationName"), request.body, faults)
        if isinstance(document, dict):
            value.update(document)


def read_xml(model, reference, root_name, body, faults):
    """A body's value; its root has the given name, or any where that is None."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        faults.append(f"the body is no XML: {error}")
        return {}
    namespace, name = split_tag(root.tag)
    expected = reference.get("xmlNamespace", {}).get("uri")
    if root_name is not None and name != root_name:
        faults.append(f"the body's root is {name!r} and not {root_name!r}")
    if expected is not None and namespace != expected:
        faults.append(f"the body's namespace is {namespace!r} and not {expected!r}")
    return xml_value(model, reference, root, "", faults)


def split_tag(tag):
    """The namespace and the name in a tag."""
    if tag.startswith("{"):
        namespace, _, name = tag[1:].partition("}")
        return namespace, name
    return "", tag


def xml_value(model, reference, element, path, faults):
    """The value of an element."""
    shape = model.shape(reference)
    kind = shape["type"]
    if kind == "structure":
        return _xml_structure(model, shape, element, path, faults)
    if kind == "list":
        wanted = shape["member"].get("locationName", "member")
        value = []
        for child in element:
            name = split_tag(child.tag)[1]
            if name == wanted:
                value.append(xml_value(model, shape["member"], child, f"{path}{name}/", faults))
            else:
                faults.append(f"{path}{name}: unknown element, {wanted!r} belongs here")
        return value
    for child in element:
        faults.append(f"{path}{split_tag(child.tag)[1]}: unknown element")
    return element.text or ""


def _xml_structure(model, shape, element, path, faults):
    members, value = {}, {}
    for name, member in shape["members"].items():
        if member.get("xmlAttribute"):
            local = member["locationName"].partition(":")[2] or member["locationName"]
            for attribute, content in element.attrib.items():
                if split_tag(attribute)[1] == local:
                    value[name] = content
        elif member.get("location") is None:
            members[member.get("locationName", name)] = (name, member)
    for child in element:
        wire = split_tag(child.tag)[1]
        if wire not in members:
            faults.append(f"{path}{wire}: unknown element")
            continue
        name, member = members[wire]
        here = f"{path}{wire}/"
        target = model.shape(member)
        if target["type"] == "list" and target.get("flattened"):
            value.setdefault(name, []).append(xml_value(model, target["member"], child, here, faults))
        elif name in value:
            faults.append(f"{path}{wire}: given twice")
        else:
            value[name] = xml_value(model, member, child, here, faults)
    return value
