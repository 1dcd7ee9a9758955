"""Fairness by hand: the page's numbers are those of the record, and thresholds by hand become a defense that is recorded."""

import time

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.targets.estimators import FunctionTarget
from tiltyard_widgets.panels.fairness import THRESHOLDS, FairnessPanel, points_of
from tiltyard_widgets.panels.session import Session

SCHEMA = Schema(
    features=(
        Feature(name="skill", kind="continuous", low=-6, high=6),
        Feature(name="sex", kind="categorical", categories=("F", "M"), mutable=False),
        Feature(name="race", kind="categorical", categories=("A", "B"), mutable=False),
    ),
    label="hired",
    classes=("no", "yes"),
    sensitive=("sex", "race"),
)


@pytest.fixture(scope="module")
def hiring() -> Dataset:
    rng = np.random.default_rng(0)
    n = 3000
    male, b = rng.random(n) < 0.6, rng.random(n) < 0.3
    skill = rng.normal(size=n) + 0.9 * male
    y = (skill + rng.normal(size=n) * 0.7 > 0.4).astype(np.int64)
    x = np.stack([skill.clip(-6, 6), male, b], 1).astype(np.float64)
    sensitive = {"sex": np.where(male, "M", "F"), "race": np.where(b, "B", "A")}
    return Dataset(x, y, SCHEMA, "hiring", sensitive, np.arange(n) < n // 2)


@pytest.fixture
def session(hiring) -> Session:
    return Session(FunctionTarget(lambda x: 1 / (1 + np.exp(-2 * (x[:, 0] - 0.4))), SCHEMA.classes, SCHEMA, "biased"), hiring)


def until(true) -> None:
    end = time.monotonic() + 60
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


def by_hand(session: Session) -> FairnessPanel:
    panel = FairnessPanel(session=session)
    panel.ways.value = "hand"
    until(lambda: panel.hand.view.facts)
    return panel


def test_the_models_own_counts_are_those_of_the_record(session) -> None:
    from tiltyard.fairness.group_metrics import Groups

    facts = by_hand(session).hand.view.facts
    record = Groups(columns=("sex",))(session.target, session.data).result
    table = next(t for t in record.tables if t.name == "groups_sex")
    sizes = {row[0]: (row[1], row[2]) for row in table.rows}
    own = np.array(facts["own"])
    assert facts["name"] == "yes" and facts["smallest"] == 30
    assert {g: (int(own[i].sum()), int(own[i, 1].sum())) for i, g in enumerate(facts["groups"])} == sizes
    shares = own[:, :, 1].sum(1) / own.sum((1, 2))
    gap = record.metric("demographic_parity_difference_sex").value
    assert shares.max() - shares.min() == pytest.approx(gap)


def test_two_columns_are_crossed_and_their_thresholds_put_in_force(session) -> None:
    panel = by_hand(session)
    panel.hand.second.value = "race"
    facts = panel.hand.view.facts
    assert facts["groups"] == ["F × A", "F × B", "M × A", "M × B"] and facts["cannot"] == ""
    panel.hand._use({"thresholds": [0.3, 0.35, 0.6, 0.65]})
    until(lambda: THRESHOLDS in session.latest and not session.busy)
    record = session.latest[THRESHOLDS]
    assert record.effective["crossed_with"] == "race"
    made = session.made[record.id]
    rows = session.data
    groups = np.char.add(np.char.add(rows.sensitive["sex"].astype(str), " × "), rows.sensitive["race"].astype(str))
    scores = session.target.scores(rows.x)[:, 1]
    cuts = np.array([dict(zip(facts["groups"], (0.3, 0.35, 0.6, 0.65), strict=True))[g] for g in groups])
    assert (made.labels(rows.x) == (scores >= cuts)).all()
    assert "F × A from 0.3 on" in made.rule


def test_thresholds_by_hand_fill_the_form_run_and_are_recorded(session) -> None:
    panel = by_hand(session)
    panel.hand._use({"thresholds": [0.25, 0.6]})
    until(lambda: THRESHOLDS in session.latest and not session.busy)
    record = session.latest[THRESHOLDS]
    assert tuple(record.effective["groups"]) == ("F", "M") and tuple(record.effective["thresholds"]) == (0.25, 0.6)
    assert any("given by hand" in note for note in record.result.notes)
    assert panel.ways.value == "steps" and panel.choice.value == THRESHOLDS
    assert record.id in session.made


def test_a_column_that_the_model_is_not_given_can_be_looked_at_but_not_used(session) -> None:
    from dataclasses import replace

    session.adopt(session.target, replace(session.data, sensitive={"faith": session.data.sensitive["sex"]}))
    facts = by_hand(session).hand.view.facts
    assert facts["cannot"].startswith("To look at, not to use")


def test_points_of_the_frontier_are_offered_and_applied(session) -> None:
    panel = FairnessPanel(session=session)
    panel.choice.value = "fairness.frontier"
    runner = panel.runner("fairness.frontier")
    runner.form.set({"points": 2})
    runner.run()
    until(lambda: "fairness.frontier" in session.latest and not session.busy)
    points = points_of(session.latest["fairness.frontier"])
    assert {p["decided by"] for p in points} == {"one threshold for all", "thresholds by group"}
    grouped = next(p for p in points if p["gap allowed"] is not None)
    panel._apply_point(session.latest["fairness.frontier"], grouped)
    until(lambda: THRESHOLDS in session.latest and not session.busy)
    alone = next(p for p in points if p["threshold"] == 0.3)
    record = session.latest["fairness.frontier"]
    panel._apply_point(record, alone)
    assert session.target.rule == "class 'yes' from 0.3 on"


def test_without_groups_or_scores_it_says_why(session) -> None:
    from dataclasses import replace

    session.adopt(session.target, replace(session.data, sensitive={}))
    panel = FairnessPanel(session=session)
    panel.ways.value = "hand"
    assert "no sensitive column" in str(panel.hand.line.tree)
