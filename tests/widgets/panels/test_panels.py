"""The panels through their traits, without a browser: load, run, cancel, wrong input, report, history, cross-risk."""

import re
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tiltyard.catalogue import TOPICS, topic_of
from tiltyard.samples.catalog import load
from tiltyard.store.store import Store
from tiltyard_widgets.panels.attack import AttackPanel, in_units
from tiltyard_widgets.panels.budget_view import BudgetView
from tiltyard_widgets.panels.fairness import FairnessPanel
from tiltyard_widgets.panels.history import HistoryPanel
from tiltyard_widgets.panels.load import LoadPanel
from tiltyard_widgets.panels.load_asked import beside
from tiltyard_widgets.panels.privacy import PrivacyPanel
from tiltyard_widgets.panels.report import ReportPanel
from tiltyard_widgets.panels.session import Session
from tiltyard_widgets.panels.steps import available
from tiltyard_widgets.panels.topic_panel import TopicPanel
from tiltyard_widgets.panels.topics import PoisoningPanel, TheftPanel
from tiltyard_widgets.panels.workbench import Workbench

from .waiting import until


@pytest.fixture(scope="module")
def census():
    return load("census")


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture
def session(census, tmp_path: Path) -> Session:
    return Session(census.target, census.data, Store(tmp_path / "runs.sqlite"))


def run(panel: TopicPanel, id: str, **given: object) -> None:
    panel.choice.value = id
    runner = panel.runner(id)
    runner.form.set(given)
    runner.run()
    until(lambda: not panel.session.busy)
    assert not panel.message.text or panel.message.level == "warning", panel.message.text


def test_an_attack_is_run_shown_and_kept(session):
    panel = AttackPanel(session=session)
    run(panel, "evasion.pgd", rows=50, steps=5, curve=False)
    record = session.latest["evasion.pgd"]
    assert record.effective["rows"] == 50
    view = panel.runner("evasion.pgd").view
    assert [part.__class__.__name__ for part in view._first.children] == ["MetricCards", "Advice"]
    assert view.details.body.children == () and "code" in view.details.head.plain_text()
    view.unfolded = True
    assert panel.session.details and view._code in view.details.body.children
    assert [r.check for r in session.store.records(session.run.id)] == ["evasion.pgd"]
    code = panel.runner("evasion.pgd").code(record)
    names: dict[str, object] = {"target": session.target, "data": session.data}
    exec(code, names)  # noqa: S102
    assert names["record"].result == record.result


def test_cancel_takes_effect_within_a_step(session):
    from torch import nn
    from torch.nn.modules.module import register_module_forward_pre_hook

    panel = AttackPanel(session=session)
    runner = panel.runner("evasion.pgd")
    runner.form.set({"rows": 20_000, "steps": 200})
    passed = 0

    def count(module: Any, args: Any) -> None:
        nonlocal passed
        passed += len(args[0]) if isinstance(module, nn.Linear) and module.in_features > 64 else 0

    hook = register_module_forward_pre_hook(count)
    try:
        runner.run()
        until(lambda: passed > 60_000)  # well into its steps
        runner.cancel()
        before = passed
        until(lambda: not session.busy)
    finally:
        hook.remove()
    assert passed - before <= 2 * 20_000  # of the 4,000,000 that were to come
    assert session.latest["evasion.pgd"].result.status.value == "cancelled"
    assert not runner.button.disabled


def test_the_class_a_trigger_gives_is_chosen_by_name(session):
    form = PoisoningPanel(session=session).runner("poisoning.backdoor").form
    goal = next(spec for spec in form.specs if spec["name"] == "goal")
    assert (goal["kind"], [option["value"] for option in goal["options"]]) == ("select", ["", "<=50K", ">50K"])


