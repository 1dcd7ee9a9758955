"""What a guard catches: ROC against random, out-of-range and adversarial rows, after export and import."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import Check, parameter
from ..datasets.dataset import Dataset
from ..datasets.random_rows import random_rows
from ..datasets.schema import Rows
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Table
from ..statistics.intervals import LEVEL, bootstrap, rate, rate_by_row
from ..statistics.roc import area, area_interval
from ..statistics.ruling import Limit, status_of
from ..targets.target import Target
from ._strange import outside
from .guard import SURE, FittedGuard, apart, build, unpacked
from .input_guard import STANDARDS

POINTS = 60


def auc(natural: NDArray[np.float32], strange: NDArray[np.float32]) -> float:
    """Chance that a strange row scores above a natural one, ties half (Mann and Whitney)."""
    strange_ones = np.arange(len(natural) + len(strange)) >= len(natural)
    return area(strange_ones, np.concatenate([natural, strange]))


class GuardROC(Check):
    """Build a guard, save it, load it, and attack what was loaded."""

    id: ClassVar[str] = "validation.guard_roc"
    title: ClassVar[str] = "What an input guard catches"
    question: ClassVar[str] = "Can inputs that are attacks be distinguished from natural ones?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Kuan and Mueller 2022, arXiv 2207.03061", "Carlini and Wagner 2017, arXiv 1705.07263")
    cost: ClassVar[str] = "seconds"
    main: ClassVar[tuple[str, ...]] = ("rows", "allowed", "eps")
    quick: ClassVar[Mapping[str, Any]] = {"rows": 300, "reference": 1000, "steps": 10}
    headline: ClassVar[str] = "caught"

    renamed: ClassVar[Mapping[str, str]] = {"budget": "eps"}

    rows: int = parameter(500, "Rows of the data, held out where that is known, and rows of each attack", "rows", ge=20, le=20_000)
    reference: int = parameter(2000, "Training rows the guard compares with", "rows", ge=20, le=20_000)
    neighbors: int = parameter(5, "Nearest rows the score is averaged over", "rows", ge=1, le=100)
    allowed: float = parameter(0.01, "Share of natural rows that may be refused", "share", gt=0, lt=0.5)
    eps: float = parameter(0.1, "How far a row may be moved by the attack, as a share of each feature's range (linf)", "ranges", gt=0, le=1)
    steps: int = parameter(20, "Steps of the attack that makes them", "steps", ge=1, le=500)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        own, held = apart(data, rng)
        guard = self._through_file(build(own, self.reference, self.neighbors, self.allowed, rng))
        progress.step(0.3, "natural rows")
        natural = held.sample(self.rows, rng)
        attacks = {"random noise": random_rows(data.schema, len(natural), rng), "out of range": outside(natural, rng)}
        if "gradients" in target.offers:
            progress.step(0.5, "adversarial rows")
            found = self._adversarial(target, natural)
            if len(found):
                attacks["adversarial"] = found
        progress.step(0.8, "scoring")
        return self._result(guard, natural, attacks, rng)

    def _through_file(self, guard: FittedGuard) -> FittedGuard:
        return unpacked(guard.content())

    def _adversarial(self, target: Target, natural: Dataset) -> Rows:
        """Rows that fool the target within ``eps``: numbers moved by PGD, categories as they were."""
        import torch

        from ..attacks.climbing import pgd
        from ..attacks.perturbation_space import PerturbationSpace
        from ..attacks.queries import rows_of, tensors

        z, y = tensors(natural)
        generator = torch.Generator().manual_seed(self.seed)
        found = pgd(target.module, z, y, PerturbationSpace.of(natural.schema), "linf", self.eps, self.steps, generator)
        moved = rows_of(found.x, natural.schema, natural.x)
        fooled: NDArray[np.bool_] = (target.labels(moved) != natural.y) & (target.labels(natural.x) == natural.y)
        return moved[fooled]

    def _result(self, guard: FittedGuard, natural: Dataset, attacks: dict[str, Rows], rng: np.random.Generator) -> CheckResult:
        false = guard.refused(natural.x)
        base = guard.score(natural.x)
        metrics: list[Metric] = [rate_by_row("false_alarms", "Natural rows refused", false, natural.fingerprint, "lower")]
        rows: list[tuple[str, int, float, float | None]] = []
        series = []
        for name, x in attacks.items():
            caught, scores = guard.refused(x), guard.score(x)
            key = name.replace(" ", "_")
            metrics.append(rate(f"caught_{key}", f"Caught: {name}", int(caught.sum()), len(x), "higher"))
            metrics.append(_auc(key, name, base, scores, rng))
            rows.append((name, len(x), float(caught.mean()), metrics[-1].value))
            series.append(_roc(name, base, scores))
        text = ", ".join(f"{100 * r[2]:.0f} % of {r[0]} rows" for r in rows)
        findings = self._findings(metrics[0], rows)
        few = Limit(metrics[0], guard.allowed)
        shown = few.state == "kept" or guard.promised <= guard.allowed
        columns = (
            Column(name="Attack"),
            Column(name="Rows", kind="integer"),
            Column(name="Caught", kind="percent"),
            Column(name="AUC", kind="number"),
        )
        return CheckResult(
            status=status_of(bool(findings), not shown),
            summary=f"A guard that refuses {percent(false.mean())} of natural rows catches {text}."
            + ("" if shown or findings else _few(few)),
            metrics=tuple(metrics),
            findings=findings,
            tables=(Table(name="caught", title="What is caught", columns=columns, rows=tuple(rows)),),
            charts=(_chart(series),),
            notes=(
                _promise(guard),
                "The guard was saved to a file and loaded before it was attacked. The attacker did not know of it; one who does can do better.",
            ),
        )

    def _findings(self, false: Metric, rows: list[tuple[str, int, float, float | None]]) -> tuple[Finding, ...]:
        many = false.low is not None and false.low > self.allowed
        weak = any(name == "adversarial" and caught < 0.5 for name, _, caught, _ in rows)
        return (*((_too_strict(self.allowed),) if many else ()), *((_too_lax(),) if weak else ()))


def _auc(key: str, name: str, natural: NDArray[np.float32], strange: NDArray[np.float32], rng: np.random.Generator) -> Metric:
    value = auc(natural, strange)

    def drawn(i: NDArray[np.intp]) -> float:
        return auc(natural[i % len(natural)], strange[rng.integers(0, len(strange), len(strange))])

    low, high = bootstrap(drawn, len(natural), rng, 200)
    closed = value in (0.0, 1.0)  # every draw gives the same then, which bounds nothing
    if closed:
        low, high = area_interval(value, len(natural), len(strange))
    low_end, high_end = min(low, value), max(high, value)
    label = f"AUC against {name}"
    return Metric(
        name=f"auc_{key}",
        label=label,
        value=value,
        unit="AUC",
        low=low_end,
        high=high_end,
        level=LEVEL,
        n=len(strange),
        safer="higher",
        interval="Newcombe" if closed else "bootstrap",
    )


def _roc(name: str, natural: NDArray[np.float32], strange: NDArray[np.float32]) -> Series:
    false = np.geomspace(1 / len(natural), 1, POINTS)
    at = np.quantile(natural, 1 - false)
    true = [(strange > level).mean() for level in at]
    return Series(name=name, x=tuple(map(float, false)), y=tuple(map(float, true)))


def _chart(series: list[Series]) -> Chart:
    return Chart(
        name="roc",
        title="Caught against false alarms",
        kind="line",
        x=Axis(label="Natural rows refused", unit="share", scale="log"),
        y=Axis(label="Attack rows caught", unit="share", low=0, high=1),
        series=tuple(series),
        alt="Share of each attack's rows that is caught as more natural rows may be refused.",
    )


def _promise(guard: FittedGuard) -> str:
    """What the threshold promises, as a sentence."""
    text = f"With {100 * SURE:.0f} % certainty it refuses at most {100 * guard.promised:.2g} % of rows like those it was built from"
    if guard.promised <= guard.allowed:
        return f"{text}; how many of the rows judged here is a sample of that."
    return f"{text}: too few rows set the threshold to promise {100 * guard.allowed:g} %."


def _few(limit: Limit) -> str:
    return f" Not settled: {limit.settling}."


def _too_strict(allowed: float) -> Finding:
    return Finding(
        title=f"The guard refuses more than {100 * allowed:g} % of natural rows",
        severity=Severity.MEDIUM,
        evidence=Evidence(metrics=("false_alarms",), sentence="its whole interval is above"),
        advice="Held-out rows differ from the training rows: look for drift, and build the guard from rows like those it will see.",
        standards=STANDARDS,
        defense="validation.guard",
    )


def _too_lax() -> Finding:
    return Finding(
        title="Adversarial rows look natural to a guard",
        severity=Severity.LOW,
        evidence=Evidence(metrics=("caught_adversarial",)),
        advice="Do not rely on input checks against adversarial rows; train adversarially, and keep the guard for noise and bad ranges.",
        standards=STANDARDS,
        defense="validation.guard",
    )
