"""Gradients of an ONNX model: its graph as a torch module, used for directions alone. What it answers stays onnxruntime's."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from ...datasets.schema import Rows
from ...formatting.numbers import number
from ..decision import Labels, Prediction, Scores
from ..module_target import Reordered
from ..target import Target
from ..torch_target import Outputs, TorchTarget
from .graph import Shaped, Unknown, converted
from .heads import Nodes
from .target import OnnxTarget

if TYPE_CHECKING:
    import pandas as pd

AGREE = 1e-4


class DifferentiableOnnx(TorchTarget):
    """An ONNX model whose labels and scores are onnxruntime's, and whose gradients are those of the same graph in torch."""

    def __init__(self, model: OnnxTarget, module: torch.nn.Module, outputs: Outputs) -> None:
        super().__init__(module, model.classes, model.schema, model.name, outputs)
        self.model = model
        self.fingerprint = model.fingerprint
        self.given = model.given
        self.decision = model.decision

    @property
    def grain(self) -> float:
        return self.model.grain

    def _scores(self, x: Rows) -> Scores:
        return self.model._scores(x)

    def _predict(self, x: Rows) -> Labels:
        return self.model._predict(x)

    def _prediction(self, x: Rows) -> Prediction:
        return self.model._prediction(x) if self.decision is None else super()._prediction(x)

    def unaided(self, frame: "pd.DataFrame") -> Prediction | None:
        return self.model.unaided(frame)

    def unaided_images(self, x: Rows) -> Prediction | None:
        return self.model.unaided_images(x)

    def converted_scores(self, x: Rows) -> Scores:
        """Class probabilities of the torch module, float64 (n, k)."""
        return super()._scores(x)


def with_gradients(model: OnnxTarget, rows: Rows, nodes: Nodes) -> tuple[Target, str]:
    """The model with gradients, if every operator is known and torch agrees with onnxruntime on ``rows``; else as it is; and a sentence."""
    if why := _impossible(model):
        return model, f"No gradients: {why}."
    try:
        made, gap, apart = _made(model, rows, nodes)
    except Unknown as error:
        return model, f"No gradients: {error} is not converted to torch, so this is a black box."
    except (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        line = (str(error).splitlines() or [""])[0][:80]
        return model, f"No gradients: converted to torch it did not run ({line}), so this is a black box."
    if not gap <= AGREE:
        return model, f"No gradients: converted to torch its scores differed by up to {number(gap, 2)}, so this is a black box."
    if apart:
        found = f"the largest of its scores is not its label on {apart} of {len(rows)} rows"
        return model, f"No gradients: {found}, and they would lead past its decision, so this is a black box."
    found = f"the scores agree with onnxruntime within {number(max(gap, 1e-7), 1)} on {len(rows)} rows"
    return made, f"Converted to torch, so gradients are offered; {found}. Labels and scores are onnxruntime's."


def _impossible(model: OnnxTarget) -> str:
    try:
        import onnx  # noqa: F401
    except ImportError:
        return "the package onnx is not installed"
    if model.session.feeds != "encoded":
        return "the model takes the table's own columns"
    if model.session.inputs[0].type not in ("tensor(float)", "tensor(double)", "tensor(float16)"):
        return "the model does not take floating-point numbers"
    return ""


def _made(model: OnnxTarget, rows: Rows, nodes: Nodes) -> tuple[DifferentiableOnnx, float, int]:
    """The target with gradients, how far its torch scores are from onnxruntime's, and on how many rows its label is another."""
    session = model.session
    start = session.inputs[0].name
    graph, cut = converted(session.content, start, _before_map(nodes, str(session.outputs[model.read.scores].name)))
    outputs: Outputs = "logits" if cut or model.outputs == "logits" else "probabilities"
    layout = session.layout if model.schema.images else "channels first"
    shaped = graph if layout == "channels first" else Shaped(graph, layout)
    plain = model.order == tuple(range(len(model.order)))
    module: torch.nn.Module = shaped if plain else Reordered(shaped, model.order, outputs)
    made = DifferentiableOnnx(model, module, outputs)
    ours, theirs = made.converted_scores(rows), model.scores(rows)
    ranked = np.sort(theirs, 1)
    clear = ranked[:, -1] - ranked[:, -2] > AGREE
    apart = int((clear & (ours.argmax(1) != model.labels(rows))).sum())
    return made, float(np.abs(ours - theirs).max()), apart


def _before_map(nodes: Nodes, name: str) -> str:
    """The tensor of scores to convert up to; a ZipMap only names its columns."""
    node = nodes.makers.get(name)
    return str(node.input[0]) if node is not None and node.op_type == "ZipMap" else name
