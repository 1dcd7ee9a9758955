"""The model under test, seen from outside: labels, scores, and what else it offers."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Schema
from ..errors import Problem, Unavailable
from ..progress import Progress
from ..result import Identity

if TYPE_CHECKING:
    import torch

Task = Literal["classification"]
BATCH = 4096

_adding = threading.Lock()
_uncounted: ContextVar[bool] = ContextVar("tiltyard_uncounted", default=False)
_asked: "ContextVar[MutableMapping[Target, int]]" = ContextVar("tiltyard_asked")


def _asked_here() -> "MutableMapping[Target, int]":
    """Rows asked of each target in this context."""
    if _asked.get(None) is None:
        _asked.set(WeakKeyDictionary())
    return _asked.get()


@contextmanager
def uncounted() -> Iterator[None]:
    """What is asked within is none of anybody's questions: an estimate times a batch beside a run that counts."""
    token = _uncounted.set(True)
    try:
        yield
    finally:
        _uncounted.reset(token)


class Target(ABC):
    """A model under test. Comes from `targets.opening` or wraps what a notebook holds.

    Attributes
    ----------
    name, classes
        What a person calls it and its k classes.
    schema
        The meaning of the columns of x it was made for.
    offers
        Among labels, scores, gradients, weights, training, file, url.
    fingerprint
        SHA-256 of what decides its answers.
    queries
        Rows it answered so far.
    parent
        The target a defense made it from.
    origin
        The path of the file it came from, or the address of an endpoint; else empty. ``file`` is the path alone.
    trained_with
        Versions of the packages it was trained with by name, as far as its file says or it was trained here.
    assumptions
        What opening found out or guessed, in sentences for a person.
    """

    task: Task = "classification"
    feeds: ClassVar[str] = "encoded"
    fits_in_one_go: ClassVar[bool] = False  # its training is a library's, which cannot be interrupted

    def __init__(self, name: str, classes: tuple[str, ...], schema: Schema, offers: frozenset[str], fingerprint: str) -> None:
        if len(classes) < 2:
            raise Problem("at least two classes", f"{len(classes)}", "Name the classes of the label")
        self.name = name
        self.classes = classes
        self.schema = schema
        self.offers = offers
        self.fingerprint = fingerprint
        self.queries = 0
        self.parent: Target | None = None
        self.origin = ""
        self.trained_with: dict[str, str] = {}
        self.assumptions: tuple[str, ...] = ()

    def count(self, rows: int) -> None:
        """Add ``rows`` to the questions asked; several threads may at once. Nothing is added under `uncounted`."""
        if _uncounted.get():
            return
        here = _asked_here()
        with _adding:
            self.queries += rows
            here[self] = here.get(self, 0) + rows

    @property
    def queries_here(self) -> int:
        """Rows asked of this target in this context: what one step asked, whoever asks beside it.

        A step that asks from threads of its own begins them with ``contextvars.copy_context().run``, which makes them
        hear its cancel too.
        """
        return _asked_here().get(self, 0)

    @property
    def file(self) -> Path | None:
        """The file it came from; None of an object in memory and of an endpoint."""
        return Path(self.origin) if self.origin and "file" in self.offers else None

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.schema.shape

    @property
    def bounds(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Smallest and largest valid x, each float32 of ``input_shape``."""
        return self.schema.low, self.schema.high

    @property
    def identity(self) -> Identity:
        return Identity(name=self.name, fingerprint=self.fingerprint, detail=f"{type(self).__name__}, {len(self.classes)} classes")

    @abstractmethod
    def _scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Class probabilities of one batch; the base class counts, batches and checks."""

    @final
    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Class probabilities, float32 (n, k), rows summing to 1, for x float32 (n, *input_shape)."""
        if x.shape[1:] != self.input_shape:
            raise Problem(
                f"rows of shape {self.input_shape} for {self.name}", f"{x.shape[1:]}", "Give the columns the model was trained on"
            )
        out = np.empty((len(x), len(self.classes)), np.float32)
        for start in range(0, len(x), BATCH):
            part = x[start : start + BATCH]
            scores = self._scores(part)
            self.count(len(part))
            out[start : start + BATCH] = self._checked(scores, len(part))
        return out

    def _checked(self, scores: NDArray[np.float32], n: int) -> NDArray[np.float32]:
        k = len(self.classes)
        if scores.shape != (n, k):
            raise Problem(
                f"scores of shape ({n}, {k}) from {self.name}", f"{scores.shape}", "Check the classes, or wrap the model's output"
            )
        if not np.isfinite(scores).all():
            raise Problem(f"finite scores from {self.name}", "NaN or inf", "Check the model on the rows it was trained on")
        if scores.min() < -1e-4 or np.abs(scores.sum(1) - 1).max() > 1e-2:
            found = f"values from {scores.min():.3g} to {scores.max():.3g} whose rows sum to {scores.sum(1).mean():.3g}"
            raise Problem("probabilities that sum to 1 a row", found, 'If these are logits say outputs="logits"')
        return scores

    @final
    def labels(self, x: NDArray[np.float32]) -> NDArray[np.int64]:
        """Predicted class indices, int64 (n,)."""
        found: NDArray[np.int64] = self.scores(x).argmax(1).astype(np.int64)
        return found

    def judged(self) -> "Target":
        """The same model as a judge of an attack asks it, on an account of its own where there is one; else this very target."""
        return self

    @property
    def module(self) -> "torch.nn.Module":
        """A module in eval mode from raw x, float32 (n, *input_shape), to logits (n, k)."""
        raise Unavailable("a target with gradients", f"{type(self).__name__}, which has none", "Use a black-box check")

    def files(self) -> dict[str, bytes]:
        """Files that hold it, by name, to be kept in a store beside the record of what made it; none where it cannot be written."""
        return {}

    def safetensors(self) -> bytes:
        """The target as one safetensors file that `open_target` opens again.

        Raises
        ------
        Problem
            Where it is no torch module, or one whose layers are not described.
        """
        raise Problem("a torch target", type(self).__name__, "Save it with the library it comes from")

    def retrain(self, x: NDArray[np.float32], y: NDArray[np.int64], seed: int, progress: Progress) -> "Target":
        """A fresh target of the same make trained on x, y only; for shadow models and poisoning."""
        raise Unavailable(
            "a target with a training routine", f"{type(self).__name__}, which has none", "Open it with its architecture and recipe"
        )
