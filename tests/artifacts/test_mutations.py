"""Whatever the bytes, `scan` gives a verdict; and what it calls safe, the real readers agree brings no code."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiltyard.artifacts.formats import Format
from tiltyard.artifacts.judges.trust import TENSORS
from tiltyard.artifacts.verdict import Verdict, scan

RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
SMUGGLED = [
    b"cos\nsystem\n(S'x'\ntR.",
    b"\x80\x02cposix\nsystem\nX\x01\0\0\0x\x85R.",
    b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x01x\x85R.",
    b"cmine\nmodel\n)R.",
]


def scanned(tmp_path: Path, data: bytes) -> Verdict:
    path = tmp_path / "mutated"
    path.write_bytes(data)
    return scan(path)


def asked(stream: io.BytesIO, pickles: int = 1) -> set[tuple[str, str]]:
    """What a real unpickler would import, with nothing imported."""
    seen: set[tuple[str, str]] = set()

    class Inert:
        def __new__(cls, *_: object) -> "Inert":
            return object.__new__(cls)

        def __call__(self, *_: object) -> "Inert":
            return Inert()

        def __setitem__(self, key: object, value: object) -> None:
            pass

        def append(self, value: object) -> None:
            pass

        extend = add = __setstate__ = append

    class Recorder(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> type:
            seen.add((module, name))
            return Inert

        def persistent_load(self, pid: object) -> Inert:
            return Inert()

    for _ in range(pickles):
        try:
            Recorder(stream).load()
        except Exception:
            break
    return seen


def imports_of(data: bytes, found: Format) -> set[tuple[str, str]]:
    if found in (Format.PICKLE, Format.JOBLIB):
        return asked(io.BytesIO(data), 10)
    if found is Format.TORCH_LEGACY:
        return asked(io.BytesIO(data), 5)
    if found is Format.TORCH_ZIP:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            name = next(n for n in archive.namelist() if n.endswith("data.pkl"))
            return asked(io.BytesIO(archive.read(name)))
    return set()


def agrees(data: bytes, verdict: Verdict) -> None:
    """Check a safe verdict against the real readers; others need no proof."""
    assert verdict.verdict in ("safe", "malicious", "unproven")
    assert verdict.reasons
    if verdict.safe:
        assert imports_of(data, verdict.format) <= TENSORS
        if verdict.format is Format.SAFETENSORS:
            from safetensors.numpy import load

            load(data)
        if verdict.format in (Format.NPY, Format.NPZ):
            loaded = np.load(io.BytesIO(data), allow_pickle=False)
            assert loaded is not None


@RELAXED
@given(st.binary(max_size=600))
def test_random_bytes(tmp_path: Path, data: bytes) -> None:
    agrees(data, scanned(tmp_path, data))


@RELAXED
@given(
    st.sampled_from([b"\x80\x02", b"\x80\x04", b"PK\3\4", b"\x93NUMPY\1\0", b"GGUF", b"PAR1", b"\x1f\x8b", b"\x78\x9c", b"\x08\x08"]),
    st.binary(),
)
def test_random_bytes_behind_a_magic(tmp_path: Path, magic: bytes, data: bytes) -> None:
    agrees(magic + data, scanned(tmp_path, magic + data))


@pytest.fixture(scope="session")
def benign(
    torch_files: dict[str, bytes],
    skops_files: dict[str, bytes],
    numpy_files: dict[str, bytes],
    safetensors_bytes: bytes,
    onnx_bytes: bytes,
) -> list[bytes]:
    return [
        *(torch_files[n] for n in ("zip", "legacy", "traced", "optimizer")),
        skops_files["logistic"],
        numpy_files["npz"],
        numpy_files["npz_compressed"],
        numpy_files["npy"],
        safetensors_bytes,
        onnx_bytes,
        pickle.dumps({"a": [1, 2, (3, "x")]}, 4),
        pickle.dumps({"a": [1, 2, (3, "x")]}, 0),
    ]


@RELAXED
@given(st.data())
def test_changed_bytes(tmp_path: Path, benign: list[bytes], data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(benign)))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    agrees(bytes(raw), scanned(tmp_path, bytes(raw)))


@RELAXED
@given(st.data())
def test_cut_or_doubled(tmp_path: Path, benign: list[bytes], data: st.DataObject) -> None:
    raw = data.draw(st.sampled_from(benign))
    a, b = sorted((data.draw(st.integers(0, len(raw))), data.draw(st.integers(0, len(raw)))))
    changed = raw[:a] + raw[b:] if data.draw(st.booleans()) else raw[:b] + raw[a:]
    agrees(changed, scanned(tmp_path, changed))


@RELAXED
@given(st.data())
def test_smuggled_import_is_never_safe(tmp_path: Path, data: st.DataObject) -> None:
    """An import put between the opcodes of a good pickle, at any of them."""
    import pickletools

    protocol = data.draw(st.sampled_from([0, 2, 3]))
    raw = pickle.dumps({"a": [1, 2.5, "text", (3, b"x")], "b": None}, protocol)
    places = [position for _, _, position in pickletools.genops(raw)][1:]
    at = data.draw(st.sampled_from(places))
    changed = (
        raw[:at]
        + data.draw(st.sampled_from([b"cos\nsystem\n0", b"cmine\nmodel\n0", b"cmine\nmodel\n)R0", b"\x8c\x02os\x8c\x06system\x930"]))
        + raw[at:]
    )
    verdict = scanned(tmp_path, changed)
    assert asked(io.BytesIO(changed)), "the real machine imports it"
    assert not verdict.safe


@RELAXED
@given(st.data())
def test_smuggled_pickle_in_a_zip_is_never_safe(tmp_path: Path, torch_files: dict[str, bytes], data: st.DataObject) -> None:
    source = zipfile.ZipFile(io.BytesIO(torch_files["zip"]))
    names = source.namelist()
    root = names[0].split("/")[0]
    victim = data.draw(
        st.sampled_from([n for n in names if n.endswith("data.pkl")] + [f"{root}/more.pkl", f"{root}/data/99x", "other/data.pkl"])
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", data.draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))) as target:
        for name in names:
            if name != victim:
                target.writestr(name, source.read(name))
        target.writestr(victim, data.draw(st.sampled_from(SMUGGLED)))
    assert not scanned(tmp_path, out.getvalue()).safe
