"""Ethics answers: under the login's name, by the analyst's right, with before and after in the audit log; a viewer's click is refused."""

import json
from datetime import date
from pathlib import Path

import pytest

from tiltyard.access.person import Person
from tiltyard.access.roles import Denied, Role
from tiltyard.audit.log import check
from tiltyard.audit.notes import place
from tiltyard.errors import Problem
from tiltyard.guidelines.answers import Desk
from tiltyard.guidelines.checklist import checklist_record
from tiltyard.samples.catalog import load
from tiltyard.standards.ethics import Checklist, PersonalAnswer, fill
from tiltyard.store.store import Store
from tiltyard_widgets.panels.ethics import EthicsPanel
from tiltyard_widgets.panels.session import Session
from tiltyard_widgets.panels.workbench import Workbench

ANN, VERA = Person("ann", Role.ANALYST, shared=True), Person("vera", Role.VIEWER, shared=True)
ID = "safety.risks"


def session(tmp_path: Path, person: Person | None) -> Session:
    sample = load("census")
    return Session(sample.target, sample.data, Store(tmp_path / "runs.sqlite", person=person))


def panel(tmp_path: Path, person: Person | None) -> EthicsPanel:
    return EthicsPanel(session=session(tmp_path, person))


def fill_in(panel: EthicsPanel, text: str, by: str = "") -> None:
    """As a browser sends it: whatever stands in the fields, disabled or not."""
    panel.which.value = ID
    panel.word.value, panel.words.value = "yes", text
    if by:
        panel.by.value = by
    panel.answer()


def answer(panel: EthicsPanel) -> PersonalAnswer | None:
    assert panel.list is not None
    return panel.list.item(ID).answer


def logged(tmp_path: Path) -> list[dict[str, object]]:
    file = place(tmp_path / "runs.sqlite")
    if file is None or not file.exists():
        return []
    check(file)  # raises where the chain does not hold
    return [line for line in map(json.loads, file.read_text().splitlines()) if "ethics" in line["what"]]


def test_an_answer_carries_the_login_whatever_is_sent(tmp_path: Path) -> None:
    mine = panel(tmp_path, ANN)
    assert mine.by.disabled and mine.by.value == "ann"
    fill_in(mine, "Weighed.", by="The board")
    found = answer(mine)
    assert found is not None and (found.by, found.text) == ("ann", "Weighed.")


def test_the_owner_alone_may_sign_for_another_and_is_named_by_default(tmp_path: Path) -> None:
    mine = panel(tmp_path, Person("me", Role.ADMIN))
    assert not mine.by.disabled and mine.by.value == "me"
    fill_in(mine, "Weighed.")
    assert (found := answer(mine)) is not None and found.by == "me"
    fill_in(mine, "Weighed again.", by="Ada")
    assert (found := answer(mine)) is not None and found.by == "Ada"


def test_before_and_after_stand_in_the_log(tmp_path: Path) -> None:
    mine = panel(tmp_path, ANN)
    fill_in(mine, "Weighed.")
    fill_in(mine, "Weighed anew, " + "at length " * 100)
    mine.which.value = ID
    mine.take_back()
    mine.put()
    lines = logged(tmp_path)
    assert [line["what"] for line in lines] == [
        "ethics question answered",
        "ethics question answered",
        "ethics answer withdrawn",
        "ethics checklist put in the report",
    ]
    assert {line["who"] for line in lines} == {"ann"}
    changes = [line["parameters"]["answers"][0] for line in lines[:3]]  # type: ignore[index]
    assert [c["question"] for c in changes] == [ID] * 3
    assert changes[0]["before"] is None and changes[0]["after"]["text"] == "Weighed."
    assert changes[1]["before"] == changes[0]["after"] and changes[1]["after"]["text"].startswith("Weighed anew")
    assert changes[2]["before"]["sha256"] == changes[1]["after"]["sha256"] and changes[2]["after"] is None


