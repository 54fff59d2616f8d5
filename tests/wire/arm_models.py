"""The operations and models of Azure's management packages for Python.

The packages are generated from the API's specifications, one API version each or several side by side; those that are
pinned have the very versions that Meridian sends. Models carry their wire names, types and rules as data; operations
are code, from which the URL, the verb, the parameters, the body's and the answer's types and the statuses are read.
"""

import ast
import enum
import importlib
import importlib.util
import pathlib
import re

# The packages of each resource provider; without one, those of groups and subscriptions.
PACKAGES = {
    "": ["azure.mgmt.resource.resources", "azure.mgmt.resource.subscriptions"],
    "microsoft.authorization": ["azure.mgmt.authorization"],
    "microsoft.compute": ["azure.mgmt.compute"],
    "microsoft.keyvault": ["azure.mgmt.keyvault"],
    "microsoft.managedidentity": ["azure.mgmt.msi"],
    "microsoft.network": ["azure.mgmt.network", "azure.mgmt.privatedns"],
    "microsoft.storage": ["azure.mgmt.storage"],
    # What is in vaults.
    "keys": ["azure.keyvault.keys._generated"],
}

# Parts of a path that may be empty: the newest version of a key has two slashes where others have theirs.
EMPTY = {"key-version"}

# Enumerations that their own documentation calls out of date and incomplete.
OPEN = {"VirtualMachineSizeTypes"}

TOP = re.compile(r"^(?:def|class) (\w+)", re.MULTILINE)
METHOD = re.compile(r"^    def (\w+)\(", re.MULTILINE)


class Operation:
    """One operation of one API version."""

    def __init__(self, models, source):
        self.models, self._source = models, source
        self.verb = re.search(r'method="(\w+)"', source).group(1)
        self.template = re.search(r'"(/[^"\n]*)"', source).group(1)
        # What works on any resource takes that resource's version.
        version = re.search(r'"(20\d\d-\d\d-\d\d(?:-preview)?)"', source)
        self.version = version.group(1) if version else None
        self.name = self.body = self.answer = None
        self.statuses, self.long, self._read = (), False, None
        # An identifier that has slashes is not quoted.
        wide = set(re.findall(r'\.url\(\s*"\w+", (\w+), "str", skip_quote=True', source))
        names = dict(re.findall(r'"(\w+)": _SERIALIZER\.url\(\s*"\w+",\s*(\w+),', source))
        self._wide = {label for label, name in names.items() if name in wide}
        # ARM does not tell cases of the fixed parts apart.
        self.path = re.compile(self._expression(), re.IGNORECASE)
        self.weight = len(re.sub(r"\{[\w-]+\}", "", self.template))

    def _expression(self):
        parts = []
        for literal, label in re.findall(r"([^{]*)(?:\{([\w-]+)\})?", self.template):
            parts.append(re.escape(literal))
            if label:
                some = "[^/]*" if label in EMPTY else "[^/]+"
                parts.append(f"(?P<{label.replace('-', '_')}>{'.+' if label in self._wide else some})")
        return "".join(parts)

    def rules(self, kind):
        """Each parameter in `url` or `query`, with its bounds and whether it must be there."""
        if self._read is None:
            self._read = {"url": {}, "query": {}}
            self._walk(ast.parse(self._source).body[0].body, required=True)
        return self._read[kind]

    def _walk(self, statements, required):
        for statement in statements:
            if isinstance(statement, ast.If):
                self._walk(statement.body, required=False)
                continue
            if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
                pairs = zip(statement.value.keys, statement.value.values)
            elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Subscript):
                pairs = [(statement.targets[0].slice, statement.value)]
            else:
                continue
            for key, call in pairs:
                kind = call.func.attr if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else ""
                if kind in self._read:
                    given = [word for word in call.keywords if isinstance(word.value, ast.Constant)]
                    bounds = {word.arg: word.value.value for word in given}
                    name = key.value.replace("-", "_") if kind == "url" else key.value
                    self._read[kind][name] = bounds | {"required": required}


