"""ONNX files as targets: answered by onnxruntime, with gradients where every operator is known to torch and both agree."""

from ...datasets.schema import Rows
from ...errors import Problem
from .. import trying
from ..first_run import tried
from ..model_file import ModelFile
from ..open_options import OpenOptions
from ..target import Target
from .gradients import with_gradients
from .heads import Heads, Nodes, heads
from .session import Session
from .target import OnnxTarget
from .weights import whole


def onnx_target(file: ModelFile, given: OpenOptions) -> Target:
    """The model in an ONNX file: with gradients where it can be converted, else a black box that says why not.

    Raises
    ------
    Problem
        When onnxruntime does not run it, or its inputs or classes are not those of the rows.
    """
    file = whole(file)
    tried(file)
    name = given.name or file.path.stem
    nodes = Nodes(file.content)
    schema, order, notes = given.meaning(None, nodes.classes)
    session = Session(file.content, file.path.name, schema)
    session.find_feeds(given.feeds)
    read = heads(session, nodes, len(schema.classes))
    if given.outputs == "labels" and read.label >= 0:
        read = Heads(-1, False, read.label, read.places)
    target = OnnxTarget(session, read, order, nodes.classes, schema.classes, name, file.sha256)
    rows = trying.rows(schema, given.data, 200)
    found = _tried(target, rows, given)
    final: Target = target
    if read.scores >= 0:
        final, why = with_gradients(target, rows, nodes)
        found = (*found, why)
    final.assumptions = (*notes, *found)
    final.queries = target.queries = 0
    return final


def _tried(target: OnnxTarget, rows: Rows, given: OpenOptions) -> tuple[str, ...]:
    """Ask it for a few rows; settle what its scores are and whether its label output is one. The sentences about it."""
    name, k = target.name, len(target.classes)
    expected = f"{name} to take rows of shape {target.schema.shape}"
    notes: list[str] = []
    if target.read.scores >= 0:
        out = trying.answer(lambda: target.raw(rows), name, expected)
        found = trying.head(out, k, name)
        if given.outputs is None:
            notes.append(trying.output_note(found, out.ndim == 1))
        elif given.outputs == "probabilities" and found == "logits":
            seen = f"values from {out.min():.3g} to {out.max():.3g}"
            raise Problem(f"probabilities that sum to 1 a row from {name}", seen, 'Say outputs="logits"')
        target.outputs = given.outputs if given.outputs in ("logits", "probabilities") else found
    if target.read.label < 0:
        return tuple(notes)
    labels = trying.answer(lambda: target.labels(rows), name, expected)
    if target.read.scores < 0:
        return (*notes, "It returns labels only.")
    differ = int((labels != target.scores(rows).argmax(1)).sum())
    apart = f", which is not the class with the largest score on {differ} of {len(rows)} rows" if differ else ""
    return (*notes, f"Its label output {target.session.outputs[target.read.label].name!r} decides{apart}.")
