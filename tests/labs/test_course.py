"""A class: accounts from a roster, notebooks, grades that rest on records, a page without names, a new beginning."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tiltyard.access.roles import Role
from tiltyard.access.users import Users
from tiltyard.cli import main
from tiltyard.errors import Problem
from tiltyard.labs.course import collecting, dashboard, handout, roster
from tiltyard.labs.submission import Submission
from tiltyard.labs.work import Answer, Decision, Prediction, Work, WorkFile, now, place_of
from tiltyard.result import Record

from .test_grading import BEGUN, ran

ROSTER = "Login;Name;Group;Role\r\nada;Ada Lovelace;A;\r\nbob;Böb Ross;B;viewer\r\n"


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "roster.csv"
    path.write_text(ROSTER, encoding="utf-8-sig")
    return path


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_USERS", str(tmp_path / "users.json"))
    monkeypatch.setenv("TILTYARD_LABS", str(tmp_path / "work" / "labs.json"))


def test_a_roster_is_read_as_spreadsheets_write_it(listed: Path) -> None:
    ada, bob = roster.read_roster(listed)
    assert (ada.login, ada.name, ada.group, ada.role) == ("ada", "Ada Lovelace", "A", Role.ANALYST)
    assert (bob.name, bob.role) == ("Böb Ross", Role.VIEWER)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name\nAda\n", "the columns login, name"),
        ("login,name\nada,Ada\nADA,Other\n", "each login once"),
        ("login,name\n../ada,Ada\n", "in line 2"),
        ("login,name,role\nada,Ada,god\n", "a role"),
        ("login,name\n", "students in"),
        ("", "the columns"),
    ],
)
def test_a_bad_roster_is_one_line(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "r.csv"
    path.write_text(text)
    with pytest.raises(Problem, match=found):
        roster.read_roster(path)


def test_accounts_are_made_once_and_their_passwords_open_them(listed: Path, tmp_path: Path) -> None:
    Users().add("bob", "viewer", "a password of his own")
    out = tmp_path / "first.csv"
    assert main(["course", "accounts", str(listed), "--out", str(out)]) == 0
    ((login, *_, role, password),) = list(csv.reader(io.StringIO(out.read_text("utf-8-sig"))))[1:]
    assert (login, role) == ("ada", "analyst")
    assert out.stat().st_mode & 0o077 == 0
    assert Users().verify("ada", password) is not None
    assert Users().verify("bob", "a password of his own") is not None
    assert main(["course", "accounts", str(listed), "--out", str(out)]) == 2


def test_a_viewer_makes_no_accounts(listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_USER", "bob")
    monkeypatch.setenv("TILTYARD_ROLE", "viewer")
    assert main(["course", "accounts", str(listed), "--out", str(tmp_path / "first.csv")]) == 2
    assert not (tmp_path / "first.csv").exists()


def test_a_formula_in_a_name_is_text_in_the_table() -> None:
    assert roster.written([("=cmd()", "-1", "Ada")]).decode("utf-8-sig") == "'=cmd(),'-1,Ada\r\n"


def of_digits(record: Record) -> Record:
    """The record as if of the shipped model."""
    from tiltyard.labs.models import model

    known = record.target.model_copy(update={"fingerprint": model("digits").target.fingerprint})
    effective = {"norm": "linf", "eps": 0.1, "rows": 100, "seed": 0, "steps": 10}
    return record.model_copy(update={"target": known, "effective": effective})


def submission(student: str, *records: Record, value: float = 62.0, claims: bool = True) -> Submission:
    """Lab 2 with one answer."""
    work = Work(
        student=student,
        predictions={"2b": Prediction(value=50.0, at=BEGUN)},
        answers={"2b": Answer(value=value, right=claims, reason="right" if claims else "not_measured", at=now())},
        missed={"2b": {"share_for_percent": 2}},
        decisions={"1f": Decision(question="1f", choice="gradients", why="because", at=now())},
    )
    return Submission(lab=2, student=student, at=now(), version="1", work=work, fingerprints={"digits": "made up"}, records=records)


def handed_in(folder: Path, login: str, made: Submission) -> None:
    place = folder / "submitted" / login / "lab2"
    place.mkdir(parents=True)
    (place / "lab2.lab.json").write_text(made.model_dump_json())


def test_grades_are_worked_out_anew_and_a_claim_without_its_record_is_worth_nothing(listed: Path, tmp_path: Path, capsys: Any) -> None:
    folder = tmp_path / "course"
    handed_in(folder, "ada", submission("Ada Lovelace", of_digits(ran())))
    handed_in(folder, "bob", submission("Böb Ross"))
    out, page = tmp_path / "grades.csv", tmp_path / "class.html"
    assert main(["course", "collect", str(listed), str(folder), "--out", str(out), "--page", str(page)]) == 0
    head, ada, bob = csv.reader(io.StringIO(out.read_text("utf-8-sig")))
    place = head.index("Lab 2")
    assert (ada[:3], ada[place], bob[place], ada[place + 1]) == (["ada", "Ada Lovelace", "A"], "12", "0", "")
    text = page.read_text()
    assert not any(name in text for name in ("Ada", "Ross", "ada", "bob"))
    assert "1 of 2 right" in text and "that is the share" in text and "<script" not in text
    assert "12 %" in capsys.readouterr().out


def test_what_speaks_against_a_submission_is_told(listed: Path, tmp_path: Path, capsys: Any) -> None:
    folder = tmp_path / "course"
    same = of_digits(ran())
    handed_in(folder, "ada", submission("Ada Lovelace", same))
    handed_in(folder, "bob", submission("Ada Lovelace", same))
    handed_in(folder, "eve", submission("Eve", of_digits(ran(minutes=3))))
    (folder / "broken.lab.json").write_text('{"format": 1}')
    assert main(["course", "collect", str(listed), str(folder)]) == 1
    told = " ".join(capsys.readouterr().out.split())
    for words in ("same run as the submission of bob", "on the roster is Böb Ross", "eve is not on the roster", "a submission of format 1"):
        assert words in told, words


def test_a_group_alone_is_graded(listed: Path, tmp_path: Path) -> None:
    (tmp_path / "course").mkdir()
    assert main(["course", "collect", str(listed), str(tmp_path / "course"), "--group", "C"]) == 2
    assert main(["course", "collect", str(listed), str(tmp_path / "course"), "--group", "A"]) == 0
    assert "Nothing was handed in" in dashboard.page(collecting.Collection(roster.read_roster(listed)))


def test_a_lab_or_all_are_begun_anew_and_what_was_there_is_kept() -> None:
    file = WorkFile(place_of("ada"))
    with file.changed() as draft:
        draft.named("Ada")
        draft.predicted("2b", 50.0)
        draft.predicted("3a", 70.0)
    assert main(["course", "reset", "ada", "--lab", "2"]) == 0
    assert set(file.read().predictions) == {"3a"}
    assert main(["course", "reset", "ada"]) == 0
    assert file.read() == Work(student="Ada")
    kept = [json.loads(path.read_text())["predictions"] for path in sorted(file.path.parent.glob("labs-ada.*.json"))]
    assert [set(one) for one in kept] == [{"2b", "3a"}, {"3a"}]
    assert main(["course", "reset", "nobody"]) == 2


def test_notebooks_lie_as_nbgrader_has_them(tmp_path: Path) -> None:
    import nbformat

    out = tmp_path / "course"
    assert main(["course", "release", str(out)]) == 0
    for number in range(1, 9):
        (theirs,), (ours,) = (list((out / kind / f"lab{number}").glob("*.ipynb")) for kind in ("release", "source"))
        for path in (theirs, ours):
            nbformat.validate(nbformat.read(path, as_version=4))
        assert "Expected (seed" not in theirs.read_text()
    assert len(list((out / "slides").glob("*.html"))) == 8
    assert main(["course", "release", str(out)]) == 2
    assert handout.default_source().name == "labs"


@pytest.mark.parametrize("role", ["analyst", "admin"])
def test_behind_a_shared_login_a_class_is_nobodys(
    role: str, listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("TILTYARD_USER", "ann")
    monkeypatch.setenv("TILTYARD_ROLE", role)
    before = sorted(tmp_path.iterdir())
    for words in (
        ("accounts", str(listed), "--out", str(tmp_path / "first.csv")),
        ("release", str(tmp_path / "handed")),
        ("collect", str(listed), str(tmp_path), "--out", str(tmp_path / "grades.csv")),
        ("reset", "ada", "--work", "/etc/passwd"),
    ):
        assert main(["course", *words]) == 2
        said = capsys.readouterr()
        assert "shared login" in said.err
        assert "Lovelace" not in said.err + said.out
    assert sorted(tmp_path.iterdir()) == before


def test_grades_and_a_page_that_are_there_are_replaced_by_a_word_alone(listed: Path, tmp_path: Path) -> None:
    (tmp_path / "submitted").mkdir()
    for option, name in (("--out", "grades.csv"), ("--page", "class.html")):
        there = tmp_path / name
        there.write_text("mine")
        words = ["course", "collect", str(listed), str(tmp_path / "submitted"), option, str(there)]
        assert main(words) == 2
        assert there.read_text() == "mine"
        assert main([*words, "--overwrite"]) == 0
        assert there.read_text() != "mine"
