"""ONNX models: run by onnxruntime on the CPU, or as a torch module where every operator is known and both agree."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...datasets.schema import Schema
from ...errors import Problem
from .. import trying
from ..estimators import Feeds, fed, one_hot, softmax
from ..model_file import ModelFile
from ..target import Target
from .weights import whole

if TYPE_CHECKING:
    from ...datasets.dataset import Dataset

AGREE = 1e-4
TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(string)": object}
CLASS_LABELS = ("classlabels_strings", "classlabels_int64s", "classlabels_ints", "classlabels")


@dataclass(frozen=True)
class Head:
    """Which output is read, and as what: ``map`` is a list of {class: probability} (ZipMap)."""

    index: int
    kind: Literal["scores", "map", "labels"]


class Session:
    """An onnxruntime session with what Tiltyard needs to know of its inputs and outputs."""

    def __init__(self, file: ModelFile, schema: Schema) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise Problem("onnxruntime to run ONNX models", "none installed", "pip install 'tiltyard[onnx]'") from None
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        try:
            self.run = onnxruntime.InferenceSession(file.content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions have no common base but Exception
            found = " ".join(str(error).split())[:160]
            raise Problem("an ONNX model that onnxruntime runs", f"{file.path.name}: {found}", "Export it again") from None
        self.schema = schema
        self.inputs = self.run.get_inputs()
        self.outputs = self.run.get_outputs()
        for item in self.inputs:
            if item.type not in TYPES:
                raise Problem(f"inputs of {', '.join(TYPES)}", f"{item.type} in {item.name!r}", "Export it with float32 inputs")
        self.batch = self.inputs[0].shape[0] if self.inputs and isinstance(self.inputs[0].shape[0], int) else 0

    def named(self, x: NDArray[np.float32], feeds: Feeds) -> dict[str, NDArray[Any]]:
        """x under the names of the model's inputs: one array, or a column of the person's table each."""
        if len(self.inputs) == 1:
            item = self.inputs[0]
            return {item.name: np.ascontiguousarray(np.asarray(fed(x, self.schema, feeds)), TYPES[item.type])}
        frame = self.schema.decode(x)
        if lost := [item.name for item in self.inputs if item.name not in frame.columns]:
            raise Problem(
                f"a feature for each input ({', '.join(lost[:8])})", f"{', '.join(map(str, frame.columns[:8]))}", "Name the columns alike"
            )
        return {item.name: frame[[item.name]].to_numpy().astype(TYPES[item.type]) for item in self.inputs}

    def __call__(self, x: NDArray[np.float32], feeds: Feeds, index: int) -> Any:
        """Output ``index`` for all rows of x; a model of a fixed batch size is fed in such batches."""
        wanted = [self.outputs[index].name]
        if not self.batch:
            return self.run.run(wanted, self.named(x, feeds))[0]
        parts: list[Any] = []
        for start in range(0, len(x), self.batch):
            part = x[start : start + self.batch]
            full = np.concatenate([part, np.repeat(part[-1:], self.batch - len(part), axis=0)])
            parts += list(self.run.run(wanted, self.named(full, feeds))[0])[: len(part)]
        return parts if parts and isinstance(parts[0], dict) else np.asarray(parts)

    def feeds(self, x: NDArray[np.float32], name: str) -> Feeds:
        """What the model takes: x as it is, or the numbers of the person's table."""
        if len(self.inputs) > 1:
            return "frame"
        shape = self.inputs[0].shape
        width = shape[-1] if shape and isinstance(shape[-1], int) else None
        frame = 0 if self.schema.images else self.schema.decode(x[:1]).shape[1]
        if len(shape) == 2 and width == frame != self.schema.shape[-1]:
            return "values"
        wrong = len(shape) != 1 + len(self.schema.shape) or any(
            isinstance(a, int) and a != b for a, b in zip(shape[1:], self.schema.shape, strict=True)
        )
        if wrong:
            raise Problem(
                f"{name} to take rows of shape {self.schema.shape}",
                f"an input of shape {shape}",
                "Give the columns the model was trained on",
            )
        return "encoded"

    def head(self, k: int, name: str) -> Head:
        """The output to read: class scores if there are any, else labels."""
        for i, out in enumerate(self.outputs):
            if out.type.startswith("seq(map("):
                return Head(i, "map")
        floats = [i for i, out in enumerate(self.outputs) if out.type in ("tensor(float)", "tensor(double)")]
        for i in floats:
            if len(self.outputs[i].shape) == 2 and self.outputs[i].shape[1] in (k, 1):
                return Head(i, "scores")
        if floats:
            return Head(floats[0], "scores")
        for i, out in enumerate(self.outputs):
            if out.type in ("tensor(int64)", "tensor(string)", "tensor(int32)"):
                return Head(i, "labels")
        raise Problem(
            f"class scores or labels from {name}", ", ".join(f"{o.name}: {o.type}" for o in self.outputs), "Export it as a classifier"
        )


def labels_in(content: bytes) -> tuple[str, ...]:
    """The class labels that a classifier converted from scikit-learn carries, in the order of its scores; else ()."""
    try:
        import onnx

        model = onnx.load_from_string(content)
    except Exception:  # an absent or failing onnx only means that the labels are not known
        return ()
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name in CLASS_LABELS and (attribute.strings or attribute.ints):
                return tuple(s.decode() for s in attribute.strings) or tuple(str(i) for i in attribute.ints)
    return ()


