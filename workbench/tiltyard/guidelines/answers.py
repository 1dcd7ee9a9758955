"""Who answers the questions of the ethics checklist: a person with the right, under their own name, and the audit log says so."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from ..access.person import Person
from ..audit import notes as audit
from ..datasets.dataset import Dataset
from ..result import Identity, Record
from ..standards.ethics import Checklist, Item, PersonalAnswer, Word
from .checklist import checklist_record, documents

MOST = 100


@dataclass(frozen=True)
class Answered:
    """The checklist from now on; ``unlogged`` says why the audit log does not know of it, or nothing."""

    checklist: Checklist
    unlogged: str = ""


@dataclass(frozen=True)
class Desk:
    """Where a person answers. Behind a shared login an answer carries the login's name, whatever is given.

    Parameters
    ----------
    store
        The place of the store whose audit log says so; None where nothing is kept, and so nothing is logged.

    Raises
    ------
    Problem
        From any method: `access.roles.Denied` where the role does not allow it, or where all must be logged and cannot be.
    """

    person: Person
    store: str | None = None

    def name(self, given: str = "") -> str:
        """Under which name answers stand."""
        return self.person.name if self.person.shared else given.strip() or self.person.name

    def answer(self, found: Checklist, id: str, word: Word, text: str, by: str = "", on: date | None = None) -> Answered:
        """With the person's answer to the question ``id``."""
        self._may()
        after = found.answered(id, word, text, self.name(by), on)
        return self._noted("ethics question answered", found, after, id)

    def withdraw(self, found: Checklist, id: str) -> Answered:
        """Without any answer to the question ``id``."""
        self._may()
        return self._noted("ethics answer withdrawn", found, found.withdrawn(id), id)

    def bring(self, found: Checklist, brought: Checklist) -> Checklist:
        """A checklist from a file, as the person may bring it, to be filled with what is known here and handed to `brought`.

        Behind a shared login every answer that does not stand here yet is theirs who bring it; what the file says was measured is not taken.
        """
        self._may()
        here = {item.id: item.answer for item in (*found.items, *found.former)}
        items, former = (tuple(self._brought(item, here.get(item.id)) for item in part) for part in (brought.items, brought.former))
        return brought.model_copy(update={"items": items, "former": former})

    def brought(self, found: Checklist, after: Checklist) -> Answered:
        """Take ``after`` in the place of ``found``."""
        self._may()
        ids = [id for id in {i.id: i for i in (*found.items, *after.items, *after.former)} if _answer(found, id) != _answer(after, id)]
        return self._noted("ethics checklist brought", found, after, *ids[:MOST])

    def report(self, found: Checklist, target: Identity, data: Dataset, records: list[Record]) -> tuple[Record, str]:
        """The checklist as a record for the report, and why the audit log does not know of it, or nothing."""
        self._may()
        record = checklist_record(found, target, data.identity, documents(found, target, data, records))
        answers = [{"question": item.id, "answer": as_logged(item.answer)} for item in found.items if item.answer]
        return record, self._note("ethics checklist put in the report", found, {"record": record.id, "answers": answers})

    def _brought(self, item: Item, here: PersonalAnswer | None) -> Item:
        answer = item.answer
        if answer is not None and answer != here and self.person.shared:
            answer = answer.model_copy(update={"by": self.person.name})
        measured = {"evidence": (), "lacking": ()} if self.person.shared else {}
        return item.model_copy(update={"answer": answer, **measured})

    def _may(self) -> None:
        self.person.must("run")
        if self.store is not None:
            audit.ready(self.store)

    def _noted(self, what: str, before: Checklist, after: Checklist, *ids: str) -> Answered:
        changes = [{"question": id, "before": as_logged(_answer(before, id)), "after": as_logged(_answer(after, id))} for id in ids]
        return Answered(after, self._note(what, after, {"answers": changes}))

    def _note(self, what: str, found: Checklist, parameters: dict[str, Any]) -> str:
        if self.store is None:
            return ""
        fingerprint = found.target.fingerprint if found.target else ""
        return audit.note(what, fingerprint, parameters, self.person.name, self.store)


def as_logged(answer: PersonalAnswer | None) -> dict[str, str] | None:
    """An answer as the audit log keeps it: its words as far as they fit, and the SHA-256 of all of them."""
    if answer is None:
        return None
    digest = sha256(answer.text.encode()).hexdigest()
    return {"word": answer.word, "by": answer.by, "on": answer.on.isoformat(), "text": answer.text, "sha256": digest}


def _answer(found: Checklist, id: str) -> PersonalAnswer | None:
    return next((item.answer for item in _items(found) if item.id == id), None)


def _items(found: Checklist) -> Iterator[Item]:
    yield from found.items
    yield from found.former
