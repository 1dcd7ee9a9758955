"""Assertions hold by the unsafe end of the interval and by the check's own pass; anything less is none."""

import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.display.test_display import record

from tiltyard.errors import Problem
from tiltyard.result import Status
from tiltyard.testing.assertions import assert_fair, assert_private, assert_robust, held

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.PASSED])
def test_nothing_but_a_pass_is_one(status: Status) -> None:
    with pytest.raises(AssertionError, match="which is no pass"):
        held(record(0.9, status), ["accuracy"], at_least=0.0)


@pytest.mark.parametrize(
    ("limits", "holds"),
    [({"at_least": 0.79}, True), ({"at_least": 0.85}, False), ({"at_most": 1.0}, True), ({"at_most": 0.95}, False)],
)
def test_the_unsafe_end_is_judged_and_not_the_point(limits: dict[str, float], holds: bool) -> None:
    """The value is 0.9, its interval 0.8 to 1.0."""
    passed = record(0.9, Status.PASSED)
    if holds:
        assert held(passed, ["accuracy"], **limits) is passed
        return
    with pytest.raises(AssertionError, match=r"validation\.performance: Accuracy: 90\.0 % \[80\.0, 100\.*0*\] at 95 %, n = 100: the"):
        held(passed, ["accuracy"], **limits)


def test_a_number_without_an_interval_holds_nothing() -> None:
    one = record(0.9, Status.PASSED)
    bare = one.result.metrics[0].model_copy(update={"low": None, "high": None})
    one = one.model_copy(update={"result": one.result.model_copy(update={"metrics": (bare,)})})
    with pytest.raises(AssertionError, match="says nothing for sure"):
        held(one, ["accuracy"], at_least=0.0)
    with pytest.raises(AssertionError, match="did not measure auc; there are accuracy"):
        held(record(0.9, Status.PASSED), ["auc"], at_most=1.0)


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=2000), "b": rng.normal(size=2000), "gender": np.repeat(["f", "m"], 1000)})
    return frame.assign(y=np.where(frame.a + 0.1 * frame.b > 0, "yes", "no"))


def fair(x: pd.DataFrame) -> Any:
    return np.where(x.a > 0, "yes", "no")


def unfair(x: pd.DataFrame) -> Any:
    return np.where(x.a > np.where(x.gender == "f", 0.6, 0.0), "yes", "no")


def test_a_gap_is_held_by_its_far_end(people: pd.DataFrame) -> None:
    given: dict[str, Any] = {"label": "y", "sensitive": "gender", "positive": "yes", "draws": 200}
    measured = assert_fair(fair, people, at_most=0.12, **given)
    (gap,) = [m for m in measured.result.metrics if m.name == "demographic_parity_difference_gender"]
    assert gap.value is not None and gap.high is not None and gap.value < 0.05 < gap.high
    with pytest.raises(AssertionError, match=r"is above 0\.05"):
        assert_fair(fair, people, at_most=0.05, **given)
    with pytest.raises(AssertionError, match="Demographic parity difference by gender"):
        assert_fair(unfair, people, at_most=0.12, **given)


def test_an_assumed_outcome_is_no_pass(people: pd.DataFrame) -> None:
    numbered = people.assign(y=(people.y == "yes").astype(int))
    with pytest.raises(AssertionError, match=r"fairness\.groups is incomplete"):
        assert_fair(lambda x: (x.a > 0).astype(int), numbered, at_most=1.0, label="y", sensitive="gender", draws=200)


def test_what_cannot_be_asked_is_no_pass(people: pd.DataFrame) -> None:
    with pytest.raises(AssertionError, match=r"privacy\.membership_ladder is not applicable"):
        assert_private(fair, people, at_most=0.9, label="y")
    with pytest.raises(Problem, match=r"above 0\.5, which is guessing"):
        assert_private(fair, people, at_most=0.5, label="y")
    with pytest.raises(AssertionError, match=r"evasion\.strong is not applicable"):
        assert_robust(fair, people, at_least=0.1, check="evasion.strong", label="y")


def test_robustness_is_that_of_the_strongest_attack_the_model_allows(people: pd.DataFrame) -> None:
    """A threshold on one column: within eps of it every row falls, all others stand."""
    rows = people[["a", "y"]].iloc[:400]
    measured = assert_robust(lambda x: np.where(x.a > 0, "yes", "no"), rows, at_least=0.7, label="y", eps=0.005, rows=150, curve=False)
    assert measured.check == "evasion.hop_skip_jump"
    with pytest.raises(AssertionError, match=r"the low end 0\.\d+ is below 0\.99"):
        assert_robust(lambda x: np.where(x.a > 0, "yes", "no"), rows, at_least=0.99, label="y", eps=0.005, rows=150, curve=False)


def test_the_plugin_gives_the_assertions_as_fixtures(tmp_path: Path) -> None:
    entries = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert entries == {"tiltyard": "tiltyard.pytest_plugin"}
    (tmp_path / "test_it.py").write_text(
        "from tests.testing.test_assertions import fair, people, unfair\n"
        "GIVEN = {'label': 'y', 'sensitive': 'gender', 'positive': 'yes', 'draws': 200}\n"
        "def test_holds(people, assert_fair): assert_fair(fair, people, at_most=0.12, **GIVEN)\n"
        "def test_does_not(people, assert_fair): assert_fair(unfair, people, at_most=0.12, **GIVEN)\n"
    )
    known = importlib.metadata.entry_points(group="pytest11", name="tiltyard")
    load = () if known else ("-p", "tiltyard.pytest_plugin")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        *load,
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        "--junitxml=out.xml",
        "test_it.py",
    ]
    path = ":".join(str(ROOT / root) for root in (".", "workbench", "widgets"))
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": path, "PATH": "/usr/bin"}, capture_output=True, text=True, check=False)
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert 'name="fairness.groups/demographic_parity_difference_gender" value="' in (tmp_path / "out.xml").read_text()


def test_the_plugin_loads_nothing_until_it_is_asked() -> None:
    code = "import sys; import tiltyard.pytest_plugin; print([n for n in ('numpy', 'pandas', 'torch', 'pydantic') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
