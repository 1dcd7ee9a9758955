"""A tiny table, a target without torch, and checks whose behavior is known."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from tiltyard.check import Check, parameter
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.progress import Progress
from tiltyard.result import CheckResult, Evidence, Finding, Severity, Status
from tiltyard.statistics.intervals import rate
from tiltyard.store.store import Store
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target


class Share(Check):
    """The share of rows predicted as class 1."""

    id = "evasion.share"
    title = "Share"
    question = "How many rows are called yes?"
    sources: ClassVar[tuple[str, ...]] = ("none",)
    rows: int = parameter(20, "Rows to ask for", "rows", ge=1, le=1000)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        asked = data.sample(self.rows, np.random.default_rng(self.seed))
        hits = int(target.labels(asked.x).sum())
        metric = rate("share", "Share called yes", hits, len(asked), safer="lower")
        finding = Finding(title="Some are called yes", severity=Severity.MEDIUM, evidence=Evidence(metrics=("share",)), advice="None")
        return CheckResult(
            status=Status.FINDING if hits else Status.PASSED, summary=f"{hits} rows.", metrics=(metric,), findings=(finding,) * bool(hits)
        )


class Slow(Check):
    """Waits until it is cancelled."""

    id = "evasion.slow"
    title = "Slow"
    question = "Does it stop?"

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        for i in range(600):
            progress.step(i / 600, "waiting")
            time.sleep(0.05)
        return CheckResult(status=Status.PASSED, summary="It was not stopped.")


class Broken(Check):
    """Raises what ``how`` says."""

    id = "evasion.broken"
    title = "Broken"
    question = "What if it breaks?"
    how: str = parameter("bug", "What it raises")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        raise {"bug": ZeroDivisionError("division by zero"), "problem": Problem("two rows", "one", "Give two"), "exit": SystemExit(3)}[
            self.how
        ]


def tiny_data() -> Dataset:
    """Sixty rows of two features; the label says whether the first is above a half."""
    schema = Schema(features=(Feature(name="a", kind="continuous"), Feature(name="b", kind="continuous")), label="y", classes=("no", "yes"))
    x = np.random.default_rng(0).random((60, 2), np.float32)
    return Dataset(x, (x[:, 0] > 0.5).astype(np.int64), schema, "tiny")


def tiny_target(data: Dataset) -> Target:
    """A model that is right about every row."""
    return FunctionTarget(lambda x: (np.asarray(x)[:, 0] > 0.5).astype(np.float32), data.schema.classes, data.schema, "threshold")


@pytest.fixture
def data() -> Dataset:
    return tiny_data()


@pytest.fixture
def target(data: Dataset) -> Target:
    return tiny_target(data)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


@pytest.fixture
def store(place: Path) -> Store:
    return Store(place)


@pytest.fixture
def share() -> Callable[..., Share]:
    return Share


@pytest.fixture
def slow() -> Check:
    return Slow()


@pytest.fixture
def broken() -> Callable[..., Broken]:
    return Broken
