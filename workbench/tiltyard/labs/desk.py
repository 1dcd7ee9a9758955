"""A student's desk: the kept work, the store, and what both together say. The functions of ``ty.labs`` act on it."""

from dataclasses import dataclass
from functools import cache

from ..errors import Problem
from ..result import Record
from ..store.opening import open_store
from ..store.store import Store
from .evidence import Evidence, Wanted
from .models import model
from .question import Question
from .work import Work, WorkFile


@dataclass(frozen=True)
class Desk:
    """The work file and the store of one student."""

    file: WorkFile
    store: Store

    def evidence(self, questions: tuple[Question, ...], work: Work) -> Evidence:
        """All records of the models that these questions speak of, and of what defenses made of them."""
        names = {run.model for question in questions for run in _all_runs(question)}
        return evidence_of(names, self.store, work.student)


def desk() -> Desk:
    """The desk of whoever runs this process."""
    return Desk(WorkFile(), open_store())


def _all_runs(question: Question) -> tuple[Wanted, ...]:
    return tuple(one for run in question.runs for one in (run, run.after) if one is not None)


def evidence_of(names: set[str], store: Store, student: str) -> Evidence:
    """The records of the named models in the store."""
    prints: dict[str, str] = {}
    found: dict[str, Record] = {}
    for name in sorted(names):
        if name == "capstone" and not student:
            continue
        one = model(name, student)
        prints[name] = one.target.fingerprint
        found |= _records(store, one.target.fingerprint, one.data.fingerprint)
    return Evidence(found.values(), prints)


def _records(store: Store, target: str, data: str) -> dict[str, Record]:
    """Records of a model by id, and of each model that a defense made of it."""
    known = {record.id: record for record in store.known(target, data).records.values()}
    for record in list(known.values()):
        if record.made is not None and record.made.fingerprint != target:
            known |= {r.id: r for r in store.known(record.made.fingerprint, data).records.values()}
    return known


@cache
def questions() -> dict[str, Question]:
    """Every question of every lab by its id, in order."""
    from .questions import ALL

    return {question.id: question for question in ALL}


def question(id: str) -> Question:
    """The question of this id.

    Raises
    ------
    Problem
        There is none.
    """
    if id not in questions():
        known = ", ".join(name for name in questions() if name[:1] == str(id)[:1]) or ", ".join(questions())
        raise Problem(f"a question of the labs ({known})", repr(id), "Take the id that stands above the cell")
    return questions()[id]