def test_a_wrong_value_is_one_line_and_loses_nothing(session):
    panel = AttackPanel(session=session)
    run(panel, "evasion.pgd", rows=20, steps=2, curve=False)
    runner = panel.runner("evasion.pgd")
    runner.form.set({"eps": -1})
    runner.run()
    assert "eps" in panel.message.text.lower()
    assert "\n" not in panel.message.text
    assert "evasion.pgd" in session.latest
    runner.form.set({"eps": 0.1})
    runner.run()
    assert panel.message.text == ""
    until(lambda: not session.busy)


def test_nothing_loaded_says_what_to_do_first():
    panel = AttackPanel(session=Session())
    assert panel.runner("evasion.strong").button.disabled
    panel.runner("evasion.strong").run()
    assert "Load a model and data first" in panel.message.text


def test_budgets_are_shown_in_each_features_own_unit(census):
    words = in_units(census.data.schema, 0.1)
    assert "hours-per-week ±9.8 hours" in words
    assert "Kept: age" in words
    assert "Categories that may change" in words and "Categories that may change" not in in_units(census.data.schema, 0.1, flips=0)
    far = in_units(census.data.schema, 2.0, "l2")
    assert "hours-per-week ±98 hours" in far and "each where it alone is moved" in far
    assert "at most 3 of" in in_units(census.data.schema, 3, "l0")


def test_the_budget_sliders_are_bound_and_the_form_leaves_them_out(session):
    panel = PrivacyPanel(session=session)
    runner = panel.runner("privacy.dp_sgd")
    view = runner.bound
    assert isinstance(view, BudgetView)
    until(lambda: view.budget is not None)
    before = view.noise.value
    view.epsilon.value = 1.0
    assert view.noise.value > before
    assert view.budget.epsilon == pytest.approx(1.0, rel=3e-4)
    view.hold.value = "noise"
    spent = view.budget.epsilon
    view.epochs.value = 20
    assert view.budget.epsilon > spent
    step = runner.made()
    assert (step.epochs, step.batch_size) == (20, view.budget.batch_size)
    assert "epsilon" not in runner.form.values()


def test_nothing_runs_with_a_budget_that_is_not_the_one_to_be_seen(session):
    panel = PrivacyPanel(session=session)
    runner = panel.runner("privacy.dp_sgd")
    until(lambda: runner.bound.budget is not None)
    runner.bound.epsilon.wrong = "0"  # typed into the box; the slider's value is still the last good one
    runner.button.click()
    assert "from 0.01 to 100 in “Epsilon”; found '0'" in panel.message.text
    assert not session.busy
    session.version += 1  # news of something else breaks nothing
    runner.bound.epsilon.wrong = ""
    assert panel.message.text == ""


def test_load_panel_loads_a_sample_and_refuses_a_pickle(tmp_path):
    import pickle

    panel = LoadPanel()
    panel.sample.value = "digits"
    panel.load()
    until(lambda: not panel.opener.disabled)
    assert panel.session.target is not None
    bad = tmp_path / "model.pkl"
    bad.write_bytes(pickle.dumps({"a": print}))
    panel.source.value = "files"
    panel.model_file.value, panel.data_file.value = str(bad), str(tmp_path / "none.csv")
    panel.load()
    until(lambda: not panel.opener.disabled)
    assert panel.message.text.startswith("Expected")
    assert panel.session.target.name.startswith("Digits")


def test_own_files_are_proposed_corrected_and_loaded(tmp_path, census):
    from tiltyard.targets.saving import save

    save(census.target, tmp_path / "m.safetensors")
    frame = census.data.take(slice(0, 300)).frame
    frame[census.data.schema.label] = [census.data.schema.classes[i] for i in census.data.y[:300]]
    frame.to_csv(tmp_path / "d.csv", index=False)
    panel = LoadPanel()
    panel.source.value = "files"
    panel.model_file.value, panel.data_file.value = str(tmp_path / "m.safetensors"), str(tmp_path / "d.csv")
    panel.read()
    until(lambda: not panel.opener.disabled)
    assert "age" in [option["value"] for option in panel.schema.feature.options]
    panel.schema.feature.value = "age"
    panel.schema.high.value = 120
    panel.schema.apply.click()
    assert panel.schema.proposal.schema.feature("age").high == 120
    panel.schema.undo.click()
    assert panel.schema.proposal.schema.feature("age").high < 120
    panel.load()
    until(lambda: not panel.opener.disabled)
    assert panel.message.text == ""
    assert len(panel.session.data) == 300


