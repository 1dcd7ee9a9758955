"""A season at the endpoint: rows of a warm month are held against warm months, by a column or by the clock."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from tests.monitoring.conftest import SCHEMA, scored

from tiltyard.cli.commands.serve import watched
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.monitoring import monitor as module
from tiltyard.monitoring.monitor import Monitor
from tiltyard.monitoring.season import Season
from tiltyard.targets.estimators import FunctionTarget

MONTHLY = Schema(
    features=(*SCHEMA.features, Feature(name="month", kind="categorical", categories=("1", "7", "12"))), label="y", classes=SCHEMA.classes
)


def warmed(n: int, seed: int, month: np.ndarray) -> np.ndarray:
    """Rows whose first column is 2 higher in July."""
    x = np.random.default_rng(seed).normal(0, 1, (n, 2))
    x[:, 0] += 2.0 * (month == 7)
    return x.clip(-9, 9)


def asked(watching: Monitor, x: np.ndarray) -> None:
    watching(x, scored(x), scored(x).argmax(1), "key")


@pytest.fixture
def dated() -> tuple[FunctionTarget, Dataset]:
    """Rows with their month beside them, half in January and half in July."""
    month = np.where(np.arange(1600) % 2 == 0, 1, 7)
    x = warmed(1600, 0, month).astype(np.float32)
    target = FunctionTarget(scored, SCHEMA.classes, SCHEMA, "a function")
    return target, Dataset(x, (x[:, 0] > 0).astype(np.int64), SCHEMA, "rows", {"month": np.where(month == 1, "01", "07")})


def at(monkeypatch: pytest.MonkeyPatch, month: int) -> None:
    class Frozen(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime(2026, month, 3, 12, tzinfo=UTC)

    monkeypatch.setattr(module, "datetime", Frozen)


def test_by_the_clock(dated: tuple[FunctionTarget, Dataset], monkeypatch: pytest.MonkeyPatch) -> None:
    july = warmed(200, 5, np.full(200, 7)).astype(np.float32)
    plain = Monitor(*dated, rows=200)
    asked(plain, july)
    assert plain.windows[0].state == "alarm", "July alone is not the year"
    seasonal = Monitor(*dated, rows=200, season=Season("month", "month"))
    at(monkeypatch, 7)
    asked(seasonal, july)
    at(monkeypatch, 1)
    asked(seasonal, july)
    at(monkeypatch, 12)
    asked(seasonal, july)
    assert [w.state for w in seasonal.windows] == ["quiet", "alarm", "incomplete"]
    assert "month 12" in seasonal.windows[2].summary
    assert {w.season for w in seasonal.windows} == {"month"}


def test_by_a_column_of_the_model() -> None:
    month = np.where(np.arange(1600) % 2 == 0, 1, 7)
    x = np.column_stack([warmed(1600, 0, month), month == 7]).astype(np.float64)
    data = Dataset(x, (x[:, 0] > 0).astype(np.int64), MONTHLY, "rows")
    target = FunctionTarget(scored, SCHEMA.classes, MONTHLY, "a function")
    watching = Monitor(target, data, rows=200, season=Season("month"))
    assert "month" not in watching.reference.columns.names
    asked(watching, np.column_stack([warmed(200, 5, np.full(200, 7)), np.ones(200)]))
    asked(watching, np.column_stack([warmed(200, 6, np.full(200, 7)), np.zeros(200)]))
    assert [w.state for w in watching.windows] == ["quiet", "alarm"]


def test_a_season_that_nobody_says_is_one_line(dated: tuple[FunctionTarget, Dataset], tmp_path: Any) -> None:
    target, data = dated
    with pytest.raises(Problem, match="one of the model's inputs"):
        Monitor(target, data, season=Season("month"))
    with pytest.raises(Problem, match="beside the inputs that has the hour"):
        Monitor(target, data, season=Season("b", "hour"))
    for season, clock, said in (("month", "year", "hour, weekday or month"), ("", "hour", "--season COLUMN")):
        with pytest.raises(Problem, match=said):
            watched(target, data, tmp_path / "w.jsonl", 100, season, clock)
    assert watched(target, data, tmp_path / "w.jsonl", 100, "month", "month").season == Season("month", "month")
