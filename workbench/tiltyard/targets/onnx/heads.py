"""What an ONNX model answers: which output holds its scores, which its label, and how its classes are called."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ...errors import Problem

if TYPE_CHECKING:
    from .session import Session

CLASS_LABELS = ("classlabels_strings", "classlabels_int64s", "classlabels_ints", "classlabels")
PASSES_ON = ("Identity", "Cast", "Squeeze", "Reshape", "Flatten", "Dropout", "Unsqueeze")
FLOATS = ("tensor(float)", "tensor(double)", "tensor(float16)")
LABELS = ("tensor(int64)", "tensor(string)", "tensor(int32)", "tensor(bool)")


@dataclass(frozen=True)
class Heads:
    """The outputs that are read.

    Parameters
    ----------
    scores
        The place of the output of scores; -1 where there is none.
    mapped
        Whether that output is a list of {class: probability} (ZipMap).
    label
        The place of the output that is the model's own decision; -1 where there is none.
    places
        Whether its labels are places among the scores (ArgMax), not class names.
    """

    scores: int
    mapped: bool
    label: int
    places: bool = False


class Nodes:
    """The nodes of a graph by what they write; none where the package onnx is missing or cannot read it."""

    def __init__(self, content: bytes) -> None:
        self.makers: dict[str, Any] = {}
        try:
            import onnx

            self.all = list(onnx.load_from_string(content).graph.node)
        except Exception:  # protobuf's errors have no common base; without the graph only names and gradients are not known
            self.all = []
        self.makers = {out: node for node in self.all for out in node.output if out}

    def origin(self, name: str) -> Any:
        """The node that an output really comes from, past those that only reshape or rename; None where there is none."""
        node = self.makers.get(name)
        for _ in self.all:
            if node is None or node.op_type not in PASSES_ON or not node.input:
                break
            node = self.makers.get(node.input[0])
        return node

    @property
    def classes(self) -> tuple[str, ...]:
        """The class labels that a converted classifier carries, in the order of its scores; else (). Names count before numbers."""
        held = [a for node in reversed(self.all) for a in node.attribute if a.name in CLASS_LABELS]
        names = next((a.strings for a in held if a.strings), ())
        numbers = next((a.ints for a in held if a.ints), ())
        return tuple(s.decode("utf-8", "replace") for s in names) or tuple(str(i) for i in numbers)


def heads(session: "Session", nodes: Nodes, k: int) -> Heads:
    """The outputs that hold scores and label.

    Raises
    ------
    Problem
        Where it has neither, or predicts a number.
    """
    outputs = session.outputs
    maps = [i for i, out in enumerate(outputs) if out.type.startswith("seq(map(")]
    floats = [i for i, out in enumerate(outputs) if out.type in FLOATS]
    sized = [i for i in floats if len(outputs[i].shape) == 2 and outputs[i].shape[1] in (k, 1)]
    labels = [i for i, out in enumerate(outputs) if out.type in LABELS and _one_a_row(out.shape)]
    scores = next(iter((*maps, *sized, *floats)), -1)
    label = labels[0] if labels else -1
    if scores < 0 and label < 0:
        found = ", ".join(f"{o.name}: {o.type}" for o in outputs)
        raise Problem(f"class scores or labels from {session.name}", found, "Export it as a classifier")
    if label < 0 and not maps:
        _refuse_regression(session, nodes.origin(outputs[scores].name))
    origin = nodes.origin(outputs[label].name) if label >= 0 else None
    return Heads(scores, bool(maps), label, origin is not None and origin.op_type == "ArgMax")


def _one_a_row(shape: list[Any]) -> bool:
    return len(shape) <= 1 or (len(shape) == 2 and shape[1] == 1)


def _refuse_regression(session: "Session", origin: Any) -> None:
    kind: Literal[""] | str = origin.op_type if origin is not None and origin.domain == "ai.onnx.ml" else ""
    plain = all(a.s in (b"", b"NONE") for a in origin.attribute if a.name == "post_transform") if kind else False
    if kind.endswith("Regressor") and plain:
        raise Problem("a classifier", f"{session.name}, which predicts numbers ({kind})", "Give a classifier; regression is not assessed")