def test_what_a_viewer_sends_all_the_same_is_refused(tmp_path: Path) -> None:
    theirs = panel(tmp_path, VERA)
    for button in (theirs.save, theirs.withdraw, theirs.keep):
        button.disabled = False
        assert button.disabled and "analyst" in button.tooltip
    assert theirs.list is not None
    theirs._hold(theirs.list.answered(ID, "no", "Never weighed.", "ann"))  # as a shared run brings it
    before = theirs.list
    theirs.which.value = ID
    fill_in(theirs, "All is well.", by="ann")
    assert "the role analyst" in theirs.message.text and theirs.list == before
    theirs.message.clear()
    theirs.withdraw.click()
    assert "the role analyst" in theirs.message.text and theirs.list == before
    theirs.message.clear()
    theirs.keep.click()
    assert "the role analyst" in theirs.message.text and not theirs.session.records
    with pytest.raises(Denied):
        theirs.adopt(fill([]).answered(ID, "yes", "Brought.", "ann").text())
    brought = tmp_path / "list.json"
    brought.write_text(fill([]).text())
    theirs._brought(str(brought))
    assert theirs.message.text and theirs.list == before
    assert logged(tmp_path) == []


def test_below_the_panel_a_viewer_is_refused_too(tmp_path: Path) -> None:
    sample = load("census")
    found = fill([], target=sample.target.identity, data=sample.data.identity)
    record = checklist_record(found, sample.target.identity, sample.data.identity)
    desk = Desk(VERA, str(tmp_path / "runs.sqlite"))
    for act in (
        lambda: desk.answer(found, ID, "yes", "Fine.", "ann"),
        lambda: desk.withdraw(found, ID),
        lambda: desk.bring(found, found),
        lambda: desk.brought(found, found),
        lambda: desk.report(found, sample.target.identity, sample.data, []),
        lambda: session(tmp_path, VERA).add(record),
    ):
        with pytest.raises(Denied):
            act()
    ann = Store(tmp_path / "runs.sqlite", person=ANN)
    run = ann.begin("of ann", sample.target.identity, sample.data.identity)
    for person in (VERA, Person("ann", Role.VIEWER, shared=True)):
        with pytest.raises(Problem):
            Store(tmp_path / "runs.sqlite", person=person).add(run.id, record)
    assert ann.records(run.id) == [] and logged(tmp_path) == []


def test_a_file_signs_for_nobody_else(tmp_path: Path) -> None:
    """A checklist with answers by the board, and with numbers that nobody measured, is brought by ann."""
    forged = fill([]).answered(ID, "yes", "Approved.", "The board", date(2020, 1, 1))
    old = forged.items[0].model_copy(update={"id": "old.one", "answer": forged.item(ID).answer, "evidence": (_evidence(),)})
    forged = forged.model_copy(update={"former": (old,)})
    mine = panel(tmp_path, ANN)
    mine.adopt(forged.text())
    assert (found := answer(mine)) is not None and (found.by, found.text) == ("ann", "Approved.")
    assert mine.list is not None and [(i.answer.by if i.answer else "", i.evidence) for i in mine.list.former] == [("ann", ())]
    line = logged(tmp_path)[0]
    assert line["what"] == "ethics checklist brought" and {a["question"] for a in line["parameters"]["answers"]} == {ID, "old.one"}  # type: ignore[index]
    again = Checklist.model_validate_json(mine.list.text())
    mine.adopt(again.text())
    assert answer(mine) == found


def _evidence() -> object:
    from datetime import UTC, datetime

    from tiltyard.standards.ethics import MeasuredEvidence

    return MeasuredEvidence(record="0" * 32, check="x", title="X", metric="m", ended="passed", text="All is well", when=datetime.now(UTC))


def test_where_all_must_be_logged_and_cannot_be_nothing_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = panel(tmp_path, ANN)
    monkeypatch.setenv("TILTYARD_AUDIT_REQUIRED", "1")
    monkeypatch.setenv("TILTYARD_AUDIT", "off")
    fill_in(mine, "Weighed.")
    assert answer(mine) is None and "audit log" in mine.message.text


def test_the_rail_says_of_the_checklist_what_its_page_says(tmp_path: Path) -> None:
    window = Workbench(session=session(tmp_path, None))

    def rail() -> tuple[str, str]:
        (item,) = [one for one in window.rail.items if one["id"] == "ethics"]
        return item["state"], item["words"]

    assert rail() == ("not_run", "")
    mine = window.go("ethics")
    assert isinstance(mine, EthicsPanel) and "not run" in str(mine.sentence.tree)
    fill_in(mine, "Weighed.")
    assert mine.list is not None
    assert rail() == ("incomplete", f"1 of {len(mine.list.items)} answered") and "incomplete" in str(mine.sentence.tree)
    mine.which.value, mine.word.value = ID, "no"
    mine.answer()
    assert rail()[0] == "finding" and "finding" in str(mine.sentence.tree)
    mine.which.value = ID
    mine.take_back()
    assert rail()[0] == "not_run" and "not run" in str(mine.sentence.tree)