@pytest.fixture
def forest(tmp_path, census) -> tuple[Path, Path]:
    """A pipeline with a forest in a skops file, and rows of which one has a category that it was not fitted on."""
    import skops.io
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    frame = census.data.take(slice(0, 300)).frame[["age", "workclass", "hours-per-week"]]
    label = [census.data.schema.classes[i] for i in census.data.y[:300]]
    columns = make_column_transformer((OneHotEncoder(), ["workclass"]), remainder="passthrough")
    skops.io.dump(make_pipeline(columns, RandomForestClassifier(5, max_depth=3, random_state=0)).fit(frame, label), tmp_path / "f.skops")
    frame["income"] = label
    frame.to_csv(tmp_path / "f.csv", index=False)
    frame.loc[250, "workclass"] = "Astronaut"  # not among the rows that a model is tried on
    frame.to_csv(tmp_path / "unseen.csv", index=False)
    return tmp_path / "f.skops", tmp_path / "unseen.csv"


def test_a_category_the_model_never_saw_is_one_line_loses_nothing_and_can_be_left(session, forest, census, tmp_path):
    from tiltyard.targets.saving import save

    model, unseen = forest
    save(census.target, tmp_path / "m.safetensors")
    frame = census.data.take(slice(0, 20)).frame
    frame[census.data.schema.label] = [census.data.schema.classes[i] for i in census.data.y[:20]]
    frame.loc[5, "workclass"] = "Astronaut"
    frame.to_csv(tmp_path / "m.csv", index=False)
    panel, before = LoadPanel(session=session), session.target
    said = {}
    for file, rows in ((model, unseen), (tmp_path / "m.safetensors", tmp_path / "m.csv")):
        panel.fill({"source": "files", "model_file": str(file), "data_file": str(rows)})
        panel.load()
        until(lambda: not panel.opener.disabled)
        said[file.name] = panel.message.text
        assert panel.message.level == "error" and panel.message.text.startswith("Expected 'workclass' to be one of ")
        assert session.target is before and "'failed'" in str(panel.sentence.tree)
    assert "found 'Astronaut' in 1 row, which RandomForestClassifier was not fitted on. Correct it, leave" in said["f.skops"]
    assert "found 'Astronaut' in row 5 (1 such row). Correct it or leave such rows out" in said["m.safetensors"]
    panel.fill({"model_file": str(model), "data_file": str(unseen.with_name("f.csv"))})
    panel.load()
    until(lambda: not panel.opener.disabled)
    assert panel.message.text == "" and session.target.name == "RandomForestClassifier" and "'failed'" not in str(panel.sentence.tree)


def test_an_attack_that_lacks_gradients_says_which_can_run_instead(session, forest):
    from tiltyard.datasets.reading import read
    from tiltyard.targets.opening import open_target

    model, rows = forest
    attacks = AttackPanel(session=session)
    data = read(rows.with_name("f.csv"))
    session.adopt(open_target(model, data=data), data)
    attacks.choice.value = "evasion.pgd"
    runner = attacks.runner("evasion.pgd")
    said = str(runner.view.children[0].tree)
    assert runner.button.disabled and "not_applicable" in said and "Needs gradients" in said
    named = said.partition("Choose one that can run here: ")[2].partition(".'")[0].split(", ")
    others = [attacks.runner(id) for id, step in attacks.steps.items() if step.title in named]
    assert others and all(not other.button.disabled for other in others)
    attacks.choice.value = others[0].step.id
    assert not attacks.message.text


