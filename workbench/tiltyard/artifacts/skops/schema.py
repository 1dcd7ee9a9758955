"""The types a skops file would build, from its schema; nothing is trusted beyond skops's own defaults but a NumPy dtype.

No sparse array is trusted: SciPy does not look at its indices, and skops only trusts names that it never saves one under.
skops 0.16 saves the dtype that a fitted ``SimpleImputer`` keeps as an empty array, reads it with ``allow_pickle=False`` and takes
that array's dtype: no code can come with it, and pipelines that fill missing values are common.
"""

import json
from collections.abc import Iterator
from typing import Any

from .types import BIT_GENERATORS, CONTAINERS, DTYPES, ESTIMATORS, PRIMITIVES, PURE, UFUNCS

PROTOCOL = 2
DTYPE = "numpy.dtype"
HIDDEN = "(said elsewhere)"
_LOSSES = frozenset(
    [f"sklearn.linear_model._sgd_fast.{n}" for n in "EpsilonInsensitive Hinge ModifiedHuber SquaredEpsilonInsensitive SquaredHinge".split()]
    + [
        f"sklearn._loss._loss.Cy{n}"
        for n in (
            "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss HalfPoissonLoss HalfSquaredError "
            "HalfTweedieLoss HalfTweedieLossIdentity HuberLoss PinballLoss"
        ).split()
    ]
)
_ALLOWED: dict[str, frozenset[str]] = {
    "DictNode": frozenset({"builtins.dict", "collections.OrderedDict"}),
    "DefaultDictNode": frozenset({"collections.defaultdict"}),
    "ListNode": frozenset({"builtins.list"}),
    "SetNode": frozenset({"builtins.set"}),
    "TupleNode": frozenset({"builtins.tuple"}),
    "BytesNode": frozenset({"builtins.bytes"}),
    "BytearrayNode": frozenset({"builtins.bytearray"}),
    "SliceNode": frozenset({"builtins.slice"}),
    "JsonNode": PRIMITIVES,
    "TypeNode": PRIMITIVES | CONTAINERS | DTYPES,
    "FunctionNode": UFUNCS,
    "NdArrayNode": DTYPES | {"numpy.ndarray"},
    "MaskedArrayNode": frozenset({"numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"}),
    "RandomStateNode": frozenset({"numpy.random.mtrand.RandomState"}),
    "RandomGeneratorNode": frozenset({"numpy.random._generator.Generator"}),
    "ObjectNode": ESTIMATORS,
    "LossNode": _LOSSES,
    "DTypeNode": frozenset({DTYPE}),
}


class BadSchema(ValueError):
    """schema.json is not what skops writes."""


def untrusted(raw: bytes) -> tuple[int, list[tuple[str, str, str]]]:
    """Number of nodes, and (loader, module, name) of each that is not trusted by default, each once.

    Every dictionary with a loader counts, wherever it stands, so a node cannot hide where this
    reader and skops walk the tree differently. Raises `BadSchema`.
    """
    found: dict[tuple[str, str, str], None] = {}
    nodes = 0
    for value in dictionaries(raw):
        if isinstance(value.get("__loader__"), str):
            nodes += 1
            _judge(value, found)
    return nodes, list(found)


def reaching(raw: bytes) -> list[str]:
    """What would reach files once the estimator is used, each once.

    ``memory`` of a pipeline names a folder of pickles, which scikit-learn opens when it is fitted again: a folder that comes with the file
    would run code. ``input`` of a text reader takes rows for names of files. Raises `BadSchema`.
    """
    found: dict[str, None] = {}
    for value in dictionaries(raw):
        if "memory" in value and _text(value["memory"]) is not None:
            found[f"memory={_text(value['memory'])!r}"] = None
        if "input" in value and _text(value["input"]) in ("file", "filename", HIDDEN):
            found[f"input={_text(value['input'])!r}"] = None
    return list(found)


def _text(node: object) -> str | None:
    """The text a node stands for; None of a number or nothing, and `HIDDEN` of what refers to another node or is of another form."""
    if not isinstance(node, dict) or "__loader__" not in node:
        return None  # no node, so nothing that skops builds
    try:
        value = json.loads(node["content"]) if node["__loader__"] == "JsonNode" else HIDDEN
    except (KeyError, TypeError, ValueError, RecursionError):
        return HIDDEN
    return value if isinstance(value, str) else None


def dictionaries(raw: bytes) -> Iterator[dict[str, Any]]:
    """Every dictionary of the schema, wherever it stands. Raises `BadSchema`."""
    try:
        schema = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadSchema(f"schema.json cannot be parsed ({type(error).__name__})") from error
    if not isinstance(schema, dict) or "__loader__" not in schema:
        raise BadSchema("schema.json describes no object")
    if schema.get("protocol") != PROTOCOL:
        raise BadSchema(f"schema.json has protocol {str(schema.get('protocol'))[:20]}; only {PROTOCOL} is known here")
    open_nodes: list[Any] = [schema]
    while open_nodes:
        value = open_nodes.pop()
        if isinstance(value, dict):
            yield value
            open_nodes.extend(value.values())
        elif isinstance(value, list):
            open_nodes.extend(value)


def _judge(node: dict[str, Any], found: dict[tuple[str, str, str], None]) -> None:
    loader, module, name = node["__loader__"], node.get("__module__"), node.get("__class__")
    if not isinstance(module, str) or not isinstance(name, str):
        found[(loader, "?", "?")] = None
    elif loader == "CachedNode":
        return
    elif not any(f"{module}.{name}" in allowed.get(loader, ()) for allowed in (_ALLOWED, PURE)):
        found[(loader, module, name)] = None
    if loader == "RandomGeneratorNode" and _bit_generator(node) not in BIT_GENERATORS:
        found[(loader, "numpy.random", _bit_generator(node).rpartition(".")[2])] = None


def _bit_generator(node: dict[str, Any]) -> str:
    try:
        name = json.loads(node["content"]["bit_generator"]["content"]["bit_generator"]["content"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return "numpy.random.?"
    return f"numpy.random.{name}"
