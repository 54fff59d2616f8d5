"""Bodies against the newer generation of Azure's management packages, which have them as typed dictionaries.

`MERIDIAN_TYPED_MODELS` names the Python of the environment that holds these packages; they are read and not imported,
since one environment can't hold both generations. Each package knows its newest version of the API alone, so that only
what a body may hold is judged by it: names of properties, words of enumerations, and what must be there. The version that
is sent, and what the services set themselves, is judged by the older generation (`arm_models.py`).
"""

import ast
import functools
import os
import pathlib
import re

from arm_models import METHOD, OPEN, TOP, chunks
from exchange import kind_of

PACKAGES = {"microsoft.compute": "compute", "microsoft.network": "network"}

BODY = re.compile(r": Union\[_models\.\w+, _types\.(\w+), IO\[bytes\]\]")


def check(exchange, namespace, value):
    """Yields what is wrong with a body; nothing where the packages have no such operation."""
    if namespace not in PACKAGES:
        return
    package = Package.load(PACKAGES[namespace])
    name = package.body(exchange.method, exchange.path)
    if name is not None:
        yield from package.judge(ast.Name(name), value, "")


class Package:
    """The operations and typed dictionaries of one package."""

    def __init__(self, name):
        folder = _site() / "azure" / "mgmt" / name
        types = ast.parse((folder / "types.py").read_text(encoding="utf-8")).body
        self.classes = {node.name: node for node in types if isinstance(node, ast.ClassDef)}
        # What has several kinds is the union of them.
        self.unions = {
            node.targets[0].id: node.value
            for node in types
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        enums = ast.parse((folder / "models" / "_enums.py").read_text(encoding="utf-8")).body
        closed = (node for node in enums if isinstance(node, ast.ClassDef) and node.name not in OPEN)
        self.words = {node.name: _words(node) for node in closed}
        source = (folder / "operations" / "_operations.py").read_text(encoding="utf-8")
        self.bodies = list(_bodies(source))

    @classmethod
    @functools.cache
    def load(cls, name):
        """The package of a name, read once."""
        return cls(name)

    def body(self, method, path):
        """The name of what an operation takes, or None."""
        fitting = (body for verb, expression, body in self.bodies if verb == method and expression.fullmatch(path))
        return next(fitting, None)

    @functools.cache
    def fields(self, name):
        """The properties of a typed dictionary: each with its type, and whether it must be there."""
        node, found = self.classes[name], {}
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in self.classes:
                found |= self.fields(base.id)
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign):
                kind, required = statement.annotation, False
                if _head(kind) == "Required":
                    kind, required = kind.slice, True
                found[statement.target.id] = (kind, required)
        return found

    def judge(self, kind, value, path):
        """Yields what is wrong with a value of an annotated type."""
        here = path or "the body"
        if isinstance(kind, ast.Constant):
            kind = ast.Name(kind.value)
        head = _head(kind)
        if value is None:
            return
        if head == "list":
            if not isinstance(value, list):
                yield f"{here}: {kind_of(value)} and not a list"
                return
            for position, part in enumerate(value):
                yield from self.judge(kind.slice, part, f"{path}[{position}]")
        elif head == "dict":
            if not isinstance(value, dict):
                yield f"{here}: {kind_of(value)} and not an object"
                return
            for part in value.values():
                yield from self.judge(kind.slice.elts[1], part, f"{path}.*")
        elif head == "Union":
            yield from self._any(kind.slice.elts, value, path)
        elif head in self.unions:
            yield from self.judge(self.unions[head], value, path)
        elif head in self.classes:
            yield from self._object(head, value, path)
        elif head in self.words and value not in self.words[head]:
            yield f"{here}: {value!r} is not one of {', '.join(self.words[head][:8])}"

    def _any(self, kinds, value, path):
        """One that fits is enough. `Union[str, "Name"]` is an enumeration."""
        names = [kind.value for kind in kinds if isinstance(kind, ast.Constant) and kind.value in self.words]
        if names:
            yield from self.judge(ast.Name(names[0]), value, path)
            return
        faults = [list(self.judge(kind, value, path)) for kind in kinds]
        yield from min(faults, key=len)

    def _object(self, name, value, path):
        if not isinstance(value, dict):
            yield f"{path or 'the body'}: {kind_of(value)} and not an object"
            return
        fields = self.fields(name)
        for key, part in value.items():
            here = f"{path}.{key}" if path else key
            if key in fields:
                yield from self.judge(fields[key][0], part, here)
            else:
                yield f"{here}: unknown property"
        for key, (_, required) in fields.items():
            if required and value.get(key) is None:
                yield f"{f'{path}.{key}' if path else key}: required and missing"


def _site():
    python = os.environ.get("MERIDIAN_TYPED_MODELS")
    if python is None:
        raise RuntimeError("MERIDIAN_TYPED_MODELS is not set; run the checker with `cargo xtask test`")
    (found,) = pathlib.Path(python).parents[1].glob("lib/python3*/site-packages")
    return found


def _head(kind):
    if isinstance(kind, ast.Subscript):
        kind = kind.value
    return kind.id if isinstance(kind, ast.Name) else ""


def _words(node):
    assigned = (statement for statement in node.body if isinstance(statement, ast.Assign))
    return [statement.value.value for statement in assigned]


def _bodies(source):
    """The verb, the path and the body's type of each operation that takes one."""
    parts = dict(chunks(source, TOP))
    for text in parts.values():
        for _, method in chunks(text, METHOD):
            built, body = re.search(r"\b(build_\w+_request)\(", method), BODY.search(method)
            if built is None or body is None or built.group(1) not in parts:
                continue
            builder = parts[built.group(1)]
            template = re.search(r'"(/[^"\n]*)"', builder).group(1)
            expression = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            verb = re.search(r'method="(\w+)"', builder).group(1)
            yield verb, re.compile(expression, re.IGNORECASE), body.group(1)