def test_a_model_file_is_looked_at_before_its_data_are_chosen(tmp_path, census):
    """It names what lies beside it, or why it may not be opened; a pickle stays closed whatever lies beside it."""
    from tiltyard.targets.saving import save

    save(census.target, tmp_path / "m.safetensors")
    frame = census.data.take(slice(0, 300)).frame
    frame[census.data.schema.label] = [census.data.schema.classes[i] for i in census.data.y[:300]]
    panel = LoadPanel()
    panel.fill({"source": "files", "model_file": str(tmp_path / "m.safetensors")})
    panel.weigh()
    until(lambda: "Give its data file" in panel.message.text)
    assert panel.message.level == "info" and panel.session.target is None
    for name in ("m.csv", "n.csv"):
        frame.to_csv(tmp_path / name, index=False)
    (tmp_path / "n.pkl").write_bytes(b"cos\nsystem\n(S'echo'\ntR.")
    panel.fill({"model_file": str(tmp_path / "n.pkl")})
    panel.weigh()
    until(lambda: "a pickle, which runs code" in panel.message.text)
    assert panel.data_file.value == "" and panel.session.target is None
    panel.fill({"model_file": str(tmp_path / "m.safetensors")})
    panel.weigh()
    until(lambda: panel.session.target is not None)
    assert panel.data_file.value == str(tmp_path / "m.csv") and panel.message.text == ""
    (tmp_path / "m.npz").write_bytes(b"")
    assert beside(tmp_path / "m.safetensors") is None  # two: which, a person says
    assert beside(tmp_path / "n.safetensors.sealed") == tmp_path / "n.csv"


def test_report_is_written_and_says_what_was_not_run(session, tmp_path):
    run(FairnessPanel(session=session), "fairness.groups")
    panel = ReportPanel(session=session)
    panel.folder.value = str(tmp_path)
    path = panel.export()
    assert "not run" in path.read_text()
    panel.folder.value = "/proc/nowhere"
    assert panel.export() is None
    assert panel.message.text.startswith("Expected a report; found")


def test_history_lays_two_runs_side_by_side(session):
    panel = AttackPanel(session=session)
    run(panel, "evasion.fgsm", rows=50)
    session.adopt(session.target, session.data)
    run(panel, "evasion.fgsm", rows=50, eps=0.3)
    history = HistoryPanel(session=session)
    until(lambda: history.refresh() or "running" not in str(history.table.tree))
    assert str(history.table.tree).count("'open'") == 2 and "nothing runs in it" in str(history.table.tree)
    history.compare()
    assert history.message.text == ""
    assert "evasion.fgsm eps" in str(history.changed.tree)
    assert "points [" in str(history.metrics.tree) and "As before." in str(history.endings.tree)
    history.gather()
    assert history.trend.value.startswith("evasion.fgsm ")
    assert "Run, oldest first" in str(history.line.chart)
    assert history.trend.value in history.code.code
    history.reopen()
    assert "evasion.fgsm" in session.latest


def test_history_marks_a_run_that_somebody_edited(session):
    """By a sign and a word in the list, and by a line that says what; it is laid beside no other."""
    panel = AttackPanel(session=session)
    for eps in (0.1, 0.3):
        session.adopt(session.target, session.data)
        run(panel, "evasion.fgsm", rows=50, eps=eps)
    with closing(sqlite3.connect(session.store.url)) as raw, raw:
        (edited,) = raw.execute("select run_id from records order by number limit 1").fetchone()
        raw.execute("update records set severity = '' where run_id = ?", (edited,))
    history = HistoryPanel(session=session)
    history.refresh()
    assert "✕ broken" in str(history.table.tree) and "✓ intact" in str(history.table.tree)
    assert f"run {edited[:8]}: evasion.fgsm, record" in history.message.text and "was edited" in history.message.text
    history.compare()
    assert f"run {edited[:8]} as it was written" in history.message.text and str(history.metrics.tree) in ("", "[]", "None")


