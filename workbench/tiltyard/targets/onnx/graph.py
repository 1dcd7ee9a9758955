"""Common ONNX operators as a torch module, so that gradients are offered; unknown ones are named."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Operator = Callable[[list[Any], dict[str, Any]], Any]


class Unknown(Exception):
    """An operator, or a variant of one, that is not converted; says which."""


def _ints(value: Any) -> list[int]:
    return [int(v) for v in (value.tolist() if isinstance(value, Tensor) else value)]


def _gemm(a: list[Any], o: dict[str, Any]) -> Tensor:
    left = a[0].t() if o.get("transA") else a[0]
    right = a[1].t() if o.get("transB") else a[1]
    out: Tensor = left @ right
    if (alpha := float(o.get("alpha", 1.0))) != 1:
        out = alpha * out
    if len(a) > 2 and a[2] is not None:
        out = out + float(o.get("beta", 1.0)) * a[2]
    return out


def _pads(o: dict[str, Any]) -> list[int]:
    if o.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise Unknown(f"auto_pad {o['auto_pad']}")
    pads = list(o.get("pads", (0, 0, 0, 0)))
    if len(pads) != 4:
        raise Unknown("padding in other than two dimensions")
    return [pads[1], pads[3], pads[0], pads[2]]


def _conv(a: list[Any], o: dict[str, Any]) -> Tensor:
    x = functional.pad(a[0], _pads(o))
    bias = a[2] if len(a) > 2 else None
    out: Tensor = functional.conv2d(x, a[1], bias, o.get("strides", [1, 1]), 0, o.get("dilations", [1, 1]), o.get("group", 1))
    return out


def _max_pool(a: list[Any], o: dict[str, Any]) -> Tensor:
    x = functional.pad(a[0], _pads(o), value=-torch.inf)
    kernel, strides = o["kernel_shape"], o.get("strides", [1, 1])
    out: Tensor = functional.max_pool2d(x, kernel, strides, 0, o.get("dilations", [1, 1]), ceil_mode=bool(o.get("ceil_mode")))
    return out


def _average_pool(a: list[Any], o: dict[str, Any]) -> Tensor:
    pads = _pads(o)
    if o.get("ceil_mode") or any(d != 1 for d in o.get("dilations", [1, 1])) or (any(pads) and not o.get("count_include_pad")):
        raise Unknown("AveragePool with ceil_mode, dilations or padding left out of the mean")
    return functional.avg_pool2d(functional.pad(a[0], pads), o["kernel_shape"], o.get("strides", [1, 1]))


def _batch_norm(a: list[Any], o: dict[str, Any]) -> Tensor:
    if o.get("training_mode"):
        raise Unknown("BatchNormalization in training mode")
    return functional.batch_norm(a[0], a[3], a[4], a[1], a[2], False, 0.0, o.get("epsilon", 1e-5))


def _flatten(a: list[Any], o: dict[str, Any]) -> Tensor:
    axis = o.get("axis", 1) % (a[0].ndim + 1)
    rows = int(np.prod(a[0].shape[:axis])) if axis else 1
    out: Tensor = a[0].reshape(rows, -1)
    return out


def _reshape(a: list[Any], o: dict[str, Any]) -> Tensor:
    wanted = _ints(a[1])
    if not o.get("allowzero"):
        wanted = [a[0].shape[i] if size == 0 else size for i, size in enumerate(wanted)]
    out: Tensor = a[0].reshape(wanted)
    return out


def _softmax(a: list[Any], o: dict[str, Any]) -> Tensor:
    return torch.softmax(a[0], o.get("axis", -1) if a[0].ndim > 2 else 1)


def _clip(a: list[Any], o: dict[str, Any]) -> Tensor:
    low = a[1] if len(a) > 1 and a[1] is not None else o.get("min")
    high = a[2] if len(a) > 2 and a[2] is not None else o.get("max")
    x: Tensor = a[0] if low is None else torch.maximum(a[0], torch.as_tensor(low, dtype=a[0].dtype))
    return x if high is None else torch.minimum(x, torch.as_tensor(high, dtype=x.dtype))


def _cast(a: list[Any], o: dict[str, Any]) -> Tensor:
    kinds = {1: torch.float32, 11: torch.float32, 6: torch.int32, 7: torch.int64}
    if o["to"] not in kinds:
        raise Unknown(f"Cast to ONNX type {o['to']}")
    out: Tensor = a[0].to(kinds[o["to"]])
    return out


def _axes(a: list[Any], o: dict[str, Any]) -> list[int]:
    return _ints(a[1]) if len(a) > 1 and a[1] is not None else _ints(o.get("axes", ()))


def _squeeze(a: list[Any], o: dict[str, Any]) -> Tensor:
    x: Tensor = a[0]
    for axis in sorted((i % x.ndim for i in _axes(a, o)), reverse=True):
        x = x.squeeze(axis)
    return x


def _unsqueeze(a: list[Any], o: dict[str, Any]) -> Tensor:
    x: Tensor = a[0]
    for axis in sorted(_axes(a, o)):
        x = x.unsqueeze(axis)
    return x


def _mean(a: list[Any], o: dict[str, Any]) -> Tensor:
    if not (axes := _axes(a, o)):
        raise Unknown("ReduceMean over all axes")
    out: Tensor = a[0].mean(axes, keepdim=bool(o.get("keepdims", 1)))
    return out


def _scaler(a: list[Any], o: dict[str, Any]) -> Tensor:
    out: Tensor = (a[0].float() - torch.tensor(o["offset"])) * torch.tensor(o["scale"])
    return out


def _linear_classifier(a: list[Any], o: dict[str, Any]) -> Tensor:
    """The scores (its second output); the labels are not needed."""
    bias = torch.tensor(o["intercepts"])
    weights = torch.tensor(o["coefficients"]).reshape(len(bias), -1)
    out: Tensor = a[0].float() @ weights.t() + bias
    post = o.get("post_transform", "NONE")
    if post not in ("NONE", "SOFTMAX", "LOGISTIC"):
        raise Unknown(f"LinearClassifier with {post}")
    return torch.softmax(out, 1) if post == "SOFTMAX" else torch.sigmoid(out) if post == "LOGISTIC" else out


def _normalizer(a: list[Any], o: dict[str, Any]) -> Tensor:
    if o.get("norm", "MAX") != "L1":
        raise Unknown(f"Normalizer by {o.get('norm', 'MAX')}")
    return functional.normalize(a[0], p=1, dim=1)


OPERATORS: dict[str, Operator] = {
    "Gemm": _gemm,
    "MatMul": lambda a, o: a[0] @ a[1],
    "Add": lambda a, o: a[0] + a[1],
    "Sub": lambda a, o: a[0] - a[1],
    "Mul": lambda a, o: a[0] * a[1],
    "Div": lambda a, o: a[0] / a[1],
    "Neg": lambda a, o: -a[0],
    "Sqrt": lambda a, o: torch.sqrt(a[0]),
    "Pow": lambda a, o: a[0] ** a[1],
    "Exp": lambda a, o: torch.exp(a[0]),
    "Log": lambda a, o: torch.log(a[0]),
    "Erf": lambda a, o: torch.erf(a[0]),
    "Relu": lambda a, o: torch.relu(a[0]),
    "LeakyRelu": lambda a, o: functional.leaky_relu(a[0], o.get("alpha", 0.01)),
    "Elu": lambda a, o: functional.elu(a[0], o.get("alpha", 1.0)),
    "Gelu": lambda a, o: functional.gelu(a[0], approximate=o.get("approximate", "none")),
    "Softplus": lambda a, o: functional.softplus(a[0]),
    "Sigmoid": lambda a, o: torch.sigmoid(a[0]),
    "Tanh": lambda a, o: torch.tanh(a[0]),
    "Softmax": _softmax,
    "LogSoftmax": lambda a, o: torch.log(_softmax(a, o)),
    "Conv": _conv,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": lambda a, o: a[0].mean((2, 3), keepdim=True),
    "BatchNormalization": _batch_norm,
    "Dropout": lambda a, o: a[0],
    "Identity": lambda a, o: a[0],
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Transpose": lambda a, o: a[0].permute(o["perm"]),
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Concat": lambda a, o: torch.cat(a, o["axis"]),
    "Clip": _clip,
    "Cast": _cast,
    "ReduceMean": _mean,
    "Scaler": _scaler,
    "LinearClassifier": _linear_classifier,
    "Normalizer": _normalizer,
}
DOMAINS = ("", "ai.onnx", "ai.onnx.ml")


class Step:
    """One node: its operator, where it reads and writes, its attributes."""

    def __init__(self, op: str, inputs: list[str], output: str, options: dict[str, Any]) -> None:
        self.op = op
        self.inputs = inputs
        self.output = output
        self.options = options


class Graph(nn.Module):
    """The nodes that lead from ``start`` to ``end``, run in order; floating-point constants are parameters."""

    def __init__(self, steps: list[Step], constants: dict[str, Tensor], start: str, end: str) -> None:
        super().__init__()
        self.steps = steps
        self.start = start
        self.end = end
        self.places: dict[str, str] = {}
        for i, (name, tensor) in enumerate(constants.items()):
            self.places[name] = f"constant{i}"
            if tensor.is_floating_point() and tensor.ndim:
                self.register_parameter(f"constant{i}", nn.Parameter(tensor, requires_grad=False))
            else:
                self.register_buffer(f"constant{i}", tensor)

    def forward(self, x: Tensor) -> Tensor:
        """What ONNX returns at ``end``."""
        values: dict[str, Any] = {name: getattr(self, place) for name, place in self.places.items()}
        values[self.start] = x
        for step in self.steps:
            values[step.output] = OPERATORS[step.op]([values[name] if name else None for name in step.inputs], step.options)
        out: Tensor = values[self.end]
        return out

    def extra_repr(self) -> str:
        """The operators, so that the fingerprint depends on them."""
        return " ".join(f"{s.op}({','.join(s.inputs)})->{s.output}{sorted(s.options.items())!r}" for s in self.steps)


class Shaped(nn.Module):
    """``inner`` behind images (n, channels, height, width) that it takes flat, without their only channel, or with channels last."""

    def __init__(self, inner: nn.Module, layout: str) -> None:
        super().__init__()
        self.inner = inner
        self.layout = layout

    def forward(self, x: Tensor) -> Tensor:
        """What the inner module returns."""
        shaped = x.permute(0, 2, 3, 1) if self.layout == "channels last" else x.flatten(1) if self.layout == "flat" else x[:, 0]
        out: Tensor = self.inner(shaped)
        return out

    def extra_repr(self) -> str:
        """The layout, so that the fingerprint depends on it."""
        return self.layout


def converted(content: bytes, start: str, end: str) -> tuple[Graph, bool]:
    """The graph of an ONNX file as a torch module from input ``start`` to tensor ``end``.

    A softmax at the end is left off; the second value says whether one was.

    Raises
    ------
    Unknown
        Naming the first operator that is not converted.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(content)
    constants = {t.name: _tensor(numpy_helper.to_array(t)) for t in model.graph.initializer}
    makers = {out: node for node in model.graph.node for out in node.output if out}
    steps: list[Step] = []
    end, softmax = _before_softmax(makers, end)
    for node in _needed(makers, end, {start, *constants}):
        options = {a.name: _attribute(onnx.helper.get_attribute_value(a)) for a in node.attribute}
        if node.op_type == "Constant" and node.domain in DOMAINS:
            constants[node.output[0]] = _constant(options)
            continue
        if node.op_type not in OPERATORS or node.domain not in DOMAINS:
            raise Unknown(node.op_type)
        steps.append(Step(node.op_type, list(node.input), _written(node, makers, end), options))
    used = {name for step in steps for name in step.inputs}
    return Graph(steps, {name: t for name, t in constants.items() if name in used}, start, end), softmax


