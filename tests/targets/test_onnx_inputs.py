"""ONNX models of one's own columns: each input gets its column in its own type, images in their own layout."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tiltyard.errors import Problem
from tiltyard.targets.opening import open_target

if TYPE_CHECKING:
    pass

from .onnx_files import IMAGES, drawn, made, scores_out

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")


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
