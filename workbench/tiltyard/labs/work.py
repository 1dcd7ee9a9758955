"""What a student did so far: predictions, answers, tries, decisions. One file, carried from lab to lab."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ..access.person import me
from ..errors import Problem
from ..files.atomic import replace_file
from ..files.locking import locked
from ..files.reading import opened
from ..result import Frozen

VARIABLE = "TILTYARD_LABS"
MOST_BYTES = 4 << 20


class Prediction(Frozen):
    """What a student expected, and since when. The first one stands; it is not changed after the measurement."""

    value: float | str
    at: datetime


class Answer(Frozen):
    """The last answer to a question, and how it was graded; a right one stays.

    ``records`` are the ids of the records it rests on.
    """

    value: float | str | tuple[str, ...]
    right: bool
    reason: str
    at: datetime
    records: tuple[str, ...] = ()


class Decision(Frozen):
    """One line of the ledger: what was decided, and why."""

    question: str
    choice: str
    why: str
    at: datetime


class Work(Frozen):
    """All that is kept of one student.

    Attributes
    ----------
    opened
        When each lab was opened first, by its number.
    tries
        How many answers to a question were wrong.
    missed
        How often each reason made an answer to a question wrong.
    decisions
        The ledger, by the question that asked for the decision.
    scans
        The verdict on each file of lab 1 that was scanned, by its name.
    """

    format: Literal[1] = 1
    student: str = ""
    opened: dict[str, datetime] = {}
    predictions: dict[str, Prediction] = {}
    answers: dict[str, Answer] = {}
    tries: dict[str, int] = {}
    missed: dict[str, dict[str, int]] = {}
    decisions: dict[str, Decision] = {}
    scans: dict[str, str] = {}

    def is_right(self, question: str) -> bool:
        """Was it answered rightly?"""
        return question in self.answers and self.answers[question].right


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def default_place() -> Path:
    """TILTYARD_LABS, or ``labs.json`` in the user's data folder; behind a shared login one beside it for each person."""
    person = me()
    return place_of(person.name) if person.shared else _alone()


def place_of(login: str) -> Path:
    """Where the work of somebody lies who came through a shared login."""
    alone = _alone()
    return alone.with_name(f"{alone.stem}-{re.sub(r'[^A-Za-z0-9._@-]', '_', login)}.json")


def _alone() -> Path:
    if place := os.environ.get(VARIABLE, "").strip():
        return Path(place).expanduser()
    import platformdirs

    return platformdirs.user_data_path("tiltyard", appauthor=False) / "labs.json"


class WorkFile:
    """The file that holds a student's `Work`; read anew at each question, so that two notebooks share it."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_place()

    def read(self) -> Work:
        """What is there; an empty one where there is no file.

        Raises
        ------
        Problem
            The file is none of this format.
        """
        try:
            if not self.path.exists():
                return Work()
            with opened(self.path, "a file of lab work") as stream:
                content = stream.read(MOST_BYTES + 1)
        except OSError as error:
            raise Problem("a file of lab work that can be read", f"{self.path}: {error.strerror or error}", "Set TILTYARD_LABS") from None
        return read_work(content, str(self.path))

    @contextmanager
    def changed(self) -> Iterator["Draft"]:
        """A draft of what is there, written when the block ends well."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self.path):
                draft = Draft(self.read())
                yield draft
                replace_file(self.path, draft.work.model_dump_json(indent=1).encode() + b"\n")
        except OSError as error:
            raise Problem(
                "a file of lab work that can be written", f"{self.path}: {error.strerror or error}", "Set TILTYARD_LABS"
            ) from None


class Draft:
    """A `Work` to be replaced by a later one."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def named(self, student: str) -> None:
        """Whose work it is."""
        self.work = self.work.model_copy(update={"student": student})

    def opened(self, lab: int) -> None:
        """The lab was opened; the first time counts."""
        self.work = self.work.model_copy(update={"opened": {str(lab): now(), **self.work.opened}})

    def predicted(self, question: str, value: float | str) -> Prediction:
        """Keep a prediction; one that is there stays."""
        first = self.work.predictions.get(question) or Prediction(value=value, at=now())
        self.work = self.work.model_copy(update={"predictions": {**self.work.predictions, question: first}})
        return first

    def answered(self, question: str, answer: Answer) -> None:
        """Keep an answer and count a wrong one; a right answer is not replaced by a wrong one."""
        tries, missed = dict(self.work.tries), dict(self.work.missed)
        if not answer.right:
            tries[question] = tries.get(question, 0) + 1
            why = dict(missed.get(question, {}))
            missed[question] = why | {answer.reason: why.get(answer.reason, 0) + 1}
        kept = {} if self.work.is_right(question) and not answer.right else {question: answer}
        self.work = self.work.model_copy(update={"tries": tries, "missed": missed, "answers": {**self.work.answers, **kept}})

    def decided(self, decision: Decision) -> None:
        """Write a decision into the ledger; a later one on the same question takes its place."""
        self.work = self.work.model_copy(update={"decisions": {**self.work.decisions, decision.question: decision}})

    def without(self, questions: set[str] | None, lab: int | None) -> None:
        """Forget the work on these questions and that the lab was opened; all of it, but for the name, where they are None."""
        if questions is None:
            self.work = Work(student=self.work.student)
            return
        parts = ("predictions", "answers", "tries", "missed", "decisions")
        update: dict[str, object] = {p: {k: v for k, v in getattr(self.work, p).items() if k not in questions} for p in parts}
        update["opened"] = {k: v for k, v in self.work.opened.items() if k != str(lab)}
        update["scans"] = {} if lab == 1 else self.work.scans
        self.work = self.work.model_copy(update=update)

    def scanned(self, verdicts: dict[str, str]) -> None:
        """Keep what a scan said of the files of lab 1."""
        self.work = self.work.model_copy(update={"scans": {**self.work.scans, **verdicts}})


def read_work(content: bytes, where: str) -> Work:
    """Lab work from its JSON."""
    if len(content) > MOST_BYTES:
        raise Problem(
            f"lab work of at most {MOST_BYTES >> 20} MB in {where}", f"{len(content) >> 20} MB", "Take the file that the labs wrote"
        )
    try:
        return Work.model_validate_json(content)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].lower()
        raise Problem(f"lab work of format 1 in {where}", reason, "Move the file away to begin anew, or take a newer tiltyard") from None
