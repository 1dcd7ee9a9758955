"""Small ONNX models made by hand, and those that torch and scikit-learn export."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema

if TYPE_CHECKING:
    from torch import nn

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
