"""Headers of the formats that hold only arrays: safetensors and NumPy. Checked against the file's size, never trusted."""

import ast
import json
import math
import os
import re
from dataclasses import dataclass
from typing import IO, Any

MOST_HEADER = 100_000_000
MOST_NPY_HEADER = 10_000

_BITS = {
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "I16": 16,
    "U16": 16,
    "I32": 32,
    "U32": 32,
    "I64": 64,
    "U64": 64,
    "F16": 16,
    "BF16": 16,
    "F32": 32,
    "F64": 64,
    "C64": 64,
    "C128": 128,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
}
_PLAIN_DESCR = re.compile(r"[<>|=]?(?:[biufc](?:1|2|4|8|16|32)|[SUVa][0-9]{1,9}|[mM]8(?:\[[0-9A-Za-zμ]{1,12}\])?|\?)")


class BadHeader(ValueError):
    """The header is not what the format requires; the text says what was expected and found."""


@dataclass(frozen=True)
class Tensors:
    """A checked safetensors header: number of tensors, bytes of data, metadata as written."""

    count: int
    data: int
    metadata: dict[str, str]


@dataclass(frozen=True)
class Array:
    """A checked NumPy header. ``objects``: the array holds Python objects, so a pickle follows."""

    descr: str
    shape: tuple[int, ...]
    start: int
    objects: bool


def read_safetensors(stream: IO[bytes]) -> Tensors:
    """Check a safetensors file against its specification, without reading tensor data.

    The length fits the file and is at most 100 MB; the JSON has no key twice; every tensor has a
    known dtype, whole non-negative dimensions, and offsets that agree with both; the tensors cover
    the rest of the file without gap or overlap; metadata is text to text.

    Raises
    ------
    BadHeader
        One of these does not hold.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    length = int.from_bytes(stream.read(8), "little")
    if size < 8 or length > min(size - 8, MOST_HEADER):
        raise BadHeader(f"its header is said to have {length:,} bytes; the file has {max(size - 8, 0):,} (and 100 MB is the bound)")
    header = _json_object(stream.read(length))
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise BadHeader("its metadata is not text to text")
    spans = sorted(_span(name, spec) for name, spec in header.items())
    at = 0
    for begin, end, name in spans:
        if begin != at:
            raise BadHeader(f"tensor {name[:80]!r} starts at byte {begin:,} of the data, not {at:,}: a gap or an overlap")
        at = end
    if at != size - 8 - length:
        raise BadHeader(f"its tensors cover {at:,} bytes of data; the file has {size - 8 - length:,}")
    return Tensors(len(spans), at, metadata)


def _json_object(raw: bytes) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            raise BadHeader("a key occurs twice in its JSON: readers differ on which one counts")
        return made

    if raw[:1] != b"{":
        raise BadHeader("its header does not start with '{'")
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=unique, parse_constant=_no_constant)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise BadHeader(f"its header is not JSON ({type(error).__name__})") from error
    if not isinstance(header, dict):
        raise BadHeader("its header is not a JSON object")
    return header


def _no_constant(name: str) -> Any:
    raise BadHeader(f"{name} in its JSON")


def _whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _span(name: str, spec: Any) -> tuple[int, int, str]:
    if not isinstance(spec, dict) or set(spec) != {"dtype", "shape", "data_offsets"}:
        raise BadHeader(f"tensor {name[:80]!r} needs exactly dtype, shape and data_offsets")
    dtype, shape, offsets = spec["dtype"], spec["shape"], spec["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise BadHeader(f"tensor {name[:80]!r} has the unknown dtype {str(dtype)[:40]!r}")
    if not isinstance(shape, list) or not all(map(_whole, shape)) or len(shape) > 1024:
        raise BadHeader(f"tensor {name[:80]!r} has a shape that is no list of whole numbers")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_whole, offsets)):
        raise BadHeader(f"tensor {name[:80]!r} has offsets that are no two whole numbers")
    begin, end = offsets
    if (end - begin) * 8 != math.prod(shape) * _BITS[dtype]:
        raise BadHeader(f"tensor {name[:80]!r} has {end - begin:,} bytes, which does not fit its shape and dtype")
    return begin, end, name


def read_npy(stream: IO[bytes], size: int) -> Array:
    """Check the NumPy array that starts where ``stream`` stands and has ``size`` bytes in all.

    Raises
    ------
    BadHeader
        Wrong magic or version, a header over 10,000 bytes or not a literal of exactly descr,
        fortran_order and shape, or a data size that does not agree with them.
    """
    import numpy

    magic = stream.read(8)
    if magic[:6] != b"\x93NUMPY" or magic[6:8] not in (b"\1\0", b"\2\0", b"\3\0"):
        raise BadHeader("it does not start as a NumPy array of version 1 to 3")
    width = 2 if magic[6] == 1 else 4
    length = int.from_bytes(stream.read(width), "little")
    if length > MOST_NPY_HEADER:
        raise BadHeader(f"its header has {length:,} bytes; the bound is {MOST_NPY_HEADER:,}")
    raw = stream.read(length)
    start = 8 + width + length
    descr, shape = _npy_fields(raw, "utf-8" if magic[6] == 3 else "latin-1")
    if _has_objects(descr):
        return Array("object", shape, start, True)
    try:
        dtype = numpy.lib.format.descr_to_dtype(descr)
    except Exception as error:
        raise BadHeader(f"its dtype {str(descr)[:80]} is not one NumPy knows") from error
    if dtype.hasobject:
        return Array("object", shape, start, True)
    if start + math.prod(shape) * dtype.itemsize != size:
        raise BadHeader(f"{shape} of {dtype} are {math.prod(shape) * dtype.itemsize:,} bytes; the file has {size - start:,}")
    return Array(str(dtype)[:200], shape, start, False)


def _npy_fields(raw: bytes, encoding: str) -> tuple[Any, tuple[int, ...]]:
    try:
        header = ast.literal_eval(raw.decode(encoding).rstrip(" \n"))
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError) as error:
        raise BadHeader(f"its header is not a literal ({type(error).__name__})") from error
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"} or not isinstance(header["fortran_order"], bool):
        raise BadHeader("its header needs exactly descr, fortran_order and shape")
    shape = header["shape"]
    if not isinstance(shape, tuple) or len(shape) > 64 or not all(map(_whole, shape)):
        raise BadHeader("its shape is no tuple of whole numbers")
    return header["descr"], shape


def _has_objects(descr: Any) -> bool:
    """True for object dtypes; raises for anything that is neither a plain type string nor a list of fields."""
    if isinstance(descr, str):
        if re.fullmatch(r"[<>|=]?O[0-9]*", descr):
            return True
        if not _PLAIN_DESCR.fullmatch(descr):
            raise BadHeader(f"its dtype {descr[:80]!r} is not a plain one")
        return False
    if isinstance(descr, list) and all(isinstance(f, tuple) and len(f) in (2, 3) for f in descr):
        checked = [_has_objects(f[1]) for f in descr]  # all of them, for each may be refused
        return any(checked)
    if isinstance(descr, tuple) and len(descr) == 2:
        return _has_objects(descr[0])
    raise BadHeader("its dtype is neither a type string nor a list of fields")
