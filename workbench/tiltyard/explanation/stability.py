"""Does a small change of a row change its explanation by more than the explanation's own noise?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..datasets.schema import Rows, Schema
from ..errors import Unavailable
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Evidence, Finding, Metric, Series, Severity, Status
from ..statistics.ruling import Limit, ruling
from ..targets.target import Target
from ._shapley import Scale, differs, players
from .explaining import SOURCES, STANDARDS, Explainer, background_rows, caveats, explained_class
from .ranks import averaged, overlap, spearman

QUIET = 0.7
Floats = NDArray[np.float64]


class Stability(Check):
    """Explains each row again (the noise) and slightly changed copies of it (noise and change), and compares the rank correlations.

    Alvarez-Melis and Jaakkola ask for the worst copy near a row, by the length of the change of its explanation over that of the
    row. We compare the order of features, which is what a person reads and has no scale; hold the worst of ``copies`` drawn at
    random against the worst of as many explanations of the row itself, so that noise is not taken for the model's; and leave out
    copies with another answer, whose explanation should change. More copies come nearer to the worst there is.
    """

    id: ClassVar[str] = "explanation.stability"
    title: ClassVar[str] = "Stability of explanations"
    question: ClassVar[str] = "Do rows that are nearly the same get the same explanation?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (*SOURCES, "Alvarez-Melis and Jaakkola 2018, arXiv 1806.08049 (robustness of explanations)")
    cost: ClassVar[str] = "seconds; minutes for images"
    main: ClassVar[tuple[str, ...]] = ("rows", "change", "copies")
    seconds: ClassVar[float] = 60.0
    tiny: ClassVar[Mapping[str, Any]] = {"background": 5, "patch": 14}
    headline: ClassVar[str] = "fall"
    core: ClassVar[bool] = True

    rows: int = parameter(
        60, "Rows to explain three times each or more, drawn from those not trained on where that is known", "rows", ge=5, le=2000
    )
    copies: int = parameter(
        1, "Changed copies of each row, the least alike of which counts; each costs two explanations", "copies", ge=1, le=50
    )
    change: float = parameter(0.02, "Largest change of a number, as a share of its range; categories stay", "ranges", gt=0.0, le=0.5)
    background: int = parameter(50, "Background rows that a feature's absence is drawn from", "rows", ge=1, le=2000)
    permutations: int = parameter(2, "Orders a background row, each walked forward and back", ge=1, le=200)
    scale: Scale = parameter("probability", "Explain the probability, or its log-odds")
    of_class: str = parameter(
        "", "Class to explain; empty means the favorable one, else the last of two, and each row's predicted one of more"
    )
    top: int = parameter(3, "How many strongest features should stay the strongest", "features", ge=1, le=20)
    limit: float = parameter(0.1, "Largest fall of the rank correlation, beyond noise, that is not a finding", ge=0.0, le=2.0)
    patch: int = parameter(4, "Side of the squares an image is divided in", "pixels", ge=1, le=64)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        m = len(players(data.schema, self.patch))
        return Estimate(queries=(1 + 2 * self.copies) * self.rows * self.background * self.permutations * 2 * max(m - 1, 1), note="at most")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        names = players(data.schema, self.patch)
        if len(names) < 3:
            raise Unavailable("at least three features to put in order", f"{len(names)}", "Use data with more features")
        chosen = explained_class(target, self.of_class, data.schema.favorable)
        back = background_rows(data, self.background, rng)
        explainer = Explainer(target, back, names, chosen, "permutation", self.scale, self.permutations)
        x = data.unseen.sample(self.rows, rng).x
        of, given = explainer.of(x), target.labels(x)
        share = 1 / (1 + 2 * self.copies)
        first = explainer.explain(x, of, np.random.default_rng([self.seed, 1]), progress.part(share)).values
        pairs = []
        for stream in range(2, 2 + self.copies):
            moved = nearby(x, data.schema, self.change, rng)
            again = explainer.explain(x, of, np.random.default_rng([self.seed, stream]), progress.part(share)).values
            after = explainer.explain(moved, of, np.random.default_rng([self.seed, stream]), progress.part(share)).values
            still = np.asarray(~differs(moved, x).reshape(len(x), -1).any(axis=1), bool)
            crossed = ~still & (target.labels(moved) != given)
            pairs.append(Pair(first, again, after, still, crossed, self.top))
        return self._result(pairs, rng, caveats(target, len(back), len(data.seen)))

    def _result(self, pairs: "list[Pair]", rng: np.random.Generator, notes: list[str]) -> CheckResult:
        noise, change, top = (_worst(found) for found in zip(*((p.noise, p.change, p.kept) for p in pairs), strict=True))
        metrics = (
            averaged("rerun_correlation", "Rank correlation of a row with itself, explained again", noise, rng, "higher"),
            averaged("change_correlation", "Rank correlation of a row with its changed copy", change, rng, "higher"),
            averaged("fall", "Fall of the rank correlation by the change, beyond noise", noise - change, rng, "zero"),
            averaged(
                "top_kept",
                f"Share of the {self.top} strongest features that stay so",
                top,
                rng,
                "higher",
                "share",
            ),
        )
        made = sum(len(p.still) for p in pairs)
        if changed := sum(int(p.crossed.sum()) for p in pairs):
            notes.append(
                f"{changed} of {made} copies left out: the small change changed the answer itself, so the explanation should change."
            )
        if still := sum(int(p.still.sum()) for p in pairs):
            notes.append(
                f"{still} of {made} copies left out: a change of {percent(self.change)} of the range is less than a step of their numbers."
            )
        constant = int((~np.isfinite(spearman(pairs[0].first, pairs[0].again))).sum())
        if constant:
            notes.append(f"{constant} rows left out of the correlations: nothing moves their answer.")
        return self._result_of(metrics, noise, change, tuple(notes))

    def _result_of(self, metrics: tuple[Metric, ...], noise: Floats, change: Floats, notes: tuple[str, ...]) -> CheckResult:
        rerun, moved, fall, _ = metrics
        if rerun.value is None or moved.value is None or fall.value is None:
            text = f"Too few rows could be compared. {notes[-1]}" if notes else "Too few rows could be compared."
            return CheckResult(status=Status.INCOMPLETE, summary=text, metrics=metrics, notes=notes)
        noisy = rerun.value < QUIET
        limit = Limit(fall, self.limit, surely=True)
        ruled = ruling([limit], open_ends=("its own noise hides more",) if noisy else ())
        bad, unclear = limit.state == "broken", limit.state == "open"
        text = (
            f"Explained again, a row's order of features correlates {rerun.value:.2f} with itself; after a change of at most "
            f"{percent(self.change)} of each range, {moved.value:.2f}: a fall of {fall.value:.3f} ({fall.low:.3f} to {fall.high:.3f}, n = {fall.n})"
        )
        finding = Finding(
            title=f"Nearly equal rows get different explanations: the rank correlation falls by {fall.value:.2f}",
            severity=Severity.MEDIUM,
            evidence=Evidence(metrics=("fall",)),
            advice="Do not let one row's explanation settle a dispute; show it with its error, or train a smoother model "
            "(adversarial training, weight decay) and measure again.",
            standards=STANDARDS,
            defense="evasion.adversarial_training",
        )
        return CheckResult(
            status=ruled.status,
            summary=text + (_open(noisy, unclear) if not bad else "."),
            metrics=metrics,
            findings=(finding,) if bad else (),
            charts=(_chart(noise, change),),
            notes=notes,
        )


@dataclass(frozen=True)
class Pair:
    """Explanations (n, m) of the rows, of the rows again, and of a copy of each; which copies are the row ``still``, or ``crossed`` to another answer."""

    first: Floats
    again: Floats
    after: Floats
    still: NDArray[np.bool_]
    crossed: NDArray[np.bool_]
    top: int

    @property
    def left(self) -> NDArray[np.bool_]:
        return self.still | self.crossed

    @property
    def noise(self) -> Floats:
        """Rank correlation of each row with itself; NaN where its copy is left out, so that as many of both are compared."""
        return np.where(self.left, np.nan, spearman(self.first, self.again))

    @property
    def change(self) -> Floats:
        """Rank correlation of each row with its copy."""
        return np.where(self.left, np.nan, spearman(self.first, self.after))

    @property
    def kept(self) -> Floats:
        """Share of the strongest features that stay so."""
        return np.where(self.left, np.nan, overlap(self.first, self.after, self.top))


def _worst(found: tuple[Floats, ...]) -> Floats:
    """The smallest of each row, (n,); NaN where there is none."""
    stacked = np.stack(found)
    lowest = np.where(np.isnan(stacked), np.inf, stacked).min(0)
    return np.where(np.isinf(lowest), np.nan, lowest)


def _open(noisy: bool, unclear: bool) -> str:
    """What keeps a result without a finding from being a pass, and what to do; a full stop where nothing does."""
    if noisy:
        return "; the noise is too large to tell, raise permutations or background."
    return "; that is beyond the limit, but not surely: explain more rows." if unclear else "."


def nearby(x: Rows, schema: Schema, change: float, rng: np.random.Generator) -> Rows:
    """Copies of x with each number moved by up to ``change`` of its range, within bounds; whole numbers stay whole, categories and empty cells stay.

    Raises
    ------
    Unavailable
        There is no number among the features.
    """
    low, high = schema.low, schema.high
    grouped = schema.spread({f.name: float(f.grouped) for f in schema.features}) > 0
    if grouped.all():
        raise Unavailable("a number among the features, to change it a little", "categories only", "Use data with numbers")
    moved = x + rng.uniform(-change, change, x.shape) * (high - low)
    whole = schema.integer
    moved = np.where(whole, moved.round(), moved).clip(low, high)
    return np.where(grouped, x, moved).astype(x.dtype)


def _chart(noise: Floats, change: Floats) -> Chart:
    series = []
    for name, values in (("explained again", noise), ("after the change", change)):
        known = np.sort(values[np.isfinite(values)])
        kept = np.linspace(0, len(known) - 1, min(len(known), 200)).astype(int) if len(known) else np.zeros(0, int)
        share = (kept + 1) / max(len(known), 1)
        series.append(Series(name=name, x=tuple(known[kept].tolist()), y=tuple(share.tolist())))
    return Chart(
        name="correlations",
        title="Rank correlation of two explanations of a row",
        kind="step",
        x=Axis(label="rank correlation", high=1.0),
        y=Axis(label="share of rows at or below", unit="share", low=0.0, high=1.0),
        series=tuple(series),
        alt="Cumulative share of rows by the rank correlation of two explanations: of the row itself explained again, and of its changed copy.",
    )
