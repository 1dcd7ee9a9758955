"""ONNX: converted to torch where every operator is known and both agree, else a black box that says why not."""

import warnings
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

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
SCHEMA = Schema(
    features=tuple(Feature(name=f"f{i}", kind="continuous", low=-1, high=1) for i in range(4)), label="y", classes=("a", "b", "c")
)
IMAGES = Schema(features=(Feature(name="image", kind="pixels", shape=(1, 8, 8)),), label="y", classes=("a", "b", "c"))
MIXED = Schema(
    features=(Feature(name="age", kind="integer", low=0, high=90), Feature(name="sex", kind="categorical", categories=("f", "m"))),
    label="y",
    classes=("no", "yes"),
)


def drawn(schema: Schema = SCHEMA, n: int = 50) -> NDArray[Any]:
    return np.random.default_rng(1).uniform(schema.low, schema.high, (n, *schema.shape)).astype(schema.dtype)


def exported(path: Path, net: "nn.Module", schema: Schema, dynamic: bool = True) -> Path:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        axes = {"input": {0: "n"}, "output": {0: "n"}} if dynamic else None
        rows = (torch.zeros(1, *schema.shape),)
        torch.onnx.export(net.eval(), rows, path, dynamo=False, input_names=["input"], output_names=["output"], dynamic_axes=axes)
    return path


def made(
    path: Path, nodes: list[Any], constants: dict[str, Any], outputs: list[Any], inputs: list[Any] | None = None, ml: bool = True
) -> Path:
    from onnx import TensorProto, helper, numpy_helper

    inputs = inputs or [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])]
    weights = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, weights)
    sets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid("ai.onnx.ml", 3)] if ml else [])
    path.write_bytes(helper.make_model(graph, opset_imports=sets, ir_version=9).SerializeToString())
    return path


def scores_out(name: str = "p", k: int = 3) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, k])


def torch_scores(net: "nn.Module", x: NDArray[Any]) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        return torch.softmax(net.eval()(torch.from_numpy(x).float()), 1).numpy()


def tabular() -> "nn.Module":
    import torch
    from torch import nn

    torch.manual_seed(0)
    layers = [nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.GELU()]
    return nn.Sequential(*layers, nn.LeakyReLU(), nn.ELU(), nn.Sigmoid(), nn.Linear(8, 3))


def visual() -> "nn.Module":
    import torch
    from torch import nn

    torch.manual_seed(0)
    first = [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, stride=1, groups=2)]
    return nn.Sequential(*first, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(6, 3))


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


def linear() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(2)
    return rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=3).astype(np.float32)


