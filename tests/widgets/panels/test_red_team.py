"""The panels of red teaming and of the ethics checklist, driven as the browser drives them."""

import base64
import json
import subprocess
import sys
from dataclasses import replace

import ipywidgets as w
import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.guidelines.checklist import facts_of
from tiltyard.result import Status
from tiltyard.store.store import Store
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target
from tiltyard_widgets.controls.upload import Upload
from tiltyard_widgets.panels.ethics import EthicsPanel
from tiltyard_widgets.panels.manual_attack import change_of, drawable, encoded, row_values
from tiltyard_widgets.panels.red_team import RedTeamPanel
from tiltyard_widgets.panels.rows import RowsPanel
from tiltyard_widgets.panels.session import Session
from tiltyard_widgets.panels.workbench import Workbench

from .waiting import until

SCHEMA = Schema(
    features=(
        Feature(name="age years", kind="integer", low=0, high=100, unit="years"),
        Feature(name="pay", kind="continuous", low=0, high=10, unit="USD"),
        Feature(name="color", kind="categorical", categories=("red", "green")),
        Feature(name="side", kind="onehot", columns=("left", "right")),
        Feature(name="fixed", kind="continuous", low=-1, high=1, mutable=False),
    ),
    label="good",
    classes=("no", "yes"),
    sensitive=("color",),
)


@pytest.fixture
def data() -> Dataset:
    rng = np.random.default_rng(0)
    n = 200
    color, side = rng.integers(0, 2, n), rng.integers(0, 2, n)
    x = np.column_stack([rng.integers(0, 101, n), rng.uniform(0, 10, n), color, np.eye(2)[side], rng.uniform(-1, 1, n)])
    return Dataset(x, (x[:, 1] > 5).astype(np.int64), SCHEMA, "people", {"color": np.array(["red", "green"])[color]}, np.arange(n) < 100)


@pytest.fixture
def target() -> Target:
    return FunctionTarget(lambda x: 1 / (1 + np.exp(5 - np.asarray(x)[:, 1])), SCHEMA.classes, SCHEMA, "pay above 5")


@pytest.fixture
def pictures() -> tuple[Target, Dataset]:
    schema = Schema(features=(Feature(name="image", kind="pixels", shape=(1, 28, 28)),), label="digit", classes=("dark", "light"))
    x = np.random.default_rng(1).uniform(0, 0.3, (40, 1, 28, 28)).astype(np.float32)
    light = FunctionTarget(lambda x: np.asarray(x).mean((1, 2, 3)), schema.classes, schema, "mean light")
    return light, Dataset(x, np.zeros(40, np.int64), schema, "pictures", {}, np.arange(40) < 20)


def ended(session: Session, times: int) -> None:
    """Wait for so many campaigns: the matrix is the last thing that a campaign leaves."""
    until(lambda: sum(r.check == "campaign.matrix" for r in session.records) == times and not session.busy)


def planned(session: Session, **threat: object) -> RedTeamPanel:
    panel = RedTeamPanel(session=session)
    panel.form.set(threat)
    until(lambda: panel.plan is not None and all(getattr(panel.plan.threat, k) == v for k, v in threat.items()))
    until(lambda: "lanning" not in panel.sentence.plain_text() and bool(panel.steps.tree) and not panel.go.disabled)
    return panel


def test_plan_stands_there_with_its_cost_before_anything_runs(target: Target, data: Dataset) -> None:
    before = len(Session(target, data).records)
    panel = planned(Session(target, data), goal="infer")
    text = panel.steps.plain_text() + panel.sentence.plain_text() + panel.left.plain_text()
    assert "Membership: accuracy gap" in text
    assert "rows" in panel.sentence.plain_text()
    assert "training routine" in panel.left.plain_text()
    assert len(panel.session.records) == before
    assert panel.go.description == "Run the plan"


