"""Do rows of a table carry a trigger? Their few most decisive values are set into other rows, and those that lead are counted."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..check import CampaignGoal, Check, Estimate, parameter, source_parameter
from ..datasets.dataset import Dataset
from ..datasets.schema import Schema
from ..errors import Unavailable
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import CheckResult, Column, Evidence, Finding, Severity, Table
from ..statistics.intervals import rate
from ..statistics.majority import Skill
from ..statistics.ruling import Limit, ruling
from ..targets.target import Target
from ._transplanting import Rows, Telling, leading, least_seen, telling
from .detect import STANDARDS

FEWEST = 40
ALPHA = 0.05
NOT_SEEN = (
    "Not covered: triggers of more columns than are tried, those whose values differ from row to row, and rows so few that chance might explain them. "
    "No alarm is no proof."
)
SHIFTED = (
    "Held-out rows are taken for clean and for rows of the same source: what merely became more frequent, and decides, is told of too."
)


class Transplant(Check):
    """Rows of a table, of a file or the training rows, after SentiNet (Chou et al. 2018, arXiv 1812.00292), which cuts out parts of pictures.

    Of a sample of these rows and of as many held-out ones, the fewest values that turn ``obeyed`` of other rows into the row's class are sought.
    Values that decide alone are no fault (a large gain of capital does); such as more rows have than held-out rows explain (Fisher's exact test,
    Bonferroni over all that were tried, 5 %) are a finding. No training and no gradient.
    """

    id: ClassVar[str] = "poisoning.transplant"
    title: ClassVar[str] = "Rows with a trigger (transplants)"
    question: ClassVar[str] = "Are there rows whose few values lead any other row to their class?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "table", "member"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Chou, Tramèr and Pellegrino 2018, arXiv 1812.00292",)
    cost: ClassVar[str] = "seconds to a minute: some 1,000 questions a row looked at, with 12 columns"
    main: ClassVar[tuple[str, ...]] = ("inputs", "rows", "accept")
    seconds: ClassVar[float] = 30.0
    quick: ClassVar[Mapping[str, Any]] = {"looked_at": 60, "draws": 5}
    tiny: ClassVar[Mapping[str, Any]] = {"rows": 40, "looked_at": 5, "draws": 3, "columns": 1}
    campaign_goal: ClassVar[CampaignGoal | None] = "poison"
    audit: ClassVar[bool] = True
    shrinks: ClassVar[tuple[str, ...]] = ("rows", "looked_at")
    headline: ClassVar[str] = "carriers"

    inputs: str = source_parameter("Rows to look at; empty: the training rows", "rows", (".csv", ".parquet"))
    rows: int = parameter(
        5000, "Rows among which values are counted, drawn at random; as many held-out ones", "rows", ge=FEWEST, le=100_000
    )
    looked_at: int = parameter(100, "Rows of either kind whose decisive values are sought", "rows", ge=5, le=10_000)
    draws: int = parameter(10, "Other rows that the values are set into", "rows", ge=2, le=1000)
    columns: int = parameter(3, "Columns at most that a trigger may have", "columns", ge=1, le=10)
    obeyed: float = parameter(0.8, "Share of other rows that decisive values turn", "share", gt=0, le=1)
    accept: float = parameter(0.05, "Share of rows with a trigger that has to be seen for a pass", "share", gt=0, le=1)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        width, looked = len(data.schema.features), min(self.looked_at, len(data))
        sets = width + (width * (width - 1) // 2 if self.columns > 1 else 0) + max(self.columns - 2, 0) * width
        return Estimate(2 * looked * (1 + sets * self.draws) + 3 * min(self.rows, len(data)), None, "at most")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        asked, clean = self._inputs(data, rng), data.unseen.sample(self.rows, rng)
        if min(len(asked), len(clean)) < FEWEST:
            raise Unavailable(f"at least {FEWEST} rows and {FEWEST} held-out ones", f"{len(asked)} and {len(clean)}", "Give more rows")
        cut = len(clean) // 4
        others, held = clean.x[:cut], clean.x[cut:]
        found = set()
        for i, (x, part) in enumerate(((asked, 0.5), (held, 1.0))):
            looked = x[rng.permutation(len(x))[: self.looked_at]]
            found |= leading(target.labels, looked, others, self.columns, self.draws, self.obeyed, self.seed + i, progress.part(part))
        skill = Skill.of(clean.y, target.labels(clean.x) == clean.y, target.classes)
        return self._result(target, data.schema, telling(found, asked, held), len(asked), len(held), skill)

    def _inputs(self, data: Dataset, rng: np.random.Generator) -> Rows:
        """Rows (n, columns) in the data's form."""
        if not self.inputs:
            return data.seen.sample(self.rows, rng).x
        from ..datasets.reading import read

        return read(self.inputs, schema=data.schema).sample(self.rows, rng).x

    def _result(self, target: Target, schema: Schema, found: list[Telling], asked: int, held: int, skill: Skill) -> CheckResult:
        worst = found[0] if found and found[0].p <= ALPHA else None
        carriers = rate("carriers", "Rows with values that lead and come too often", worst.asked if worst else 0, asked, "lower")
        seen = self._seen(asked, held, len(found))
        ruled = ruling([Limit(carriers, 0.0) if worst else Limit(carriers, self.accept, seen)], skill)
        text = (
            f"{_words(worst, schema)} leads {percent(self.obeyed)} of other rows and more to {target.classes[worst.planted.label]}, and {worst.asked:,} of "
            f"{asked:,} rows have it, of held-out ones {worst.held:,} of {held:,} (p = {worst.p:.2g})."
            if worst
            else f"None of {len(found):,} sets of values that lead comes more often than chance explains."
        )
        return CheckResult(
            status=ruled.status,
            summary=f"{text} {ruled.sentence}",
            metrics=(
                carriers,
                rate("seen", "Fewest rows with one trigger that would have shown", min(round(seen * asked), asked), asked, "lower"),
            ),
            findings=(self._finding(worst, target.classes, schema),) if worst else (),
            tables=(_table(found, target.classes, schema),) if found else (),
            notes=(NOT_SEEN, SHIFTED, *ruled.notes),
        )

    def _seen(self, asked: int, held: int, tried: int) -> float:
        """The least share of rows that would have shown: enough for the test, and one among those looked at in 95 of 100 draws."""
        looked = min(self.looked_at, asked)
        return min(max(least_seen(asked, held, tried, ALPHA) / asked, 1 - float(ALPHA ** (1 / looked))), 1.0)

    def _finding(self, one: Telling, classes: tuple[str, ...], schema: Schema) -> Finding:
        return Finding(
            key="trigger",
            title=f"{_words(one, schema)} leads to {classes[one.planted.label]}, and too many rows have it",
            severity=Severity.HIGH if one.held == 0 else Severity.MEDIUM,
            evidence=Evidence(metrics=("carriers",), tables=("leading",)),
            advice="Ask where these rows come from. If nobody can say, take them out and train again, or refuse rows with these values.",
            standards=self.standards,
            defense="poisoning.filter",
        )


def _words(one: Telling, schema: Schema) -> str:
    """The values as a person writes them."""
    parts = []
    for column, value in zip(one.planted.columns, one.planted.values, strict=True):
        feature = schema.features[column]
        named = bool(feature.categories) and not np.isnan(value)
        parts.append(f"{feature.name} = {feature.categories[int(value)] if named else f'{value:.15g}'}")
    return " with ".join(parts)


def _table(found: list[Telling], classes: tuple[str, ...], schema: Schema) -> Table:
    columns = (
        Column(name="Values"),
        Column(name="Lead to"),
        Column(name="Rows with them", kind="integer"),
        Column(name="Held-out rows with them", kind="integer"),
        Column(name="p, over all tried", kind="number"),
    )
    rows = tuple((_words(one, schema), classes[one.planted.label], one.asked, one.held, one.p) for one in found[:50])
    return Table(name="leading", title="Values that lead", columns=columns, rows=rows, total=len(found))
