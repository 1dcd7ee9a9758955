"""NumPy's array types as pickles set them: flags, sizes and fields are taken from the file unchecked, so they are checked here.

A type of objects whose flags deny it makes NumPy take bytes of the file for addresses; fields beyond an item read foreign memory.
Source: ``arraydescr_setstate`` in numpy/_core/src/multiarray/descriptor.c (2.4).
"""

import math
import re
from itertools import pairwise
from typing import Any

from .values import Holder, Import, Made

LARGEST = 1 << 20
"""Bytes of one item that is made of others."""
_OBJECT = 3
_SIZED = re.compile(r"[<>|=]?([biufcOSVUamM?])([0-9]*)(?:\[.*\])?")
_BY_NAME = {"bool": 1, "bool_": 1, "object_": 8, "float64": 8, "float32": 4, "float16": 2, "int64": 8, "int32": 4, "int16": 2, "int8": 1,
            "uint64": 8, "uint32": 4, "uint16": 2, "uint8": 1, "complex64": 8, "complex128": 16}  # fmt: skip


def fault_of_type(target: Made) -> str:
    """Why nothing ordinary sets this state on this array type, or nothing."""
    state = target.state
    if not (isinstance(target.args, tuple) and len(target.args) == 3 and target.args[1] in (0, False) and target.args[2] in (1, True)):
        return "sets the state of an array type that the whole program shares"
    if not isinstance(state, tuple) or len(state) not in (8, 9) or not all(type(n) is int for n in state[5:8]):
        return "an array type in a form that is not known"
    kind, width = _declared(target)
    if not kind:
        return "an array type whose size cannot be known"
    names, fields, elsize, flags = state[3], state[4], state[5], state[7]
    if elsize not in (-1, width):
        return "an array type with another size than its name says"
    if state[2] is not None:
        return _fault_of_parts(state[2], names, elsize, flags, kind)
    if names is not None or fields is not None:
        return _fault_of_fields(fields, elsize, flags, kind)
    return (
        ""
        if (flags & _OBJECT == _OBJECT) is (kind == "O") and (kind == "O" or not flags & _OBJECT)
        else "an array type whose flags hide what it holds"
    )


def _declared(target: Made) -> tuple[str, int]:
    """Kind and bytes of one item by the name of the type; an empty kind where they cannot be known."""
    name = target.args[0] if isinstance(target.args, tuple) and target.args else None
    if isinstance(name, Import) and name.name in ("record", "void") and isinstance(target.state, tuple) and len(target.state) > 5:
        return "V", target.state[5] if type(target.state[5]) is int else -1
    if isinstance(name, Import):
        return ("O" if name.name == "object_" else "n", _BY_NAME[name.name]) if name.name in _BY_NAME else ("", 0)
    found = _SIZED.fullmatch(name) if isinstance(name, str) else None
    if found is None:
        return "", 0
    kind, digits = found.groups()
    if kind == "O":
        return "O", 8
    return kind, int(digits or (0 if kind in "SUVa" else 1)) * (4 if kind == "U" else 1)


def _known(inner: Any) -> tuple[int, bool] | None:
    """Bytes of one item of a type that was judged, and whether it holds objects; None of what is no such type."""
    if not isinstance(inner, Made) or inner.of != ("numpy", "dtype"):
        return None
    kind, width = _declared(inner)
    if not kind or (kind == "V" and not inner.built):
        return None
    state = inner.state
    if isinstance(state, tuple) and len(state) >= 8 and type(state[5]) is int and type(state[7]) is int:
        return (width if state[5] == -1 else state[5]), bool(state[7] & 1)
    return width, kind == "O"


def _fault_of_parts(parts: Any, names: Any, elsize: int, flags: int, kind: str) -> str:
    """Of a type that is an array of another: as large as its parts, and no array of arrays."""
    inner = _known(parts[0]) if isinstance(parts, tuple) and len(parts) == 2 else None
    shape = parts[1] if inner is not None else None
    shape = (shape,) if type(shape) is int else shape
    if (
        inner is None
        or names is not None
        or kind != "V"
        or not isinstance(shape, tuple)
        or not all(type(n) is int and n >= 0 for n in shape)
    ):
        return "an array type in an array type that cannot be known"
    below = parts[0].state
    if isinstance(below, tuple) and len(below) > 2 and below[2] is not None:
        return "an array type in an array type in an array type"
    if math.prod(shape) * inner[0] != elsize or elsize > LARGEST or inner[1] or flags & _OBJECT:
        return "an array type of another size than its parts"
    return ""


def _fault_of_fields(fields: Any, elsize: int, flags: int, kind: str) -> str:
    """Of a record: every field known and within it; where it holds objects, no two over each other."""
    if not isinstance(fields, Holder) or fields.count != 2 * len(fields.held or {}) or kind != "V":
        return "a record whose fields cannot be known"
    spans: list[tuple[int, int]] = []
    objects = False
    for field in (fields.held or {}).values():
        inner = _known(field[0]) if isinstance(field, tuple) and len(field) in (2, 3) and type(field[1]) is int else None
        if inner is None or field[1] < 0 or field[1] + inner[0] > elsize:
            return "a record with a field outside of it"
        spans.append((field[1], field[1] + inner[0]))
        objects |= inner[1]
    spans.sort()
    over = any(end > start for (_, end), (start, _) in pairwise(spans))
    if (flags & _OBJECT) != (_OBJECT if objects else 0) or (objects and over):
        return "a record whose flags hide what it holds"
    return ""
