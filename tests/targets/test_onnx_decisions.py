"""What an ONNX model decides: its label output, a rule that a person gives, classes by name."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.errors import Problem
from tiltyard.targets.opening import open_target

if TYPE_CHECKING:
    pass

from .onnx_files import SCHEMA, drawn, linear_scores, made, scores_out, sklearn_like

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")


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
