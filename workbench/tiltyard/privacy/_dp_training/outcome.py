"""The result of private training: accuracy before and after, epsilon, charts by epoch. `dp_sgd.DPSGD` calls `result`."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ...attacks.climbing import pgd
from ...attacks.perturbation_space import PerturbationSpace
from ...attacks.queries import rows_of, tensors
from ...datasets.dataset import Dataset
from ...datasets.encoding import EncodedRows, encoding_of
from ...errors import Problem
from ...formatting.numbers import number, percent
from ...privacy_accounting.accountants import NAMES, Accountant, epsilon
from ...privacy_accounting.budget import Budget
from ...privacy_accounting.meaning import meaning, picture
from ...privacy_accounting.pld import COARSE
from ...privacy_accounting.rdp import rdp
from ...progress import Progress
from ...result import Axis, Chart, CheckResult, Evidence, Finding, Metric, Series, Severity, Status
from ...statistics.intervals import bootstrap, clopper_pearson, rate
from ...statistics.majority import Skill
from ...statistics.ruling import Limit, ruling, status_of
from ...targets.decision import Decision, Scores
from ...targets.target import Target
from ..membership import chance, difference, paired
from .loop import Plan

ROBUST_ROWS = 300
BUDGET = 0.1
FEW = 100
WEAK = 10.0
KEPT = 0.5


@dataclass
class Trail:
    """Accuracy by the rule ``decision`` on rows not trained on, after each epoch."""

    data: Dataset
    decision: Decision
    epochs: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    hits: list[int] = field(default_factory=list)

    @property
    def lists(self) -> dict[str, list[int]]:
        """What `watch` fills, by name."""
        return {"epochs": self.epochs, "steps": self.steps, "hits": self.hits}

    def watch(self, epoch: int, step: int, module: nn.Module) -> None:
        self.epochs.append(epoch)
        self.steps.append(step)
        self.hits.append(int((self.decision(_scores(module, self.data)) == self.data.y).sum()))


def _scores(module: nn.Module, data: Dataset) -> Scores:
    rows = EncodedRows(encoding_of(data.schema), data.x)
    with torch.no_grad():
        parts = [module(torch.from_numpy(rows[i : i + 1024])).double().softmax(1) for i in range(0, len(rows), 1024)]
    return np.asarray(torch.cat(parts).numpy(), np.float64)


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows to measure on; ``note`` says what was assumed."""

    train: Dataset
    test: Dataset
    note: str


def split(data: Dataset, rng: np.random.Generator) -> Split:
    """The data's own split where it has one, else a fifth held out at random."""
    if not data.lacks("member"):
        return Split(data.seen, data.unseen, "")
    if len(data) < 10:
        raise Problem("at least 10 rows to train on some and measure on others", f"{len(data)}", "Give more rows")
    order = rng.permutation(len(data))
    cut = len(data) // 5
    note = "The data do not say which rows were trained on: a fifth was held out for the accuracies; the model before may have seen it."
    return Split(data.take(order[cut:]), data.take(order[:cut]), note)


@dataclass(frozen=True)
class Trained:
    """Everything the result is made from."""

    before: Target
    after: Target
    parts: Split
    budget: Budget
    plan: Plan
    trail: Trail
    clipped: Trail
    changes: tuple[str, ...]


def result(it: Trained, seed: int, progress: Progress) -> CheckResult:
    """Accuracy before and after on unseen rows, epsilon, the gap, and the curves by epoch."""
    test, train = it.parts.test, it.parts.train.sample(20_000, chance(seed, "privacy.dp_sgd", 2))
    right, seen = {}, {}
    for i, (name, target) in enumerate((("before", it.before), ("after", it.after))):
        progress.step(0.95 + 0.02 * i, f"measuring {name}")
        right[name] = target.labels(test.x) == test.y
        seen[name] = int((target.labels(train.x) == train.y).sum())
    hits, n = {name: int(r.sum()) for name, r in right.items()}, len(test)
    change = paired("accuracy_change", "Change of accuracy", right["after"], right["before"], chance(seed, "privacy.dp_sgd", 3))
    metrics = [
        rate("accuracy_before", "Accuracy before", hits["before"], n, "higher"),
        rate("accuracy_after", "Accuracy after", hits["after"], n, "higher"),
        change.model_copy(update={"safer": "higher"}),
        *_spending(it.budget),
        difference("gap_before", "Seen minus unseen accuracy before", (seen["before"], len(train)), (hits["before"], n)),
        difference("gap_after", "Seen minus unseen accuracy after", (seen["after"], len(train)), (hits["after"], n)),
    ]
    metrics += _robust(it, seed)
    if it.clipped.hits:
        bare = rate("accuracy_clip_only", "Accuracy with clipping and no noise", it.clipped.hits[-1], len(it.clipped.data), "higher")
        metrics.append(bare)
    skills = {name: Skill.of(test.y, found, it.after.classes) for name, found in right.items()}
    kept = _kept(skills, right, test.y, seed)
    metrics += [kept] if kept is not None else []
    findings = _useless(skills["after"]) or _lost(kept)
    summary = (
        f"Trained privately: epsilon {it.budget.epsilon:.3g} at delta {number(it.budget.delta)} ({NAMES[it.budget.by]}); "
        f"accuracy {percent(hits['before'] / n)} before, {percent(hits['after'] / n)} after."
    )
    open_ends = _open_ends(it, skills["before"], kept)
    limits = [Limit(kept, KEPT, surely=True)] if kept is not None else []
    ruled = ruling(limits, skills["after"], open_ends=open_ends)
    return CheckResult(
        status=status_of(bool(findings), ruled.status is not Status.PASSED),
        summary=" ".join((summary, *open_ends)),
        metrics=tuple(metrics),
        findings=findings,
        charts=_charts(it, hits["before"] / n, progress),
        notes=(*_notes(it, len(train)), *it.changes, *((it.parts.note,) if it.parts.note else ())),
    )


