"""A window that is opened anew comes back to model, data and results; what it may not open it shows as it is kept."""

import json
from pathlib import Path

import pytest

from tiltyard.access.person import Person, me
from tiltyard.access.places import home
from tiltyard.access.roles import Role
from tiltyard.catalogue import find
from tiltyard.datasets.cohorts import Cohort
from tiltyard.datasets.conditions import Between, Labelled
from tiltyard.errors import Problem
from tiltyard.samples.catalog import load
from tiltyard.store.store import Store
from tiltyard_widgets.panels.app import begin, shipped
from tiltyard_widgets.panels.arriving import Arrival, last
from tiltyard_widgets.panels.kept_loads import KeptLoads, load_of
from tiltyard_widgets.panels.lab import LabWindow
from tiltyard_widgets.panels.load import LoadPanel
from tiltyard_widgets.panels.reopening import of_load, source_in
from tiltyard_widgets.panels.session import Session
from tiltyard_widgets.panels.source import KeptFile, Source
from tiltyard_widgets.panels.workbench import Workbench
from tiltyard_widgets.place import PLACE, Place

from .waiting import until

PERFORMANCE = "validation.performance"


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    place = str(tmp_path / "runs.sqlite")
    monkeypatch.setenv("TILTYARD_STORE", place)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv(PLACE, raising=False)
    monkeypatch.delenv("QUERY_STRING", raising=False)
    return place


def window() -> Workbench:
    return Workbench()


def loaded(bench: Workbench, **fields: str) -> LoadPanel:
    panel = bench.go("load")
    panel.fill(fields)
    panel.load()
    until(lambda: not bench.session.busy)
    assert bench.session.target is not None, panel.message.text
    return panel


def measured(bench: Workbench) -> str:
    session = bench.session
    session.start([find(PERFORMANCE)(rows=60)], lambda _: None, lambda _: None, lambda: None)
    until(lambda: not session.busy)
    assert session.run is not None
    return session.run.id


