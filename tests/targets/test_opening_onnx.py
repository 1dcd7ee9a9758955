"""ONNX: converted to torch where every operator is known and both agree, else a black box that says why not."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.targets.opening import open_target

if TYPE_CHECKING:
    from torch import nn

from .onnx_files import (
    IMAGES,
    MIXED,
    SCHEMA,
    drawn,
    exported,
    linear,
    linear_scores,
    made,
    scores_out,
    sklearn_like,
    tabular,
    torch_scores,
    visual,
)

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")


@pytest.mark.parametrize(("made", "schema"), [(tabular, SCHEMA), (visual, IMAGES)], ids=["table", "images"])
def test_torch_exports_come_back_with_gradients(tmp_path: Path, made: "Callable[[], nn.Module]", schema: Schema) -> None:
    import torch

    from tiltyard.targets.torch_target import TorchTarget

    net = made()
    target = open_target(exported(tmp_path / "m.onnx", net, schema), schema=schema)
    x = drawn(schema)
    np.testing.assert_allclose(target.scores(x), torch_scores(net, x), atol=1e-5)
    assert isinstance(target, TorchTarget)
    assert target.offers == {"labels", "scores", "gradients", "weights", "file"}
    given = torch.from_numpy(x).float().requires_grad_()
    ours = torch.autograd.grad(target.module(given)[:, 0].sum(), given)[0]
    wanted = torch.autograd.grad(net(given)[:, 0].sum(), given)[0]
    np.testing.assert_allclose(ours.numpy(), wanted.numpy(), atol=1e-4)


def test_a_last_softmax_is_left_off(tmp_path: Path) -> None:
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    net = tabular()
    target = open_target(exported(tmp_path / "m.onnx", nn.Sequential(net, nn.Softmax(1)), SCHEMA), schema=SCHEMA)
    assert isinstance(target, TorchTarget)
    assert target.outputs == "logits"
    np.testing.assert_allclose(target.scores(drawn()), torch_scores(net, drawn()), atol=1e-5)


def test_a_fixed_batch_of_one_is_fed_row_by_row(tmp_path: Path) -> None:
    net = tabular()
    target = open_target(exported(tmp_path / "m.onnx", net, SCHEMA, dynamic=False), schema=SCHEMA)
    np.testing.assert_allclose(target.scores(drawn(n=7)), torch_scores(net, drawn(n=7)), atol=1e-5)


@pytest.mark.parametrize("zipmap", [True, False], ids=["map", "tensor"])
@pytest.mark.parametrize(("labels", "order"), [(["a", "b", "c"], [0, 1, 2]), (["c", "a", "b"], [1, 2, 0]), ([0, 1, 2], [0, 1, 2])])
def test_scikit_learn_exports(tmp_path: Path, zipmap: bool, labels: list[Any], order: list[int]) -> None:
    named = SCHEMA.classes if isinstance(labels[0], int) else None
    target = open_target(sklearn_like(tmp_path / "m.onnx", labels, zipmap), schema=SCHEMA, classes=named)
    np.testing.assert_allclose(target.scores(drawn()), linear_scores(drawn())[:, order], atol=1e-5)
    assert "gradients" in target.offers, target.assumptions


def test_an_unknown_operator_makes_a_black_box(tmp_path: Path) -> None:
    from onnx import helper

    node = helper.make_node
    weights, bias = linear()
    nodes = [node("Gemm", ["x", "w", "b"], ["h"], transB=1), node("Hardmax", ["h"], ["p"])]
    target = open_target(made(tmp_path / "m.onnx", nodes, {"w": weights, "b": bias}, [scores_out()]), schema=SCHEMA)
    assert target.offers == {"labels", "scores", "file"}
    assert "Hardmax is not converted" in " ".join(target.assumptions)
    with pytest.raises(Problem, match="gradients"):
        _ = target.module
    assert set(np.unique(target.scores(drawn()))) == {0.0, 1.0}


def test_a_conversion_that_disagrees_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard.targets.onnx import graph as onnx_graph

    path = exported(tmp_path / "m.onnx", tabular(), SCHEMA)
    monkeypatch.setitem(onnx_graph.OPERATORS, "Tanh", lambda a, o: a[0])
    target = open_target(path, schema=SCHEMA)
    assert "gradients" not in target.offers
    assert "differed" in " ".join(target.assumptions)
    np.testing.assert_allclose(target.scores(drawn()), torch_scores(tabular(), drawn()), atol=1e-5)


def test_labels_alone(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    weights, bias = linear()
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["h"], transB=1), helper.make_node("ArgMax", ["h"], ["p"], axis=1, keepdims=0)]
    out = [helper.make_tensor_value_info("p", TensorProto.INT64, [None])]
    target = open_target(made(tmp_path / "m.onnx", nodes, {"w": weights, "b": bias}, out), schema=SCHEMA)
    assert target.offers == {"labels", "file"}
    np.testing.assert_array_equal(target.labels(drawn()), (drawn() @ weights.T + bias).argmax(1))


def test_a_table_of_its_own_columns(tmp_path: Path) -> None:
    """As skl2onnx writes a pipeline over a DataFrame: an input for each column."""
    import torch
    from onnx import TensorProto, helper

    node = helper.make_node
    nodes = [
        node("LabelEncoder", ["sex"], ["s"], domain="ai.onnx.ml", keys_strings=["f", "m"], values_floats=[0.0, 1.0]),
        node("Concat", ["age", "s"], ["both"], axis=1),
        node("Gemm", ["both", "w", "b"], ["p"]),
    ]
    inputs = [
        helper.make_tensor_value_info("age", TensorProto.FLOAT, [None, 1]),
        helper.make_tensor_value_info("sex", TensorProto.STRING, [None, 1]),
    ]
    weights = np.array([[0.1, -0.1], [1.0, -1.0]], np.float32)
    path = made(tmp_path / "m.onnx", nodes, {"w": weights, "b": np.zeros(2, np.float32)}, [scores_out(k=2)], inputs)
    target = open_target(path, schema=MIXED)
    x = np.array([[30, 0], [60, 1]], np.float64)
    logits = np.array([[30, 0], [60, 1]], np.float32) @ weights
    np.testing.assert_allclose(target.scores(x), torch.softmax(torch.from_numpy(logits), 1).numpy(), atol=1e-5)
    assert "gradients" not in target.offers


def test_double_precision_and_attribute_inputs(tmp_path: Path) -> None:
    import torch
    from onnx import TensorProto, helper, numpy_helper

    weights, bias = linear()
    node = helper.make_node
    nodes = [
        node("Constant", [], ["two"], value=numpy_helper.from_array(np.array(2.0))),
        node("Mul", ["x", "two"], ["d"]),
        node("MatMul", ["d", "w"], ["h"]),
        node("Add", ["h", "b"], ["r"]),
        node("Identity", ["r"], ["p"]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [None, 4])]
    out = [helper.make_tensor_value_info("p", TensorProto.DOUBLE, [None, 3])]
    path = made(tmp_path / "m.onnx", nodes, {"w": weights.T.astype(float), "b": bias.astype(float)}, out, inputs)
    target = open_target(path, schema=SCHEMA)
    assert "gradients" in target.offers, target.assumptions
    wanted = torch.softmax(torch.from_numpy(2 * drawn() @ weights.T + bias), 1).numpy()
    np.testing.assert_allclose(target.scores(drawn()), wanted, atol=1e-5)


def test_the_wrong_number_of_columns(tmp_path: Path) -> None:
    from torch import nn

    path = exported(
        tmp_path / "m.onnx",
        nn.Linear(5, 3),
        SCHEMA.model_copy(update={"features": (*SCHEMA.features, Feature(name="z", kind="continuous"))}),
    )
    with pytest.raises(Problem, match=r"rows of shape \(4,\)"):
        open_target(path, schema=SCHEMA)


def test_truncated_and_mutated_models_give_one_line(tmp_path: Path) -> None:
    whole = exported(tmp_path / "m.onnx", tabular(), SCHEMA).read_bytes()
    rng = np.random.default_rng(0)
    parts = [whole[: int(len(whole) * share)] for share in (0.1, 0.5, 0.99)]
    for _ in range(60):
        changed = bytearray(whole)
        for at in rng.integers(0, len(changed), 2):
            changed[at] = rng.integers(0, 256)
        parts.append(bytes(changed))
    refused = 0
    for part in parts:
        (tmp_path / "n.onnx").write_bytes(part)
        try:
            open_target(tmp_path / "n.onnx", schema=SCHEMA)
        except Problem:
            refused += 1
    assert refused >= 3


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    from onnx import TensorProto

    model = onnx.load_from_string(exported(tmp_path / "m.onnx", tabular(), SCHEMA).read_bytes())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    (tmp_path / "e.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(Problem, match="safe"):
        open_target(tmp_path / "e.onnx", schema=SCHEMA)


def apart(folder: Path, weights: NDArray[np.float32], location: str = "w.bin", length: int | None = None) -> Path:
    """A model whose only weights lie in another file."""
    from onnx import TensorProto, helper

    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=weights.shape, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="length", value=str(weights.nbytes if length is None else length))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["p"])], "g", [x], [scores_out()], [tensor])
    path = folder / "apart.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString())
    (folder / "w.bin").write_bytes(weights.tobytes())
    return path


def test_weights_beside_the_model_are_those_beside_it_and_part_of_its_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime alone would take them from the folder the process runs in."""
    rng = np.random.default_rng(0)
    for name in ("model", "here"):
        (tmp_path / name).mkdir()
    one, two = rng.normal(size=(2, 4, 3)).astype(np.float32)
    path = apart(tmp_path / "model", one)
    (tmp_path / "here" / "w.bin").write_bytes(two.tobytes())
    monkeypatch.chdir(tmp_path / "here")
    x = drawn()
    target = open_target(path, schema=SCHEMA, outputs="logits")
    expected = np.exp(x @ one) / np.exp(x @ one).sum(1, keepdims=True)
    np.testing.assert_allclose(target.scores(x), expected, atol=1e-5)
    assert "gradients" in target.offers
    (tmp_path / "model" / "w.bin").write_bytes(two.tobytes())
    assert open_target(path, schema=SCHEMA, outputs="logits").fingerprint != target.fingerprint
    (tmp_path / "model" / "w.bin").write_bytes(one.tobytes())
    assert open_target(path, schema=SCHEMA, outputs="logits").fingerprint == target.fingerprint


def test_weights_beside_the_model_that_do_not_fit_are_one_line(tmp_path: Path) -> None:
    weights = np.ones((4, 3), np.float32)
    for change in ("gone", "short", "link"):
        path = apart(tmp_path, weights, length=40 if change == "short" else None)
        beside = tmp_path / "w.bin"
        if change == "gone":
            beside.unlink()
        elif change == "link":
            (tmp_path.parent / "elsewhere.bin").write_bytes(weights.tobytes())
            beside.unlink()
            beside.symlink_to(tmp_path.parent / "elsewhere.bin")
        with pytest.raises(Problem):
            open_target(path, schema=SCHEMA, outputs="logits")
