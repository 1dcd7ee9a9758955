"""Weights without their code: the layers found by shape, what they leave open, and which networks answer the rows best."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tiltyard.progress import Progress
from tiltyard.result import Column, Table

from ..controls.picker import Choice
from ..theme import look
from ..views.table import TableView

if TYPE_CHECKING:
    from tiltyard.datasets.dataset import Dataset
    from tiltyard.targets.state_dict import Proposal
    from tiltyard.targets.state_dict_file import Weights
    from tiltyard.targets.state_dict_fit import Fitted, Settled

    from .load_asked import Asked

OPEN = "(try all)"
NAMES = {
    "input": "Scale of the input",
    "sizes": "Padding, stride and pooling",
    "activation": "Activation",
    "pooling": "Pooling",
    "norm": "Place of a norm",
    "groups": "Groups of a norm",
    "read": "Read of a sequence",
    "heads": "Heads of attention",
    "norm in a block": "Norm in a block",
}


@dataclass(frozen=True)
class Origin:
    """Which files, as they were, and which classes in the model's order, networks were tried on; what was found holds of no others."""

    files: tuple[tuple[str, int, int], ...] = ()
    classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, model: str, data: str, classes: Sequence[str]) -> "Origin":
        """The files as they are now; of one that is not there its path alone."""
        return cls((_stamp(model), _stamp(data)), tuple(classes))


def _stamp(path: str) -> tuple[str, int, int]:
    try:
        found = Path(path).expanduser().stat()
    except OSError:
        return path, 0, 0
    return path, found.st_mtime_ns, found.st_size


class Found:
    """Weights, the rows they are tried on, and what trying them showed."""

    def __init__(self, weights: "Weights", data: "Dataset", fitted: "Fitted") -> None:
        self.weights = weights
        self.data = data
        self.fitted = fitted


def found(asked: "Asked", fixed: dict[str, str], progress: Progress, before: Found | None) -> Found:
    """The layers in the model file, and the networks that it allows tried on the data; a `Problem` in one line."""
    from tiltyard.targets.class_names import class_order
    from tiltyard.targets.state_dict_file import weights_in
    from tiltyard.targets.state_dict_fit import fit

    data = before.data if before is not None else asked.labeled()
    weights = before.weights if before is not None else weights_in(asked.model, data.schema, data, asked.sealing_key())
    order = class_order(asked.classes, data.schema.classes) if asked.classes else ()
    return Found(weights, data, fit(weights.proposal, weights.tensors, data, progress, fixed, order))


class LayersView(look.Stack):
    """Shown beside the fields of *Model and data*: tensors, layers, what is open, and the networks tried.

    Parameters
    ----------
    retry
        Called to try again with what is chosen.
    use
        Called with the JSON of the architecture that a person takes.
    """

    def __init__(self, retry: Callable[[], None], use: Callable[[str], None]) -> None:
        self.tensors, self.layers, self.networks = TableView(limit=500), TableView(limit=500), TableView()
        self.note = look.text("", kind="plain")
        self.choices = look.row([])
        self.fields: dict[str, Choice] = {}
        self.again = look.button("Try again with these")
        self.network = Choice("Network", [])
        self.take = look.button("Use this", kind="primary")
        self.again.on_click(lambda _: retry())
        self.take.on_click(lambda _: use(self.architecture))
        self.found: Found | None = None
        taking = look.row([self.network, self.take])
        super().__init__(
            [
                look.heading("Layers of these weights", 3),
                self.note,
                self.networks,
                taking,
                self.layers,
                look.heading("What the weights do not say", 4),
                self.choices,
                self.again,
                self.tensors,
            ]
        )
        look.show(self, False)

    @property
    def fixed(self) -> dict[str, str]:
        """What a person chose, by the names of the proposal's options."""
        return {name: field.value for name, field in self.fields.items() if field.value != OPEN}

    @property
    def architecture(self) -> str:
        """The JSON of the network picked."""
        assert self.found is not None
        fitted = self.found.fitted
        return (fitted.best, *fitted.others)[int(self.network.value)].architecture.model_dump_json()

    def about(self, architecture: str) -> "Settled | None":
        """What trying showed of the network with this architecture; None of one that was not tried here."""
        if self.found is None:
            return None
        fitted = self.found.fitted
        known = {t.architecture.model_dump_json(): t for t in (fitted.best, *fitted.others)}
        return fitted.settled(known[architecture]) if architecture in known else None

    def forget(self) -> None:
        """Another file or other data: nothing is known of it."""
        self.found, self.fields, self.choices.children = None, {}, ()
        look.show(self, False)

    def offer(self, found: Found) -> None:
        """Show what was found."""
        self.found = found
        proposal = found.weights.proposal
        self.note.say(" ".join([found.fitted.note, *(f"{doubt}." for doubt in found.fitted.doubts)]))
        self.tensors.show(_tensors(proposal))
        self.layers.show(_layers(proposal))
        self.networks.show(_networks(found.fitted))
        if not self.fields:
            open_ = {name: values for name, values in proposal.options.items() if len(values) > 1}
            self.fields = {name: Choice(NAMES[name], [OPEN, *values]) for name, values in open_.items()}
            self.choices.children = tuple(self.fields.values())
        tried = (found.fitted.best, *found.fitted.others)
        self.network.offer([(f"{i + 1}: right on {100 * t.share:.1f} %", str(i)) for i, t in enumerate(tried)])
        self.network.value = "0"
        look.show(self, True)


def _tensors(proposal: "Proposal") -> Table:
    columns = (Column(name="Tensor", kind="text"), Column(name="Shape", kind="text"), Column(name="Type", kind="text"))
    rows = tuple((t.name, " × ".join(map(str, t.shape)) or "a number", t.dtype) for t in proposal.tensors)
    return Table(name="tensors", title="Tensors in the file", columns=columns, rows=rows)


def _layers(proposal: "Proposal") -> Table:
    columns = (Column(name="Layer", kind="integer"), Column(name="Name in the file", kind="text"), Column(name="What it is", kind="text"))
    rows = tuple((i + 1, part.prefix, part.words) for i, part in enumerate(proposal.parts))
    return Table(name="layers", title="Layers, in the order in which they follow one another", columns=columns, rows=rows)


def _networks(fitted: "Fitted") -> Table:
    tried = (fitted.best, *fitted.others)
    names = tuple(tried[0].chosen)
    numbers = (Column(name="Network", kind="integer"), Column(name="Accuracy", kind="percent"), Column(name="Loss", kind="number"))
    columns = (*numbers, *(Column(name=NAMES[name], kind="text") for name in names))
    rows = tuple((i + 1, t.accuracy.value, t.loss, *(t.chosen[name] for name in names)) for i, t in enumerate(tried))
    return Table(name="networks", title=f"Networks tried on {fitted.rows:,} rows, the likeliest first", columns=columns, rows=rows)
