"""A metric and a table read the same in a panel, in the shell, in a report and in a model card."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest

from tiltyard.cli.console import show_record
from tiltyard.formatting import cells
from tiltyard.formatting.numbers import between, count, interval, labeled, measured, value
from tiltyard.reports.bundle import make
from tiltyard.reports.writing import render
from tiltyard.result import CheckResult, Column, Identity, Metric, Record, Status, Table
from tiltyard.standards.cards import model_card
from tiltyard.statistics.intervals import rate
from tiltyard_widgets.theme.markup import words
from tiltyard_widgets.views.cards import card
from tiltyard_widgets.views.outcome import more_numbers
from tiltyard_widgets.views.table import TableView

METRICS = (
    rate("robust", "Robust accuracy", 848, 1000, "higher"),
    rate("rare", "Rare", 2, 4001, "lower"),
    Metric(name="area", label="Area", value=0.8475, low=0.82, high=0.87, level=0.9, n=400, unit="AUC", interval="DeLong"),
    Metric(name="time", label="Time a row", value=1234.5, unit="µs"),
    Metric(name="small", label="Step", value=-2.5e-7),
    Metric(name="gone", label="Gone", value=None, note="too few rows"),
)
TABLE = Table(
    name="t",
    title="Rows",
    columns=(Column(name="who"), Column(name="share", kind="percent"), Column(name="far", kind="number"), Column(name="n", kind="integer")),
    rows=(("a", 0.5, 0.25, 1200), ("b", 0.0004, None, -3), ("c", None, 1.5, None)),
    total=9,
)


@pytest.fixture(scope="module")
def record() -> Record:
    who = Identity(name="m", fingerprint="ab" * 32)
    result = CheckResult(status=Status.PASSED, summary="So it went.", metrics=METRICS, tables=(TABLE,))
    return Record(
        id="1" * 32, check="evasion.pgd", title="PGD", result=result, given={}, effective={}, seed=0, target=who, data=who, versions={},
        started=datetime(2026, 11, 24, tzinfo=UTC), seconds=1.0, queries=7,
    )  # fmt: skip


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_a_metric_reads_the_same_everywhere(metric: Metric, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    show_record(record)
    assert labeled(metric) in [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert f"{metric.label} {measured(metric)}" in text_of(render(make([record]), "html"))
    assert metric.value is None or labeled(metric) in model_card(record.target, record.data, [record]).replace("\\", "")
    panel = " ".join(words(card(metric)).split())
    parts = [part for part in (*value(metric), between(metric), count(metric), metric.note) if part]
    assert panel.startswith(metric.label) and [part for part in parts if part not in panel] == []
    shown = more_numbers((metric,)).rows[0]
    assert [part for part in (" ".join(filter(None, value(metric))), interval(metric)) if part not in shown and part] == []


def test_a_table_reads_the_same_in_panel_and_report(record: Record) -> None:
    assert cells.rows(TABLE) == [("a", "50.0 %", "0.25", "1,200"), ("b", "0.04 %", "–", "−3"), ("c", "–", "1.50", "–")]
    panel, page = " ".join(TableView(TABLE).plain_text().split()), text_of(render(make([record]), "html"))
    for row in cells.rows(TABLE):
        assert " ".join(row) in panel and " ".join(row) in page
    assert "Showing 3 of 9 rows." in panel and "Showing 3 of 9 rows." in page
