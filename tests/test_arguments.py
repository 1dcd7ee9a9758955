"""What a newcomer gives the public door by guess: what it takes, and that a wrong thing is told in one line that names the way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.lazily import Lazily

import tiltyard as ty
from tiltyard.assessment.assessment import Assessment
from tiltyard.catalogue import step_of, topic_of
from tiltyard.errors import Problem
from tiltyard.scoring import scorer
from tiltyard.testing.assertions import assert_fair, assert_private, assert_robust

linear = Lazily("sklearn.linear_model")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.integers(18, 80, 200), "income": rng.normal(40, 12, 200).round(1)})
    return table.assign(group=rng.choice(["a", "b"], 200), churned=np.where(table.age + table.income > 90, "yes", "no"))


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame) -> Any:
    return linear.LogisticRegression(max_iter=1000).fit(frame[["age", "income"]], frame.churned)


@pytest.fixture(scope="module")
def found(model: Any, frame: pd.DataFrame) -> Assessment:
    return ty.assess(model, frame, [ty.fairness.Groups(draws=100), "validation.performance"], label="churned", sensitive="group")


WRONG: dict[str, tuple[Callable[[Any, Any], object], str]] = {
    "a topic for a check": (lambda m, f: ty.check("fairness", m, f), "'fairness', which is a topic. Name one of its own: fairness.frontier, fairness.groups"),
    "a number for a check": (lambda m, f: ty.check(5, m, f), "the id or class of a check or defense; found int 5. See ty.checks"),  # type: ignore[arg-type]
    "a class that is no check": (lambda m, f: ty.check(dict, m, f), "the id or class of a check or defense"),  # type: ignore[arg-type]
    "parameters beside a made check": (lambda m, f: ty.check(ty.fairness.Groups(), m, f, rows=100), r"found rows. Write Groups\(rows=…\)"),
    "a number among the picked": (lambda m, f: ty.assess(m, f, [3], label="churned"), "the id or class of a check or defense; found int 3"),  # type: ignore[list-item]
    "an id of the list": (lambda m, f: ty.checks()["fairness.group"], "Did you mean 'fairness.groups'"),
    "no such topic": (lambda m, f: ty.checks("fairnes"), "a topic .* fairness, .*; found 'fairnes'"),
    "a number for a sensitive column": (lambda m, f: ty.check("fairness.groups", m, f, sensitive=3), "a name or a list of names; found int 3"),  # type: ignore[arg-type]
    "a condition in words": (lambda m, f: ty.check("fairness.groups", m, f, where="age > 3"), "where = a Cohort; found str 'age > 3'. Make one"),  # type: ignore[arg-type]
    "a number for a store": (lambda m, f: ty.assess(m, f, "fairness.groups", store=3), "a store, its file, or True .*; found int 3"),  # type: ignore[arg-type]
    "a listener that is none": (lambda m, f: ty.assess(m, f, "fairness.groups", on_progress=3), "a function that takes a Report; found int 3"),  # type: ignore[arg-type]
    "a word for what was measured": (lambda m, f: ty.defend("fairness.threshold_optimizer", m, f, before="last"), "or a list of records; found str 'last'"),  # type: ignore[arg-type]
    "a word for a report": (lambda m, f: ty.report("x", "r.html"), "or a list of records; found str 'x'"),  # type: ignore[arg-type]
    "a number for a path": (lambda m, f: ty.report([], 7), "the path of the file to write; found int 7"),  # type: ignore[arg-type]
    "a word for owners": (lambda m, f: ty.report([], "r.html", owners="me"), "owners by topic.*; found str 'me'"),  # type: ignore[arg-type]
    "a language that is none": (lambda m, f: ty.report([], "r.html", language="xx"), "language in the report's fields to be 'en', 'de' or 'fr'; found 'xx'"),
    "nothing to compare": (lambda m, f: ty.compare([], []), "at least one record before; found none"),
    "a number for a label": (lambda m, f: ty.read(f, label=3), "a column's name or one label per row; found label = 3"),  # type: ignore[arg-type]
    "a number for corrections": (lambda m, f: ty.read(f, label="churned", features=3), "corrections by feature.*; found int"),  # type: ignore[arg-type]
    "a kind that is none": (lambda m, f: ty.read(f, label="churned", features={"age": {"kind": "x"}}), "kind = 'x', and input should be 'continuous'"),
    "a relation as one text": (lambda m, f: ty.read(f, label="churned", relations="age > 3"), "in the relation 'age > 3'"),
    "percent for a share": (lambda m, f: assert_robust(m, f, at_least=80), "at_least as a share from 0 to 1; found 80. Write 0.8 for 80 %"),
    "a word for a share": (lambda m, f: assert_fair(m, f, at_most="x"), "at_most as a share from 0 to 1; found 'x'"),  # type: ignore[arg-type]
    "guessing for a share": (lambda m, f: assert_private(m, f, at_most=0.4), "an AUC above 0.5"),
    "a number for a scorer": (lambda m, f: scorer(3), "the id or class of a check or defense; found int 3"),  # type: ignore[arg-type]
    "a bound in full": (lambda m, f: ty.fairness.Groups(rows=1), "at most 1,000,000 "),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_argument_is_told_in_one_line(what: str, model: Any, frame: pd.DataFrame) -> None:
    ask, message = WRONG[what]
    with pytest.raises(Problem, match=message) as told:
        ask(model, frame)
    assert "\n" not in str(told.value)


def test_axes_that_are_none_are_told(found: Assessment) -> None:
    with pytest.raises(Problem, match=r"ax = axes of matplotlib; found int 1"):
        found["fairness.groups"].plot(ax=1)  # type: ignore[arg-type]


def test_a_scorer_says_which_numbers_there_are(model: Any, frame: pd.DataFrame) -> None:
    score = scorer("validation.performance", metric="robustness")
    with pytest.raises(Problem, match=r"a number of validation.performance \(.*balanced_accuracy.*\); found 'robustness'"):
        score(model, frame[["age", "income"]], frame.churned)


def test_a_made_check_runs_as_its_id_with_the_same_parameters_does(model: Any, frame: pd.DataFrame) -> None:
    made = ty.check(ty.fairness.Groups(draws=100), model, frame, label="churned", sensitive="group")
    named = ty.check("fairness.groups", model, frame, label="churned", sensitive="group", draws=100)
    assert made.result == named.result and made.effective == named.effective
    assert step_of(ty.fairness.Groups, {"draws": 100}) == step_of(ty.fairness.Groups(draws=100))


def test_the_checks_of_a_topic_are_all_of_it_and_no_others() -> None:
    every, ours = ty.checks(), ty.checks("fairness")
    assert {*ours} == {id for id in every if topic_of(id) == "fairness"} and 0 < len(ours) < len(every)
    assert ours.defenses == 3


def test_a_record_is_found_by_its_check(found: Assessment) -> None:
    assert found["fairness.groups"] is found.records[0]
    assert "validation.performance" in found._ipython_key_completions_()
    with pytest.raises(
        Problem, match=r"a check of this assessment; found 'evasion.pgd'. There are fairness.groups, validation.performance"
    ):
        found["evasion.pgd"]


def test_two_results_are_compared_without_a_store(found: Assessment, model: Any, frame: pd.DataFrame) -> None:
    later = ty.check("fairness.groups", model, frame, label="churned", sensitive="group", draws=200)
    compared = ty.compare(found, later)
    assert [c.what for c in compared.changed] == ["fairness.groups draws"] and compared.only_before == ("validation.performance",)
    assert {m.difference for m in compared.metrics} == {0.0}


def test_a_run_is_kept_in_a_file_by_its_name_and_in_the_default_store_by_true(
    model: Any, frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILTYARD_STORE", str(tmp_path / "own.sqlite"))
    for store in (str(tmp_path / "runs.sqlite"), True):
        for _ in range(2):
            kept = ty.assess(model, frame, "validation.performance", label="churned", store=store)
        assert kept.run is not None
        compared = ty.compare("last", kept.run.id, store=store)
        assert compared.before == compared.after == kept.run.id and compared.metrics