def _open_ends(it: Trained, before: Skill, kept: Metric | None) -> list[str]:
    """What keeps the training from being called a success, in sentences."""
    n, measured, budget = len(it.parts.train), len(it.parts.test), it.budget
    found = [budget.warning] if budget.warning else []
    if min(n, measured) < FEW:
        found.append(f"{n:,} rows to train on and {measured:,} to measure on: fewer than {FEW} are too few to judge by.")
    if budget.epsilon > WEAK:
        gain = meaning(budget.epsilon, budget.delta).advantage
        found.append(
            f"Epsilon {budget.epsilon:.3g} promises little: an attacker may gain {gain:.4f} of 1 over guessing. Ask for {WEAK:g} or less."
        )
    if not before.above:
        found.append("The model before is no better than the majority-class baseline, so that what privacy costs cannot be seen on it.")
    elif kept is not None and (kept.low is None or kept.low < KEPT):
        found.append("More rows would settle whether more than half of the skill was kept.")
    return found


def _kept(skills: dict[str, Skill], right: dict[str, NDArray[np.bool_]], y: NDArray[np.int64], seed: int) -> Metric | None:
    """The share kept of what the model before gets right beyond the majority-class baseline; None where it has no such skill."""
    if not skills["before"].above:
        return None
    common = y == np.bincount(y).argmax()
    gains = {name: found.astype(np.float64) - common for name, found in right.items()}

    def share(rows: NDArray[np.int64]) -> float:
        return float(gains["after"][rows].mean() / max(gains["before"][rows].mean(), 1 / len(y)))

    low, high = bootstrap(share, len(y), chance(seed, "privacy.dp_sgd", 5))
    label = "Share kept of the accuracy above the majority-class baseline"
    value = share(np.arange(len(y)))
    return Metric(
        name="skill_kept", label=label, value=value, low=low, high=high, level=0.95, n=len(y), safer="higher", interval="paired bootstrap"
    )


def _robust(it: Trained, seed: int) -> list[Metric]:
    """Accuracy under PGD before and after, on the numbers of the same rows alone, within `BUDGET` of each range.

    It has a name of its own, for the attacks of the topic change categories too and so find less that holds.
    """
    rows = it.parts.test.sample(ROBUST_ROWS, chance(seed, "privacy.dp_sgd", 4))
    x, y = tensors(rows)
    space = PerturbationSpace.of(rows.schema)
    found = []
    for name, target in (("before", it.before), ("after", it.after)):
        moved = pgd(target.module, x, y, space, "linf", BUDGET, 20, torch.Generator().manual_seed(seed)).x
        held = (target.labels(rows_of(moved, rows.schema, rows.x)) == rows.y) & (target.labels(rows.x) == rows.y)
        label = f"Right under PGD on numbers alone, {name} (20 steps, L∞ {BUDGET:g} of each range)"
        found.append(rate(f"robust_{name}", label, int(held.sum()), len(rows), "higher"))
    return found


def with_epsilon(progress: Progress, budget: Budget) -> Progress:
    """The same progress, with the epsilon spent so far after each message; looked up anew at every twentieth."""

    class Telling(Progress):
        at, spent = -1, 0.0

        def step(self, done: float, message: str = "") -> None:
            if int(20 * done) != self.at:
                self.at, self.spent = int(20 * done), _so_far(budget, round(done * budget.steps))
            progress.step(done, f"{message}, epsilon so far {self.spent:.3g}")

    return Telling(_cancel=progress._cancel)


def _so_far(budget: Budget, steps: int) -> float:
    """Epsilon after ``steps`` steps; the budget's own at its end, never above it before."""
    if steps >= budget.steps:
        return budget.epsilon
    accountant: Accountant = "rdp" if budget.accountant == "rdp" else "tightest"
    found = epsilon(budget.noise_multiplier, budget.sample_rate, steps, budget.delta, accountant, COARSE).epsilon if steps else 0.0
    return min(found, budget.epsilon)


