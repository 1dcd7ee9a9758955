"""What moves the model's answers: Shapley values over rows, and of one row."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..check import Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import Chart, CheckResult, Evidence, Finding, Gallery, Metric, Severity, Status, Table, key_of
from ..statistics.intervals import LEVEL
from ..targets.target import Target
from ._shapley import Attribution, Scale, players
from .explaining import SOURCES, STANDARDS, Explainer, Method, background_rows, caveats, cell, explained_class, sensitive_features, what
from .importance import bars, importance, swarm, table
from .local import maps, waterfall

NOISY, LOOSE, SHARE = 0.5, 0.05, 0.05
PICTURES = 6


class ShapValues(Check):
    """Shapley values by permutation (the figure that is kept) or by DeepExplainer (a quick preview)."""

    id: ClassVar[str] = "explanation.shap"
    title: ClassVar[str] = "SHAP values"
    question: ClassVar[str] = "What moves the model's answers?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = SOURCES
    cost: ClassVar[str] = "seconds; minutes for images"
    main: ClassVar[tuple[str, ...]] = ("rows", "of_class", "method", "row")
    seconds: ClassVar[float] = 60.0
    tiny: ClassVar[Mapping[str, Any]] = {"background": 5, "patch": 4}
    headline: ClassVar[str] = "importance"

    rows: int = parameter(
        50, "Rows behind the overall importance, drawn from those not trained on where that is known", "rows", ge=2, le=5000
    )
    background: int = parameter(50, "Background rows that a feature's absence is drawn from", "rows", ge=1, le=2000)
    method: Method = parameter("permutation", "permutation is exact up to its standard error; deep is a quick preview for torch modules")
    permutations: int = parameter(1, "Orders a background row, each walked forward and back", ge=1, le=200)
    scale: Scale = parameter("probability", "Explain the probability, or its log-odds (deep always explains logits)")
    of_class: str = parameter("", "Class to explain; empty means the last of two, and each row's predicted one of more")
    row: int = parameter(0, "The row explained on its own, counted from 0 in the whole data set", ge=0, le=10**9)
    top: int = parameter(3, "A sensitive feature among this many strongest ones is a finding", "features", ge=1, le=50)
    patch: int = parameter(4, "Side of the squares an image is divided in (deep: single pixels)", "pixels", ge=1, le=64)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        if self.method == "deep":
            return Estimate(queries=self.rows + self.background, note="seconds")
        m = len(players(data.schema, self.patch))
        return Estimate(queries=(self.rows + 1) * self.background * self.permutations * 2 * max(m - 1, 1))

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        if self.row >= len(data):
            raise Problem(f"a row from 0 to {len(data) - 1}", str(self.row), "Choose a row of the data")
        rng = np.random.default_rng(self.seed)
        explainer = Explainer(
            target,
            background_rows(data, self.background, rng),
            players(data.schema, 1 if self.method == "deep" else self.patch),
            explained_class(target, self.of_class),
            self.method,
            self.scale,
            self.permutations,
        )
        sample = data.unseen.sample(self.rows, rng)
        x = np.concatenate([data.x[self.row : self.row + 1], sample.x])
        of = explainer.of(x)
        found = explainer.explain(x, of, rng, progress)
        return self._result(found, explainer, data, sample, of, rng)

    def _result(
        self, found: Attribution, explainer: Explainer, data: Dataset, sample: Dataset, of: Any, rng: np.random.Generator
    ) -> CheckResult:
        rest = _rows(found, slice(1, None))
        sizes = importance(rest.values, rng)
        order = np.argsort(-sizes[0], kind="stable").tolist()
        named = what(explainer.target, explainer.chosen, found.unit)
        findings = () if data.schema.images else tuple(self._findings(data, found.players.names, sizes[0], order))
        looks = self._pictures(found, data, sample, of, explainer.target) if data.schema.images else None
        tables, charts = self._shown(found, rest, sizes, order, data, sample, named)
        noise, gap = _noise(rest), _gap(found)
        trusted = (noise.value is None or noise.value <= NOISY) and (gap.value or 0) <= LOOSE
        return CheckResult(
            status=Status.FINDING if findings else Status.PASSED if trusted else Status.INCOMPLETE,
            summary=self._summary(found.players.names, sizes, order, named, trusted, data),
            metrics=(*_strongest(found, sizes, order, len(rest.values)), noise, gap),
            findings=findings,
            tables=tables,
            charts=charts,
            galleries=() if looks is None else (looks,),
            notes=(*caveats(explainer.target, len(explainer.background), len(data.seen)), *_warnings(noise, gap, self.method)),
        )

    def _shown(
        self, found: Attribution, rest: Attribution, sizes: Any, order: list[int], data: Dataset, sample: Dataset, named: str
    ) -> tuple[tuple[Table, ...], tuple[Chart, ...]]:
        if data.schema.images:
            return (), ()
        title = f"Row {self.row}: from {found.base[0]:.3g} on average to {found.outputs[0]:.3g}"
        steps, step_bars = waterfall(found, 0, cell(data, self.row, found.players.names), title)
        level = np.stack([_level(sample, name) for name in found.players.names], 1)
        charts = (bars(rest, sizes, order, named), swarm(rest, level, order, named), step_bars)
        return (table(rest, sizes, order, _watched(data)), steps), charts

    def _pictures(self, found: Attribution, data: Dataset, sample: Dataset, of: Any, target: Target) -> Gallery:
        images = np.concatenate([data.x[self.row : self.row + 1], sample.x[: PICTURES - 1]])
        captions = [f"{target.classes[k]}: {v:.3g} {found.unit}" for k, v in zip(of, found.outputs, strict=True)]
        captions[0] = f"row {self.row}, {captions[0]}"
        return maps(_rows(found, slice(0, PICTURES)), images, captions[:PICTURES], data.schema.shape)

    def _findings(self, data: Dataset, names: tuple[str, ...], mean: Any, order: list[int]) -> list[Finding]:
        found = []
        sensitive = sensitive_features(data)
        for place, j in enumerate(order[: self.top]):
            share = mean[j] / max(mean.sum(), 1e-12)
            if names[j] not in _watched(data) or share < SHARE:
                continue
            watched = names[j] in sensitive
            found.append(
                Finding(
                    key=key_of(names[j], "drives"),
                    title=f"{names[j]} is driver {place + 1} of {len(names)}"
                    + (", and sensitive" if watched else ", and cannot be changed by the person"),
                    severity=Severity.MEDIUM if watched else Severity.LOW,
                    evidence=Evidence(tables=("importance",), sentence=f"{100 * share:.0f} % of all attribution"),
                    advice="Justify its use or leave it out, then look at the gaps by group: leaving it out alone rarely closes them."
                    if watched
                    else "Someone refused because of it has no way to change the answer; say so where decisions are explained.",
                    standards=(*STANDARDS, "EU AI Act Art. 10(2)(f)") if watched else STANDARDS,
                    defense="fairness.correlation_remover" if watched else "",
                )
            )
        return found

    def _summary(self, names: tuple[str, ...], sizes: Any, order: list[int], named: str, trusted: bool, data: Dataset) -> str:
        mean, low, high = sizes
        n = f"{min(self.rows, len(data.unseen)):,} {data.known}"
        if mean.max() == 0:
            return f"Nothing moves {named}: it is the same in all rows."
        if data.schema.images:
            parts = "pixels" if self.method == "deep" else "squares"
            text = f"{len(names)} {parts} of the image explained for {named}; the strongest one averages {mean.max():.3g}"
        else:
            first = order[0]
            also = ", then " + " and ".join(names[j] for j in order[1:3]) if len(order) > 1 else ""
            text = f"{names[first]} moves {named} most: {mean[first]:.3g} on average ({low[first]:.3g} to {high[first]:.3g}){also}"
        return text + (f" ({n})." if trusted else f" ({n}); the values are too rough to keep, see the notes.")


def _rows(found: Attribution, rows: slice) -> Attribution:
    return Attribution(found.values[rows], found.error[rows], found.base[rows], found.outputs[rows], found.players, found.unit)


def _watched(data: Dataset) -> set[str]:
    return sensitive_features(data) | {f.name for f in data.schema.features if not f.mutable}


def _level(sample: Dataset, name: str) -> Any:
    """Rank of a feature's value among the rows, 0 to 1; NaN for a category and for a row without a number."""
    feature = sample.schema.feature(name)
    if feature.grouped:
        return np.full(len(sample), np.nan)
    column = sample.x[:, sample.schema.slices[name]][:, 0]
    values = np.sort(column[~np.isnan(column)])
    rank = (np.searchsorted(values, column, "left") + np.searchsorted(values, column, "right")) / (2 * max(len(values), 1))
    return np.where(np.isnan(column), np.nan, rank)


