"""A guard before the model: rows that do not look like its training data get no answer."""

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..check import parameter, replacing_parameter, written_parameter
from ..datasets.dataset import Dataset
from ..datasets.random_rows import random_rows
from ..datasets.schema import Rows
from ..defense import Defended, Defense
from ..formatting.numbers import POINTS, percent
from ..progress import Progress
from ..result import CheckResult, Evidence, Finding, Metric, Severity, Status
from ..statistics.intervals import LEVEL, rate, wilson
from ..statistics.paired import Bounded, change
from ..statistics.ruling import Effect, Limit, ruling
from ..targets.decision import Labels, Scores
from ..targets.defense_file import GUARD as KEY
from ..targets.defense_file import same_columns
from ..targets.target import Target
from ..targets.wrapper import Own, Wrapper
from .guard import GUARD, SUFFIXES, FittedGuard, apart, build, of_parts

STANDARDS = ("OWASP ML01:2023", "AITG-MOD-06", "AML.M0015", "AML.M0010", "AI RMF MEASURE 2.5", "EU AI Act Art. 15(4)")


class InputGuardedTarget(Wrapper):
    """A target behind a guard. A refused row gets the same score for every class, and the first class, and is counted; no gradients."""

    wraps: ClassVar[str] = "guard"

    def __init__(self, inner: Target, guard: FittedGuard) -> None:
        offers = inner.offers & {"labels", "scores"}
        digest = hashlib.sha256(f"{inner.fingerprint} {guard.threshold} {guard.neighbors}".encode() + guard.reference.tobytes())
        super().__init__(f"{inner.name}, guarded", inner.classes, inner.schema, frozenset(offers), digest.hexdigest())
        self.inner = inner
        self.guard = guard
        self.refusals = 0
        self.decision = None
        self.given, self.doubts, self.noise = inner.given, inner.doubts, inner.noise
        self.fitted_here = inner.fitted_here

    @property
    def rule(self) -> str:
        """That of the model behind the guard."""
        return f"{self.inner.rule}; {self.classes[0]!r} for a row that the guard refuses"

    def own(self) -> Own:
        facts, arrays = self.guard.parts()
        return Own({KEY: facts}, arrays, rows=len(self.guard.reference))

    @classmethod
    def around(cls, inner: Target, own: Own) -> Self:
        guard = of_parts(own.settings[KEY], own.arrays)
        same_columns(guard.schema, inner.schema, "the guard")
        return cls(inner, guard)

    def safetensors(self) -> bytes:
        """The guard, which fits any model of its columns."""
        return self.guard.content()

    def files(self) -> dict[str, bytes]:
        return {"guard.safetensors": self.safetensors()}

    def _scores(self, x: Rows) -> Scores:
        refused = self.guard.refused(x)
        self.refusals += int(refused.sum())
        out = np.full((len(x), len(self.classes)), 1 / len(self.classes))
        if not refused.all():
            out[~refused] = self.inner.scores(x[~refused])
        return out

    def _predict(self, x: Rows) -> Labels:
        refused = self.guard.refused(x)
        self.refusals += int(refused.sum())
        out = np.zeros(len(x), np.int64)
        if not refused.all():
            out[~refused] = self.inner.labels(x[~refused])
        return out


class Guard(Defense):
    """Refuse rows out of range or unlike the training data."""

    id: ClassVar[str] = "validation.guard"
    title: ClassVar[str] = "Input guard"
    question: ClassVar[str] = "Which inputs should the model never have answered?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Kuan and Mueller 2022, arXiv 2207.03061",)
    cost: ClassVar[str] = "seconds"
    main: ClassVar[tuple[str, ...]] = ("allowed", "rows", "save_as")
    answers: ClassVar[tuple[str, ...]] = ("validation.guard_roc",)
    quick: ClassVar[Mapping[str, Any]] = {"rows": 1000}

    rows: int = parameter(2000, "Training rows the guard compares with", "rows", ge=20, le=20_000)
    neighbors: int = parameter(5, "Nearest rows the score is averaged over", "rows", ge=1, le=100)
    allowed: float = parameter(0.01, "Share of natural rows that may be refused", "share", gt=0, lt=0.5)
    save_as: str = written_parameter("File to save the guard in; empty saves nothing", GUARD, SUFFIXES)
    overwrite: bool = replacing_parameter("save_as")

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        rng = np.random.default_rng(self.seed)
        own, unseen = apart(data, rng)
        guard = build(own, self.rows, self.neighbors, self.allowed, rng)
        if self.save_as:
            guard.save(self.save_as, self.overwrite)
        progress.step(0.5, "measuring")
        made = InputGuardedTarget(target, guard)
        held = unseen.sample(2000, rng)
        refused = guard.refused(held.x)
        right = (target.labels(held.x) == held.y) & ~refused
        strange = guard.refused(random_rows(target.schema, len(held), rng))
        metrics = (
            rate("refused", "Natural rows refused", int(refused.sum()), len(held), "lower"),
            rate("answered_right", "Rows answered, and rightly", int(right.sum()), len(held), "higher"),
            rate("caught_random_noise", "Rows of random noise refused", int(strange.sum()), len(strange), "higher"),
            _beyond(refused, strange),
        )
        summary = f"{percent(refused.mean())} of {len(held):,} natural rows are refused; {100 * self.allowed:g} % were allowed."
        ruled = ruling([Limit(metrics[0], self.allowed, surely=True)], effects=[Effect(metrics[3])])
        result = CheckResult(
            status=ruled.status,
            summary=f"{summary} {ruled.sentence}",
            metrics=metrics,
            findings=_strict(ruled.status, self.allowed),
            notes=ruled.notes,
        )
        return Defended(made, result)


def _beyond(refused: NDArray[np.bool_], strange: NDArray[np.bool_]) -> Metric:
    """How much more of random noise than of natural rows is refused (Newcombe 1998, method 10): a guard that refuses nothing guards nothing."""
    sides = [Bounded(float(s.mean()), *wilson(float(s.mean()), len(s), LEVEL)) for s in (refused, strange)]
    found = change(sides[0], sides[1])
    return Metric(
        name="caught_beyond_natural",
        label="Random noise refused, less natural rows refused",
        value=found.value,
        unit=POINTS,
        low=max(found.low, -1.0),
        high=min(found.high, 1.0),
        level=LEVEL,
        n=len(strange),
        safer="higher",
        interval="Newcombe",
    )


def _strict(status: Status, allowed: float) -> tuple[Finding, ...]:
    if status is not Status.FINDING:
        return ()
    return (
        Finding(
            title=f"The guard refuses more than {100 * allowed:g} % of natural rows",
            severity=Severity.MEDIUM,
            evidence=Evidence(metrics=("refused",), sentence="its whole interval is above"),
            advice="Held-out rows differ from the training rows: look for drift, and build the guard from rows like those it will see.",
            standards=STANDARDS,
        ),
    )
