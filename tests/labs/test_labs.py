"""Each lab from its first cell to its last: with its solutions, and as a student leaves it who types nothing."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tiltyard as ty
from tiltyard.errors import Problem
from tiltyard.labs import session
from tiltyard.labs.desk import questions
from tiltyard.labs.work import Work, WorkFile

from .walking import lab, walk

LABS = range(1, 9)
LONGEST = 60.0  # seconds of one core that a cell may take


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Work]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TILTYARD_LABS", str(tmp_path / "labs.json"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return lambda: WorkFile().read()


@pytest.fixture
def decided() -> None:
    """The ledger of somebody who did the labs before."""
    from tiltyard.labs.work import Decision, now

    with WorkFile().changed() as draft:
        for question in ("1f", "2g", "3h", "4g"):
            draft.decided(Decision(question=question, choice="a choice", why="a reason of some words that stands in the ledger", at=now()))


@pytest.mark.slow
@pytest.mark.parametrize("number", LABS)
def test_with_its_solutions_every_question_is_right_and_graded_so_again(
    number: int, own: Callable[[], Work], decided: None, tmp_path: Path
) -> None:
    from tiltyard.labs.course.collecting import collect
    from tiltyard.labs.course.roster import Student

    done = walk(lab(number).instructor())
    mine = [q.id for q in questions().values() if q.lab == number]
    assert [id for id in mine if not own().is_right(id)] == []
    assert max(seconds for seconds, _ in done.cpu) < LONGEST
    found = collect(tmp_path, (Student(login="ada", name="Ada Lovelace"),))
    handed_in = found.handed_in["ada", number]
    assert {id: ruling.reason for id, ruling in handed_in.rulings.items() if not ruling.right} == {}
    assert (handed_in.doubts, found.unread) == ((), ())


@pytest.mark.parametrize("number", LABS)
def test_with_blanks_nothing_is_measured_for_a_question_and_none_is_right(
    number: int, own: Callable[[], Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What needs no prediction would run; here it is held back, for it is the solutions' walk that runs it."""

    def held(*_: Any, **__: Any) -> None:
        raise Problem("nothing to run", "a run", "Walk with solutions")

    monkeypatch.setattr(session.api, "assess", held)
    monkeypatch.setattr(session.api, "defend", held)
    with WorkFile().changed() as draft:
        draft.named("Ada Lovelace")
    done = walk(lab(number).student(), going_on=True)
    said = [str(problem) for _, problem in done.problems if isinstance(problem, Problem)]
    predicted = [q.id for q in questions().values() if q.lab == number and q.predicts]
    for id in predicted:
        assert any(f"your prediction for {id}" in one and "a blank" in one for one in said), id
        assert number == 1 or any(f"your prediction for {id} before anything is measured" in one for one in said), id
    work = own()
    assert not any(answer.right for answer in work.answers.values())
    assert {reason for why in work.missed.values() for reason in why} <= {"blank", "unchanged", "no_run", "outside_range"}


@pytest.mark.parametrize("number", LABS)
def test_a_lab_is_whole(number: int) -> None:
    found = lab(number)
    code = "\n".join(cell.text for cell in found.cells if cell.kind == "code")
    words = "\n".join(cell.text for cell in found.cells if cell.kind == "markdown")
    assert 35 <= found.minutes <= 45
    for question in (q for q in questions().values() if q.lab == number):
        assert re.search(rf'ty\.labs\.(check|decide|reflect)\(\s*"{question.id}"', code), question.id
        assert not question.predicts or f'ty.labs.predict("{question.id}"' in code, question.id
    assert "Optional depth" in words or number == 8
    assert any("instructor" in cell.tags for cell in found.cells)
    assert len(found.slides()) >= 1
    assert re.search("wrong way|What may be wrong", words, re.IGNORECASE)
    assert all(alt.strip() for alt in re.findall(r"!\[(.*?)\]\(", words))
    assert "http://" not in words


@pytest.mark.parametrize("number", LABS)
def test_no_solution_stands_in_the_students_notebook(number: int) -> None:
    found = lab(number)
    theirs = "\n".join(cell.text for cell in found.student())
    options = {option for q in questions().values() for option in getattr(q, "options", ())}
    blanks = [line for cell in found.cells for line in cell.text.splitlines() if "# blank:" in line]
    assert blanks
    for line in blanks:
        solution = line.partition(" = ")[2].partition("  # blank:")[0]
        named = solution.strip('"') in options  # the words to choose from stand above the cell
        assert named or len(solution) < 6 or solution not in theirs, line
    assert "# solution" not in theirs and "Expected (seed" not in theirs


def test_a_capstone_is_ones_own_and_can_be_made_again() -> None:
    from tiltyard.labs.capstone import plan_of, seed_of

    assert seed_of("Ada  Lovelace") == seed_of("ada lovelace") != seed_of("Alan Turing")
    plans = [plan_of(f"student {i}") for i in range(60)]
    assert len({plan.seed for plan in plans}) == 60
    for fault in ("memorizes", "slighted"):
        counts = [[getattr(plan, fault) for plan in plans].count(value) for value in {getattr(plan, fault) for plan in plans}]
        assert len(counts) == 2 and min(counts) > 15, fault
    with pytest.raises(Problem, match="a student's name"):
        seed_of("  ")


def test_a_name_is_asked_for_where_it_is_needed() -> None:
    with pytest.raises(Problem, match="whose capstone it is"):
        ty.labs.model("capstone")
    with pytest.raises(Problem, match="who hands it in"):
        ty.labs.submit(2)
    with pytest.raises(Problem, match="your name, 2 to 80"):
        ty.labs.name(...)  # type: ignore[arg-type]