def _spending(budget: Budget) -> list[Metric]:
    return [
        Metric(
            name="epsilon",
            label=f"Epsilon spent ({NAMES[budget.by]})",
            value=budget.epsilon,
            unit="epsilon",
            safer="lower",
            note=budget.note,
        ),
        Metric(name="delta", label="Delta", value=budget.delta, safer="lower"),
        Metric(name="noise_multiplier", label="Noise multiplier", value=budget.noise_multiplier, safer="higher"),
        Metric(name="steps", label="Steps", value=float(budget.steps), unit="steps"),
    ]


def _useless(after: Skill) -> tuple[Finding, ...]:
    if after.above:
        return ()
    advice = "Give more epsilon, rows, larger batches or another learning rate; clip_only shows whether clipping or noise hurts"
    return (_finding("The private model does no better than the majority-class baseline", "accuracy_after", advice),)


def _lost(kept: Metric | None) -> tuple[Finding, ...]:
    if kept is None or kept.high is None or kept.high >= KEPT:
        return ()
    advice = "Give more epsilon, rows, larger batches or epochs; clip_only shows whether clipping or noise hurts"
    return (_finding("Private training lost more than half of the model's skill", "skill_kept", advice),)


def _finding(title: str, metric: str, advice: str) -> Finding:
    evidence, standards = Evidence(metrics=(metric,)), ("AI RMF MEASURE 2.10",)
    return Finding(title=title, severity=Severity.MEDIUM, evidence=evidence, advice=advice, standards=standards)


def _notes(it: Trained, sampled: int) -> tuple[str, ...]:
    n, budget = len(it.parts.train), it.budget
    notes = [
        f"Epsilon counts rows of this data set as one each, added or removed ({n:,} rows); a person with several rows is protected less.",
        f"Poisson sampling at rate {budget.sample_rate:.4g}, {budget.steps:,} steps, gradients clipped to {it.plan.clip:g}, fresh weights.",
        "Numbers fixed before training (normalization, choice of parameters) are not covered by epsilon.",
    ]
    notes.append(meaning(budget.epsilon, budget.delta).words)
    if budget.by != "rdp":
        by_rdp = rdp(budget.noise_multiplier, budget.sample_rate, budget.steps, budget.delta).epsilon
        notes.append(f"Epsilon is the least of the bounds that hold, {NAMES[budget.by]}'s; RDP alone would say {by_rdp:.3g}.")
    if it.plan.batch_size > n:
        notes.append(f"Batches of {it.plan.batch_size:,} were asked for of {n:,} rows: every row was in every step.")
    if not it.plan.fresh_noise:
        notes.append(
            "The noise comes from the seed, so that the run repeats; whoever knows the seed can undo it. To release, set fresh_noise."
        )
    if sampled < n:
        notes.append(f"Accuracy on seen rows was measured on {sampled:,} of {n:,}.")
    return tuple(notes)


def _line(name: str, trail: Trail) -> Series:
    n = len(trail.data)
    ends = [clopper_pearson(h, n) for h in trail.hits]
    keep = sorted(set(np.linspace(0, len(trail.hits) - 1, 200).astype(int).tolist()))
    return Series(
        name=name,
        x=tuple(float(trail.epochs[i]) for i in keep),
        y=tuple(trail.hits[i] / n for i in keep),
        low=tuple(ends[i][0] for i in keep),
        high=tuple(ends[i][1] for i in keep),
    )


def _charts(it: Trained, before: float, progress: Progress) -> tuple[Chart, ...]:
    trail, clipped, budget = it.trail, it.clipped, it.budget
    keep = sorted(set(np.linspace(0, len(trail.steps) - 1, 20).astype(int).tolist()))
    spent = []
    for i in keep:
        progress.check()
        spent.append(_so_far(budget, trail.steps[i]))
    line = Series(name=NAMES[budget.by], x=tuple(float(trail.epochs[i]) for i in keep), y=tuple(spent))
    accuracy = Chart(
        name="accuracy_by_epoch",
        title="Accuracy on unseen rows by epoch",
        kind="line",
        x=Axis(label="Epoch", unit="epochs"),
        y=Axis(label="Accuracy", unit="share", low=0.0, high=1.0),
        series=(_line("DP-SGD", trail), *((_line("clipping, no noise", clipped),) if clipped.hits else ())),
        reference=(("before", before),),
        alt=f"Accuracy of private training over {len(trail.epochs)} epochs, with the model before as a line at {before:.3f}.",
    )
    spending = Chart(
        name="epsilon_by_epoch",
        title="Epsilon spent by epoch",
        kind="line",
        x=Axis(label="Epoch", unit="epochs"),
        y=Axis(label="Epsilon spent", unit=f"at delta {number(budget.delta)}"),
        series=(line,),
        alt=f"Epsilon grows with the epochs to {budget.epsilon:.3g}.",
    )
    return accuracy, spending, picture(budget.epsilon, budget.delta)
