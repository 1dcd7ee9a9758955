"""The data, column by column: distributions by label and group, what is missing, drift, duplicates, what goes together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ipywidgets as w
import numpy as np

from tiltyard.datasets.conditions import Mask
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.kept_cohorts import KeptCohorts
from tiltyard.errors import Problem
from tiltyard.result import Chart, Gallery, Picture, Table

from ..controls.picker import Choice
from ..theme import look, plain
from ..views.chart import ChartView
from ..views.gallery import gallery_view
from ..views.table import TableView
from .panel import Panel

if TYPE_CHECKING:
    from tiltyard.datasets.exploring import ColumnSummary

EMPTY = "Load a model and data first; then its columns, gaps and drift stand here."
PICTURES, CLASSES = 6, 10


@dataclass(frozen=True, eq=False)
class Explored:
    """What is worked out once of a data set."""

    data: Dataset
    looked: Dataset
    columns: "tuple[ColumnSummary, ...]"
    duplicates: str
    overview: Table | None
    classes: Chart
    with_label: Chart | None
    associations: Table | None


@dataclass(frozen=True, eq=False)
class Drifted:
    """One comparison: ``what`` it is of, with its pictures."""

    what: str
    sentence: str
    chart: Chart | None
    table: Table


def explored(data: Dataset) -> Explored:
    """Everything that one look at the data gives."""
    from tiltyard.datasets import associations, exploring
    from tiltyard.datasets.duplicates import duplicates

    looked = exploring.looked_at(data)
    columns = exploring.summaries(data, looked)
    found = associations.associations(looked) if not data.schema.images else ()
    return Explored(
        data,
        looked,
        columns,
        duplicates(data).sentence,
        exploring.overview(columns, exploring.sampled_note(data)) if columns else None,
        exploring.class_balance(data),
        associations.with_label(found, data.schema.label or "label"),
        associations.table(found, looked) if found else None,
    )


def drifted(data: Dataset, rows: Mask, what: str) -> Drifted:
    """The rows (n,) against the rest."""
    from tiltyard.monitoring.column_drift import chart, column_drift, table

    found = column_drift(data, rows)
    moved = [d.what for d in found if d.drifting]
    n, rest = int(rows.sum()), int((~rows).sum())
    some = ", ".join(moved[:5]) + (f" and {len(moved) - 5} more" if len(moved) > 5 else "")
    outcome = (
        f"{len(moved)} of {len(found)} columns are distributed otherwise: {some}."
        if moved
        else f"None of {len(found)} columns is shown to drift."
    )
    return Drifted(what, f"{what}. {outcome}", chart(found, what), table(found, what, n, rest))


class ExplorerPanel(Panel):
    """Look at the rows that every panel looks at: all of them, or the cohort in use."""

    title = "Data"

    def build(self) -> Sequence[w.Widget]:
        self._data: Dataset | None = None
        self._found: Explored | None = None
        self._parts: dict[str, tuple[Dataset, Mask]] = {}
        self.what, self.more = look.text("", kind="lead"), look.text("", kind="help")
        self.column = Choice(label="Column", options=[("—", "")])
        self.column.observe(lambda _: self._column(), "value")
        self.by = Choice(label="Split by", options=[("Nothing", "")], help="Each part's shares are of its own rows")
        self.by.observe(lambda _: self._column(), "value")
        self.facts = look.text("", kind="help")
        self.distribution, self.words = ChartView(height=320), TableView()
        self.classes, self.with_label = ChartView(height=240), ChartView(height=300)
        self.overview, self.associations = TableView(), TableView(limit=20)
        self.compare = Choice(label="Compare", options=[("—", "")], help="Which rows are held against all others")
        self.compare.observe(lambda _: self._drift(), "value")
        self.drift_sentence, self.drift_chart, self.drift_table = look.text(""), ChartView(height=300), TableView()
        self.gallery = gallery_view()
        self.single = look.split([self.column, self.by, self.facts], [self.distribution, self.words])
        pair = plain.VBox([self.classes, self.with_label])
        pair.add_class("ty-pairs")
        self.drift = look.stack(
            [
                look.heading("Drift", 3),
                look.split([self.compare, self.drift_sentence], [self.drift_chart, self.drift_table]),
            ]
        )
        self.body = look.stack([self.what, self.more, self.single, self.gallery, pair, self.overview, self.drift, self.associations])
        self.empty = look.text(EMPTY, kind="empty")
        return [look.heading(self.title), self.message, self.empty, self.body]

    def refresh(self) -> None:
        data = self.session.data
        look.show(self.body, data is not None)
        look.show(self.empty, data is None)
        if data is None or data is self._data:
            return
        self._data, self._found = data, None
        self.what.say(f"{data.name}: {data.identity.detail}.")
        self.more.say("Looking at the columns …")
        self._offer(data)
        self._draw_images(data)
        self.session.aside(lambda: explored(data), self._shown, self._failed)

    def _failed(self, problem: Exception) -> None:
        self.more.say("")
        self.message.say(problem, doing="The data could not be looked at")

    def _offer(self, data: Dataset) -> None:
        """The columns, splits and comparisons that there are."""
        table = not data.schema.images
        look.show(self.single, table)
        look.show(self.drift, table)
        look.show(self.gallery, not table)
        self.column.offer([(f.name, str(i)) for i, f in enumerate(data.schema.features)] if table else [("—", "")])
        splits = [("Nothing", ""), (f"Label ({data.schema.label or 'class'})", "label")]
        splits += [("Trained on or held out", "member")] if data.member is not None else []
        self.by.offer([*splits, *((f"Group: {name}", f"group {name}") for name in sorted(data.sensitive))])
        self._parts = dict(self._comparisons(data))
        self.compare.offer([(name, name) for name in self._parts] or [("Nothing to compare", "")])
        self._drift()

    def _comparisons(self, data: Dataset) -> list[tuple[str, tuple[Dataset, Mask]]]:
        found: list[tuple[str, tuple[Dataset, Mask]]] = []
        if data.selection is not None:
            chosen = data.selection
            found.append((f"Cohort “{chosen.cohort.name}” against the rest", (chosen.parent, chosen.rows)))
        if data.member is not None and 0 < data.member.sum() < len(data):
            found.append(("Held-out rows against those trained on", (data, ~data.member)))
        return [(what, part) for what, part in [*found, *self._kept(data)] if 1 < part[1].sum() < len(part[1]) - 1]

    def _kept(self, data: Dataset) -> list[tuple[str, tuple[Dataset, Mask]]]:
        """Kept cohorts that can be told without the model, each against the rest."""
        if data.selection is not None:
            return []
        try:
            kept = KeptCohorts.of(data.fingerprint, self.session.person).all()
            return [(f"Cohort “{c.name}” against the rest", (data, c.mask(data))) for c in kept if not c.asks]
        except Problem:
            return []

    def _shown(self, found: Explored) -> None:
        if found.data is not self._data:
            return
        from tiltyard.datasets.exploring import sampled_note

        self._found = found
        gaps = [s for s in found.columns if s.missing]
        missing = f"{len(gaps)} of {len(found.columns)} columns have missing values. " if gaps else "No column has missing values. "
        self.more.say(" ".join(filter(None, (f"{missing if found.columns else ''}{found.duplicates}", sampled_note(found.data)))))
        self.classes.show(found.classes)
        self.with_label.show(found.with_label)
        look.show(self.with_label, found.with_label is not None)
        self.overview.show(found.overview)
        self.associations.show(found.associations)
        self._column()

    def _column(self) -> None:
        """The chosen column, split as chosen."""
        from tiltyard.datasets import exploring

        found = self._found
        if found is None or found.data.schema.images or not self.column.value:
            self.distribution.show(None)
            return
        feature = found.looked.schema.features[int(self.column.value)]
        split = exploring.splits(found.looked, self.by.value.removeprefix("group "))
        self.distribution.show(exploring.distribution(found.looked, feature, split))
        self.words.show(exploring.common_words(found.looked, feature, split) if feature.kind == "text" else None)
        summary = next(s for s in found.columns if s.name == feature.name)
        self.facts.say(facts(summary))

    def _drift(self) -> None:
        part = self._parts.get(self.compare.value)
        self.drift_chart.show(None)
        self.drift_table.show(None)
        if part is None:
            self.drift_sentence.say(
                "Which rows were trained on is not known, and no cohort is kept: there is nothing to hold against another."
            )
            return
        what, (data, rows) = self.compare.value, part
        self.drift_sentence.say("Testing each column …")
        self.session.aside(lambda: drifted(data, rows, what), self._drift_shown, self.message.say)

    def _drift_shown(self, found: Drifted) -> None:
        if found.what == self.compare.value:
            self.drift_sentence.say(found.sentence)
            self.drift_chart.show(found.chart)
            self.drift_table.show(found.table)

    def _draw_images(self, data: Dataset) -> None:
        self.gallery.show(by_class(data) if data.schema.images else None)


def facts(found: "ColumnSummary") -> str:
    """A column in a few sentences."""
    from tiltyard.formatting.numbers import number, percent

    parts = [f"{found.kind[:1].upper()}{found.kind[1:]}, {found.distinct:,} different values"]
    if found.middle is not None:
        parts.append(f"half of them from {number(found.quarter, 4)} to {number(found.three, 4)}, median {number(found.middle, 4)}")
    parts.append(f"missing in {found.missing:,} rows ({percent(found.missing / found.n)})" if found.missing else "none missing")
    if found.outliers:
        parts.append(f"{percent(found.outliers)} far from the rest (1.5 quartile distances)")
    if found.top and found.top[0][1] == sum(count for _, count in found.top):
        parts.append("it holds one value alone and tells nothing")
    return "; ".join(parts) + "."


def by_class(data: Dataset, seed: int = 0) -> Gallery:
    """Some images of each of the first classes, drawn at random."""
    from tiltyard.formatting.raster import png, shades

    rng = np.random.default_rng(seed)
    low, high = float(data.schema.low.min()), float(data.schema.high.max())
    rows = []
    for place in [k for k in range(len(data.schema.classes)) if (data.y == k).any()][:CLASSES]:
        mine = np.flatnonzero(data.y == place)
        name = data.schema.classes[place]
        drawn = np.sort(rng.permutation(mine)[:PICTURES])
        rows.append(
            tuple(
                Picture(
                    caption=f"{name}, row {i}" if at == 0 else f"row {i}",
                    png=png(shades((data.x[i] - low) / (high - low))),
                    alt=f"Image of {name}",
                )
                for at, i in enumerate(drawn)
            )
        )
    return Gallery(name="by_class", title="Images by class", heads=(), rows=tuple(rows))
