"""What an attack does to an explanation: the attributions of a row before and after, side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from ..check import Check, parameter
from ..datasets.dataset import Dataset
from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows
from ..errors import Problem
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Gallery, Metric, Picture, Series, Status, Table
from ..statistics.intervals import rate
from ..statistics.ruling import status_of
from ..targets.target import Target
from ._shapley import Attribution, Scale, players
from .explaining import SOURCES, STANDARDS, Explainer, background_rows, caveats, cell
from .heatmap import heat, picture
from .local import spread_over
from .ranks import averaged, spearman

BARS, LINES, PICTURES = 12, 30, 4


@dataclass(frozen=True)
class Fooled:
    """Rows before and after an attack that fooled the target, and both explanations of the class given before.

    ``index`` counts in the whole data set.
    """

    index: NDArray[np.intp]
    before: Dataset
    after: Dataset
    one: Attribution
    two: Attribution

    @property
    def touched(self) -> NDArray[np.bool_]:
        """Which players the attack changed, bool (n, m)."""
        n, m = self.one.values.shape
        was, now = self.before.x, self.after.x
        differs = ((was != now) & ~(np.isnan(was) & np.isnan(now))).reshape(n, -1)
        out = np.zeros((n, m), bool)
        np.logical_or.at(out.T, self.one.players.member, differs.T)
        return out


class Adversarial(Check):
    """Attacks rows by PGD (and changed categories) and explains those that were fooled, before and after, with the same draws."""

    id: ClassVar[str] = "explanation.adversarial"
    title: ClassVar[str] = "Explanations under attack"
    question: ClassVar[str] = "Which features carry an adversarial row over the line, and does its explanation show it?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "scores", "gradients"})
    standards: ClassVar[tuple[str, ...]] = (*STANDARDS, "OWASP ML01:2023", "AML.T0015", "NISTAML.022")
    sources: ClassVar[tuple[str, ...]] = (*SOURCES, "Madry et al. 2018, arXiv 1706.06083")
    cost: ClassVar[str] = "seconds; a minute for images"
    main: ClassVar[tuple[str, ...]] = ("eps", "norm", "rows")
    seconds: ClassVar[float] = 60.0
    tiny: ClassVar[Mapping[str, Any]] = {"background": 5, "patch": 14}
    headline: ClassVar[str] = "success_rate"

    renamed: ClassVar[Mapping[str, str]] = {"budget": "eps"}

    norm: Literal["linf", "l2", "l1"] = parameter("linf", "How the size of a change is measured")
    eps: float = parameter(
        0.1, "How far a row may be moved, as a share of each feature's range (linf) or in ranges", "ranges", gt=0, le=100
    )
    flips: int = parameter(1, "Tables: categorical features that may be changed besides the numbers", "features", ge=0, le=50)
    steps: int = parameter(40, "Gradient steps of the attack", "steps", ge=1, le=1000)
    rows: int = parameter(
        100, "Rightly classified rows to attack, drawn from those not trained on where that is known", "rows", ge=1, le=10_000
    )
    explained: int = parameter(30, "Fooled rows to explain at most", "rows", ge=1, le=500)
    row: int = parameter(-1, "The row shown, counted from 0 in the whole data set; -1 is the first that is fooled", ge=-1, le=10**9)
    background: int = parameter(50, "Background rows that a feature's absence is drawn from", "rows", ge=1, le=2000)
    permutations: int = parameter(1, "Orders a background row, each walked forward and back", ge=1, le=200)
    scale: Scale = parameter("probability", "Explain the probability of the class given before, or its log-odds")
    patch: int = parameter(4, "Side of the squares an image is divided in", "pixels", ge=1, le=64)

    @model_validator(mode="after")
    def _within_range(self) -> Self:
        if self.norm == "linf" and self.eps > 1:
            raise ValueError(f"with linf, eps is a share of the range, at most 1; found {self.eps:g}")
        return self

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        index = self._chosen(data, rng)
        given = target.labels(data.x[index])
        index = index[given == data.y[index]]
        if len(index) == 0:
            return CheckResult(status=Status.INCOMPLETE, summary="No row to attack: none of those drawn is classified rightly.")
        moved = self._attacked(target, data.take(index), progress.part(0.4))
        fooled = np.flatnonzero(target.labels(moved) != data.y[index])
        success = rate("success_rate", "Attack success rate", len(fooled), len(index), "lower")
        if len(fooled) == 0:
            text = (
                f"None of {len(index):,} rows was fooled within an eps of {self.eps:g}: there is nothing to compare. Raise eps or the rows."
            )
            return CheckResult(status=Status.INCOMPLETE, summary=text, metrics=(success,))
        fooled = fooled[: self.explained]
        found, notes = self._explained(target, data, index[fooled], moved[fooled], rng, progress.part(0.6))
        return self._result(found, success, target, rng, notes)

    def _chosen(self, data: Dataset, rng: np.random.Generator) -> NDArray[np.intp]:
        if self.row >= len(data):
            raise Problem(f"a row from 0 to {len(data) - 1}", str(self.row), "Choose a row of the data")
        unseen = np.arange(len(data)) if data.member is None or data.member.all() else np.flatnonzero(~data.member)
        drawn = rng.permutation(unseen)[: self.rows]
        return drawn if self.row < 0 else np.concatenate([[self.row], drawn[drawn != self.row]]).astype(np.intp)

    def _attacked(self, target: Target, rows: Dataset, progress: Progress) -> Rows:
        import torch

        from ..attacks.categorical_moves import attack, pruned
        from ..attacks.perturbation_space import PerturbationSpace
        from ..attacks.queries import Counted, rows_of, tensors

        space = PerturbationSpace.of(rows.schema)
        if not space.dimensions and not (space.parts and self.flips):
            raise Problem("a feature that an attacker may change", "none", "Mark features as mutable in the schema, or allow flips")
        x, y = tensors(rows)
        module = Counted(target.module, target)
        generator = torch.Generator().manual_seed(self.seed)
        found = attack(module, x, y, space, self.norm, self.eps, self.steps, generator, 1, self.flips, progress)
        if not rows.schema.images:
            found = pruned(module, found, x, y, tuple(encoding_of(rows.schema).slices.values()))
        return rows_of(found.x, rows.schema, rows.x)

    def _explained(
        self,
        target: Target,
        data: Dataset,
        index: NDArray[np.intp],
        moved: Rows,
        rng: np.random.Generator,
        progress: Progress,
    ) -> tuple[Fooled, tuple[str, ...]]:
        from dataclasses import replace

        back = background_rows(data, self.background, rng)
        explainer = Explainer(target, back, players(data.schema, self.patch), None, "permutation", self.scale, self.permutations)
        before = data.take(index)
        of = before.y.astype(np.intp)
        one = explainer.explain(before.x, of, np.random.default_rng([self.seed, 1]), progress.part(0.5))
        two = explainer.explain(moved, of, np.random.default_rng([self.seed, 1]), progress.part(0.5))
        return Fooled(index, before, replace(before, x=moved), one, two), tuple(caveats(target, len(back), len(data.seen)))

    def _result(self, found: Fooled, success: Metric, target: Target, rng: np.random.Generator, notes: tuple[str, ...]) -> CheckResult:
        moved = found.two.values - found.one.values
        size = np.abs(moved).sum(1)
        hidden = 1 - np.divide((np.abs(moved) * found.touched).sum(1), size, out=np.ones_like(size), where=size > 0)
        alike = averaged(
            "rank_correlation", "Rank correlation of the explanations before and after", spearman(found.one.values, found.two.values), rng
        )
        fall = averaged("fall", f"Fall of the {found.one.unit} of the class given before", found.one.outputs - found.two.outputs, rng)
        beside = averaged(
            "beside", "Share of the change in attributions that is at features the attack left alone", hidden, rng, unit="share"
        )
        images = found.before.schema.images
        mean = np.abs(moved).mean(0)
        order = np.argsort(-mean, kind="stable").tolist()
        which = "the image" if images else ", ".join(found.one.players.names[j] for j in order[:3])
        known = alike.value is not None and fall.value is not None
        text = f"{len(found.index)} fooled rows explained: the attack moves {'attributions all over the image' if images else 'mostly ' + which}"
        more = f"; the order of features correlates {alike.value:.2f} with that before (n = {alike.n})" if known else ""
        return CheckResult(
            status=status_of(False, False),  # it tells what moved; there is nothing to accept
            summary=f"{text}{more}.",
            metrics=(success, fall, alike, beside),
            tables=() if images else (_table(found, self._title(found, target)), _overall(found, mean, order)),
            charts=() if images else (_chart(found, self._title(found, target)),),
            galleries=(_gallery(found, target),) if images else (),
            notes=(*notes, "Before and after are explained with the same background and permutations, so the difference is the attack's."),
        )

    def _title(self, found: Fooled, target: Target) -> str:
        label = target.classes[int(found.before.y[0])]
        return f"Row {found.index[0]}: {found.one.unit} of {label!r} {found.one.outputs[0]:.3g} before, {found.two.outputs[0]:.3g} after"


def _order(found: Fooled) -> list[int]:
    order: list[int] = np.argsort(-np.abs(found.two.values[0] - found.one.values[0]), kind="stable").tolist()
    return order


def _table(found: Fooled, title: str) -> Table:
    names = found.one.players.names
    was, now = cell(found.before, 0, names), cell(found.after, 0, names)
    order = _order(found)[:LINES]
    rows = tuple(
        (
            names[j],
            was[names[j]],
            now[names[j]],
            float(found.one.values[0, j]),
            float(found.two.values[0, j]),
            float(found.two.values[0, j] - found.one.values[0, j]),
        )
        for j in order
    )
    number = tuple(Column(name=name, unit=found.one.unit, kind="number") for name in ("contribution before", "after", "change"))
    touched = found.touched[0]
    return Table(
        name="side_by_side",
        title=title,
        people=True,
        columns=(Column(name="feature"), Column(name="value before"), Column(name="value after"), *number),
        rows=rows,
        marked=tuple((i, 2) for i, j in enumerate(order) if touched[j]),
        total=len(names),
        note="Marked: changed by the attack.",
    )


def _overall(found: Fooled, mean: NDArray[np.float64], order: list[int]) -> Table:
    touched = found.touched.mean(0)
    rows = tuple(
        (
            found.one.players.names[j],
            float(np.abs(found.one.values[:, j]).mean()),
            float(np.abs(found.two.values[:, j]).mean()),
            float(mean[j]),
            float(touched[j]),
        )
        for j in order[:LINES]
    )
    number = tuple(Column(name=name, unit=found.one.unit, kind="number") for name in ("mean |value| before", "after", "mean |change|"))
    return Table(
        name="overall",
        title="Which features the attack works through",
        columns=(Column(name="feature"), *number, Column(name="rows in which it was changed", kind="percent")),
        rows=rows,
        total=len(order),
        note=f"Over {len(found.index):,} fooled rows.",
    )


def _chart(found: Fooled, title: str) -> Chart:
    order = _order(found)[:BARS]
    at = tuple(float(i) for i in range(len(order)))
    series = tuple(
        Series(name=name, x=tuple(float(part.values[0, j]) for j in order), y=at)
        for name, part in (("before", found.one), ("after the attack", found.two))
    )
    return Chart(
        name="side_by_side",
        title=title,
        people=True,
        kind="hbar",
        x=Axis(label="contribution", unit=found.one.unit),
        y=Axis(label="feature", categories=tuple(found.one.players.names[j] for j in order)),
        series=series,
        alt=f"Contributions of the features of one row before and after the attack; {found.one.players.names[order[0]]} moves most.",
    )


def _gallery(found: Fooled, target: Target) -> Gallery:
    largest = float(np.quantile(np.abs(np.concatenate([found.one.values, found.two.values])), 0.999))
    shape, member = found.before.schema.shape, found.one.players.member
    rows = []
    for i in range(min(PICTURES, len(found.index))):
        label = target.classes[int(found.before.y[i])]
        cells = []
        for part, data, when in ((found.one, found.before, "before"), (found.two, found.after, "after")):
            text = f"{label}: {part.outputs[i]:.3g} {part.unit}"
            cells.append(Picture(caption=text, png=picture(data.x[i]), alt=f"image {found.index[i]} {when} the attack, {text}"))
            values = heat(spread_over(part.values[i], member, shape), largest)
            cells.append(Picture(caption=f"for {label}, {when}", png=values, alt=f"where it speaks for and against {label}, {when}"))
        rows.append(tuple(cells))
    heads = ("before", "values before", "after the attack", "values after")
    title = "For (orange) and against (blue) the class given before"
    return Gallery(name="side_by_side", title=title, people=True, heads=heads, rows=tuple(rows))