def sklearn_like(path: Path, labels: list[str] | list[int], zipmap: bool = True) -> Path:
    """As skl2onnx writes a scaled logistic regression: Scaler, LinearClassifier, Normalizer, ZipMap."""
    from onnx import TensorProto, helper

    weights, bias = linear()
    key = "classlabels_strings" if isinstance(labels[0], str) else "classlabels_ints"
    node = helper.make_node
    nodes = [
        node("Scaler", ["x"], ["s"], domain="ai.onnx.ml", offset=[0.1] * 4, scale=[2.0] * 4),
        node(
            "LinearClassifier", ["s"], ["label", "raw"], domain="ai.onnx.ml", coefficients=weights.ravel().tolist(),
            intercepts=bias.tolist(), multi_class=1, post_transform="SOFTMAX", **{key: labels},
        ),
        node("Normalizer", ["raw"], ["p"], domain="ai.onnx.ml", norm="L1"),
    ]  # fmt: skip
    kind = TensorProto.STRING if isinstance(labels[0], str) else TensorProto.INT64
    outputs = [helper.make_tensor_value_info("label", kind, [None]), scores_out()]
    if zipmap:
        zipkey = "classlabels_strings" if isinstance(labels[0], str) else "classlabels_int64s"
        nodes.append(node("ZipMap", ["p"], ["m"], domain="ai.onnx.ml", **{zipkey: labels}))
        value = helper.make_map_type_proto(kind, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
        outputs[1] = helper.make_value_info("m", helper.make_sequence_type_proto(value))
    return made(path, nodes, {}, outputs)


def linear_scores(x: NDArray[Any]) -> NDArray[np.float32]:
    import torch

    weights, bias = linear()
    return torch.softmax(torch.from_numpy((x - 0.1) * 2 @ weights.T + bias), 1).float().numpy()


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


def by_column(path: Path, kinds: dict[str, int]) -> Path:
    """A model with an input of its own type for each column: the sum of them as the logit of the second class."""
    from onnx import TensorProto, helper

    node = helper.make_node
    nodes = []
    for name, kind in kinds.items():
        if kind == TensorProto.STRING:
            nodes.append(
                node("LabelEncoder", [name], [f"{name}_f"], domain="ai.onnx.ml", keys_strings=["f", "m"], values_floats=[3.0, 5.0])
            )
        else:
            nodes.append(node("Cast", [name], [f"{name}_f"], to=TensorProto.FLOAT))
    nodes += [node("Sum", [f"{name}_f" for name in kinds], ["s"]), node("Sigmoid", ["s"], ["p"])]
    inputs = [helper.make_tensor_value_info(name, kind, [None, 1]) for name, kind in kinds.items()]
    return made(path, nodes, {}, [scores_out(k=1)], inputs)


def table_of_kinds() -> Any:
    import pandas as pd

    whole = [2**24 + 1, -(2**24) - 1, 0, 7]
    return pd.DataFrame({"n": whole, "small": [1, 2, 3, 4], "on": [True, False, True, False], "sex": list("fmfm"), "y": list("abab")})


def data_of(frame: Any, label: str = "y") -> Any:
    from tiltyard.datasets.reading import read

    return read(frame, label=label)


def test_each_input_gets_its_column_by_name_in_its_own_type(tmp_path: Path) -> None:
    import onnxruntime
    from onnx import TensorProto

    kinds = {"sex": TensorProto.STRING, "on": TensorProto.BOOL, "small": TensorProto.INT32, "n": TensorProto.INT64}
    path = by_column(tmp_path / "m.onnx", kinds)
    frame = table_of_kinds()
    data = data_of(frame)
    target = open_target(path, data=data)
    types = {"sex": object, "on": bool, "small": np.int32, "n": np.int64}
    session = onnxruntime.InferenceSession(path.read_bytes())
    own = session.run(None, {name: frame[[name]].to_numpy().astype(kind) for name, kind in types.items()})[0]
    np.testing.assert_array_equal(target.scores(data.x)[:, 1], own.ravel().astype(np.float64))
    assert target.given == "the table's columns by name as string, bool, int32, int64"


def test_a_column_that_an_input_cannot_take_is_named(tmp_path: Path) -> None:
    from onnx import TensorProto

    frame = table_of_kinds().assign(n=[1.5, 2.0, 3.0, 4.0])
    with pytest.raises(Problem, match=r"whole numbers .* in 'n'.*1\.5 in row"):
        open_target(by_column(tmp_path / "m.onnx", {"n": TensorProto.INT64, "small": TensorProto.INT64}), data=data_of(frame))
    with pytest.raises(Problem, match=r"\(n, height\).*columns n, small, on, sex"):
        open_target(by_column(tmp_path / "k.onnx", {"n": TensorProto.FLOAT, "height": TensorProto.FLOAT}), data=data_of(frame))


@pytest.mark.parametrize("kind", ["INT32", "INT64", "DOUBLE"])
def test_one_input_of_whole_or_double_numbers_is_given_exactly(tmp_path: Path, kind: str) -> None:
    """x = 2^24 + 1 is class 1 and 2^24 is class 0: single precision knows no difference."""
    import pandas as pd
    from onnx import TensorProto, helper

    node, proto = helper.make_node, getattr(TensorProto, kind)
    one = np.array([2**24], helper.tensor_dtype_to_np_dtype(proto))
    nodes = [
        node("Sub", ["x", "c"], ["d"]),
        node("ReduceMax", ["d"], ["s"], axes=[1], keepdims=1),
        node("Cast", ["s"], ["p"], to=TensorProto.FLOAT),
    ]
    inputs = [helper.make_tensor_value_info("x", proto, [None, 2])]
    path = made(tmp_path / "m.onnx", nodes, {"c": one}, [scores_out(k=1)], inputs)
    frame = pd.DataFrame({"a": [2**24 + i % 2 for i in range(20)], "b": [2**24] * 10 + [2**24 - 1] * 10, "y": list("ab") * 10})
    data = data_of(frame)
    target = open_target(path, data=data, outputs="probabilities")
    np.testing.assert_array_equal(target.scores(data.x)[:, 1], np.arange(20) % 2)


@pytest.mark.parametrize("layout", ["flat", "last", "plane"])
def test_images_in_another_layout_are_given_and_have_gradients(tmp_path: Path, layout: str) -> None:
    import torch
    from onnx import TensorProto, helper

    rng = np.random.default_rng(0)
    weights = rng.normal(size=(64, 3)).astype(np.float32)
    shape = {"flat": [None, 64], "last": [None, 8, 8, 1], "plane": [None, 8, 8]}[layout]
    nodes = [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("MatMul", ["f", "w"], ["p"])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    target = open_target(made(tmp_path / "m.onnx", nodes, {"w": weights}, [scores_out()], inputs), schema=IMAGES)
    x = drawn(IMAGES)
    logits = torch.from_numpy(x.reshape(len(x), -1) @ weights)
    np.testing.assert_allclose(target.scores(x), torch.softmax(logits, 1), atol=1e-5)
    given = torch.from_numpy(x).requires_grad_()
    slope = torch.autograd.grad(target.module(given)[:, 1].sum(), given)[0]
    np.testing.assert_allclose(slope[0].flatten(), weights[:, 1], atol=1e-5)


def with_threshold(path: Path, at: float, names: list[str] | None = None) -> Path:
    """Scores of two classes by a sigmoid, and a label output: the second class from ``at`` on."""
    from onnx import TensorProto, helper

    node = helper.make_node
    nodes = [
        node("MatMul", ["x", "w"], ["h"]), node("Sigmoid", ["h"], ["p1"]), node("Sub", ["one", "p1"], ["p0"]),
        node("Concat", ["p0", "p1"], ["p"], axis=1), node("GreaterOrEqual", ["p1", "t"], ["g"]), node("Cast", ["g"], ["label"], to=TensorProto.INT64),
    ]  # fmt: skip
    outputs = [helper.make_tensor_value_info("label", TensorProto.INT64, [None, 1]), scores_out(k=2)]
    constants = {"w": np.array([[1.0], [2.0], [0.0], [-1.0]], np.float32), "one": np.float32(1), "t": np.float32(at)}
    return made(path, nodes, constants, outputs)


TWO = SCHEMA.model_copy(update={"classes": ("no", "yes")})


def test_the_label_output_is_the_decision(tmp_path: Path) -> None:
    target = open_target(with_threshold(tmp_path / "m.onnx", 0.2), schema=TWO)
    x = drawn(n=200)
    p = 1 / (1 + np.exp(-(x.astype(np.float32) @ np.array([1.0, 2.0, 0.0, -1.0], np.float32))))
    np.testing.assert_array_equal(target.labels(x), (p >= 0.2).astype(int))
    np.testing.assert_allclose(target.scores(x)[:, 1], p, atol=1e-6)
    assert target.rule == "its own predict"
    notes = " ".join(target.assumptions)
    assert "Its label output 'label' decides, which is not the class with the largest score on" in notes
    assert "gradients" not in target.offers
    assert "they would lead past its decision" in notes


def test_a_label_output_that_is_the_largest_score_keeps_gradients(tmp_path: Path) -> None:
    target = open_target(with_threshold(tmp_path / "m.onnx", 0.5), schema=TWO)
    assert "gradients" in target.offers, target.assumptions
    turned = open_target(with_threshold(tmp_path / "m.onnx", 0.5), schema=TWO, classes=("yes", "no"))
    x = drawn(n=100)
    np.testing.assert_array_equal(turned.labels(x), 1 - target.labels(x))
    np.testing.assert_array_equal(turned.scores(x)[:, ::-1], target.scores(x))


def test_a_rule_of_the_person_replaces_the_label_output(tmp_path: Path) -> None:
    target = open_target(with_threshold(tmp_path / "m.onnx", 0.2), schema=TWO, threshold=0.7)
    x = drawn(n=200)
    np.testing.assert_array_equal(target.labels(x), (target.scores(x)[:, 1] >= 0.7).astype(int))


def test_classes_of_other_names_are_refused_until_they_are_named(tmp_path: Path) -> None:
    path = sklearn_like(tmp_path / "m.onnx", ["x", "y", "z"])
    with pytest.raises(Problem, match=r"a model of the classes a, b, c; found .*x, y, z"):
        open_target(path, schema=SCHEMA)
    target = open_target(path, schema=SCHEMA, classes=("b", "c", "a"))
    np.testing.assert_allclose(target.scores(drawn()), linear_scores(drawn())[:, [2, 0, 1]], atol=1e-5)
    np.testing.assert_array_equal(target.labels(drawn()), linear_scores(drawn())[:, [2, 0, 1]].argmax(1))


def test_a_regressor_is_refused(tmp_path: Path) -> None:
    from onnx import helper

    node = helper.make_node("LinearRegressor", ["x"], ["p"], domain="ai.onnx.ml", coefficients=[1.0, 2.0, 3.0, 4.0], intercepts=[0.5])
    with pytest.raises(Problem, match=r"a classifier; found m\.onnx, which predicts numbers"):
        open_target(made(tmp_path / "m.onnx", [node], {}, [scores_out(k=1)]), schema=TWO)


def test_it_can_be_sent_to_another_process(tmp_path: Path) -> None:
    import cloudpickle

    for path in (with_threshold(tmp_path / "m.onnx", 0.5), with_threshold(tmp_path / "k.onnx", 0.2)):
        target = open_target(path, schema=TWO)
        again = cloudpickle.loads(cloudpickle.dumps(target))
        np.testing.assert_array_equal(again.scores(drawn()), target.scores(drawn()))
