"""What is shown as things to compute with: DataFrames, plain dicts, a drawing by matplotlib."""

from collections.abc import Iterator, Mapping, Sequence
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ..assessment.assessment import Assessment
from ..catalogue import checks, defenses
from ..check import Step
from ..comparison.comparison import Comparison
from ..comparison.remeasure import Remeasured
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..parameters import parameters
from ..reports import figures
from ..result import Chart, Metric, Record, Table
from ..samples.catalog import Sample
from ..targets.target import Target
from .steps import Steps
from .view import bundle_of, checks_table, moves_table, picture_of, view_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

NUMBERS = ("value", "low", "high", "n", "level", "unit", "safer", "interval", "label", "note")


@singledispatch
def frame(one: object) -> "pd.DataFrame":
    """Its numbers, a row each."""
    raise Problem("something with numbers", type(one).__name__, "Give a record, a report or a comparison")


@frame.register(Record)
def _record_frame(one: Record) -> "pd.DataFrame":
    return _metrics_frame([(m.name,) for m in one.result.metrics], one.result.metrics, ["name"])


@frame.register(Assessment)
def _assessment_frame(one: Assessment) -> "pd.DataFrame":
    pairs = [(r, m) for r in one.records for m in r.result.metrics]
    found = _metrics_frame([(r.check, m.name) for r, m in pairs], [m for _, m in pairs], ["check", "name"])
    found.insert(0, "status", [r.result.status.value for r, _ in pairs])
    return found


@frame.register(Comparison)
def _comparison_frame(one: Comparison) -> "pd.DataFrame":
    import pandas as pd

    heads = ("check", "name", "label", "unit", "before", "after", "difference", "low", "high", "paired", "verdict")
    rows = [
        (m.check, m.name, m.label, m.unit, _value(m.before), _value(m.after), m.difference, m.low, m.high, m.paired, m.verdict)
        for m in one.metrics
    ]
    return pd.DataFrame(rows, columns=list(heads)).set_index(["check", "name"])


@frame.register(Remeasured)
def _remeasured_frame(one: Remeasured) -> "pd.DataFrame":
    import pandas as pd

    parts = {"before": one.before, "after": one.after}
    return pd.concat({when: _assessment_frame(_assessment_of(records)) for when, records in parts.items()}, names=["when"])


def _assessment_of(records: Sequence[Record]) -> Assessment:
    return Assessment(run=None, records=tuple(records), not_run=(), judgment=None)


def _value(metric: Metric | None) -> float | None:
    return metric.value if metric is not None else None


def _metrics_frame(keys: Sequence[tuple[str, ...]], metrics: Sequence[Metric], names: list[str]) -> "pd.DataFrame":
    import pandas as pd

    rows = [[getattr(m, head) for head in NUMBERS] for m in metrics]
    index = pd.Index([key[0] for key in keys], name=names[0]) if len(names) == 1 else pd.MultiIndex.from_tuples(keys, names=names)
    found = pd.DataFrame(rows, columns=list(NUMBERS), index=index)
    return found.astype({"value": float, "low": float, "high": float, "level": float, "n": "Int64"})


# Tables


