"""The model under test, seen from outside: labels, scores, and what else it offers."""

import hashlib
import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..datasets.encoding import Encoding, encoding_of
from ..datasets.schema import Rows, Schema
from ..errors import Problem, Unavailable
from ..progress import Progress
from ..result import Identity
from ..showing import Shown
from .decision import OWN, Decision, Labels, LargestScore, Prediction, Scores

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from .answers import Answers
    from .known_answers import KnownAnswers

Task = Literal["classification"]
BATCH, BATCH_NUMBERS = 4096, 2**25

_adding = threading.Lock()
_uncounted: ContextVar[bool] = ContextVar("tiltyard_uncounted", default=False)
_anew: ContextVar[bool] = ContextVar("tiltyard_asked_anew", default=False)
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


@contextmanager
def asked_anew() -> Iterator[None]:
    """What is asked within is answered by the model itself, also where its answer is known: the time that takes is to be measured."""
    token = _anew.set(True)
    try:
        yield
    finally:
        _anew.reset(token)


class Target(Shown, ABC):
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
    decision
        The rule from scores to labels that is applied here; None where the model decides by itself (`_predict`).
    given
        What the model is given, in words: ``the table as a DataFrame``, ``float32, categories one-hot``.
    doubts
        What opening found that undermines every result on this target, in sentences with numbers; empty where it answers as it should.
    fitted_here
        Where a defense was fitted on rows that are held out here, a sentence that says so; else empty.
    noise
        The share of rows that it answered differently when it was asked twice; 0 of a model that does not draw.
    view_of
        Of a target that shows another with less to be had of it, the fingerprint of that other; else empty.
    batch_limit
        Rows that it is asked at once, at most: fewer where an evaluation found that it takes no more.
    proven
        Were its answers compared with what the model answers without us, see `proof`?
    answers
        What somebody who attacks it was answered in an earlier step and kept; None for nothing.
    known_answers
        What it answers to the rows of a data set that several look at, asked once for all of them; None where each asks. Counted as if it were asked.
    """

    task: Task = "classification"
    feeds: ClassVar[str] = "encoded"
    close: float = 1e-6  # how far two ways of working out one score may lie apart; more where that is done in float32
    known_answers: "KnownAnswers | None" = None
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
        self.decision: Decision | None = LargestScore()
        self.given = ""
        self.doubts: tuple[str, ...] = ()
        self.fitted_here = ""
        self.noise = 0.0
        self.proven = False
        self.view_of = ""
        self.batch_limit = BATCH
        self.answers: Answers | None = None

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
    def encoding(self) -> Encoding:
        """The columns that its module eats."""
        return encoding_of(self.schema)

    @property
    def rule(self) -> str:
        """The decision rule in words: ``class 'bad' from 0.15 on``."""
        return self.decision.words if self.decision is not None else OWN

    @property
    def rule_notes(self) -> tuple[str, ...]:
        """A sentence for the notes of a result that rests on labels; none where the label is that of the largest score."""
        return () if isinstance(self.decision, LargestScore) else (f"Judged by what the model decides: {self.rule}.",)

    @property
    def model_type(self) -> str:
        """What it is, in a word, for a record."""
        return type(self).__name__

    @property
    def identity(self) -> Identity:
        detail = f"{self.model_type}, {len(self.classes)} classes"
        return Identity(
            name=self.name,
            fingerprint=self.fingerprint,
            detail=detail,
            given=self.given,
            decision=self.rule,
            doubts=self.doubts,
            view_of=self.view_of,
        )

    @abstractmethod
    def _scores(self, x: Rows) -> Scores:
        """Class probabilities of one batch; the base class counts, batches and checks."""

    def _predict(self, x: Rows) -> Labels:
        """What the model itself decides on one batch; written by a target whose ``decision`` is None."""
        raise NotImplementedError(f"{type(self).__name__} has no rule of its own")

    @final
    def scores(self, x: Rows) -> Scores:
        """Class probabilities, float64 (n, k), rows summing to 1, for x (n, *input_shape). They rank; `labels` is what is decided."""
        if (known := self._known(x)) is not None:
            return known.scores
        out = np.empty((len(x), len(self.classes)))
        for part, place in self._batches(x):
            out[place] = self._checked(self._scores(part), len(part))
        return out

    @final
    def labels(self, x: Rows) -> Labels:
        """What the model decides: class indices, int64 (n,), by its own rule or the one in force (`rule`)."""
        if (known := self._known(x)) is not None:
            return known.labels
        out = np.empty(len(x), np.int64)
        for part, place in self._batches(x):
            out[place] = self._decided(part, None)
        return out

    @final
    def predictions(self, x: Rows) -> Prediction:
        """Labels and scores of the same rows, counted once."""
        if (known := self._known(x)) is not None:
            return known
        labels, scores = np.empty(len(x), np.int64), np.empty((len(x), len(self.classes)))
        for part, place in self._batches(x):
            found = self._prediction(part)
            scores[place] = self._checked(found.scores, len(part))
            labels[place] = found.labels
        return Prediction(labels, scores)

    def _known(self, x: Rows) -> Prediction | None:
        """What it is known to answer to all of x, counted; None where it must be asked."""
        if self.known_answers is None or _anew.get() or _uncounted.get():
            return None
        found = self.known_answers.of(self.fingerprint, x)
        if found is not None:
            self.count(len(x))
        return found

    def _prediction(self, x: Rows) -> Prediction:
        """Labels and scores of one batch; overridden by a target that gets both with one question."""
        scores = self._checked(self._scores(x), len(x))
        return Prediction(self._decided(x, scores), scores)

    def _decided(self, part: Rows, scores: Scores | None) -> Labels:
        if self.decision is None:
            return self._predict(part)
        return self.decision(self._checked(self._scores(part), len(part)) if scores is None else scores)

    def _batches(self, x: Rows) -> "Iterator[tuple[Rows, slice]]":
        """x in batches, each counted once it is answered."""
        if x.shape[1:] != self.input_shape:
            raise Problem(
                f"rows of shape {self.input_shape} for {self.name}", f"{x.shape[1:]}", "Give the columns the model was trained on"
            )
        if x.dtype != self.schema.dtype:
            expected = f"rows of {np.dtype(self.schema.dtype)} for {self.name}, as the data set has them"
            raise Problem(expected, f"{x.dtype}, which rounds them", "Give the data set's x, or read the table with its schema")
        step = min(self.batch_limit, max(1, BATCH_NUMBERS // max(1, math.prod(self.input_shape))))
        for start in range(0, len(x), step):
            part = x[start : start + step]
            yield part, slice(start, start + step)
            self.count(len(part))

    def _checked(self, scores: Scores, n: int) -> Scores:
        k = len(self.classes)
        if scores.shape != (n, k):
            raise Problem(
                f"scores of shape ({n}, {k}) from {self.name}", f"{scores.shape}", "Check the classes, or wrap the model's output"
            )
        if not np.isfinite(scores).all():
            raise Problem(f"finite scores from {self.name}", "NaN or inf", "Check the model on the rows it was trained on")
        if n and (scores.min() < -1e-4 or np.abs(scores.sum(1) - 1).max() > 1e-2):
            found = f"values from {scores.min():.3g} to {scores.max():.3g} whose rows sum to {scores.sum(1).mean():.3g}"
            raise Problem("probabilities that sum to 1 a row", found, 'If these are logits say outputs="logits"')
        return scores

    def decide(self, decision: Decision) -> None:
        """Put ``decision`` in force instead of the model's own rule; the fingerprint is another, as the answers are."""
        self.decision = decision
        self.fingerprint = hashlib.sha256(f"{self.fingerprint} decides {decision.identity}".encode()).hexdigest()

    def unaided(self, frame: "pd.DataFrame") -> Prediction | None:
        """What the model answers to rows of the person's table as its library is used without us; None where that cannot be asked."""
        return None

    def unaided_images(self, x: Rows) -> Prediction | None:
        """As `unaided`, of images as a data set has them."""
        return None

    @property
    def grain(self) -> float:
        """The step between the values that the model takes of a pixel, in ranges: 1/255 where it takes bytes alone; 0 where it takes every number."""
        return 0.0

    @property
    def whole(self) -> "Target":
        """As its owner has it: of a target that shows another with less to be had of it that other, else this very target."""
        return self

    def judged(self) -> "Target":
        """The same model as a judge of an attack asks it, on an account of its own where there is one; else this very target."""
        return self

    @property
    def module(self) -> "torch.nn.Module":
        """A module in eval mode from encoded rows, float32 (n, *encoding.shape), to logits (n, k) whose largest is the decision.

        A decision rule of which that cannot be said (a function of scores) leaves the logits as they are.
        """
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

    def retrain(self, x: Rows, y: Labels, seed: int, progress: Progress) -> "Target":
        """A fresh target of the same make trained on x, y only; for shadow models and poisoning."""
        raise Unavailable(
            "a target with a training routine", f"{type(self).__name__}, which has none", "Open it with its architecture and recipe"
        )

    def retrain_together(
        self, x: Rows, y: Labels, rows: Sequence[NDArray[np.intp]], seeds: Sequence[int], progress: Progress
    ) -> "list[Target] | None":
        """What `retrain` makes of each of ``rows`` (places in x) with its seed, all at once; None where that cannot be or is no quicker."""
        return None

    def training_speedup(self, x: Rows, y: Labels, models: int) -> float:
        """How many times quicker `retrain_together` trains so many models than `retrain` one by one, from a few steps; 1 where it trains none."""
        return 1.0