def _tensor(array: Any) -> Tensor:
    """A constant; double precision becomes single, which is what rows come in."""
    tensor = torch.from_numpy(np.array(array))
    return tensor.float() if tensor.is_floating_point() else tensor


def _attribute(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return list(value) if hasattr(value, "__len__") and not isinstance(value, str) and not hasattr(value, "dims") else value


def _constant(options: dict[str, Any]) -> Tensor:
    from onnx import numpy_helper

    for key, value in options.items():
        if key == "value":
            return _tensor(numpy_helper.to_array(value))
        if key in ("value_float", "value_floats"):
            return torch.tensor(value, dtype=torch.float32)
        if key in ("value_int", "value_ints"):
            return torch.tensor(value, dtype=torch.int64)
    raise Unknown("Constant of another kind")


def _written(node: Any, makers: dict[str, Any], end: str) -> str:
    """Which of a node's outputs is the one we compute: the scores of a classifier, else the first."""
    return str(node.output[1] if node.op_type == "LinearClassifier" else node.output[0])


def _before_softmax(makers: dict[str, Any], end: str) -> tuple[str, bool]:
    node = makers.get(end)
    while node is not None and node.op_type in ("Identity", "Dropout") and node.domain in DOMAINS:
        end, node = node.input[0], makers.get(node.input[0])
    if node is not None and node.op_type == "Softmax" and node.domain in DOMAINS:
        return node.input[0], True
    return end, False


def _needed(makers: dict[str, Any], end: str, known: set[str]) -> list[Any]:
    """The nodes that ``end`` depends on, each after those it reads."""
    order: list[Any] = []
    done: set[int] = set()
    stack = [(end, False)]
    while stack:
        name, ready = stack.pop()
        node = makers.get(name)
        if node is None:
            if name and name not in known:
                raise Unknown(f"an input {name!r} that nothing makes")
            continue
        if id(node) in done:
            continue
        if ready:
            done.add(id(node))
            order.append(node)
            continue
        stack.append((name, True))
        stack += [(source, False) for source in node.input if source and source not in known]
    return order
