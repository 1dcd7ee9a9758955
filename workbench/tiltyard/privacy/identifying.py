"""A screen of a table: names, e-mail, phone, ids, near-unique columns and combinations, k-anonymity (Sweeney 2002)."""

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Table, key_of
from ..statistics.intervals import rate
from ..statistics.ruling import status_of
from ..targets.target import Target
from .identifying_columns import Combination, Suspect, Values, combination, follows, grouped, of_dataset, of_frame, suspect, worst
from .identifying_groups import Diversity, diversity
from .membership import chance

if TYPE_CHECKING:
    import pandas as pd

STANDARDS = ("AITG-DAT-05", "AITG-DAT-01", "AI RMF MEASURE 2.10")
QUASI = re.compile(
    r"(^|[^a-z])(age|sex|gender|race|ethnic\w*|marital\w*|zip\w*|postal\w*|postcode|birth\w*|dob|country|nationality|citizenship|"
    r"occupation|job|profession|education|city|region|state|religion)([^a-z]|$)"
)
NAMING = (
    "e-mail address",
    "IBAN",
    "payment card number",
    "social security number",
    "NHS number",
    "phone number",
    "person's name",
    "street address",
)


class Identifying(Check):
    """Looks at values, not at headings; shows the look of a value, never the value."""

    id: ClassVar[str] = "privacy.identifying"
    title: ClassVar[str] = "Identifying data"
    question: ClassVar[str] = "Do the data name people, or single them out by a few columns?"
    needs: ClassVar[frozenset[str]] = frozenset({"table"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (
        "Sweeney 2002, k-anonymity",
        "Sweeney 2000, Simple demographics often identify people uniquely",
        "Machanavajjhala et al. 2007, l-diversity",
        "Li et al. 2007, t-closeness",
    )
    core: ClassVar[bool] = True
    cost: ClassVar[str] = "seconds"
    main: ClassVar[tuple[str, ...]] = ("quasi", "k")
    campaign_goal: ClassVar[CampaignGoal | None] = "infer"
    audit: ClassVar[bool] = True
    headline: ClassVar[str] = "k"

    quasi: tuple[str, ...] = parameter(
        (), "Columns an outsider may know; none takes those that look so (age, sex, race, …)", source="features"
    )
    k: int = parameter(5, "Smallest group that is acceptable", "rows", ge=2, le=1000)
    secret: str = parameter(
        "",
        "Column that must not follow from the columns an outsider knows; none takes a sensitive column that is not among them",
        "column",
        source="features",
    )
    diversity: int = parameter(2, "Fewest values of that column in a group that are acceptable (l-diversity)", "values", ge=2, le=100)
    closeness: float = parameter(
        0.5, "Largest distance of a group of k rows from all rows that is acceptable (t-closeness)", "share", ge=0, le=1
    )
    near_unique: float = parameter(0.5, "Share of rows with a value of their own from which a column singles out", "share", gt=0, le=1)
    combined: int = parameter(3, "Largest number of columns taken together", "columns", ge=2, le=5)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        return Estimate(queries=0, note=self.cost)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        return self.screen(of_dataset(data), progress, tuple(data.sensitive))

    def look(self, frame: "pd.DataFrame", progress: Progress | None = None) -> CheckResult:
        """The same for a raw table, before it has a schema; no model is needed."""
        if not len(frame) or not len(frame.columns):
            raise Problem("a table with rows and columns", f"{len(frame)} rows and {len(frame.columns)} columns", "Give data with rows")
        return self.screen(of_frame(frame), progress or Progress())

    def screen(self, columns: list[Values], progress: Progress, sensitive: tuple[str, ...] = ()) -> CheckResult:
        rng = chance(self.seed, self.id)
        suspects: list[Suspect] = []
        first = progress.part(0.3)
        for i, column in enumerate(columns):
            first.step(i / len(columns), f"looking at {column.name}")
            if (found := suspect(column, rng, self.near_unique)) is not None:
                suspects.append(found)
        named = {s.column for s in suspects}
        fine = [c for c in columns if c.measured and c.name not in named and c.singled >= self.near_unique]
        rest = [c for c in columns if c.name not in named and c.varies and not c.measured]
        combos = worst(rest, min(self.combined, len(rest)), self.k, 5, progress.part(0.6)) if len(rest) > 1 else []
        known = self._quasi(columns)
        joint = combination(known, self.k) if known else None
        progress.step(0.95, "writing")
        secret = self._secret(columns, known, sensitive)
        spread = diversity(known, secret, self.k) if known and secret is not None else None
        return self._result(suspects, combos, known, joint, fine, len(columns), spread)

    def _secret(self, columns: list[Values], known: list[Values], sensitive: tuple[str, ...]) -> Values | None:
        """The column that must not follow from those known: as named, else the first sensitive one that is not worked out from these."""
        by_name = {c.name: c for c in columns}
        if self.secret and self.secret not in by_name:
            raise Problem(f"a column among {', '.join(by_name)}", repr(self.secret), "Correct the name")
        if self.secret:
            return by_name[self.secret]
        beside = [by_name[name] for name in sensitive if name in by_name and name not in {c.name for c in known}]
        return next((c for c in beside if not any(follows(c, other) for other in known)), None)

    def _quasi(self, columns: list[Values]) -> list[Values]:
        by_name = {c.name: c for c in columns}
        if lost := [name for name in self.quasi if name not in by_name]:
            raise Problem(f"columns among {', '.join(by_name)}", ", ".join(lost), "Correct the names")
        if self.quasi:
            return [by_name[name] for name in self.quasi]
        looks = [c for c in columns if QUASI.search(c.name.lower().replace("_", " ")) and c.varies]
        return [c for i, c in enumerate(looks) if not any(follows(c, other) for other in looks[:i])]

    def _result(
        self,
        suspects: list[Suspect],
        combos: list[Combination],
        known: list[Values],
        joint: Combination | None,
        fine: list[Values],
        columns: int,
        spread: Diversity | None,
    ) -> CheckResult:
        findings = [_about(s) for s in suspects]
        if joint is not None and joint.smallest < self.k:
            findings.append(_too_small(joint, self.k))
        if spread is not None:
            findings += _given_away(spread, self.diversity, self.closeness)
        findings += [_together(c) for c in _fewest(combos, self.near_unique)]
        tables = [_suspects(suspects), _combinations(combos, self.k)]
        if known:
            tables.append(_smallest(known))
        naming = [s.column for s in suspects if s.kind in NAMING]
        text = f"{len(suspects)} of {columns} columns name or single out people" + (
            f" ({', '.join(s.column for s in suspects)})" if suspects else ""
        )
        if joint is not None:
            text += f"; {', '.join(joint.columns)} together: {percent(joint.alone / joint.n)} of rows are alone, smallest group {joint.smallest} (k = {self.k})."
        else:
            text += "; no quasi-identifiers were named or recognized."
        if spread is not None and spread.fewest is not None:
            text += f" {spread.column} has {spread.fewest} value{'s'[: spread.fewest - 1]} in the least diverse group."
        empty = spread is not None and spread.fewest is None
        notes = ["Values are shown by their look only: letters as a or A, digits as 0."]
        if fine:
            notes.append(_measured(fine))
        if not self.quasi and known:
            notes.append("Quasi-identifiers were recognized by their headings; name them (quasi) to be sure.")
        if spread is not None and spread.lacking:
            notes.append(f"{spread.lacking:,} rows have no value of {spread.column}; l-diversity and t-closeness count those that have.")
        if spread is None and known:
            notes.append("l-diversity and t-closeness were not measured: name the column that must not follow from the others (secret).")
        if not known:
            notes.append("k-anonymity was not measured: name the columns an outsider may know (quasi).")
        return CheckResult(
            status=status_of(bool(findings), not known or bool(empty)),
            summary=text,
            metrics=(*_metrics(joint, self.k), *_diverse(spread), Metric(name="suspect_columns", label="Columns that name or single out", value=len(suspects), safer="lower"),
                     Metric(name="naming_columns", label="Columns that name people", value=len(naming), safer="lower")),
            findings=tuple(findings),
            tables=tuple(tables),
            charts=_charts(known),
            notes=tuple(notes),
        )  # fmt: skip


def _measured(fine: list[Values]) -> str:
    """What is said of numbers with a fraction whose values are nearly all different."""
    shown = ", ".join(f"{c.name} ({len(c.distinct):,} values in {len(c.codes):,} rows)" for c in fine[:5])
    more = f" and {len(fine) - 5} more" if len(fine) > 5 else ""
    return (
        f"Numbers with a fraction differ from row to row as any fine measurement must, which names nobody: {shown}{more}. They were left out "
        "of the combinations; who knows such a number exactly finds its row all the same, so round it before rows are given away."
    )


def _metrics(joint: Combination | None, k: int) -> list[Metric]:
    if joint is None:
        note = "no quasi-identifiers were named or recognized"
        return [Metric(name="k", label="Smallest group", value=None, unit="rows", safer="higher", note=note)]
    return [
        Metric(name="k", label="Smallest group (k-anonymity)", value=joint.smallest, unit="rows", n=joint.n, safer="higher"),
        rate("alone", "Rows alone in their group", joint.alone, joint.n, "lower"),
        rate("below_k", f"Rows in groups below {k}", joint.below, joint.n, "lower"),
    ]


def _diverse(it: Diversity | None) -> list[Metric]:
    if it is None:
        return []
    return [
        Metric(name="l", label=f"Fewest values of {it.column} in a group (l-diversity)", value=it.fewest, unit="values", n=it.n, safer="higher",
               note="" if it.fewest is not None else "no row has a value"),
        rate("alike", f"Rows whose group has one value of {it.column}", it.alike, it.n, "lower"),
        Metric(name="t", label=f"Largest distance of a group in {it.column} (t-closeness)", value=it.t, n=it.n, safer="lower",
               note="" if it.t is not None else "no group has k rows"),
    ]  # fmt: skip


def _given_away(it: Diversity, least: int, most: float) -> list[Finding]:
    found: list[Finding] = []
    if it.fewest is None:
        return found
    advice = "Make the columns that an outsider knows coarser, so that groups hold other values too, or leave the column out"
    if it.fewest < least:
        share = it.alike / it.n
        evidence = Evidence(metrics=("l", "alike"), sentence=f"{it.alike:,} of {it.n:,} rows are in groups of one value")
        severity = Severity.MEDIUM if share >= 0.05 else Severity.LOW
        found.append(
            Finding(
                key=key_of(it.column, "l"), title=f"Who knows a row's group knows its {it.column}: a group has {it.fewest} of its values",
                severity=severity, evidence=evidence, advice=advice, standards=STANDARDS,
            )
        )  # fmt: skip
    if it.t is not None and it.t > most:
        evidence = Evidence(metrics=("t",), sentence=f"a group lies {it.t:.2f} from all rows, more than {most:g}")
        title = f"A group's {it.column} is far from that of all rows"
        found.append(
            Finding(key=key_of(it.column, "t"), title=title, severity=Severity.LOW, evidence=evidence, advice=advice, standards=STANDARDS)
        )
    return found


def _about(it: Suspect) -> Finding:
    naming = it.kind in NAMING
    severity = Severity.HIGH if naming else Severity.LOW if it.kind == "near-unique values" else Severity.MEDIUM
    seen = (
        f"{100 * it.singled:.0f} % of rows hold a value of their own"
        if it.kind == "near-unique values"
        else f"{100 * it.share:.0f} % of values look so"
    )
    return Finding(
        key=key_of(it.column, it.kind),
        title=f"{it.column!r} holds {'an' if it.kind[0] in 'eiIN' else 'a'} {it.kind}"
        if it.kind != "near-unique values"
        else f"{it.column!r} has near-unique values",
        severity=severity,
        evidence=Evidence(tables=("suspects",), sentence=f"{seen}, for example {it.shape}"),
        advice="Drop the column before training, or replace it by a coarser or keyed value; keep the link elsewhere under access control",
        standards=STANDARDS,
    )


def _fewest(combos: list[Combination], share: float) -> list[Combination]:
    """The combinations that single out at least ``share`` of the rows and hold no smaller one that does; three at most."""
    found: list[Combination] = []
    for it in combos:
        if it.alone >= share * it.n and not any(set(c.columns) <= set(it.columns) for c in found):
            found.append(it)
    return found[:3]


def _together(it: Combination) -> Finding:
    return Finding(
        key=key_of(*it.columns),
        title=f"{', '.join(it.columns)} together single out {100 * (it.alone / it.n):.0f} % of the rows",
        severity=Severity.LOW,
        evidence=Evidence(tables=("combinations",), sentence=f"{it.alone:,} of {it.n:,} rows are alone"),
        advice="Make one of these columns coarser or drop it, or see to it that nobody outside can know them",
        standards=STANDARDS,
    )


def _too_small(joint: Combination, k: int) -> Finding:
    share = joint.alone / joint.n
    severity = Severity.MEDIUM if share >= 0.05 else Severity.LOW
    return Finding(
        title=f"{', '.join(joint.columns)} together single out {joint.alone:,} of {joint.n:,} rows",
        severity=severity,
        evidence=Evidence(metrics=("k", "alone", "below_k"), sentence=f"{joint.below:,} rows in groups smaller than {k}"),
        advice="Make these columns coarser (age in bands, countries in regions), drop one, or keep the data under access control",
        standards=STANDARDS,
    )


def _suspects(suspects: list[Suspect]) -> Table:
    columns = (
        Column(name="column"),
        Column(name="looks like"),
        Column(name="values that look so", kind="percent"),
        Column(name="distinct values", kind="integer"),
        Column(name="rows with a value of their own", kind="percent"),
        Column(name="look of a value"),
    )
    rows = tuple((s.column, s.kind, s.share, s.distinct, s.singled, s.shape) for s in suspects)
    return Table(name="suspects", title="Columns that name or single out people", columns=columns, rows=rows[:50], total=len(rows))


def _combinations(combos: list[Combination], k: int) -> Table:
    columns = (
        Column(name="columns together"),
        Column(name="rows alone", kind="percent"),
        Column(name="smallest group", kind="integer"),
        Column(name=f"rows in groups below {k}", kind="percent"),
    )
    rows = tuple((", ".join(c.columns), c.alone / c.n, c.smallest, c.below / c.n) for c in combos)
    note = "All pairs of categories, whole numbers and texts were tried; larger combinations grew from the pairs that single out most."
    return Table(
        name="combinations", title="Combinations that single rows out most", columns=columns, rows=rows, total=len(rows), note=note
    )


def _smallest(known: list[Values]) -> Table:
    """The smallest groups by size only: how many rows are in groups of 1, 2, …; the people in them are not shown."""
    sizes = np.bincount(np.bincount(grouped(known)))
    columns = (
        Column(name="group size", unit="rows", kind="integer"),
        Column(name="groups", kind="integer"),
        Column(name="rows", kind="integer"),
    )
    present = [int(s) for s in np.flatnonzero(sizes) if s > 0]
    rows = tuple((s, int(sizes[s]), s * int(sizes[s])) for s in present[:20])
    return Table(name="groups", title="Groups of rows equal in the quasi-identifiers", columns=columns, rows=rows, total=len(present))


def _charts(known: list[Values]) -> tuple[Chart, ...]:
    if not known:
        return ()
    sizes = np.bincount(grouped(known))
    n = int(sizes.sum())
    ks = [1, 2, 3, 5, 10, 20, 50, 100]
    share = tuple(float(sizes[sizes < k].sum() / n) for k in ks[1:])
    return (
        Chart(
            name="below_k",
            title="Rows in groups smaller than k",
            kind="line",
            x=Axis(label="k", unit="rows", scale="log"),
            y=Axis(label="Share of rows", unit="share", low=0.0, high=1.0),
            series=(Series(name=", ".join(c.name for c in known)[:60], x=tuple(map(float, ks[1:])), y=share),),
            alt=f"Share of {n:,} rows that fall in groups smaller than k when the chosen columns are taken together.",
        ),
    )
