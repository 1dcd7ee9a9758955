"""What a student hands in: answers, ledger, and the records that both rest on, in one file. Whoever collects it grades it anew."""

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ..errors import Problem
from ..files.atomic import new_file
from ..files.reading import opened
from ..result import Frozen, Record
from ..version import __version__
from .desk import Desk, questions
from .evidence import Evidence
from .question import Question, Ruling, wrong
from .questions.capstone import Reported
from .work import Work, now

ENDING = ".lab.json"
MOST_BYTES = 64 << 20


class Submission(Frozen):
    """One lab of one student.

    ``records`` are all that are known of the lab's models, and not only those of right answers.
    """

    format: Literal[1] = 1
    lab: int
    student: str
    at: datetime
    version: str
    work: Work
    fingerprints: dict[str, str]
    records: tuple[Record, ...]


def of_lab(lab: int) -> tuple[Question, ...]:
    """The questions of a lab.

    Raises
    ------
    Problem
        There is no such lab.
    """
    found = tuple(q for q in questions().values() if q.lab == lab)
    if not found:
        raise Problem("the number of a lab, 1 to 8", repr(lab), "Take the number in the notebook's name")
    return found


def write(lab: int, folder: Path, desk: Desk) -> Path:
    """Write ``lab2.lab.json`` into ``folder``; one that is there is replaced, for one hands in as often as one likes."""
    asked, work = of_lab(lab), desk.file.read()
    if not work.student:
        raise Problem("to know who hands it in", "no name", 'Call ty.labs.name("Ada Lovelace") with yours first')
    evidence = desk.evidence(asked, work)
    wanted = {q.id for q in asked}
    kept = work.model_copy(
        update={
            "predictions": {k: v for k, v in work.predictions.items() if k in wanted},
            "answers": {k: v for k, v in work.answers.items() if k in wanted},
            "tries": {k: v for k, v in work.tries.items() if k in wanted},
            "missed": {k: v for k, v in work.missed.items() if k in wanted},
        }
    )
    made = Submission(
        lab=lab,
        student=work.student,
        at=now(),
        version=__version__,
        work=kept,
        fingerprints=dict(evidence.fingerprints),
        records=tuple(evidence.records),
    )
    path = folder / f"lab{lab}{ENDING}"
    with new_file(path, mode=0o644, replace=True) as stream:
        stream.write(made.model_dump_json().encode())
    return path


def read(path: Path) -> Submission:
    """A submission as it was handed in.

    Raises
    ------
    Problem
        It is none.
    """
    try:
        with opened(path, "a submission") as stream:
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise Problem(f"a submission of at most {MOST_BYTES >> 20} MB", f"a larger {path.name}", "Hand in what ty.labs.submit wrote")
        return Submission.model_validate_json(content)
    except OSError as error:
        raise Problem("a submission that can be read", f"{path}: {error.strerror or error}", "Correct the name") from None
    except ValidationError as error:
        reason = error.errors()[0]["msg"].lower()
        raise Problem(f"a submission of format 1 in {path.name}", reason, "Hand in what ty.labs.submit wrote") from None


def graded(handed_in: Submission, fingerprints: dict[str, str], beside: Path) -> dict[str, Ruling]:
    """Each question of the lab graded anew, from the records that were handed in.

    Parameters
    ----------
    fingerprints
        Those of the models of the labs on this machine, by name: what the student's file says of them does not count.
    beside
        The folder of the submission, where a report that was handed in lies too.
    """
    evidence = Evidence(handed_in.records, fingerprints)
    return {question.id: _graded(question, handed_in.work, evidence, beside) for question in of_lab(handed_in.lab)}


def _graded(question: Question, work: Work, evidence: Evidence, beside: Path) -> Ruling:
    answer = work.answers.get(question.id)
    if answer is None:
        return wrong("blank")
    if not answer.right:
        return Ruling(right=False, reason=answer.reason)
    value = str(beside / Path(str(answer.value)).name) if isinstance(question, Reported) else answer.value
    return question.grade(value, evidence, work)
