"""The arrays that joblib writes raw between the opcodes of a pickle: how long each is, as joblib's own reader counts.

Source: joblib/numpy_pickle.py, ``NumpyArrayWrapper.read_array`` (1.5).
"""

import math
import os
import re
from typing import IO, Any

from .values import Holder, Import, Made, Malformed

_SIZED = re.compile(r"[<>|=]?([biufcSVUamMO])([0-9]*)(?:\[.*\])?")
_BY_NAME = {"bool": 1, "bool_": 1, "object_": 0, "float64": 8, "float32": 4, "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1}


def after(wrapper: Made, stream: IO[bytes]) -> bool:
    """Skip the raw bytes of an array of numbers; False where a pickle of objects follows instead.

    Raises
    ------
    Malformed
        Where size or type cannot be known, or the bytes are not there.
    """
    state = wrapper.state.held if isinstance(wrapper.state, Holder) else None
    if not state or not _subclass(state.get("subclass")):
        raise Malformed("an array whose class or size cannot be known")
    shape, dtype = state.get("shape"), state.get("dtype")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape) or not isinstance(dtype, Made):
        raise Malformed("an array whose shape or type cannot be known")
    width = item_bytes(dtype)
    if width == 0:
        return False
    if state.get("numpy_array_alignment_bytes") is not None:
        padding = stream.read(1)
        stream.seek(padding[0] if padding else 0, os.SEEK_CUR)
    here, size = stream.tell(), stream.seek(0, os.SEEK_END)
    if math.prod(shape) * width > size - here:
        raise Malformed("an array longer than the file")
    stream.seek(here + math.prod(shape) * width)
    return True


def _subclass(value: Any) -> bool:
    return isinstance(value, Import) and (value.module, value.name) in (("numpy", "ndarray"), ("numpy", "memmap"), ("numpy", "matrix"))


def item_bytes(dtype: Made) -> int:
    """Bytes of one item; 0 where the items are objects."""
    name = dtype.args[0] if dtype.of == ("numpy", "dtype") and isinstance(dtype.args, tuple) and dtype.args else None
    if isinstance(name, Import):
        width = _BY_NAME.get(name.name)
        if width is None:
            raise Malformed(f"an array of {name}, whose size is not known")
        return width
    found = _SIZED.fullmatch(name) if isinstance(name, str) else None
    if found is None:
        raise Malformed("an array whose type cannot be known")
    kind, digits = found.groups()
    if kind == "O" or (kind == "V" and _has_objects(dtype.state)):
        return 0
    return int(digits or 1) * (4 if kind == "U" else 1)


def _has_objects(state: Any) -> bool:
    """Whether a record type has objects: the flag that NumPy keeps, which must agree with its fields."""
    if not isinstance(state, tuple) or len(state) < 8 or type(state[7]) is not int:
        raise Malformed("an array of records whose fields cannot be known")
    flagged = bool(state[7] & 1)
    fields = state[4].held if isinstance(state[4], Holder) else None
    inner = [f[0] for f in (fields or {}).values() if isinstance(f, tuple) and f and isinstance(f[0], Made)]
    names = state[3] if isinstance(state[3], tuple) else ()
    if (names and len(inner) != len(names)) or any(item_bytes(f) == 0 for f in inner) is not flagged:
        raise Malformed("an array of records whose fields cannot be known")
    return flagged