def test_a_contradiction_is_said_in_one_line(target: Target, data: Dataset) -> None:
    panel = RedTeamPanel(target, data)
    panel.form.set({"knowledge": "white", "access": "labels"})
    until(lambda: "compute its scores" in panel.sentence.plain_text())
    assert panel.go.disabled


def test_without_a_model_it_says_what_to_do(target: Target, data: Dataset) -> None:
    panel = RedTeamPanel()
    assert "Load a model" in panel.sentence.plain_text()
    assert panel.go.disabled
    panel.mode.value = "hand"
    assert "Load a model" in panel.hand.lead.plain_text()
    panel.session.adopt(target, data)
    assert panel.hand.x is not None


def test_run_shows_the_matrix_keeps_it_and_resumes(target: Target, data: Dataset, store: Store) -> None:
    session = Session(target, data, store)
    panel = planned(session, goal="infer", access="labels")
    assert not panel.settings.folded
    panel.run()
    until(lambda: "campaign.matrix" in session.latest)
    assert panel.settings.folded and "ty-folded" in panel.campaign._dom_classes  # the outcome has the width
    panel.settings.turn()
    assert "ty-folded" not in panel.campaign._dom_classes
    assert session.latest["campaign.matrix"].target == target.identity
    assert panel.go.disabled and not panel.over.disabled
    assert "Outcome of each attack" in panel.view._table.plain_text()
    assert session.run is not None
    kept = store.records(session.run.id)
    assert sorted(r.check for r in kept) == sorted(r.check for r in session.records)
    opened = Session(target, data, store)
    opened.resume(store.run(session.run.id), kept)
    again = RedTeamPanel(session=opened)
    until(lambda: again.plan is not None)
    assert again.form.given["access"] == "labels"
    assert again.settings.folded
    assert again.waiting() == []


def test_what_was_run_is_not_run_again(target: Target, data: Dataset) -> None:
    session = Session(target, data)
    panel = planned(session, goal="infer")
    assert panel.plan is not None
    steps = panel.plan.steps
    assert len(steps) >= 2
    panel.plan = panel.plan.model_copy(update={"steps": steps[:1]})
    panel.run()
    ended(session, 1)
    panel.plan = panel.plan.model_copy(update={"steps": steps})
    panel._draw()
    assert panel.go.description == f"Resume: {len(steps) - 1} of {len(steps)} left"
    panel.run()
    ended(session, 2)
    ran = [r.check for r in session.records if r.check != "campaign.matrix"]
    assert sorted(ran) == sorted({*ran})
    panel.start_over()
    ended(session, 3)
    assert len(panel.mine()) == len(steps)


def test_by_hand_on_a_row(target: Target, data: Dataset) -> None:
    panel = RedTeamPanel(target, data)
    panel.mode.value = "hand"
    hand = panel.hand
    assert hand.form is not None and hand.x is not None
    assert "field_4" not in hand.form.given, "what an attacker cannot change is not offered"
    assert "fixed" in hand.fixed.plain_text()
    start = dict(hand.form.given)
    assert "Change it" in hand.lead.plain_text()
    wrong = 0.0 if hand.y == 1 else 10.0
    hand.form.given = {**start, "field_1": wrong}
    assert "Fooled" in hand.sentence.plain_text()
    assert "USD" in hand.moves.plain_text()
    hand.form.given = {**hand.form.given, "field_0": 200}
    assert "200" in hand.sentence.plain_text() and "Fooled" not in hand.sentence.plain_text()
    hand.undone()
    assert hand.form.given["field_0"] == start["field_0"]
    assert "Fooled" in hand.sentence.plain_text()
    hand.undone()
    assert hand.form.given == start and hand.undo.disabled
    hand.form.given = {**start, "field_2": "green" if start["field_2"] == "red" else "red"}
    assert "another category" in hand.moves.plain_text()
    hand.back()
    assert hand.form.given == start


