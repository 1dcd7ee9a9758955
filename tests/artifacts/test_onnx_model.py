"""ONNX without onnx: where weights lie and whose operators run, against models that onnx wrote."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.artifacts.judges import onnx_model
from tiltyard.artifacts.verdict import scan

if TYPE_CHECKING:
    from onnx import ModelProto


def model(domain: str = "", op: str = "Relu", location: str | None = None, where: str = "initializer", **extra: str) -> "ModelProto":
    from onnx import TensorProto, helper, numpy_helper

    tensor = numpy_helper.from_array(np.ones(4, np.float32), "w")
    if location is not None:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **extra}.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])
    node = helper.make_node(op, ["x"], ["y"], domain=domain)
    nodes = [node]
    if where == "constant":
        nodes.append(helper.make_node("Constant", [], ["c"], value=tensor))
    branch = helper.make_graph([helper.make_node("Identity", ["w"], ["z"])], "b", [], [], [tensor])
    if where == "branch":
        nodes.append(helper.make_node("If", ["x"], ["z"], then_branch=branch, else_branch=branch))
    initializers = [tensor] if where == "initializer" else []
    return helper.make_model(helper.make_graph(nodes, "g", [value], [value], initializers))


def scanned(tmp_path: Path, made: "ModelProto") -> tuple[str, str]:
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    verdict = scan(path)
    assert verdict.format == "onnx"
    return verdict.verdict, verdict.summary


def test_counts() -> None:
    found = onnx_model.read(io.BytesIO(model(where="constant").SerializeToString()))
    assert (found.nodes, found.tensors) == (2, 1)
    assert ("", "Relu") in found.operators


@pytest.mark.parametrize("where", ["initializer", "constant", "branch"])
@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "c:\\x", "file:///etc/passwd", "*/_ORT_MEM_ADDR_/*", "a/../../b"])
def test_location_outside_is_unsafe(tmp_path: Path, location: str, where: str) -> None:
    assert scanned(tmp_path, model(location=location, where=where))[0] == "malicious"


def test_location_beside(tmp_path: Path) -> None:
    assert scanned(tmp_path, model(location="w.bin"))[0] == "unproven"
    (tmp_path / "w.bin").write_bytes(bytes(16))
    assert scanned(tmp_path, model(location="w.bin", length="16"))[0] == "safe"
    assert scanned(tmp_path, model(location="w.bin", length="17"))[0] == "unproven"
    assert scanned(tmp_path, model(location="w.bin", offset="-1"))[0] == "unproven"


def test_link_that_leads_outside(tmp_path: Path) -> None:
    (tmp_path / "w.bin").symlink_to("/etc/hostname")
    assert scanned(tmp_path, model(location="w.bin"))[0] == "malicious"


def test_second_location_does_not_hide_the_first(tmp_path: Path) -> None:
    made = model(location="/etc/passwd")
    entry = made.graph.initializer[0].external_data.add()
    entry.key, entry.value = "location", "w.bin"
    (tmp_path / "w.bin").write_bytes(bytes(16))
    assert scanned(tmp_path, made)[0] == "malicious"


def test_foreign_operators(tmp_path: Path) -> None:
    verdict, summary = scanned(tmp_path, model("acme", "Do"))
    assert verdict == "unproven"
    assert "acme::Do" in summary
    assert scanned(tmp_path, model("com.microsoft", "PythonOp"))[0] == "malicious"
    assert scanned(tmp_path, model("com.microsoft", "EPContext"))[0] == "unproven"
    assert scanned(tmp_path, model("com.microsoft", "Gelu"))[0] == "safe"


def test_own_functions(tmp_path: Path) -> None:
    from onnx import helper

    made = model("mine", "Twice")
    function = helper.make_function("mine", "Twice", ["x"], ["y"], [helper.make_node("Add", ["x", "x"], ["y"])], [])
    made.functions.append(function)
    assert scanned(tmp_path, made)[0] == "safe"
    made.functions[0].node[0].domain = "acme"
    assert scanned(tmp_path, made)[0] == "unproven"


def test_cut_off(tmp_path: Path) -> None:
    data = model().SerializeToString()
    for cut in range(1, len(data)):
        path = tmp_path / "m.onnx"
        path.write_bytes(data[:cut])
        assert scan(path).verdict != "safe", cut