class OnnxTarget(Target):
    """An ONNX model as a black box: onnxruntime on the CPU, one thread."""

    def __init__(
        self,
        session: Session,
        head: Head,
        feeds: Feeds,
        outputs: str,
        order: tuple[int, ...],
        labels: tuple[str, ...],
        name: str,
        sha256: str,
    ) -> None:
        schema = session.schema
        offers = frozenset({"labels"} if head.kind == "labels" else {"labels", "scores"})
        super().__init__(name, schema.classes, schema, offers, sha256)
        self.session = session
        self.head = head
        self.wants = feeds
        self.outputs = outputs
        self.order = order
        self.of_map = labels

    def raw(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """The model's own scores for x as float32 (n, k) or (n,), in its own class order."""
        out = self.session(x, self.wants, self.head.index)
        if self.head.kind == "map":
            keys = list(out[0])
            names = [str(key) for key in keys]
            chosen = [keys[names.index(n)] for n in self.of_map] if set(self.of_map) == set(names) else keys
            return np.array([[row[key] for key in chosen] for row in out], np.float32)
        return np.asarray(out, np.float32)

    def _scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.head.kind == "labels":
            labels = np.asarray(self.session(x, self.wants, self.head.index)).ravel()
            return one_hot(labels, self.classes)
        out = self.raw(x)
        if out.ndim == 1 or (out.shape[1] == 1 and len(self.classes) == 2):
            out = out.reshape(-1, 1)
            out = np.concatenate([np.zeros_like(out) if self.outputs == "logits" else 1 - out, out], 1)
        out = softmax(out) if self.outputs == "logits" else out
        return out[:, list(self.order)] if self.order else out


def onnx_target(
    file: ModelFile,
    schema: Schema,
    *,
    name: str = "",
    outputs: str | None = None,
    feeds: Feeds | None = None,
    order: tuple[int, ...] = (),
    data: "Dataset | None" = None,
) -> Target:
    """The model in an ONNX file: with gradients where it can be converted, else a black box that says why not.

    Raises
    ------
    Problem
        When onnxruntime does not run it, or it does not take the schema's rows.
    """
    file = whole(file)
    name = name or file.path.stem
    k = len(schema.classes)
    session = Session(file, schema)
    rows = trying.rows(schema, data)
    chosen = feeds or session.feeds(rows, name)
    head = session.head(k, name)
    notes: list[str] = []
    labels = labels_in(file.content)
    if not order and labels and labels != schema.classes and set(labels) == set(schema.classes):
        order = tuple(labels.index(c) for c in schema.classes)
        notes.append("The file names its classes in another order; its scores were put in the schema's.")
    target = OnnxTarget(session, head, chosen, outputs or "probabilities", order, labels, name, file.sha256)
    if head.kind == "labels":
        trying.answer(lambda: target.scores(rows), name, f"{name} to take rows of shape {schema.shape}")
        notes.append("It returns labels only.")
    else:
        out = trying.answer(lambda: target.raw(rows), name, f"{name} to take rows of shape {schema.shape}")
        found = trying.head(out, k, name)
        if outputs is None:
            notes.append(trying.output_note(found, out.ndim == 1))
        elif outputs == "probabilities" and found == "logits":
            raise Problem(
                f"probabilities that sum to 1 a row from {name}", f"values from {out.min():.3g} to {out.max():.3g}", 'Say outputs="logits"'
            )
        target.outputs = outputs or found
    target.queries = 0
    made = _converted(file, target, rows, notes) if chosen == "encoded" and head.kind != "labels" else None
    if made is None and chosen != "encoded":
        notes.append("No gradients: the model takes the table's own columns.")
    final = made or target
    final.assumptions = tuple(notes)
    final.queries = target.queries = 0
    return final


def _converted(file: ModelFile, target: OnnxTarget, rows: NDArray[np.float32], notes: list[str]) -> Target | None:
    """The same model in torch, if every operator is known and its scores agree with onnxruntime's; else None and why."""
    try:
        import onnx  # noqa: F401
    except ImportError:
        notes.append("No gradients: the package onnx is not installed.")
        return None
    import torch

    from ..module_target import Reordered
    from ..torch_target import Outputs, TorchTarget
    from .graph import Unknown, converted

    if target.session.inputs[0].type not in ("tensor(float)", "tensor(double)"):
        notes.append("No gradients: the model does not take floating-point numbers.")
        return None
    end = _before_map(file.content, target)
    try:
        module, softmax = converted(file.content, target.session.inputs[0].name, end)
        outputs: Outputs = "logits" if softmax or target.outputs == "logits" else "probabilities"
        inner: torch.nn.Module = Reordered(module, target.order, outputs) if target.order else module
        made = TorchTarget(inner, target.classes, target.schema, target.name, outputs)
        gap = float(np.abs(made.scores(rows) - target.scores(rows)).max())
    except Unknown as error:
        notes.append(f"No gradients: {error} is not converted to torch, so this is a black box.")
        return None
    except (RuntimeError, ValueError, TypeError, IndexError, KeyError) as error:
        notes.append(
            f"No gradients: converted to torch it did not run ({(str(error).splitlines() or [''])[0][:80]}), so this is a black box."
        )
        return None
    if not gap <= AGREE:
        notes.append(f"No gradients: converted to torch its scores differed by up to {gap:.2g}, so this is a black box.")
        return None
    notes.append(
        f"Converted to torch, so gradients are offered; the scores agree with onnxruntime within {max(gap, 1e-7):.0e} on {len(rows)} rows."
    )
    made.fingerprint = file.sha256
    return made


def _before_map(content: bytes, target: OnnxTarget) -> str:
    """The tensor of scores to convert up to; a ZipMap only names its columns."""
    import onnx

    name = str(target.session.outputs[target.head.index].name)
    for node in onnx.load_from_string(content).graph.node:
        if node.op_type == "ZipMap" and name in node.output:
            return str(node.input[0])
    return name