class Tables(Mapping[str, "pd.DataFrame"]):
    """Tables by name, each made into a DataFrame when it is asked for."""

    def __init__(self, one: object) -> None:
        self._made: dict[str, Table] = dict(_tables(one))

    def __getitem__(self, name: str) -> "pd.DataFrame":
        if name not in self._made:
            raise KeyError(f"no table {name!r}; there are {', '.join(map(repr, self._made)) or 'none'}")
        return table_frame(self._made[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def __repr__(self) -> str:
        return f"<Tables {', '.join(f'{name!r} ({len(t.rows)} rows)' for name, t in self._made.items())}>"

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._made)


def table_frame(table: Table) -> "pd.DataFrame":
    """A table as a DataFrame: cells as they are, not as they are written; units in ``attrs``."""
    import pandas as pd

    found = pd.DataFrame([list(row) for row in table.rows], columns=[column.name for column in table.columns])
    found.attrs = {"title": table.title, "units": {column.name: column.unit for column in table.columns if column.unit}}
    return found


@singledispatch
def _tables(one: object) -> Iterator[tuple[str, Table]]:
    yield from ((table.name, table) for table in view_of(one).tables)


@_tables.register(Record)
def _record_tables(one: Record) -> Iterator[tuple[str, Table]]:
    yield from ((table.name, table) for table in one.result.tables)


@_tables.register(Assessment)
def _assessment_tables(one: Assessment) -> Iterator[tuple[str, Table]]:
    yield "checks", checks_table(one.records)
    yield from ((f"{record.check}/{table.name}", table) for record in one.records for table in record.result.tables)


@_tables.register(Comparison)
def _comparison_tables(one: Comparison) -> Iterator[tuple[str, Table]]:
    yield "numbers", moves_table(one)
    yield from ((table.name, table) for table in view_of(one).tables if table.name != "numbers")


# Plain


@singledispatch
def plain_dict(one: object) -> dict[str, Any]:
    """All of it as JSON holds it."""
    if isinstance(one, BaseModel):
        return one.model_dump(mode="json")
    raise Problem("something with a form in JSON", type(one).__name__, "Give a record, a report or a comparison")


@plain_dict.register(Steps)
def _steps_dict(one: Steps) -> dict[str, Any]:
    return {id: {"title": step.title, "question": step.question, "parameters": plain_parameters(step)} for id, step in one.items()}


def plain_parameters(step: type[Step]) -> list[dict[str, Any]]:
    """The parameters of a step as plain values, in their order."""
    return [parameter.model_dump(mode="json") for parameter in parameters(step)]


@plain_dict.register(Sample)
def _sample_dict(one: Sample) -> dict[str, Any]:
    return {"card": one.card.model_dump(mode="json"), "target": _target_dict(one.target), "data": _dataset_dict(one.data)}


@plain_dict.register(Target)
def _target_dict(one: Target) -> dict[str, Any]:
    facts = {"task": one.task, "classes": list(one.classes), "offers": sorted(one.offers), "input_shape": list(one.input_shape)}
    return {
        **one.identity.model_dump(mode="json"),
        **facts,
        "origin": one.origin,
        "assumptions": list(one.assumptions),
        "queries": one.queries,
    }


@plain_dict.register(Dataset)
def _dataset_dict(one: Dataset) -> dict[str, Any]:
    facts = {"rows": len(one), "schema": one.schema.model_dump(mode="json"), "sensitive": list(one.sensitive)}
    return {**one.identity.model_dump(mode="json"), **facts, "source": one.source, "license": one.license, "assumed": list(one.assumed)}


@plain_dict.register(Remeasured)
def _remeasured_dict(one: Remeasured) -> dict[str, Any]:
    parts = {"before": one.before, "after": one.after}
    found = {name: [record.model_dump(mode="json") for record in records] for name, records in parts.items()}
    crossed = one.crossed.model_dump(mode="json") if one.crossed is not None else None
    return {"defense": one.defense.model_dump(mode="json"), **found, "crossed": crossed, "cancelled": one.cancelled}


# Drawn


def plot(one: object, name: str = "", ax: "Axes | None" = None) -> "Axes":
    """Draw the chart called ``name``, or the first, on ``ax`` or in a figure of its own."""
    charts = dict(_charts(one))
    if not charts or (name and name not in charts):
        raise Problem(f"a chart ({', '.join(charts) or 'it has none'})", repr(name) if name else "no chart", "See .frame and .tables")
    if ax is not None and not hasattr(ax, "set_xlabel"):
        raise Problem("ax = axes of matplotlib", f"{type(ax).__name__} {ax!r:.60}", "Leave it out for a figure of its own")
    chart = charts[name] if name else next(iter(charts.values()))
    return figures.drawn_on(ax, chart)


@singledispatch
def _charts(one: object) -> Iterator[tuple[str, Chart]]:
    yield from ((chart.name, chart) for chart in view_of(one).charts)


@_charts.register(Record)
def _record_charts(one: Record) -> Iterator[tuple[str, Chart]]:
    first = picture_of(one, {**checks(), **defenses()}.get(one.check))
    ordered = [first] if first is not None else []
    yield from ((chart.name, chart) for chart in (*ordered, *(c for c in one.result.charts if c is not first)))


@_charts.register(Assessment)
def _assessment_charts(one: Assessment) -> Iterator[tuple[str, Chart]]:
    from .risk_chart import chart

    risks = chart(bundle_of(one)) if one.records else None
    yield from ((risks.name, risks),) if risks is not None else ()
    yield from ((f"{record.check}/{name}", found) for record in one.records for name, found in _record_charts(record))