def test_a_find_by_hand_is_opened_in_one_row_and_kept_there(target: Target, data: Dataset) -> None:
    bench = Workbench(session=Session(target, data))
    panel = bench.go("redteam")
    assert isinstance(panel, RedTeamPanel)
    panel.mode.value = "hand"
    hand = panel.hand
    assert hand.form is not None and hand.x is not None and hand.onward.disabled
    hand.form.given = {**hand.form.given, "field_1": 0.0 if hand.y == 1 else 10.0}
    hand.onward.click()
    rows = bench.go("rows")
    assert isinstance(rows, RowsPanel) and bench.rail.selected == "rows"
    assert np.array_equal(rows.start, hand.x) and np.array_equal(rows.edited(), hand.now()[0])
    assert rows.now is not None and rows.now.turned
    rows.kept()
    assert f"redteam.row_{rows.row}" in bench.session.latest
    alone = RedTeamPanel(target, data)
    alone.mode.value = "hand"
    alone.hand.form.given = {**alone.hand.form.given, "field_1": 5.0}  # type: ignore[union-attr]
    alone.hand.onward.click()
    assert f"shows row {rows.row}" in alone.message.text


def test_by_hand_on_a_picture(pictures: tuple[Target, Dataset]) -> None:
    target, data = pictures
    panel = RedTeamPanel(target, data)
    panel.mode.value = "hand"
    hand = panel.hand
    assert hand.pad is not None and hand.x is not None
    assert np.allclose(hand.pad.image(), hand.x[0], atol=1e-4)
    assert "Change it" in hand.lead.plain_text()
    asked = hand.queries
    hand.pad.pixels = [1.0] * 784
    assert hand.queries == asked + 1
    assert "Fooled" in hand.sentence.plain_text()
    assert "784" in hand.cards.plain_text()
    hand.back()
    assert "Change it" in hand.lead.plain_text()
    first = hand.x
    hand.next()
    assert not np.array_equal(hand.x, first)


def test_by_hand_says_where_it_cannot() -> None:
    schema = Schema(features=(Feature(name="image", kind="pixels", shape=(3, 8, 8)),), label="y", classes=("a", "b"))
    x = np.zeros((4, 3, 8, 8), np.float32)
    panel = RedTeamPanel(FunctionTarget(lambda x: np.zeros(len(x)), schema.classes, schema), Dataset(x, np.zeros(4, np.int64), schema))
    panel.mode.value = "hand"
    assert "cannot be drawn" in panel.hand.sentence.plain_text()
    assert not drawable(schema)


def test_by_hand_where_the_model_has_nothing_right(target: Target, data: Dataset) -> None:
    panel = RedTeamPanel(target, replace(data, y=1 - data.y))
    panel.mode.value = "hand"
    assert "right" in panel.hand.sentence.plain_text()


def test_budget_used_is_counted_in_ranges() -> None:
    before = np.array([50, 5, 0, 0, 1, 0.0])
    now = np.array([60, 5, 1, 0, 1, 0.0])
    used = change_of(SCHEMA, before, now)
    assert used == pytest.approx({"linf": 0.1, "l2": 0.1, "changed": 2.0})


def test_rows_survive_the_form(data: Dataset) -> None:
    for row in data.x[:20]:
        assert (encoded(SCHEMA, row_values(SCHEMA, row))[0] == row).all()


