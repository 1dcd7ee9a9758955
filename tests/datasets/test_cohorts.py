"""Cohorts: each condition picks the rows that plain NumPy picks, and the rows are a data set of their own."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tiltyard as ty
from tiltyard.datasets import kept_cohorts
from tiltyard.datasets.cohorts import Cohort
from tiltyard.datasets.conditions import (
    Among,
    Between,
    Condition,
    Contains,
    InGroup,
    Labelled,
    Missing,
    Predicted,
    Right,
    RowNumbers,
    Scored,
)
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.kept_cohorts import KeptCohorts
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target

N = 200


def rows() -> Dataset:
    rng = np.random.default_rng(0)
    age = rng.integers(18, 80, N).astype(float)
    age[:20] = np.nan
    job = rng.integers(0, 3, N)
    features = (
        Feature(name="age", kind="integer", low=18, high=80, missing=True, dtype="float64"),
        Feature(name="job", kind="categorical", categories=("(missing)", "clerk", "Head clerk")),
    )
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    sex = np.where(rng.random(N) < 0.5, "F", "M")
    return Dataset(np.stack([age, job], 1), rng.integers(0, 2, N), schema, "people", {"sex": sex}, np.arange(N) < 100)


def target(data: Dataset) -> Target:
    return FunctionTarget(
        lambda part: np.nan_to_num(np.asarray(part, float)[:, 0], nan=18) / 100, data.schema.classes, data.schema, "by age"
    )


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Among(column="job", levels=("clerk",)), lambda d, s: d.x[:, 1] == 1),
        (Between(column="age", low=30, high=40), lambda d, s: (d.x[:, 0] >= 30) & (d.x[:, 0] <= 40)),
        (Between(column="age", low=30, high=40, above=True, below=True), lambda d, s: (d.x[:, 0] > 30) & (d.x[:, 0] < 40)),
        (Between(column="age", high=40, missing=True), lambda d, s: ~(d.x[:, 0] > 40)),
        (Missing(column="age"), lambda d, s: np.isnan(d.x[:, 0])),
        (Missing(column="age", missing=False), lambda d, s: ~np.isnan(d.x[:, 0])),
        (Missing(column="job"), lambda d, s: d.x[:, 1] == 0),
        (Contains(column="job", text="CLERK"), lambda d, s: d.x[:, 1] > 0),
        (Labelled(classes=("yes",)), lambda d, s: d.y == 1),
        (Predicted(classes=("yes",)), lambda d, s: s > 0.5),
        (Right(right=False), lambda d, s: (s > 0.5) != d.y),
        (Scored(of="yes", low=0.3, high=0.6), lambda d, s: (s >= 0.3) & (s <= 0.6)),
        (InGroup(column="sex", groups=("F",)), lambda d, s: d.sensitive["sex"] == "F"),
    ],
    ids=lambda c: getattr(c, "kind", ""),
)
def test_a_condition_picks_the_rows_that_numpy_picks(condition: Condition, expected: object) -> None:
    data = rows()
    score = np.nan_to_num(data.x[:, 0], nan=18) / 100
    wanted = expected(data, score)  # type: ignore[operator]
    found = data.cohort(Cohort.of(condition), target(data))
    assert 0 < len(found) < N
    assert np.array_equal(found.y, data.y[wanted])
    assert np.array_equal(found.x, data.x[wanted], equal_nan=True)
    assert np.array_equal(found.sensitive["sex"], data.sensitive["sex"][wanted])
    assert found.member is not None
    assert np.array_equal(found.member, (np.arange(N) < 100)[wanted])


def test_all_conditions_hold_and_the_rows_are_a_data_set_of_their_own() -> None:
    data = rows()
    young = Cohort(name="women under 30", conditions=(InGroup(column="sex", groups=("F",)), Between(column="age", high=30, below=True)))
    found = data.cohort(young)
    assert ((found.sensitive["sex"] == "F") & (found.x[:, 0] < 30)).all()
    assert found.name == "people: women under 30"
    assert found.schema == data.schema
    assert found.fingerprint != data.fingerprint
    assert found.selection is not None
    assert found.selection.parent is data
    assert f"{len(found)} of {N} rows" in found.identity.detail
    assert "sex is F and age below 30" in found.assumed[-1]
    assert found.take(np.arange(3)).selection is None


def test_row_numbers_belong_to_one_data_set() -> None:
    data = rows()
    exposed = Cohort(name="most exposed", conditions=(RowNumbers(numbers=(3, 150, 7), data=data.fingerprint, why="most exposed"),))
    found = data.cohort(exposed)
    assert np.array_equal(found.x, data.x[[3, 7, 150]], equal_nan=True)
    with pytest.raises(Problem, match="the data that most exposed"):
        data.take(np.arange(160)).cohort(exposed)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Among(column="town", levels=("x",)), "a feature"),
        (Among(column="job", levels=("cook",)), "'cook'"),
        (Among(column="age", levels=("30",)), "categories in 'age'"),
        (Labelled(classes=("perhaps",)), "'perhaps'"),
        (InGroup(column="race", groups=("x",)), "a sensitive column"),
        (Between(column="age", low=200), "none of 200"),
        (Right(right=True), "a target for the condition"),
    ],
    ids=lambda c: getattr(c, "kind", c),
)
def test_what_is_not_there_is_refused_in_a_line(condition: Condition, message: str) -> None:
    with pytest.raises(Problem, match=message):
        rows().cohort(Cohort.of(condition))


def test_it_survives_json() -> None:
    cohort = Cohort(name="x", conditions=(Among(column="job", levels=("clerk",)), Between(column="age", low=1), Scored(of="yes", high=0.5)))
    assert Cohort.model_validate_json(cohort.model_dump_json()) == cohort


def test_a_check_runs_on_a_cohort_and_says_so() -> None:
    data = rows()
    by_age = target(data)
    women = Cohort(name="women", conditions=(InGroup(column="sex", groups=("F",)),))
    record = ty.check("validation.performance", by_age, data, where=women)
    own = data.sensitive["sex"] == "F"
    unseen = own & (np.arange(N) >= 100)
    assert record.data.name == "people: women"
    assert record.data.fingerprint == data.cohort(women).fingerprint
    said = np.nan_to_num(data.x[:, 0], nan=18) > 50
    assert record.result.metric("accuracy").value == (said == data.y)[unseen].mean()


def test_kept_cohorts_have_names_of_their_own(tmp_path: Path) -> None:
    kept = KeptCohorts(tmp_path / "cohorts", "ab" * 32)
    assert kept.all() == ()
    one, two = (Cohort(name=name, conditions=(Between(column="age", low=1),)) for name in ("one", "two"))
    kept.keep(one)
    kept.keep(two)
    with pytest.raises(Problem, match="a name that no kept cohort has"):
        kept.keep(Cohort(name="ONE", conditions=one.conditions))
    with pytest.raises(Problem, match="a name that no kept cohort has"):
        kept.rename("two", "one")
    kept.rename("two", "  another  name ")
    assert [c.name for c in kept.all()] == ["one", "another name"]
    assert kept.remove("one") == one
    with pytest.raises(Problem, match="a kept cohort"):
        kept.remove("one")
    assert [c.name for c in KeptCohorts(tmp_path / "cohorts", "ab" * 32).all()] == ["another name"]
    assert KeptCohorts(tmp_path / "cohorts", "cd" * 32).all() == ()


def test_a_broken_file_of_cohorts_is_said_and_left_alone(tmp_path: Path) -> None:
    kept = KeptCohorts(tmp_path, "ab" * 32)
    kept.path.write_text("{", encoding="utf-8")
    with pytest.raises(Problem, match="a file of cohorts"):
        kept.keep(Cohort(name="x", conditions=(Between(column="a", low=1),)))
    assert kept.path.read_text(encoding="utf-8") == "{"


def test_an_assessment_is_of_a_cohort(tmp_path: Path) -> None:
    from tiltyard.assessment.config import read_config

    text = '[target]\nsample = "census"\n[data.cohort]\nname = "young"\n[[data.cohort.conditions]]\nkind = "between"\ncolumn = "age"\nhigh = 30\n'
    (tmp_path / "a.toml").write_text(text, encoding="utf-8")
    _, data = read_config(tmp_path / "a.toml").opened()
    assert data.name.endswith(": young")
    assert isinstance(data.frame, pd.DataFrame)
    assert data.frame["age"].max() == 30


def test_an_assessment_names_a_kept_cohort(tmp_path: Path) -> None:
    from tiltyard.assessment.config import read_config
    from tiltyard.samples.catalog import load

    KeptCohorts.of(load("census").data.fingerprint).keep(Cohort(name="young", conditions=(Between(column="age", high=30),)))
    path = tmp_path / "a.toml"
    path.write_text('[target]\nsample = "census"\n[data]\ncohort = "young"\n', encoding="utf-8")
    assert read_config(path).opened()[1].frame["age"].max() == 30
    path.write_text('[target]\nsample = "census"\n[data]\ncohort = "old"\n', encoding="utf-8")
    with pytest.raises(Problem, match="a kept cohort of this data"):
        read_config(path).opened()
    assert kept_cohorts.FOLDER == "cohorts"