def _strongest(found: Attribution, sizes: Any, order: list[int], n: int) -> list[Metric]:
    mean, low, high = sizes
    return [
        Metric(
            name=f"importance_{place + 1}",
            label=f"Mean |value| of {found.players.names[j]}",
            value=float(mean[j]),
            unit=found.unit,
            low=float(low[j]),
            high=float(high[j]),
            level=LEVEL,
            n=n,
            interval="bootstrap over rows",
        )
        for place, j in enumerate(order[:3])
    ]


def _noise(rest: Attribution) -> Metric:
    label = "Standard error of a value, as a share of the values' size"
    if not np.isfinite(rest.error).all():
        return Metric(name="noise", label=label, value=None, safer="lower", note="this method or budget gives no standard error")
    size = float(np.sqrt((rest.values**2).mean()))
    value = float(np.sqrt((rest.error**2).mean())) / size if size > 0 else 0.0
    return Metric(name="noise", label=label, value=value, unit="share", n=len(rest.values), safer="lower")


def _gap(found: Attribution) -> Metric:
    moved = float(np.abs(found.outputs - found.base).mean())
    value = float(np.abs(found.gap).mean()) / moved if moved > 1e-9 else 0.0
    label = "What the values miss of the answer they sum to, as a share of it"
    return Metric(name="additivity", label=label, value=value, unit="share", n=len(found.values), safer="zero")


def _warnings(noise: Metric, gap: Metric, method: Method) -> list[str]:
    found = []
    if noise.value is not None and noise.value > NOISY:
        found.append(f"Standard errors are {100 * noise.value:.0f} % of the values: raise background or permutations.")
    if (gap.value or 0) > LOOSE:
        found.append(
            f"The values miss {percent(gap.value)} of the answers they should sum to: DeepExplainer does not follow every layer here."
        )
    if method == "deep":
        found.append("A preview by DeepExplainer, without standard errors; the figure to keep is method='permutation'.")
    return found
