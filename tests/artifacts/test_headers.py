"""safetensors and NumPy headers: what the specification asks is checked, one broken rule at a time."""

import io
import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltyard.artifacts.headers import BadHeader, read_npy, read_safetensors

GOOD = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "b": {"dtype": "U8", "shape": [], "data_offsets": [24, 25]}}


def safetensors(header: object, data: int = 25) -> io.BytesIO:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return io.BytesIO(struct.pack("<Q", len(raw)) + raw + bytes(data))


def test_good() -> None:
    found = read_safetensors(safetensors({**GOOD, "__metadata__": {"k": "v"}}))
    assert (found.count, found.data, found.metadata) == (2, 25, {"k": "v"})
    assert read_safetensors(safetensors({}, 0)).count == 0
    assert read_safetensors(safetensors({"z": {"dtype": "F4", "shape": [4], "data_offsets": [0, 2]}}, 2)).data == 2


def test_what_the_library_writes(safetensors_bytes: bytes) -> None:
    assert read_safetensors(io.BytesIO(safetensors_bytes)).count == 2


def changed(**change: object) -> dict[str, object]:
    return {**GOOD, "a": {**GOOD["a"], **change}}


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        (GOOD, 24, "cover"),
        (GOOD, 26, "cover"),
        (changed(dtype="F64"), 25, "does not fit"),
        (changed(dtype="F99"), 25, "unknown dtype"),
        (changed(dtype=["F32"]), 25, "unknown dtype"),
        (changed(shape=[2, -3]), 25, "whole numbers"),
        (changed(shape=[2, 3.0]), 25, "whole numbers"),
        (changed(shape=[True, 6]), 25, "whole numbers"),
        (changed(shape="23"), 25, "whole numbers"),
        (changed(data_offsets=[1, 25]), 25, "gap or an overlap"),
        (changed(data_offsets=[24, 0]), 25, "does not fit"),
        (changed(data_offsets=[0]), 25, "two whole numbers"),
        (changed(extra=1), 25, "exactly dtype"),
        ({**GOOD, "c": 3}, 25, "exactly dtype"),
        ({**GOOD, "c": GOOD["a"]}, 25, "gap or an overlap"),
        ({**GOOD, "__metadata__": {"a": 1}}, 25, "text to text"),
        ({**GOOD, "__metadata__": []}, 25, "text to text"),
        (b'{"a":{},"a":{}}', 0, "twice"),
        (b'{"a":NaN}', 0, "NaN"),
        (b"[1, 2, 3]", 0, "start with"),
        (b' {"a":1}', 0, "start with"),
        (b"{" * 50, 0, "not JSON"),
        (b'{"a":' + b"[" * 100_000, 0, "not JSON"),
        (b'{"\xff":1}', 0, "not JSON"),
    ],
)
def test_broken(header: object, data: int, message: str) -> None:
    with pytest.raises(BadHeader, match=message):
        read_safetensors(safetensors(header, data))


@pytest.mark.parametrize("raw", [b"", b"\1\2\3", struct.pack("<Q", 2**63) + b"{}", struct.pack("<Q", 100) + b"{}"])
def test_length_that_does_not_fit(raw: bytes) -> None:
    with pytest.raises(BadHeader, match="bytes; the file has"):
        read_safetensors(io.BytesIO(raw))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["float32", "int8", "int64", "bool", "float16"]), st.lists(st.integers(0, 4), max_size=3)), max_size=4
    )
)
def test_agrees_with_the_library(arrays: list[tuple[str, list[int]]]) -> None:
    from safetensors.numpy import save

    data = save({str(i): np.zeros(shape, dtype) for i, (dtype, shape) in enumerate(arrays)})
    assert read_safetensors(io.BytesIO(data)).count == len(arrays)


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


@pytest.mark.parametrize("dtype", ["<f8", ">i2", "|b1", "<U5", "|S3", "<M8[ns]", "<c16", [("a", "<f4"), ("b", "<i2", (2, 3))], "|V7"])
def test_numpy_good(dtype: object) -> None:
    data = npy(np.zeros((2, 3), dtype))
    found = read_npy(io.BytesIO(data), len(data))
    assert found.shape == (2, 3)
    assert not found.objects


@pytest.mark.parametrize("dtype", ["O", [("a", "<f4"), ("b", "O")], [("a", [("b", "O")])]])
def test_numpy_objects(dtype: object) -> None:
    data = npy(np.zeros(2, dtype))
    assert read_npy(io.BytesIO(data), len(data)).objects


def headed(text: str, data: int = 0, version: bytes = b"\1\0") -> bytes:
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text.encode() + bytes(data)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (headed("{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}", 23), "24 bytes; the file has 23"),
        (headed("{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}", 25), "24 bytes; the file has 25"),
        (headed("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"), "whole numbers"),
        (headed("{'descr': '<f8', 'fortran_order': False, 'shape': [3]}"), "whole numbers"),
        (headed("{'descr': '<f8', 'fortran_order': 0, 'shape': (3,)}"), "needs exactly"),
        (headed("{'descr': '<f8', 'fortran_order': False, 'shape': (), 'x': 1}"), "needs exactly"),
        (headed("{'descr': 'f8,O', 'fortran_order': False, 'shape': ()}"), "not a plain one"),
        (headed("{'descr': 3, 'fortran_order': False, 'shape': ()}"), "neither"),
        (headed("__import__('os').system('x')"), "not a literal"),
        (headed("(" * 5000), "not a literal"),
        (headed("{}", version=b"\4\0"), "version 1 to 3"),
        (b"\x93NUMPY\2\0\xff\xff\xff\x7f", "bound"),
        (b"\x93NUM", "version 1 to 3"),
    ],
)
def test_numpy_broken(raw: bytes, message: str) -> None:
    with pytest.raises(BadHeader, match=message):
        read_npy(io.BytesIO(raw), len(raw))
