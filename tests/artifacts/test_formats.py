"""Formats are told by content; every name lies in turn."""

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from tiltyard.artifacts.formats import FORMATS, OFFERED_FOR_SCAN, OPENED, RUNS_CONTENT, Format, judge_of, opened_labels, opener_of
from tiltyard.artifacts.sniffing import disagreement, sniff, sniff_stream


def told(data: bytes) -> Format:
    return sniff_stream(io.BytesIO(data))


def test_real_files(
    torch_files: dict[str, bytes],
    skops_files: dict[str, bytes],
    numpy_files: dict[str, bytes],
    joblib_files: dict[str, bytes],
    safetensors_bytes: bytes,
    onnx_bytes: bytes,
) -> None:
    expected = {
        Format.TORCH_ZIP: [torch_files["zip"], torch_files["whole"]],
        Format.TORCH_LEGACY: [torch_files["legacy"]],
        Format.TORCHSCRIPT: [torch_files["traced"], torch_files["scripted"]],
        Format.SKOPS: list(skops_files.values()),
        Format.NPZ: [numpy_files["npz"], numpy_files["npz_objects"]],
        Format.NPY: [numpy_files["npy"]],
        Format.JOBLIB: list(joblib_files.values()),
        Format.SAFETENSORS: [safetensors_bytes],
        Format.ONNX: [onnx_bytes],
    }
    for format_, files in expected.items():
        for data in files:
            assert told(data) is format_


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name in names:
            target.writestr(name, "{}")
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as target:
        target.addfile(tarfile.TarInfo("a"))
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "empty"),
        (b"\x80\x04N.", "pickle"),
        (b"N.", "pickle"),
        (b"(lp0\nI1\na.", "pickle"),
        (b"cos\nsystem\n(S'x'\ntR", "pickle"),
        (b"a,b\n1,2\n", "csv"),
        ("a,b\né,2\n".encode("latin-1") * 20, "csv"),
        ("a,b\n1,2\n".encode("utf-16"), "csv"),
        (b"\xef\xbb\xbfa,b\n1,2\n", "csv"),
        (b"GGUF\3\0\0\0", "gguf"),
        (b"PAR1\0\0", "parquet"),
        (b"\x89HDF\r\n\x1a\n", "hdf5"),
        (gzip.compress(b"a,b\n", mtime=0), "gzip"),
        (gzip.compress(b"\x80\x04N.", mtime=0), "joblib"),
        (bz2.compress(b"\x80\x04N."), "joblib"),
        (lzma.compress(b"\x80\x04N."), "joblib"),
        (zipped("config.json", "metadata.json", "model.weights.h5"), "keras"),
        (zipped("a.txt"), "zip"),
        (zipped(), "zip"),
        (b"PK\3\4 cut off", "zip"),
        (tarred(), "tar"),
        (bytes(range(256)), "unknown"),
        (b"\x80", "unknown"),
        (b'{"learner":{"attributes":{}', "xgboost"),
        (b"{L\0\0\0\0\0\0\0\x07learner{", "xgboost"),
        (b"tree\nversion=v4\n", "lightgbm"),
        (b"CBM1\0\1\0\0", "catboost"),
        (b'{\n "features_info": {}', "catboost"),
        (b'{"layers": []}', "csv"),
        (b"\0" * 1000, "unknown"),
    ],
)
def test_by_hand(data: bytes, expected: str) -> None:
    assert told(data) == expected


def test_name_does_not_matter(tmp_path: Path, torch_files: dict[str, bytes]) -> None:
    for name in ("m.pt", "m.csv", "m.safetensors", "m"):
        (tmp_path / name).write_bytes(torch_files["zip"])
        assert sniff(tmp_path / name) is Format.TORCH_ZIP


def test_disagreement() -> None:
    assert disagreement("a.csv", Format.PICKLE) == "the name ends in .csv, the content is pickle"
    assert disagreement("A.PT", Format.TORCHSCRIPT) == ""
    assert disagreement("a.unheard-of", Format.PICKLE) == ""
    assert disagreement("a", Format.PICKLE) == ""


@pytest.mark.parametrize("format_", list(Format))
def test_every_format_has_a_row_whose_judge_and_opener_are_there(format_: Format) -> None:
    spec = FORMATS[format_]
    assert spec.name is format_ and spec.label and spec.advice
    assert callable(judge_of(spec)) or format_ in (Format.TAR, Format.UNKNOWN)
    assert (opener_of(spec) is not None) is bool(spec.opener)


def test_what_is_derived_from_the_rows() -> None:
    assert opened_labels() == "safetensors, tensor-only .pt, TorchScript, torch.export .pt2, ONNX, skops, XGBoost, LightGBM or CatBoost"
    assert set(OPENED) == {
        ".safetensors",
        ".pt",
        ".pth",
        ".ckpt",
        ".bin",
        ".ts",
        ".pt2",
        ".onnx",
        ".skops",
        ".ubj",
        ".json",
        ".txt",
        ".cbm",
    }
    assert {".bin", ".ckpt", ".pkl", ".h5", ".gguf"} < set(OFFERED_FOR_SCAN) and not {".csv", ".zip", ".ts", ".json", ".txt"} & set(
        OFFERED_FOR_SCAN
    )
    assert {".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle", ".joblib", ".jl"} == RUNS_CONTENT


def test_no_other_source_keeps_a_list_of_suffixes() -> None:
    root = Path(__file__).parents[2]
    sources = [
        p for folder in ("workbench", "widgets/tiltyard_widgets", "widgets/labextension/src") for p in (root / folder).rglob("*.[pt][ys]")
    ]
    kept = [p.name for p in sources if all(re.search(rf"['\"]\.{suffix}['\"]", p.read_text("utf-8")) for suffix in ("onnx", "skops"))]
    assert len(sources) > 400 and kept == ["formats.py"]