class Api:
    """The operations of one package in one version."""

    _loaded = {}

    def __init__(self, package):
        self.models = Models(importlib.import_module(f"{package}.models"))
        folder = pathlib.Path(importlib.util.find_spec(f"{package}.operations").origin).parent
        self.operations = []
        for file in sorted(folder.glob("_*operations.py")):
            self.operations += self._read(file.read_text(encoding="utf-8"))

    @classmethod
    def find(cls, namespace, version):
        """The packages that know a resource provider's version; several can hold parts of it."""
        return [api for package in PACKAGES.get(namespace, []) for api in cls._versions(package, version)]

    @classmethod
    def _versions(cls, package, version):
        folder = f"{package}.v{re.sub('[-.]', '_', version)}"
        for name in (folder, package):
            if name not in cls._loaded:
                cls._loaded[name] = cls(name) if _exists(f"{name}.operations") else None
            if cls._loaded[name] is not None:
                yield cls._loaded[name]
                return

    def _read(self, source):
        parts = dict(chunks(source, TOP))
        builders = {
            name: Operation(self.models, text)
            for name, text in parts.items()
            if name.startswith("build_") and 'method="' in text
        }
        for group, text in parts.items():
            methods = dict(chunks(text, METHOD))
            results = {name: _types("_deserialize", method) for name, method in methods.items()}
            for name, method in methods.items():
                found = re.search(r"\b(build_\w+)\(", method)
                if found is None or found.group(1) not in builders:
                    continue
                operation = builders[found.group(1)]
                operation.long = name.endswith("_initial")
                operation.name = f"{group.removesuffix('Operations')}.{name.removesuffix('_initial').strip('_')}"
                operation.body = next(iter(_types("_serialize.body", method)), None)
                codes = re.search(r"status_code not in \[([\d, ]+)\]", method).group(1)
                operation.statuses = tuple(int(code) for code in codes.split(","))
                found_types = results.get(f"begin_{name.removesuffix('_initial')[1:]}" if operation.long else name, [])
                operation.answer = next((kind for kind in found_types if "Error" not in kind), None)
                yield operation


def _exists(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _types(call, text):
    return re.findall(rf'self\.{re.escape(call)}\(\s*(?:\w+,\s*)?"([^"]+)"', text)


def chunks(text, pattern):
    """The parts of a text that begin where the pattern does, by the name it finds; of a name's several, the last."""
    found = list(pattern.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return {match.group(1): text[match.start() : end] for match, end in zip(found, ends)}.items()


class Property:
    """A name in an object: with others inside, or with a value's type and rules."""

    def __init__(self):
        self.inside, self.type, self.rules, self.words = {}, None, {}, None


class Models:
    """The models of one package, as trees of wire names."""

    def __init__(self, module):
        self.module, self._trees = module, {}

    def tree(self, cls):
        """The properties of a model by wire name; None where any may stand. Dots in a wire name go one level down."""
        if cls not in self._trees:
            root = Property()
            words = self._words(cls)
            for name, place in cls._attribute_map.items():
                if not place["key"]:
                    root = None
                    break
                node = root
                for part in re.split(r"(?<!\\)\.", place["key"]):
                    node = node.inside.setdefault(part.replace("\\.", "."), Property())
                node.type, node.rules = place["type"], getattr(cls, "_validation", {}).get(name, {})
                node.words = words.get(name)
            self._trees[cls] = None if root is None else root.inside
        return self._trees[cls]

    def of(self, name, value):
        """The class that a type's name means for a value, or None: a discriminator in the value may say which."""
        cls = getattr(self.module, name, None)
        kinds = getattr(cls, "_subtype_map", None)
        if kinds and isinstance(value, dict):
            (attribute, names), = kinds.items()
            kind = names.get(str(value.get(cls._attribute_map[attribute]["key"].replace("\\.", "."))))
            return self.of(kind, value) if kind else cls
        return cls

    def _words(self, cls):
        """The values of each attribute that has an enumeration; only the documentation names it."""
        found = {}
        for parent in reversed(cls.__mro__):
            documented = re.findall(r":vartype (\w+):\s+(?:list\[)?str\s+or\s+~[\w.]+\.(\w+)", parent.__doc__ or "")
            for name, kind in documented:
                values = getattr(self.module, kind, None)
                if isinstance(values, enum.EnumMeta) and kind not in OPEN:
                    found[name] = [word.value for word in values]
        return found
