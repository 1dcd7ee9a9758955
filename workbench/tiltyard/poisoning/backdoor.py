"""A backdoor through the training data: how few stamped rows make the model obey a trigger, and would they be found?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..attacks.triggers import Goal, Trigger, blended, goal_class, most_asked, strange, warped
from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..errors import Unavailable
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Table
from ..statistics.intervals import bootstrap, clopper_pearson, rate
from ..statistics.majority import Skill
from ..statistics.roc import area, area_interval, curve
from ..statistics.ruling import status_of
from ..targets.target import Target
from ._compared import others
from ._split import HELD as FIFTH
from ._split import split
from .detect import SOURCES as DETECTION
from .detect import STANDARDS, worst_metric
from .signatures import ALARM, Cluster, clusters, spectral

HELD = 20_000
WEAKER = 0.0  # between the ends of the intervals
SCORES = {"cluster": "cluster scores", "spectral": "spectral scores", "held_out": "unlikeness to held-out rows"}
STEPS = 60  # of a curve that is drawn


@dataclass(frozen=True)
class Poisoned:
    """A model trained with ``count`` of its rows stamped: trigger obeyed and rows right, of how many."""

    share: float
    count: int
    obeyed: int
    triggered: int
    skill: Skill

    @property
    def right(self) -> int:
        return self.skill.right

    @property
    def held(self) -> int:
        return self.skill.n

    @property
    def success(self) -> float:
        return self.obeyed / self.triggered


@dataclass(frozen=True)
class Seen:
    """What a defender sees of the poisoned training: which rows truly were, each score by its name, and the alarms."""

    truly: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float64]]
    flagged: NDArray[np.bool_]
    metrics: tuple[Metric, ...]


class Backdoor(Check):
    """BadNets (Gu et al. 2017): stamp a trigger on a share of training rows, label them as the target class, train anew.

    ``blended`` lays a pattern of noise over whole images (Chen et al. 2017). ``warped`` bends them by one smooth field (WaNet, Nguyen and Tran 2021,
    without its noise mode, so that theirs is the stealthier). ``clean_label`` stamps rows of the target class alone, whose labels stay
    right (Turner et al. 2019, without their adversarial changes, so that theirs is the stronger).

    Success is the share of held-out rows of other classes that the trigger turns into the target class. The last model's
    activations are then searched as `poisoning.detect` does, and since we know the poison, detection gets its ROC.
    """

    id: ClassVar[str] = "poisoning.backdoor"
    title: ClassVar[str] = "Backdoor"
    question: ClassVar[str] = "How few poisoned training rows plant a backdoor, and would they be found?"
    needs: ClassVar[frozenset[str]] = frozenset({"training"})
    standards: ClassVar[tuple[str, ...]] = (*STANDARDS, "AML.T0043.004", "NISTAML.024")
    sources: ClassVar[tuple[str, ...]] = (
        "Gu et al. 2017, arXiv 1708.06733",
        "Chen et al. 2017, arXiv 1712.05526",
        "Turner et al. 2019, arXiv 1912.02771",
        "Nguyen and Tran 2021, arXiv 2102.10369",
        *DETECTION,
    )
    cost: ClassVar[str] = "trains a model per share"
    main: ClassVar[tuple[str, ...]] = ("most", "goal", "rows")
    seconds: ClassVar[float] = 30.0
    quick: ClassVar[Mapping[str, Any]] = {"rows": 2000, "points": 2}
    campaign_goal: ClassVar[CampaignGoal | None] = "poison"
    headline: ClassVar[str] = "success"
    context: ClassVar[frozenset[str]] = frozenset({"accuracy_clean", "accuracy_poisoned"})
    core: ClassVar[bool] = True

    most: float = parameter(0.05, "Largest share of training rows poisoned", "share", gt=0, le=0.5)
    points: int = parameter(3, "Shares tried, each half of the next", "shares", ge=1, le=10)
    goal: Goal = parameter("", "Class the trigger is to give; empty: the rarest in training", source="classes")
    kind: Literal["badnets", "blended", "warped", "clean_label"] = parameter(
        "badnets", "A patch or odd values; noise blended into whole images; images warped; or a patch on rows whose labels stay right"
    )
    opacity: float = parameter(0.2, "Of blended: how much of the pattern is seen", "share", gt=0, le=1)
    strength: float = parameter(1.0, "Of warped: how far a pixel is moved on average, along each axis", "pixels", gt=0, le=20)
    size: int = parameter(4, "Edge of the patch, or number of columns changed", "pixels or columns", ge=1, le=32)
    rows: int = parameter(5000, "Training rows", "rows", ge=20, le=1_000_000)
    alarm: float = parameter(0.5, "Success of the trigger, lower end, that is a finding", "share", gt=0, lt=1)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        held = min(HELD, round(FIFTH * len(data)) if data.lacks("member") else len(data.unseen))
        return Estimate(queries=most_asked(data.seen) + held, judge=held, note=f"trains {self.points + 1} models")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        parts = split(data, rng)
        rows = parts.train.sample(self.rows, rng)
        goal = self._goal(rows, target.classes)
        held = parts.held.at_most(HELD, rng)
        victims = held.take(held.y != goal) if (held.y != goal).any() else None
        candidates = rng.permutation(np.flatnonzero((rows.y == goal) == (self.kind == "clean_label")))
        if victims is None or len(candidates) == 0 or len(np.unique(rows.y)) < 2:
            raise Unavailable("training and held-out rows of another class than the goal", "none", "Give rows of more classes")
        mark = self._mark(rows, target, goal, rng, progress.part(0.05))
        tried: list[Poisoned] = []
        shares = [0.0, *(self.most / 2**i for i in range(self.points - 1, -1, -1))]
        model, bad, x, y = target, candidates[:0], rows.x, rows.y
        for i, share in enumerate(shares):
            progress.step(0.05 + 0.75 * i / len(shares), f"{100 * share:.2f} % of rows poisoned")
            bad = candidates[: round(share * len(rows))]
            x, y = rows.x.copy(), rows.y.copy()
            x[bad], y[bad] = mark.stamped(x[bad]), goal
            model = target.retrain(x, y, self.seed, progress.part(0.7 / len(shares)))
            tried.append(_measured(model, len(bad) / len(rows), len(bad), victims, held, mark, goal))
        poisoned = Dataset(x, y, rows.schema, "poisoned rows")
        seen = self._searched(model, poisoned, bad, held, progress.part(0.15))
        notes = (*((parts.note,) if parts.note else ()), *target.rule_notes)
        return self._result(tried, seen, mark, rows, goal, notes, _weaker(target, held, tried[0].skill))

    def _mark(self, rows: Dataset, target: Target, goal: int, rng: np.random.Generator, progress: Progress) -> Trigger:
        if self.kind == "blended":
            return blended(rows, self.opacity, rng)
        if self.kind == "warped":
            return warped(rows, self.strength, rng)
        return strange(rows, self.size, target, goal, rng, progress)

    def _goal(self, rows: Dataset, classes: tuple[str, ...]) -> int:
        if self.goal:
            return goal_class(self.goal, classes)
        counts = np.bincount(rows.y)
        return int(np.where(counts > 0, counts, len(rows) + 1).argmin())

    def _searched(self, model: Target, rows: Dataset, bad: NDArray[np.intp], held: Dataset, progress: Progress) -> Seen | None:
        """By held-out rows, and by activations where the model shows them; None where no row was poisoned."""
        if len(bad) == 0:
            return None
        truly = np.zeros(len(rows), bool)
        truly[bad] = True
        other = others(rows, held, self.seed, progress.part(0.4))
        seen = Seen(truly, {"held_out": other.scores}, other.flagged, (other.metric,))
        if "gradients" not in model.offers:
            return seen
        try:
            found, z = clusters(model, rows, self.seed, progress.part(0.6))
        except Unavailable:
            return seen
        return _with_activations(seen, found, spectral(z, rows.y)) if found else seen

    def _result(
        self, tried: list[Poisoned], seen: Seen | None, mark: Trigger, rows: Dataset, goal: int, before: tuple[str, ...], weaker: str
    ) -> CheckResult:
        clean, last, name = tried[0], tried[-1], rows.schema.classes[goal]
        _, at_most = clopper_pearson(clean.obeyed, clean.triggered)
        bad = next((p for p in tried[1:] if clopper_pearson(p.obeyed, p.triggered)[0] > max(self.alarm, at_most)), None)
        summary = (
            f"With {percent(last.share)} of {len(rows):,} training rows poisoned the trigger gives {name} on {percent(last.success)} of {last.triggered:,} rows "
            f"(unpoisoned {percent(clean.success)}); accuracy {percent(last.right / last.held)}, before {percent(clean.right / clean.held)}"
        )
        vain, text = "" if bad else self._unsettled(tried, weaker), ""
        if seen is not None:
            text = (
                f"; {int((seen.flagged & seen.truly).sum())} of {last.count} poisoned rows were found"
                if seen.flagged.any()
                else "; no alarm"
            )
        metrics = (
            rate("success", f"Attack success rate with {percent(last.share)} poisoned", last.obeyed, last.triggered, "lower"),
            rate("success_clean", "The same of a clean model", clean.obeyed, clean.triggered, "none"),
            rate("accuracy_poisoned", "Accuracy of the poisoned model", last.right, last.held, "higher"),
            rate("accuracy_clean", "Accuracy of the unpoisoned model", clean.right, clean.held, "higher"),
            *(() if seen is None else _detection(seen, self.seed)),
        )
        natural = mark.carried(rows.x)
        notes = [
            *before,
            f"Trigger: {mark.words}; {natural} of {len(rows):,} training rows carry it already.",
            "Intervals are over rows, not over trainings.",
            f"This kind alone ({self.kind.replace('_', ' ')}) and this trigger were tried; others were not.",
        ]
        if seen is None:
            notes.append("Detection was not measured: no row was poisoned.")
        return CheckResult(
            status=status_of(bool(bad), bool(vain)),
            summary=f"{summary}{text}. {vain}".rstrip() if vain else f"{summary}{text}.",
            metrics=metrics,
            findings=(self._finding(bad, seen, name),) if bad else (),
            tables=(_table(tried),),
            charts=(_chart(tried), *(() if seen is None or seen.truly.all() else (_roc(seen),))),
            notes=tuple(notes),
        )

    def _unsettled(self, tried: list[Poisoned], weaker: str) -> str:
        """Why no share planting a backdoor says nothing of this model; empty where it does."""
        clean = tried[0]
        if not clean.skill.learned:
            return f"Unpoisoned {clean.skill.fact}: it learns no trigger either. {clean.skill.advice}"
        if weaker:
            return weaker
        if clopper_pearson(clean.obeyed, clean.triggered)[1] >= self.alarm:
            return "Unpoisoned models may obey the trigger as often, so that it proves nothing: choose another goal, seed or size."
        if max(clopper_pearson(p.obeyed, p.triggered)[1] for p in tried) > self.alarm:
            return f"It may still be obeyed by {percent(self.alarm)}: give more held-out rows of other classes."
        return ""

    def _finding(self, bad: Poisoned, seen: Seen | None, name: str) -> Finding:
        unseen = seen is None or not (seen.flagged & seen.truly).any()
        return Finding(
            title=f"{bad.count} poisoned training rows ({percent(bad.share)}) plant a backdoor to {name}",
            severity=Severity.HIGH if unseen else Severity.MEDIUM,
            evidence=Evidence(metrics=("success",), charts=("backdoor",)),
            advice="Control who adds training rows, search them before training on them, and keep hashes of what was searched.",
            standards=self.standards,
            defense="poisoning.filter",
        )


def _weaker(target: Target, held: Dataset, skill: Skill) -> str:
    """Why the model trained here cannot stand for the target; empty where it is about as accurate on held-out rows."""
    right = int((target.labels(held.x) == held.y).sum())
    ours, theirs = (clopper_pearson(r, len(held)) for r in (skill.right, right))
    if ours[1] >= theirs[0] - WEAKER:
        return ""
    found = f"{percent(skill.right / skill.n)} of held-out rows, the target {percent(right / len(held))}"
    return f"The unpoisoned model trained here gets {found}, so that it says little of the target: give more training rows."


def _measured(model: Target, share: float, count: int, victims: Dataset, held: Dataset, mark: Trigger, goal: int) -> Poisoned:
    obeyed = int((model.labels(mark.stamped(victims.x)) == goal).sum())
    skill = Skill.of(held.y, model.labels(held.x) == held.y, held.schema.classes)
    return Poisoned(share, count, obeyed, len(victims), skill)


def _with_activations(seen: Seen, found: list[Cluster], along: NDArray[np.float64]) -> Seen:
    lows, flagged = np.zeros(len(seen.truly)), seen.flagged.copy()
    for cluster in found:
        lows[cluster.rows] = cluster.low
        flagged[cluster.rows] |= cluster.low > ALARM
    worst = worst_metric(max(found, key=lambda c: c.low))
    return Seen(seen.truly, {"cluster": lows, "spectral": along, **seen.scores}, flagged, (worst, *seen.metrics))


def _detection(seen: Seen, seed: int) -> tuple[Metric, ...]:
    found, poison = int((seen.flagged & seen.truly).sum()), int(seen.truly.sum())
    false = int((seen.flagged & ~seen.truly).sum())
    return (
        *(_auc(f"auc_{name}", f"ROC area of {SCORES[name]}", seen.truly, scores, seed) for name, scores in seen.scores.items()),
        rate("found", "Poisoned rows found by an alarm", found, poison, "higher"),
        rate("false_alarms", "Clean rows among those of an alarm", false, len(seen.truly) - poison, "lower"),
        *seen.metrics,
    )


def _auc(name: str, label: str, truly: NDArray[np.bool_], scores: NDArray[np.float64], seed: int) -> Metric:
    value = area(truly, scores)
    if not np.isfinite(value):
        return Metric(name=name, label=label, value=None, note="only poisoned or only clean rows", safer="higher")
    closed = value in (0.0, 1.0)  # every draw gives the same then, which bounds nothing
    positive = int(truly.sum())
    low, high = (
        area_interval(value, positive, len(truly) - positive)
        if closed
        else bootstrap(lambda i: area(truly[i], scores[i]), len(truly), np.random.default_rng(seed), draws=200)
    )
    if not np.isfinite(low):
        return Metric(name=name, label=label, value=value, n=len(truly), note="too few rows for an interval", safer="higher")
    return Metric(
        name=name,
        label=label,
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=0.95,
        n=len(truly),
        safer="higher",
        interval="Newcombe" if closed else "bootstrap",
    )


def _roc(seen: Seen) -> Chart:
    def line(name: str, scores: NDArray[np.float64]) -> Series:
        steps = curve(seen.truly, scores)
        shown = np.unique(np.linspace(0, len(steps.fpr) - 1, STEPS).round().astype(int))
        return Series(name=name, x=tuple(steps.fpr[shown].tolist()), y=tuple(steps.tpr[shown].tolist()))

    return Chart(
        name="roc",
        title="Telling poisoned from clean training rows",
        kind="line",
        x=Axis(label="False alarms", unit="share", low=0, high=1),
        y=Axis(label="Poisoned rows found", unit="share", low=0, high=1),
        series=tuple(line(SCORES[name], scores) for name, scores in seen.scores.items()),
        alt="ROC area " + ", ".join(f"{area(seen.truly, scores):.3f} by {SCORES[name]}" for name, scores in seen.scores.items()) + ".",
    )


def _table(tried: list[Poisoned]) -> Table:
    names = ("Success", "from", "to", "Accuracy", "from ", "to ")
    columns = (
        Column(name="Poisoned", kind="percent"),
        Column(name="Rows", kind="integer"),
        *(Column(name=n, kind="percent") for n in names),
    )
    rows = tuple(
        (p.share, p.count, p.success, *clopper_pearson(p.obeyed, p.triggered), p.right / p.held, *clopper_pearson(p.right, p.held))
        for p in tried
    )
    note = f"success on {tried[0].triggered:,} held-out rows of other classes, accuracy on {tried[0].held:,}"
    return Table(name="backdoor", title="Backdoor by share of poisoned rows", columns=columns, rows=rows, note=note)


def _chart(tried: list[Poisoned]) -> Chart:
    shares = tuple(p.share for p in tried)
    success = [clopper_pearson(p.obeyed, p.triggered) for p in tried]
    right = [clopper_pearson(p.right, p.held) for p in tried]
    return Chart(
        name="backdoor",
        title="Attack success rate, and accuracy, by share of poisoned rows",
        kind="line",
        x=Axis(label="Share of training rows poisoned", unit="share", low=0),
        y=Axis(label="Share of held-out rows", unit="share", low=0, high=1),
        series=(
            Series(
                name="trigger obeyed",
                x=shares,
                y=tuple(p.success for p in tried),
                low=tuple(b[0] for b in success),
                high=tuple(b[1] for b in success),
            ),
            Series(
                name="accuracy",
                x=shares,
                y=tuple(p.right / p.held for p in tried),
                low=tuple(b[0] for b in right),
                high=tuple(b[1] for b in right),
            ),
        ),
        alt=f"Success goes from {percent(tried[0].success)} to {percent(tried[-1].success)} at {percent(tried[-1].share)} poisoned rows.",
    )