def came(place: Place, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    monkeypatch.setenv(PLACE, place.query)
    bench = shipped()
    begin(bench)
    until(lambda: not bench.session.busy and (bench.wanted == Place() or bench.session.closed or bench.go("load").message.text))
    return bench


def test_a_sample_comes_back_with_its_results_topic_and_step(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = window()
    loaded(before, source="sample", sample="digits")
    run = measured(before)
    before.open_step("evasion.fgsm")
    assert before.address.run == run[:8] and (before.address.topic, before.address.step) == ("evasion", "evasion.fgsm")
    bench = came(before.place, monkeypatch)
    assert bench.session.target.name == load("digits").target.name
    assert (bench.rail.selected, bench.go("evasion").choice.value) == ("evasion", "evasion.fgsm")
    assert PERFORMANCE in bench.session.latest
    assert bench.place == before.place
    assert measured(bench) == run  # what is run now joins that run


def files(folder: Path) -> dict[str, str]:
    """A model of scikit-learn and its rows, with a corrected column."""
    import pandas as pd
    import skops.io
    from sklearn.linear_model import LogisticRegression

    frame = pd.DataFrame({"age": [20 + i * 7 % 50 for i in range(120)], "income": [i % 37 for i in range(120)], "id": range(120)})
    frame["label"] = ["yes" if i % 37 > 15 else "no" for i in range(120)]
    model = LogisticRegression().fit(frame[["age", "income"]], frame["label"])
    skops.io.dump(model, folder / "m.skops")
    frame.to_csv(folder / "m.csv", index=False)
    return {"source": "files", "model_file": str(folder / "m.skops"), "data_file": str(folder / "m.csv")}


def test_files_come_back_with_threshold_and_what_was_corrected(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = window()
    panel = before.go("load")
    panel.fill(files(tmp_path))
    panel.read()
    until(lambda: panel.schema.proposal is not None)
    panel.schema._try(lambda p: p.mark(("age",)))
    loaded(before, threshold="0.3", positive="yes", favorable="yes")
    rule, fingerprint = before.session.target.rule, before.session.data.fingerprint
    assert "0.3" in rule
    bench = came(Place(measured(before), "fairness"), monkeypatch)
    assert bench.session.closed == ""
    assert (bench.session.target.rule, bench.session.data.fingerprint) == (rule, fingerprint)
    assert bench.session.data.schema.sensitive == ("age",)
    assert PERFORMANCE in bench.session.latest


def test_what_was_loaded_and_never_run_comes_back_with_its_corrections_and_its_cohort(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = window()
    panel = before.go("load")
    panel.fill(files(tmp_path))
    panel.read()
    until(lambda: panel.schema.proposal is not None)
    panel.schema._try(lambda p: p.mark(("age",)))
    loaded(before, favorable="yes")
    before.go("cohorts").adopt(Cohort.of(Between(column="income", low=20), Labelled(classes=("yes",))))
    before.go("fairness")
    used = before.session.data
    assert before.session.run is None and before.place.load == before.session.load and Store(url).runs() == []
    bench = came(before.place, monkeypatch)
    assert bench.session.data.fingerprint == used.fingerprint and bench.session.data.selection.cohort == used.selection.cohort
    assert bench.session.data.schema.sensitive == ("age",) and bench.panel("load").schema.proposal.schema.sensitive == ("age",)
    assert bench.session.target.fingerprint == before.session.target.fingerprint
    assert bench.place == before.place and bench.rail.selected == "fairness"
    run = measured(bench)  # a run of a cohort comes back as that cohort, from its own address alone
    again = came(Place(run, "cohorts"), monkeypatch)
    assert again.session.closed == "" and again.session.data.fingerprint == used.fingerprint and PERFORMANCE in again.session.latest
    bench.all_rows()
    assert came(bench.place, monkeypatch).session.data.selection is None


def test_what_was_loaded_last_is_offered_where_nothing_was_run_since(url: str, tmp_path: Path) -> None:
    before = window()
    loaded(before, source="sample", sample="digits")
    assert last(Store(url)) is None  # a shipped sample as it is, is no work of theirs
    loaded(before, **files(tmp_path))
    found = last(Store(url))
    assert found is not None and found.words.startswith("LogisticRegression on m, loaded, nothing run yet, ")
    bench = shipped()
    begin(bench)
    panel = bench.go("load")
    until(lambda: panel.onward.children)
    panel.onward.button.click()
    until(lambda: bench.session.target is not None)
    assert bench.session.target.fingerprint == before.session.target.fingerprint
    run = measured(before)
    assert last(Store(url)).had.id == run
    (tmp_path / "m.csv").write_text("age,income,id,label\n33,4,121,no\n40,20,122,yes\n")
    lost = window()
    Arrival(lost).at(before.place if before.place.load else Place(topic="load", load=before.session.load))
    until(lambda: lost.go("load").message.text)
    assert "m as it was loaded" in lost.go("load").message.text and lost.session.target is None


def test_of_what_was_loaded_the_last_are_kept_and_nothing_that_is_no_load_is_read(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiltyard_widgets.panels.kept_loads.MOST", 3)
    kept, folder, sample = KeptLoads(me()), home(me()) / "loaded", load("digits")
    source = Source(kind="sample", fields={"source": "sample", "sample": "digits", "favorable": "1"})
    models = [sample.target.identity.model_copy(update={"detail": str(i)}) for i in range(5)]
    ids = [kept.keep(load_of(source, model, sample.data)) for model in models]
    assert len(set(ids)) == 5 and len(list(folder.glob("*.json"))) == 3 and kept.kept(ids[-1]).target == models[-1]
    (folder / f"{ids[-1]}.json").write_text('{"format": 2}')
    for bad in (ids[-1], ids[0], "../../secrets", "0" * 16):
        with pytest.raises(Problem, match="Load it again"):
            kept.kept(bad)
    assert kept.last().id in ids[2:4]
    endpoint = Source(kind="endpoint", shut="an endpoint is asked only when a person says so")
    with pytest.raises(Problem, match="only when a person says so"):
        of_load(load_of(endpoint, models[0], sample.data))


def test_a_file_that_is_another_by_now_is_looked_at_only(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = window()
    loaded(before, **files(tmp_path))
    run = measured(before)
    with (tmp_path / "m.csv").open("a") as rows:
        rows.write("33,4,121,no\n")
    bench = came(Place(run, "validation", PERFORMANCE), monkeypatch)
    assert bench.session.target is None
    assert bench.session.closed.startswith("Look only: expected m as it was assessed")
    assert PERFORMANCE in bench.session.latest  # its records are shown
    runner = bench.go("validation").runner(PERFORMANCE)
    assert runner.button.disabled and "Look only" in runner.progress.message
    assert "m" in bench.header.plain_text()
    with pytest.raises(Problem):
        bench.session.ready()


def test_a_model_of_the_notebook_is_looked_at_only(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = load("census")
    session = Session(sample.target, sample.data, Store(url))
    run = measured(Workbench(session=session))
    bench = came(Place(run), monkeypatch)
    assert "made in memory or by an older Tiltyard" in bench.session.closed
    assert bench.rail.selected == "report" and PERFORMANCE in bench.session.latest


def test_an_upload_comes_back_by_its_hash(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, before = files(tmp_path), window()
    panel = before.go("load")
    for field, name in ((panel.model_file, "model_file"), (panel.data_file, "data_file")):
        path = Path(given[name])
        field.upload._begin(path.name, path.stat().st_size)
        field.upload._piece(0, memoryview(path.read_bytes()))
        Path(field.value).resolve()
    loaded(before, source="files")
    run = Store(url).run(measured(before))
    kept = Source.model_validate(run.config["source"])
    assert len(kept.model.upload) == 64 and not kept.model.path and "tiltyard-upload" not in str(run.config)
    Path(panel.model_file.value).unlink()
    Path(panel.data_file.value).unlink()
    bench = came(Place(run.id, "validation"), monkeypatch)
    assert bench.session.closed == "" and bench.session.target.fingerprint == run.target.fingerprint


def test_nothing_that_is_secret_or_code_is_opened_by_an_address(url: str) -> None:
    store = Store(url)
    me, bob = Person("ann", Role.ANALYST, shared=True), "bob"

    class Line:
        def __init__(self, owner: str, **source: object) -> None:
            self.owner, self.config = owner, {"source": source}

    assert source_in(Line(bob, kind="sample", fields={"source": "sample"}), me).kind == "sample"
    with pytest.raises(Problem, match="files of bob"):
        source_in(Line(bob, kind="files", fields={}), me)
    with pytest.raises(Problem, match="its factory is code"):
        source_in(Line("ann", kind="files", shut="its factory is code, which no address runs"), me)
    with pytest.raises(Problem, match="not there any more"):
        KeptFile(path="/etc/passwd", name="passwd").found(me)
    assert store.runs() == []


def test_without_an_address_the_last_run_is_offered_and_the_shipped_model_only_on_a_first_visit(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shipped()
    begin(first)
    until(lambda: first.session.target is not None and not first.session.busy)
    assert first.session.target.name == "Census income MLP"
    loaded(first, source="sample", sample="digits")
    measured(first)
    second = shipped()
    begin(second)
    panel = second.go("load")
    until(lambda: panel.onward.children)
    assert second.session.target is None  # nothing is loaded as if it were theirs
    words = panel.onward._words.plain_text()
    assert words.startswith(f"Go on where you were: {load('digits').target.name} on ") and " of " in words
    panel.onward.button.click()
    until(lambda: second.session.run is not None)
    assert second.session.target.name == load("digits").target.name and panel.onward.children == ()


def test_a_run_that_is_none_is_said_and_the_last_is_offered(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = came(Place("deadbeef", "evasion"), monkeypatch)
    assert "deadbeef" in bench.go("load").message.text
    assert last(Store(url)) is None and Arrival(bench).session.target is None


def test_jupyterlabs_window_comes_back_to_correction_cohort_and_run_after_a_restart(url: str, tmp_path: Path) -> None:
    before = LabWindow({})
    panel = before.bench.go("load")
    panel.fill(files(tmp_path))
    panel.read()
    until(lambda: panel.schema.proposal is not None)
    panel.schema._try(lambda p: p.mark(("age",)))
    loaded(before.bench)
    before.bench.go("cohorts").adopt(Cohort.of(Between(column="income", high=20)))
    run, used = measured(before.bench), before.session.data.fingerprint
    after = LabWindow(json.loads(json.dumps(before.state)))
    until(lambda: after.session.run is not None or after.bench.panel("load").message.text)
    assert after.bench.panel("load").message.text == "" and after.session.run.id == run
    assert (after.session.data.fingerprint, after.session.data.schema.sensitive) == (used, ("age",))
    assert after.state == before.state
    with (tmp_path / "m.csv").open("a") as rows:
        rows.write("33,4,121,no\n")
    changed = LabWindow(json.loads(json.dumps(before.state)))  # loaded as it is now, and the run of before is not taken up
    until(lambda: changed.session.target is not None and changed.bench.panel("load").message.text)
    assert changed.session.run is None and len(changed.session.data) == 121
    assert "Open that run in History" in changed.bench.panel("load").message.text


def test_a_cohort_that_was_only_begun_comes_back_until_it_is_cleared(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = window()
    loaded(before, source="sample", sample="census")
    begun = Cohort.of(Between(column="age", low=20.0, high=30.0), Labelled(classes=(">50K",)))
    first = before.go("cohorts")
    first.builder.fill(begun)
    first.name.value = "young and paid"
    bench = came(before.place, monkeypatch)
    again = bench.go("cohorts")
    assert again.cohort() == begun.model_copy(update={"name": "young and paid"})
    assert again.data.fingerprint == first.data.fingerprint and again.session.data.selection is None
    again.builder.clear()
    assert came(before.place, monkeypatch).go("cohorts").builder.stated == ()
