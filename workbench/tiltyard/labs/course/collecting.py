"""Submissions of a class, graded anew from their records: the table, its CSV, and what speaks against a submission."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...errors import Problem
from ..desk import questions
from ..models import model
from ..question import Ruling
from ..submission import ENDING, Submission, graded, of_lab, read
from .rerunning import Rerun, Rerunner
from .roster import Student, written

SUBMITTED = "submitted"


@dataclass(frozen=True)
class Graded:
    """One submission with its grades.

    Attributes
    ----------
    login
        From the folder, as nbgrader lays them: ``submitted/LOGIN/lab2/…``; else from the name that stands in it.
    doubts
        What speaks against it, a line each.
    rerun
        What running its records again said; None where they were not.
    """

    login: str
    submission: Submission
    rulings: Mapping[str, Ruling]
    doubts: tuple[str, ...] = ()
    rerun: Rerun | None = None

    @property
    def points(self) -> int:
        """How many questions are right."""
        return sum(ruling.right for ruling in self.rulings.values())


@dataclass(frozen=True)
class Collection:
    """All that a class handed in; of several submissions of one lab by one student the last counts.

    ``unread`` are files that are no submission, a line each.
    """

    students: tuple[Student, ...]
    handed_in: Mapping[tuple[str, int], Graded] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    def of(self, student: Student, lab: int) -> Graded | None:
        """What a student handed in of a lab."""
        return self.handed_in.get((student.login, lab))


def collect(folder: Path, students: tuple[Student, ...], rerunner: Rerunner | None = None) -> Collection:
    """Read and grade every submission under ``folder``.

    Parameters
    ----------
    rerunner
        Runs again what right answers rest on; None takes the records as they were handed in.

    Raises
    ------
    Problem
        There is no such folder.
    """
    if not folder.is_dir():
        raise Problem(f"a folder {folder} with submissions (…{ENDING})", "none", "Name the folder that holds submitted/")
    found: dict[tuple[str, int], Graded] = {}
    unread: list[str] = []
    for path in sorted(folder.rglob(f"*{ENDING}")):
        try:
            one = _graded(path, folder, students)
        except Problem as problem:
            unread.append(f"{path.name}: {problem}")
            continue
        key = (one.login, one.submission.lab)
        if key not in found or found[key].submission.at < one.submission.at:
            found[key] = one
    if rerunner is not None:
        found = {key: _held(one, rerunner) for key, one in found.items()}
    return Collection(students, _doubted(found), tuple(unread))


def _held(one: Graded, rerunner: Rerunner) -> Graded:
    """The same, with what running again said of it."""
    ids = [id for ruling in one.rulings.values() if ruling.right for id in ruling.records]
    rerun = rerunner.of(one.submission, ids)
    return replace(one, doubts=(*one.doubts, *rerun.doubts), rerun=rerun)


def _graded(path: Path, folder: Path, students: tuple[Student, ...]) -> Graded:
    handed_in = read(path)
    login = _login(path, folder, handed_in, students)
    prints = _fingerprints(handed_in)
    known = {student.login: student for student in students}
    doubts = () if login in known else (f"{login} is not on the roster",)
    if login in known and known[login].name.casefold() != handed_in.student.casefold():
        doubts = (*doubts, f"made under the name {handed_in.student}, on the roster is {known[login].name}")
    return Graded(login, handed_in, graded(handed_in, prints, path.parent), doubts)


def _login(path: Path, folder: Path, handed_in: Submission, students: tuple[Student, ...]) -> str:
    parts = path.relative_to(folder).parts
    logins = {student.login for student in students}
    if hit := next((part for part in parts[:-1] if part in logins), None):
        return hit
    after = parts.index(SUBMITTED) + 1 if SUBMITTED in parts[:-2] else -1
    named = next((s.login for s in students if s.name.casefold() == handed_in.student.casefold()), None)
    return named or (parts[after] if after > 0 else handed_in.student)


def _fingerprints(handed_in: Submission) -> dict[str, str]:
    """Of the models of the lab, made here."""
    names = {one.model for q in of_lab(handed_in.lab) for run in q.runs for one in (run, run.after) if one is not None}
    return {name: model(name, handed_in.student).target.fingerprint for name in sorted(names)}


def _doubted(found: dict[tuple[str, int], Graded]) -> dict[tuple[str, int], Graded]:
    """The same, where a record stands in two students' submissions with that said of both: a run has one id in the world."""
    owners: dict[str, set[str]] = {}
    for (login, _), one in found.items():
        for record in one.submission.records:
            owners.setdefault(record.id, set()).add(login)
    shared = {id: logins for id, logins in owners.items() if len(logins) > 1}
    return {key: _with_doubt(key[0], one, shared) for key, one in found.items()}


def _with_doubt(login: str, one: Graded, shared: Mapping[str, set[str]]) -> Graded:
    others = sorted({other for record in one.submission.records for other in shared.get(record.id, ())} - {login})
    if not others:
        return one
    return replace(one, doubts=(*one.doubts, f"holds the same run as the submission of {', '.join(others)}"))


def labs_of(collection: Collection) -> tuple[int, ...]:
    """The labs of which anything was handed in."""
    return tuple(sorted({lab for _, lab in collection.handed_in}))


def grades_csv(collection: Collection) -> bytes:
    """A line a student with the percent of each lab, as Moodle, Canvas and others import them by column; empty where nothing was handed in."""
    labs = sorted({q.lab for q in questions().values()})
    rows = [("login", "name", "group", *(f"Lab {lab}" for lab in labs), "Doubts")]
    for student in collection.students:
        mine = [collection.of(student, lab) for lab in labs]
        doubts = "; ".join(dict.fromkeys(doubt for one in mine if one is not None for doubt in one.doubts))
        rows.append((student.login, student.name, student.group, *(percent(one) for one in mine), doubts))
    return written(rows)


def percent(one: Graded | None) -> str:
    """The share of a lab's questions that are right, in percent; empty where nothing was handed in."""
    return "" if one is None else f"{100 * one.points / len(one.rulings):.0f}"


def missed(collection: Collection) -> dict[str, dict[str, int]]:
    """How many students were wrong about each question at least once, by reason."""
    found: dict[str, dict[str, int]] = {}
    for one in collection.handed_in.values():
        for question, reasons in one.submission.work.missed.items():
            for reason in reasons:
                count = found.setdefault(question, {})
                count[reason] = count.get(reason, 0) + 1
    return found


def solved(collection: Collection, questions_of: Iterable[str]) -> dict[str, int]:
    """How many students have each question right."""
    wanted = set(questions_of)
    out = dict.fromkeys(sorted(wanted), 0)
    for one in collection.handed_in.values():
        for id, ruling in one.rulings.items():
            out[id] += ruling.right and id in wanted
    return out
