"""What moves the model's answers: Shapley values over rows, and of one row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..formatting.numbers import number, percent
from ..progress import Progress
from ..result import Chart, CheckResult, Evidence, Finding, Gallery, Metric, Severity, Table, key_of
from ..statistics.intervals import LEVEL
from ..statistics.ruling import status_of
from ..targets.target import Target
from ._shapley import Attribution, Scale, players, scorer
from ._trees import boosts
from .dependence import CURVE_ROWS, GRID, curves, dependence, partial_dependence
from .explaining import (
    SOURCES,
    STANDARDS,
    Explainer,
    Method,
    background_rows,
    caveats,
    cell,
    explained_class,
    holds,
    scale_of,
    sensitive_features,
    what,
)
from .importance import bars, by_group, importance, swarm, table
from .interactions import AMONG, interactions
from .interactions import table as interaction_table
from .local import maps, waterfall
from .people import threshold

NOISY, LOOSE, SHARE = 0.5, 0.05, 0.05
PICTURES, DRAWS = 6, 20
TABLE_ROWS, IMAGE_ROWS = 500, 60  # an image has more players, each of them with a standard error of its own
METHODS = {
    "tree": "Exact, by TreeSHAP (interventional, on the rows of the background).",
    "permutation": "By permutation: exact but for the standard errors that are given.",
    "deep": "By DeepExplainer, an approximation.",
}


@dataclass(frozen=True)
class _Found:
    """What a run explained: the values of ``x`` for the classes ``of``, of which row 0 is the one row and the others are ``sample``."""

    all: Attribution
    of: NDArray[np.intp]
    sample: Dataset
    explainer: Explainer
    data: Dataset

    @property
    def rest(self) -> Attribution:
        """Of the sample alone."""
        return _rows(self.all, slice(1, None))

    @property
    def named(self) -> str:
        """The explained number in words."""
        return what(self.explainer.target, self.explainer.chosen, self.all.unit)


class SHAP(Check):
    """Shapley values: exact by TreeSHAP for forests and boosting at hand, else by permutation, or a preview by DeepExplainer.

    TreeSHAP is interventional, on the rows of the background. What the trees of a boosting add up to are log-odds, so that these are
    exact and the probability is explained by permutation.
    """

    id: ClassVar[str] = "explanation.shap"
    title: ClassVar[str] = "SHAP values"
    question: ClassVar[str] = "What moves the model's answers?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = SOURCES
    cost: ClassVar[str] = "seconds; minutes for images"
    main: ClassVar[tuple[str, ...]] = ("rows", "of_class", "method", "row")
    seconds: ClassVar[float] = 60.0
    tiny: ClassVar[Mapping[str, Any]] = {"rows": 20, "background": 5, "patch": 14}
    quick: ClassVar[Mapping[str, Any]] = {"rows": 100}
    quick_images: ClassVar[Mapping[str, Any]] = {"rows": 30}
    headline: ClassVar[str] = "importance"

    rows: int | None = parameter(
        None,
        f"Rows behind the overall importance, drawn from those not trained on where that is known; empty means {TABLE_ROWS} of a table, {IMAGE_ROWS} of images",
        "rows",
        ge=2,
        le=5000,
    )
    background: int = parameter(50, "Background rows that a feature's absence is drawn from", "rows", ge=1, le=2000)
    method: Method = parameter(
        "auto",
        "auto takes tree (exact) for forests, and for the log-odds of boosting, where it can, else permutation (exact up to its standard error); "
        "deep is a quick preview for torch modules",
    )
    permutations: int = parameter(1, "Orders a background row, each walked forward and back", ge=1, le=200)
    scale: Scale = parameter("probability", "Explain the probability, or its log-odds (deep always explains logits)")
    of_class: str = parameter(
        "", "Class to explain; empty means the favorable one where it is named, else the last of two, and each row's predicted one of more"
    )
    feature: str = parameter("", "Feature whose dependence is drawn; empty means the one that moves the answer most", source="features")
    pairs: int = parameter(
        0, "Strongest pairs of features whose interaction is measured, among the five strongest features", "pairs", ge=0, le=10
    )
    row: int = parameter(0, "The row explained on its own, counted from 0 in the whole data set", ge=0, le=10**9)
    top: int = parameter(3, "A sensitive feature among this many strongest ones is a finding", "features", ge=1, le=50)
    patch: int = parameter(4, "Side of the squares an image is divided in (deep: single pixels)", "pixels", ge=1, le=64)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        if self.method == "deep":
            return Estimate(queries=self._rows(data) + self.background, note="seconds")
        m = len(players(data.schema, self.patch))
        rows = self._rows(data)
        curves = 0 if data.schema.images else GRID * min(rows, CURVE_ROWS)
        asked = (rows + 1) * self.background * self.permutations * 2 * max(m - 1, 1) + curves
        note = "fewer where the model is a forest, whose trees are read" if self.method == "auto" else ""
        return Estimate(queries=asked + self._asked_for_pairs(rows), note=note)

    def _rows(self, data: Dataset) -> int:
        """How many rows are explained for the overall importance."""
        return min(self.rows or (IMAGE_ROWS if data.schema.images else TABLE_ROWS), len(data.unseen))

    def _asked_for_pairs(self, rows: int) -> int:
        return AMONG * (AMONG - 1) // 2 * min(rows, CURVE_ROWS) * DRAWS * 4 if self.pairs else 0

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        if self.row >= len(data):
            raise Problem(f"a row from 0 to {len(data) - 1}", str(self.row), "Choose a row of the data")
        rng = np.random.default_rng(self.seed)
        explainer = Explainer(
            target,
            background_rows(data, self.background, rng),
            players(data.schema, 1 if self.method == "deep" else self.patch),
            explained_class(target, self.of_class, data.schema.favorable),
            self.method,
            self.scale,
            self.permutations,
        )
        self._known(explainer.players.names)
        sample = data.unseen.sample(self._rows(data), rng)
        x = np.concatenate([data.x[self.row : self.row + 1], sample.x])
        of = explainer.of(x)
        found = _Found(explainer.explain(x, of, rng, progress.part(0.9)), of, sample, explainer, data)
        return self._result(found, rng, progress.part(0.1))

    def _known(self, names: tuple[str, ...]) -> None:
        if self.feature and self.feature not in names:
            raise Problem(f"a feature ({', '.join(names[:8])})", repr(self.feature), "Correct its name")

    def _result(self, found: _Found, rng: np.random.Generator, progress: Progress) -> CheckResult:
        rest, data, target = found.rest, found.data, found.explainer.target
        sizes = importance(rest.values, rng)
        order = np.argsort(-sizes[0], kind="stable").tolist()
        findings = () if data.schema.images else tuple(self._findings(data, rest.players.names, sizes[0], order))
        looks = self._pictures(found.all, data, found.sample, found.of, target) if data.schema.images else None
        tables, charts = ((), ()) if data.schema.images else self._shown(found, sizes, order, rng, progress)
        noise, gap, largest = _noise(rest), _gap(found.all), _largest_gap(found.all)
        adds = found.all.method == "deep" or holds(found.all)
        trusted = adds and (noise.value is None or noise.value <= NOISY) and (gap.value or 0) <= LOOSE
        return CheckResult(
            status=status_of(bool(findings), not trusted),
            summary=self._summary(rest.players.names, sizes, order, found.named, trusted, data) + (_found(findings) if adds else ""),
            metrics=(*_strongest(rest, sizes, order, len(rest.values)), noise, gap, largest),
            findings=findings if adds else (),
            tables=tables,
            charts=charts,
            galleries=() if looks is None else (looks,),
            notes=(
                *caveats(target, len(found.explainer.background), len(data.seen)),
                *_remarks(found, self),
                *_warnings(noise, gap, self.method),
            ),
        )

    def _shown(
        self, found: _Found, sizes: Any, order: list[int], rng: np.random.Generator, progress: Progress
    ) -> tuple[tuple[Table, ...], tuple[Chart, ...]]:
        all, rest, sample, named = found.all, found.rest, found.sample, found.named
        title = f"Row {self.row}: from {all.base[0]:.3g} on average to {all.outputs[0]:.3g}"
        to, line = self._decided(found)
        steps, step_bars = waterfall(all, 0, cell(found.data, self.row, all.players.names), title, named, to, line)
        charts = (bars(rest, sizes, order, named), swarm(rest, sample, order, named), *self._dependence(found, order, progress), step_bars)
        groups = [by_group(rest, order, np.asarray(kept, str), column) for column, kept in sample.sensitive.items()]
        if found.explainer.chosen is None:
            classes = np.asarray(found.explainer.target.classes)[found.of[1:]]
            groups.insert(0, by_group(rest, order, classes, "class"))
        pairs = (self._interactions(found, order, rng, progress),) if self.pairs and len(order) > 2 else ()
        return (table(rest, sizes, order, _watched(found.data)), steps, *groups, *pairs), charts

    def _decided(self, found: _Found) -> tuple[str, float | None]:
        """The class that is explained in the one row, and where its probability turns the decision."""
        target, of = found.explainer.target, int(found.of[0])
        return target.classes[of], threshold(target, of) if found.all.unit == "probability" else None

    def _dependence(self, found: _Found, order: list[int], progress: Progress) -> tuple[Chart, ...]:
        names = found.all.players.names
        j = names.index(self.feature) if self.feature else order[0]
        if found.sample.schema.feature(names[j]).kind == "text" or len(found.sample) < 2:
            return ()
        few = slice(0, min(len(found.sample), CURVE_ROWS))
        score = scorer(found.explainer.target, scale_of(found.all.unit))
        set_to = curves(score, found.sample.x[few], found.of[1:][few], found.sample, names[j], progress)
        return (
            dependence(found.rest, found.sample, j, found.named),
            partial_dependence(set_to, found.sample, names[j], found.named, found.all.unit),
        )

    def _interactions(self, found: _Found, order: list[int], rng: np.random.Generator, progress: Progress) -> Table:
        few = min(len(found.sample), CURVE_ROWS)
        explainer = found.explainer
        score = scorer(explainer.target, scale_of(found.all.unit))
        x, of = found.sample.x[:few], found.of[1 : few + 1]
        pairs = interactions(score, x, of, explainer.background, explainer.players, order, DRAWS, rng, progress)
        return interaction_table(pairs, self.pairs, few, found.all.unit)

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
        n = f"{self._rows(data):,} {data.known}"
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


def _found(findings: Sequence[Finding]) -> str:
    """What the finding is, for what moves an answer most is none by itself."""
    gravest = sorted(findings, key=lambda one: one.severity is not Severity.MEDIUM)
    return f" Found: {gravest[0].title}." if gravest else ""


def _rows(found: Attribution, rows: slice) -> Attribution:
    return Attribution(found.values[rows], found.error[rows], found.base[rows], found.outputs[rows], found.players, found.unit)


def _watched(data: Dataset) -> set[str]:
    return sensitive_features(data) | {f.name for f in data.schema.features if not f.mutable}


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


def _largest_gap(found: Attribution) -> Metric:
    value = float(np.abs(found.gap).max(initial=0.0))
    label = "Largest gap between the sum of a row's values and its answer less the mean"
    return Metric(name="additivity_gap", label=label, value=value, unit=found.unit, n=len(found.values), safer="zero")


def _remarks(found: _Found, step: SHAP) -> list[str]:
    """By which method, whose class, and whether the sums hold."""
    all, target = found.all, found.explainer.target
    remarks = [
        f"{METHODS[all.method]} The sums of {len(all.values):,} rows miss their answers by {number(float(np.abs(all.gap).max(initial=0.0)), 1)} at most."
    ]
    boosting = boosts(target) and all.method == "permutation" and all.unit == "probability"
    if boosting:
        remarks.append(
            "The trees of a boosting add up to log-odds: scale='log-odds' explains these exactly; the probability is explained by permutation."
        )
    if not step.of_class and found.explainer.chosen is not None:
        name = target.classes[found.explainer.chosen]
        why = (
            "the favorable outcome"
            if name == found.data.schema.favorable
            else "the last of the two classes, for nobody named the favorable one"
        )
        remarks.append(f"Explained is {name!r}, {why}.")
    return remarks


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
