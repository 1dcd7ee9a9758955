"""Weights beside a model are its own where it accounts for all of their bytes, and nothing otherwise."""

from pathlib import Path

import numpy as np
import pytest

from tiltyard.published.scan_list import ScannedFile
from tiltyard.published.scanning import scanned


def kinds(folder: Path) -> dict[str, str]:
    found: list[ScannedFile] = scanned([folder])
    return {Path(one.path).name: one.kind for one in found}


@pytest.fixture
def onnx_folder(tmp_path: Path) -> Path:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32), "w")
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 40]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", values[:1], values[1:], [weights])
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx", save_as_external_data=True, location="m.onnx.data", size_threshold=0)
    return tmp_path


def test_the_data_of_an_onnx_model(onnx_folder: Path) -> None:
    assert kinds(onnx_folder) == {"m.onnx": "model", "m.onnx.data": "weights"}
    data = onnx_folder / "m.onnx.data"
    data.write_bytes(data.read_bytes() + np.random.default_rng(1).bytes(100_000))
    assert kinds(onnx_folder)["m.onnx.data"] == "model"


def test_the_bin_of_an_openvino_model(tmp_path: Path) -> None:
    layer = '<layer id="0" name="w" type="Const" version="opset1"><data offset="0" size="400" shape="100" element_type="f32"/></layer>'
    (tmp_path / "m.xml").write_text(f'<?xml version="1.0"?><net name="m" version="11"><layers>{layer}</layers></net>')
    (tmp_path / "m.bin").write_bytes(np.random.default_rng(0).bytes(400))
    (tmp_path / "other.bin").write_bytes(np.random.default_rng(1).bytes(400))
    assert kinds(tmp_path) == {"m.xml": "model", "m.bin": "weights", "other.bin": "model"}
    (tmp_path / "m.bin").write_bytes(b"cos\nsystem\n(S'true'\ntR.".ljust(400, b"\0"))
    assert kinds(tmp_path)["m.bin"] == "model"