def test_what_a_step_lacks_is_mended_by_its_own_setting(session, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    runner = TheftPanel(session=session).runner("theft.watermark_verify")
    runner.refresh()
    assert runner.button.disabled and "Needs a watermark key, and none is kept" in runner.view._sentence.plain_text()
    runner.form.set({"trial": True})
    assert not runner.button.disabled


def test_a_defense_is_measured_against_every_risk(session):
    run(TheftPanel(session=session), "theft.extraction", query_budget=100, points=1, epochs=2, rows=100)
    panel = TheftPanel(session=session)
    run(panel, "theft.output_policy")
    again = panel.runner("theft.output_policy").remeasure
    again.run()
    until(lambda: not session.busy and again.measure.disabled is False and "cross_risk.after" in session.latest)
    record = session.latest["cross_risk.after"]
    table = record.result.tables[0]
    told = next(row for row in table.rows if row[2] == "Agreement with the target" or "%" in str(row[3]))
    assert re.fullmatch(r"\d+\.\d %.*\[\d.*\]( at 95 %)?, n = [\d,]+", str(told[3])) and "points" in str(told[5])
    assert "percentage points" in table.note and record.result.charts[0].x.unit == "points"
    assert "cross_risk.after" in [r.check for r in session.store.records(session.run.id)]
    again.adopt()
    assert session.target.parent is not None


def test_every_panel_of_the_workbench_is_made_and_lists_its_steps(census):
    bench = Workbench(session=Session(census.target, census.data))
    for name in bench.names:
        assert bench.go(name) is bench.go(name)
    held = {topic_of(step) for step in available()}
    assert {name for name in bench.names if name in TOPICS} <= held  # no empty panel
    assert bench.rail.selected == bench.names[-1]


def test_a_broken_store_is_a_warning_and_the_work_goes_on(census, tmp_path):
    session = Session(census.target, census.data, Store("/proc/nowhere/runs.sqlite"))
    panel = AttackPanel(session=session)
    run(panel, "evasion.fgsm", rows=20)
    assert "evasion.fgsm" in session.latest, (session.warning, session.records, session.busy)
    assert "history" in session.warning.lower()


def test_the_defense_a_finding_names_is_one_click_away(session):
    window = Workbench(session=session)
    report = window.go("report")
    report.findings._handle_custom_msg({"event": "defense", "value": "evasion.adversarial_training"}, [])
    assert window.rail.selected == "evasion"
    assert window.go("evasion").choice.value == "evasion.adversarial_training"
    alone = AttackPanel(session=Session(session.target, session.data))
    alone.open_step("theft.output_policy")
    assert "stands in the panel Model stealing." in alone.message.text


@pytest.fixture
def extracted(session):
    """A session in which theft was measured and a defense applied, and the view that measures again."""
    panel = TheftPanel(session=session)
    run(panel, "theft.extraction", query_budget=100, points=1, epochs=2, rows=100)
    run(panel, "theft.output_policy")
    return panel.runner("theft.output_policy").remeasure


def after(record):
    """The cross-risk table without the rows that measure time."""
    return [row for row in record.result.tables[0].rows if row[0] != "Cost"]


def test_a_model_adopted_while_all_is_measured_again_has_no_effect_on_it(extracted, session, digits):
    extracted.run()
    until(lambda: not session.busy)
    expected = session.latest["cross_risk.after"]
    extracted.run()
    run_before = session.run
    session.adopt(digits.target, digits.data)
    until(lambda: not session.busy)
    assert extracted.message.text == ""
    made = [r for r in session.store.records(run_before.id) if r.check == "cross_risk.after"]
    assert len(made) == 2 and after(made[1]) == after(expected)
    assert "cross_risk.after" not in session.latest


def test_a_cancel_ends_measuring_again_whole(extracted, session):
    """Accuracy and calibration is what the old model lacks: it is under way at the cancel, and the defended model is never asked."""
    extracted.run()
    session.cancel()
    until(lambda: not session.busy and not extracted.measure.disabled)
    assert "cross_risk.after" not in session.latest
    assert extracted.progress.message.startswith("Cancelled")
    defended = session.made[session.latest["theft.output_policy"].id]
    assert all(r.target.fingerprint != defended.fingerprint for r in session.records)


def test_the_code_under_the_table_measures_the_same(extracted, session):
    extracted.run()
    until(lambda: not session.busy)
    shown = session.latest["cross_risk.after"]
    before = [r for r in session.latest.values() if r.kind == "check" and r.check != "cross_risk.after"]
    space = {"target": session.target, "data": session.data, "records": before}
    exec(extracted.view._code.code, space)  # noqa: S102 (the code that the panel shows)
    assert after(space["found"].crossed) == after(shown)


def test_no_run_begins_while_a_model_is_loaded(census, digits, monkeypatch):
    """It would go on about the old model, and the panel would say *not run* without why."""
    session, going_on = Session(census.target, census.data), threading.Event()
    panel, load = AttackPanel(session=session), LoadPanel(session=session)

    def slowly(name):
        going_on.wait(60)
        return digits

    monkeypatch.setattr("tiltyard.samples.catalog.load", slowly)
    load.load()
    panel.runner("evasion.fgsm").run()
    assert "found Loading of model and data is running. Wait for it." in panel.message.text
    load.load()
    assert load.message.text == panel.message.text
    going_on.set()
    until(lambda: session.target is digits.target)
    until(lambda: load.message.text == "")  # what it asked to wait for is over
    assert not session.busy
    run(panel, "evasion.fgsm", rows=20)
    assert "evasion.fgsm" in session.latest


def test_a_threshold_and_the_favorable_class_are_filled_in_and_shown(session, forest):
    model, rows = forest
    panel = LoadPanel(session=session)
    files = {"source": "files", "model_file": str(model), "data_file": str(rows.with_name("f.csv"))}
    panel.fill({**files, "threshold": "0.15", "positive": ">50K", "favorable": "<=50K"})
    panel.load()
    until(lambda: not panel.opener.disabled)
    assert panel.message.text == ""
    assert session.target.rule == "class '>50K' from 0.15 on"
    assert session.data.schema.favorable == "<=50K"
    said = str(panel.sentence.tree)
    assert "decides by class '>50K' from 0.15 on" in said.replace("\\'", "'") and "It is given the table as a DataFrame" in said
    assert "threshold=0.15, positive='>50K'" in panel.code.code and "data = data.hoping('<=50K')" in panel.code.code
    assert panel.given()["threshold"] == "0.15"
    held = session.target
    for wrong, words in (({"threshold": "15"}, "a threshold above 0 and below 1"), ({"threshold": ""}, "a threshold for that class")):
        panel.fill(wrong)
        panel.load()
        until(lambda: not panel.opener.disabled)
        assert words in panel.message.text and session.target is held


def test_the_header_says_how_it_decides_and_what_is_in_doubt():
    from tiltyard.result import Identity
    from tiltyard_widgets.views.rail import header

    bar = header()
    bar.show(
        Identity(name="loan", fingerprint="ab" * 32, given="the table", decision="class 'bad' from 0.15 on", doubts=("Apart <b>.",)), None
    )
    text = bar.plain_text()
    assert "decides by class 'bad' from 0.15 on" in text and "1 doubt" in text
    assert "Apart <b>." in str(bar.tree)


def test_what_most_leave_as_it_is_is_folded_until_it_is_filled_in_or_an_error_may_be_about_it(session, forest):
    model, rows = forest
    panel = LoadPanel(session=session)
    hidden = [panel.more.body.layout.display]
    panel.more.head._handle_custom_msg({"event": "fold"}, [])
    hidden.append(panel.more.body.layout.display)
    panel.more.head._handle_custom_msg({"event": "fold"}, [])
    panel.fill({"threshold": "0.15"})
    assert [*hidden, panel.more.body.layout.display] == ["none", None, None]
    assert "More settings (1 filled in)" in panel.more.head.plain_text()
    other = LoadPanel(session=session)
    other.fill({"source": "files", "model_file": str(model), "data_file": str(rows.with_name("nowhere.csv"))})
    assert other.more.body.layout.display == "none"
    other.load()
    until(lambda: not other.opener.disabled)
    assert "nowhere" in other.message.text and other.more.body.layout.display is None
