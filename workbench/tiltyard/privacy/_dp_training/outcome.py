"""The result of private training: accuracy before and after, epsilon, charts by epoch. `dp_sgd.DPSGD` calls `result`."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from ...attacks.perturbation_space import PerturbationSpace, pgd
from ...attacks.queries import rows_of, tensors
from ...datasets.dataset import Dataset
from ...datasets.encoding import EncodedRows, encoding_of
from ...errors import Problem
from ...formatting.numbers import percent
from ...privacy_accounting.accountants import NAMES, Accountant, epsilon
from ...privacy_accounting.budget import Budget
from ...progress import Progress
from ...result import Axis, Chart, CheckResult, Evidence, Finding, Metric, Series, Severity, Status
from ...statistics.intervals import clopper_pearson, rate
from ...targets.decision import Decision, Scores
from ...targets.target import Target
from ..membership import chance, difference, paired
from .loop import Plan

ROBUST_ROWS = 300
BUDGET = 0.1
FEW = 100


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


def result(it: Trained, accountant: Accountant, seed: int, progress: Progress) -> CheckResult:
    """Accuracy before and after on unseen rows, epsilon by both accountants, the gap, and the curves by epoch."""
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
    findings = _useless(hits["after"], int(np.bincount(test.y).max()), n)
    summary = (
        f"Trained privately: epsilon {it.budget.epsilon:.3g} at delta {it.budget.delta:g} ({NAMES[it.budget.accountant]}); "
        f"accuracy {percent(hits['before'] / n)} before, {percent(hits['after'] / n)} after."
    )
    open_ends = _open_ends(it)
    return CheckResult(
        status=Status.FINDING if findings else Status.INCOMPLETE if open_ends else Status.PASSED,
        summary=" ".join((summary, *open_ends)),
        metrics=tuple(metrics),
        findings=findings,
        charts=_charts(it, hits["before"] / n, accountant, progress),
        notes=(*_notes(it, len(train)), *it.changes, *((it.parts.note,) if it.parts.note else ())),
    )


def _open_ends(it: Trained) -> list[str]:
    """What keeps the training from being called a success, in sentences."""
    n, measured, delta = len(it.parts.train), len(it.parts.test), it.budget.delta
    found = []
    if delta * n >= 1:
        found.append(f"Delta {delta:g} is not below 1 / {n:,} rows: at such a delta to publish a whole row counts as private.")
    if min(n, measured) < FEW:
        found.append(f"{n:,} rows to train on and {measured:,} to measure on: fewer than {FEW} are too few to judge by.")
    return found


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
    """The same progress, with the epsilon spent so far after each message."""

    class Telling(Progress):
        def step(self, done: float, message: str = "") -> None:
            steps = round(done * budget.steps)
            spent = epsilon(budget.noise_multiplier, budget.sample_rate, steps, budget.delta).epsilon if steps else 0.0
            progress.step(done, f"{message}, epsilon so far {spent:.3g} (RDP)")

    return Telling(_cancel=progress._cancel)


def _spending(budget: Budget) -> list[Metric]:
    other: Accountant = "rdp" if budget.accountant == "prv" else "prv"
    second = epsilon(budget.noise_multiplier, budget.sample_rate, budget.steps, budget.delta, other)
    found = [
        Metric(
            name="epsilon",
            label=f"Epsilon spent ({NAMES[budget.accountant]})",
            value=budget.epsilon,
            unit="epsilon",
            safer="lower",
            note=budget.note,
        ),
        Metric(name="delta", label="Delta", value=budget.delta, safer="lower"),
        Metric(name="noise_multiplier", label="Noise multiplier", value=budget.noise_multiplier, safer="higher"),
        Metric(name="steps", label="Steps", value=float(budget.steps), unit="steps"),
    ]
    if second.accountant == other:
        label = f"The same by {NAMES[other]}"
        found.insert(1, Metric(name=f"epsilon_{other}", label=label, value=second.epsilon, unit="epsilon", safer="lower"))
    return found


def _useless(hits: int, majority: int, n: int) -> tuple[Finding, ...]:
    if clopper_pearson(hits, n)[0] > majority / n:
        return ()
    return (
        Finding(
            title="The private model does no better than the majority-class baseline",
            severity=Severity.MEDIUM,
            evidence=Evidence(metrics=("accuracy_after",)),
            advice="Give more epsilon, rows, larger batches or another learning rate; clip_only shows whether clipping or noise hurts",
            standards=("AI RMF MEASURE 2.10",),
        ),
    )


def _notes(it: Trained, sampled: int) -> tuple[str, ...]:
    n, budget = len(it.parts.train), it.budget
    notes = [
        f"Epsilon counts rows of this data set as one each, added or removed ({n:,} rows); a person with several rows is protected less.",
        f"Poisson sampling at rate {budget.sample_rate:.4g}, {budget.steps:,} steps, gradients clipped to {it.plan.clip:g}, fresh weights.",
        "Numbers fixed before training (normalization, choice of parameters) are not covered by epsilon.",
    ]
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


def _charts(it: Trained, before: float, accountant: Accountant, progress: Progress) -> tuple[Chart, ...]:
    trail, clipped, budget = it.trail, it.clipped, it.budget
    keep = sorted(set(np.linspace(0, len(trail.steps) - 1, 20).astype(int).tolist()))
    asked: tuple[Accountant, ...] = ("rdp", "prv") if accountant == "prv" else ("rdp",)
    lines = []
    for who in asked:
        spent = []
        for i in keep:
            progress.check()
            spent.append(epsilon(budget.noise_multiplier, budget.sample_rate, trail.steps[i], budget.delta, who).epsilon)
        lines.append(Series(name=NAMES[who], x=tuple(float(trail.epochs[i]) for i in keep), y=tuple(spent)))
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
        y=Axis(label="Epsilon spent", unit=f"at delta {budget.delta:g}"),
        series=tuple(lines),
        alt=f"Epsilon grows with the epochs to {budget.epsilon:.3g}.",
    )
    return accuracy, spending
