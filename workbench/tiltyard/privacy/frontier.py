"""What privacy costs: accuracy, robust accuracy and the gap between groups over epsilon, each budget trained with several seeds."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..access.places import CHECKPOINT
from ..check import CampaignGoal, Check, kept_parameter, parameter
from ..datasets.dataset import Dataset
from ..datasets.encoding import EncodedRows
from ..formatting.numbers import number
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Table
from ..statistics.intervals import wilson
from ..statistics.majority import Skill
from ..statistics.ruling import status_of
from ..targets.target import Target
from .dp_sgd import DPSGD
from .membership import chance

if TYPE_CHECKING:
    from ._dp_training.points import Points, Seen, Spread

CLIP_ONLY = "clipping, no noise"
LABELS = {"accuracy": "Accuracy on unseen rows", "robust": "Accuracy under PGD on numbers", "gap": "Largest accuracy gap between groups"}
KEPT, WEAK, ROBUST_ROWS = 0.5, 10.0, 200


class Frontier(Check):
    """DP-SGD at several budgets and seeds, and with clipping alone: what each epsilon leaves of accuracy, robustness and fairness."""

    id: ClassVar[str] = "privacy.frontier"
    title: ClassVar[str] = "What privacy costs"
    question: ClassVar[str] = "How much accuracy, robustness and fairness does each epsilon leave?"
    needs: ClassVar[frozenset[str]] = frozenset({"gradients", "weights"})
    standards: ClassVar[tuple[str, ...]] = ("AI RMF MEASURE 2.10", "EU AI Act Art. 15(5)")
    sources: ClassVar[tuple[str, ...]] = ("Abadi et al. 2016, arXiv 1607.00133", "Bagdasaryan et al. 2019, arXiv 1905.12101")
    cost: ClassVar[str] = "minutes: a private training for each budget and seed"
    seconds: ClassVar[float] = 240.0
    main: ClassVar[tuple[str, ...]] = ("lowest", "highest", "budgets", "seeds")
    campaign_goal: ClassVar[CampaignGoal | None] = "infer"
    audit: ClassVar[bool] = True
    headline: ClassVar[str] = "skill_kept_best"
    leads: ClassVar[tuple[str, ...]] = ("skill_kept_best", "epsilon_needed")
    picture: ClassVar[str] = "accuracy_by_epsilon"
    tiny: ClassVar[Mapping[str, Any]] = {"budgets": 2, "seeds": 2, "epochs": 1, "rows": 300}

    lowest: float = parameter(0.25, "Smallest budget", "epsilon", gt=0, le=100)
    highest: float = parameter(8.0, "Largest budget", "epsilon", gt=0, le=1000)
    budgets: int = parameter(8, "Budgets from the smallest to the largest, evenly in logarithms", "budgets", ge=2, le=20)
    seeds: int = parameter(3, "Trainings of each budget", "trainings", ge=2, le=20)
    epochs: int = parameter(5, "Expected passes over the rows", "epochs", ge=1, le=1000)
    batch_size: int = parameter(256, "Expected rows in a step", "rows", ge=1, le=1_000_000)
    clip: float = parameter(1.0, "Largest norm of one row's gradient", "gradient norm", gt=0, le=1000)
    rate: float = parameter(0.01, "Learning rate", "step size", gt=0, le=10)
    delta: float = parameter(
        0.0, "Chance that the promise fails; 0 takes one well below 1 / rows, 1e-5 at most", "probability", ge=0, lt=0.1
    )
    rows: int = parameter(20_000, "Rows to train on, drawn at random", "rows", ge=20, le=10_000_000)
    resume: str = kept_parameter(
        "File (safetensors) written after every training and gone on from if it is there; "
        "a bare name stands in the user's data folder; empty for none",
        CHECKPOINT,
    )

    def _step(self, epsilon: float, number: int) -> DPSGD:
        return DPSGD(
            epsilon=epsilon,
            epochs=self.epochs,
            batch_size=self.batch_size,
            clip=self.clip,
            rate=self.rate,
            delta=self.delta,
            seed=self.seed + 1000 * number,
        )

    def _points(self, target: Target, data: Dataset) -> "Points":
        from ..targets.checkpoints import key_of, place
        from ._dp_training.points import Points

        facts = self.model_dump(mode="json", exclude={"resume", "budgets", "seeds", "lowest", "highest"}) | {"step": self.id}
        return Points.of(place(self.resume), key_of(facts, target.fingerprint, data.fingerprint))

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        from ._dp_training.loop import train
        from ._dp_training.outcome import split
        from ._dp_training.points import parts, seen, spread

        halves = split(data, chance(self.seed, self.id))
        rows = halves.train.sample(self.rows, chance(self.seed, self.id, 1))
        test = halves.test.sample(5000, chance(self.seed, self.id, 2))
        robust = test.sample(ROBUST_ROWS, chance(self.seed, self.id, 3))
        points, encoded = self._points(target, data), EncodedRows(target.encoding, rows.x)
        asked = [float(e) for e in np.geomspace(self.lowest, self.highest, self.budgets)]
        budgets = [self._step(e, 0).budget(len(rows), progress) for e in asked]

        def trained(epsilon: float, noise: float, number: int, part: Progress) -> "Seen":
            step = self._step(epsilon, number)
            torch_target, layers = step._opened(target)
            module = train(step._fresh(torch_target, layers), encoded, rows.y, step.plan(noise), step.seed, part)
            made = torch_target.made(module.inner, f"epsilon {epsilon:.3g}")  # type: ignore[arg-type]
            return seen(made, test, robust, self.seed)

        plans = [(f"{e:.6g}", e, b.noise_multiplier) for e, b in zip(asked, budgets, strict=True)] + [(CLIP_ONLY, self.highest, 0.0)]
        found: dict[str, list[Seen]] = {}
        turns = [plan for plan in plans for _ in range(self.seeds)]
        for (name, e, noise), part in zip(turns, parts(progress, len(turns)), strict=True):
            made = found.setdefault(name, [])
            made.append(points.get(f"{name} {len(made)}", partial(trained, e, noise, len(made), part)))
        measures = [m for m in LABELS if min(s[m] for all_seen in found.values() for s in all_seen) >= 0]
        asked_of = {"accuracy": len(test), "robust": len(robust), "gap": 0}
        spreads = {m: {name: spread([s[m] for s in all_seen], asked_of[m]) for name, all_seen in found.items()} for m in measures}
        skill = Skill.of(test.y, target.labels(test.x) == test.y, target.classes)
        return self._result(skill, [b.epsilon for b in budgets], asked, spreads, budgets[0].delta, len(rows))

    def _result(
        self, before: Skill, spent: list[float], asked: list[float], spreads: "dict[str, dict[str, Spread]]", delta: float, rows: int
    ) -> CheckResult:
        names = [f"{e:.6g}" for e in asked]
        kept = [_share(before, spreads["accuracy"][name]) for name in names] if before.above else []
        best = max((k for k, e in zip(kept, spent, strict=False) if e <= WEAK), key=lambda k: k.low, default=None)
        enough = [e for e, k in zip(spent, kept, strict=False) if k.low >= KEPT]
        metrics = (
            Metric(
                name="skill_kept_best",
                label="Largest share of the skill kept at a budget of 10 or less",
                value=best.mean if best else None,
                low=best.low if best else None,
                high=best.high if best else None,
                level=0.95 if best else None,
                n=before.n,
                safer="higher",
                interval=f"Student over {self.seeds} trainings and Wilson over rows" if best else "",
                note="" if best else "the model has no skill to keep, or every budget is above 10",
            ),
            Metric(
                name="epsilon_needed",
                label="Smallest budget that surely keeps half of the skill",
                value=min(enough) if enough else None,
                unit="epsilon",
                note="" if enough else "none of those tried",
                safer="lower",
            ),
        )
        broken = best is not None and best.high < KEPT
        passed = best is not None and best.low >= KEPT
        return CheckResult(
            status=status_of(broken, not passed),
            summary=self._summary(best, enough, before, rows),
            metrics=metrics,
            findings=(_finding(),) if broken else (),
            charts=tuple(_chart(measure, asked, spreads[measure], delta) for measure in spreads),
            tables=(_table(spent, names, spreads),),
            notes=(
                f"Each of {self.budgets} budgets was trained {self.seeds} times; intervals are over these and over the rows each was measured on, but those of "
                f"gaps between groups, which are over trainings alone. Delta is {number(delta)}.",
                "Choosing a budget by looking at this spends privacy that epsilon does not count.",
            ),
        )

    def _summary(self, best: "Spread | None", enough: list[float], before: Skill, rows: int) -> str:
        if not before.above:
            return "The model is no better than the majority-class baseline: what privacy costs cannot be seen on it. Give one with skill."
        if best is None:
            return f"Every budget is above {WEAK:g}, which promises little. Ask for smaller ones."
        least = f"epsilon {min(enough):.3g} surely keeps half of it" if enough else "no budget tried surely keeps half of it"
        more = "" if enough or best.high < KEPT else " More seeds or rows would settle it."
        return f"Of the skill, {best.mean:.0%} is kept at best at epsilon {WEAK:g} or less on {rows:,} rows; {least}.{more}"


def _share(before: Skill, accuracy: "Spread") -> "Spread":
    """The share kept of what the model has right beyond the majority-class baseline.

    The error of what the model itself has right is joined as that of another sample, which is wider than of the same rows.
    """
    from ._dp_training.points import Spread

    common, right = before.common / before.n, before.right / before.n
    gain = right - common
    kept, low, high = ((value - common) / gain for value in (accuracy.mean, accuracy.low, accuracy.high))
    own = abs(kept) * max(end / gain for end in np.abs(np.array(wilson(right, before.n)) - right))
    return Spread(kept, kept - float(np.hypot(kept - low, own)), kept + float(np.hypot(high - kept, own)))


def _finding() -> Finding:
    return Finding(
        title="No budget of 10 or less keeps half of the model's skill",
        severity=Severity.MEDIUM,
        evidence=Evidence(metrics=("skill_kept_best",)),
        advice="Give more rows, larger batches or more epochs; where clipping alone is no better, another clip or learning rate",
        standards=("AI RMF MEASURE 2.10",),
    )


def _chart(measure: str, asked: list[float], spreads: "dict[str, Spread]", delta: float) -> Chart:
    found = [spreads[f"{e:.6g}"] for e in asked]
    bare = spreads[CLIP_ONLY].mean
    line = Series(
        name="DP-SGD",
        x=tuple(asked),
        y=tuple(s.mean for s in found),
        low=tuple(max(s.low, 0.0) for s in found),
        high=tuple(min(s.high, 1.0) for s in found),
    )
    return Chart(
        name=f"{measure}_by_epsilon",
        title=f"{LABELS[measure]} by epsilon",
        kind="line",
        x=Axis(label="Epsilon", unit=f"at delta {number(delta)}", scale="log"),
        y=Axis(label=LABELS[measure], unit="share", low=0.0, high=1.0),
        series=(line,),
        reference=((CLIP_ONLY, bare),),
        alt=f"{LABELS[measure]} from {found[0].mean:.3f} at epsilon {asked[0]:.3g} to {found[-1].mean:.3f} at {asked[-1]:.3g}.",
    )


def _table(spent: list[float], names: list[str], spreads: "dict[str, dict[str, Spread]]") -> Table:
    columns = [Column(name="epsilon spent")]
    for measure in spreads:
        columns += [Column(name=LABELS[measure].lower(), kind="number"), Column(name=f"{measure}: 95 %")]
    lines = [(f"{e:.4g}", name) for e, name in zip(spent, names, strict=True)] + [(CLIP_ONLY, CLIP_ONLY)]
    cells = [(words, *(cell for m in spreads for cell in _cells(spreads[m][name]))) for words, name in lines]
    return Table(name="frontier", title="What each budget leaves", columns=tuple(columns), rows=tuple(cells))


def _cells(it: "Spread") -> tuple[float, str]:
    return round(it.mean, 4), f"{it.low:.3f} to {it.high:.3f}"
