"""Reading the parts of a skops file's schema strictly: what is not written as skops writes it is a `Fault`."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy import ndarray

    Arrays = Callable[[str], ndarray[Any, Any]]

ANOTHER = "a node refers to another one"


class Fault(ValueError):
    """Why a part of the file is not shown safe."""


def kind(node: dict[str, Any]) -> tuple[str, str, str]:
    """Loader, module and name of a node."""
    return node["__loader__"], node["__module__"], node["__class__"]


def each_itself(nodes: list[dict[str, Any]], array: "Arrays") -> None:
    """skops builds a node once for each id, so what stands at a second place with that id is not what it would read."""
    known: dict[Any, dict[str, Any]] = {}
    for node in nodes:
        own = node.get("__id__")
        if own and isinstance(node.get("__loader__"), str):
            must(_same(known.setdefault(own, node), node, array), ANOTHER)
        else:  # without a loader an id alone stands for another node
            must("__id__" not in node, ANOTHER)
        must(node.get("__loader__") != "CachedNode", ANOTHER)


def _same(one: Any, other: Any, array: "Arrays") -> bool:
    """Whether two parts of a schema say the same; ids and files inside may differ, for skops gives new ones to what it makes on the way."""
    if one is other:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same_at(k, v, other[k], array) for k, v in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b, array) for a, b in zip(one, other, strict=True))
    return type(one) is type(other) and bool(one == other)


def _same_at(key: str, one: Any, other: Any, array: "Arrays") -> bool:
    if key == "__id__":
        return True
    if key != "file" or not isinstance(one, str) or not isinstance(other, str) or one == other:
        return _same(one, other, array)
    here, there = array(one), array(other)
    return here.dtype == there.dtype and here.shape == there.shape and _content(here) == _content(there)


def _content(array: "ndarray[Any, Any]") -> list[bytes]:
    """Its bytes, without those between fields, which are left to chance."""
    return [array[name].tobytes() for name in array.dtype.names] if array.dtype.names else [array.tobytes()]


def must(held: bool, otherwise: str) -> None:
    """Raise a `Fault` that says ``otherwise`` unless it ``held``."""
    if not held:
        raise Fault(otherwise)


def fields(node: Any, known: frozenset[str]) -> dict[str, Any]:
    """The entries of a dictionary whose keys are text and among ``known``."""
    must(kind(node) == ("DictNode", "builtins", "dict"), "a part of it is no plain dictionary")
    held = dict(node["content"])
    kinds = items(node["key_types"])
    must(len(kinds) == len(held) and all(kind(k) == ("TypeNode", "builtins", "str") for k in kinds), "a key of it is no text")
    must(held.keys() <= known, f"it holds {min(held.keys() - known, default='')[:60]!r}, which scikit-learn does not write")
    return held


def entries(node: Any) -> dict[str, Any]:
    """The entries of a dictionary whose keys are text, or numbers as Python writes them."""
    must(kind(node) == ("DictNode", "builtins", "dict"), "a part of it is no plain dictionary")
    held, kinds = dict(node["content"]), items(node["key_types"])
    must(len(kinds) == len(held) and all(map(_plain_key, map(kind, kinds), held)), "a key of it is no text")
    must(len({name for _, _, name in map(kind, kinds)}) < 2, "its keys are of several kinds")
    return held


def _plain_key(found: tuple[str, str, str], key: str) -> bool:
    return found == ("TypeNode", "builtins", "str") or (found == ("TypeNode", "builtins", "int") and key == str(int(key)))


def items(node: Any, loader: str = "ListNode") -> list[Any]:
    """The parts of a list, or of what another ``loader`` keeps in one."""
    must(node["__loader__"] == loader and isinstance(node["content"], list), "a part of it is no list")
    return list(node["content"])


def plain(node: Any) -> Any:
    """The value that is written in a node itself, as JSON."""
    must(node["__loader__"] == "JsonNode", "a part of it is no plain value")
    return json.loads(node["content"])


def number(node: Any) -> int:
    """A whole number from 0 on."""
    value = plain(node)
    must(type(value) is int and 0 <= value < 1 << 62, "a number of it is no whole number")
    return int(value)


def array_of(node: Any, array: "Arrays") -> "ndarray[Any, Any]":
    """The array that a node keeps in an entry of its own."""
    must(kind(node) == ("NdArrayNode", "numpy", "ndarray") and node["type"] == "numpy", "a part of it is no array")
    return array(str(node["file"]))