def test_checklist_takes_answers_and_hands_out_files(target: Target, data: Dataset) -> None:
    session = Session(target, data)
    panel = EthicsPanel(session=session)
    first = panel.which.value
    panel.answer()
    assert "found none chosen" in panel.message.text
    panel.word.value = "no"
    panel.by.value = "Ada <b>"
    panel.answer()
    assert "words" in panel.message.text
    panel.words.value = "For a class."
    panel.answer()
    assert panel.list is not None
    assert panel.list.item(first).answer is not None
    assert panel.which.value != first
    assert (panel.words.value, panel.word.value) == ("", "open")
    assert "Ada <b>" in panel.shown.plain_text()
    for kind, start in (("checklist", "{"), ("model", "# Model card"), ("data", "# Datasheet")):
        panel.kind.value = kind
        panel.download()
        assert base64.b64decode(panel.link.content).decode().startswith(start)
    panel.put()
    kept = session.latest["guidelines.checklist"]
    assert kept.result.status is Status.FINDING
    assert kept.effective["checklist"]["format"] == 1
    fresh = EthicsPanel(session=session)
    assert fresh.list is not None and fresh.list.item(first).answer == panel.list.item(first).answer
    panel.which.value = first
    panel.take_back()
    assert panel.list.item(first).answer is None


def test_measured_answers_come_by_themselves(target: Target, data: Dataset) -> None:
    from tiltyard.catalogue import find

    session = Session(target, data)
    panel = EthicsPanel(session=session)
    session.start([find("validation.performance")()], lambda _: None, lambda _: None, lambda: None)
    until(lambda: not session.busy)
    assert panel.list is not None
    evidence = panel.list.item("transparency.accuracy").evidence
    assert evidence and evidence[0].record == session.records[0].id
    assert session.records[0].id[:8] in panel.shown.plain_text()


def bring(upload: Upload, name: str, content: bytes) -> None:
    for event, buffers in (({"event": "begin", "name": name, "size": len(content)}, []), ({"event": "piece", "offset": 0}, [content])):
        upload._handle_msg({"content": {"data": {"method": "custom", "content": event}}, "buffers": [memoryview(b) for b in buffers]})


def test_an_exported_checklist_is_opened_again_and_an_older_one_refused(
    target: Target, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = EthicsPanel(target, data)
    assert panel.list is not None
    panel._hold(panel.list.answered("safety.risks", "yes", "Weighed.", "Ada"))
    text = panel.text()
    other = EthicsPanel(target, data)
    other.adopt(text)
    assert other.list is not None and other.list.item("safety.risks").answer is not None
    old = json.dumps({**json.loads(text), "format": 0})
    with pytest.raises(Problem, match="format 0"):
        other.adopt(old)
    assert other.list.item("safety.risks").answer is not None
    bring(other.open, "older.json", old.encode())
    assert "format 0" in other.message.text
    bring(other.open, "card.json", b"\xff" * 20)
    assert "checklist" in other.message.text
    monkeypatch.setattr("tiltyard_widgets.panels.ethics.LARGEST", 100)
    bring(other.open, "large.json", b" " * 101)
    assert "10 MB at most" in other.message.text
    assert other.list.item("safety.risks").answer is not None


def test_no_model_no_files() -> None:
    panel = EthicsPanel()
    assert panel.fetch.disabled
    with pytest.raises(Problem, match="model and data"):
        panel.text()


def test_facts_say_what_the_columns_are(data: Dataset) -> None:
    facts = facts_of(data)
    assert facts.trained == facts.held_out == 100
    assert sum(facts.shares) == pytest.approx(1)
    assert [c.name for c in facts.columns if c.sensitive] == ["color"]


def test_both_stand_in_the_workbench(target: Target, data: Dataset) -> None:
    from tiltyard_widgets.panels.workbench import Workbench

    bench = Workbench(session=Session(target, data))
    assert isinstance(bench.go("redteam"), RedTeamPanel)
    assert isinstance(bench.go("ethics"), EthicsPanel)
    assert isinstance(bench, w.VBox)
    names = bench.names
    assert names.index("redteam") < names.index("ethics") < names.index("report")


def test_panels_load_light() -> None:
    code = "import sys, tiltyard_widgets.panels.red_team, tiltyard_widgets.panels.ethics; print({'torch', 'shap', 'pandas', 'sqlalchemy'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


@pytest.fixture
def store(tmp_path: "object") -> Store:
    return Store(f"{tmp_path}/runs.sqlite")
