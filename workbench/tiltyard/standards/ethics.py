"""The ethics checklist: questions answered by records where something was measured, and by a person with name and date elsewhere."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ValidationError

from ..errors import Problem
from ..files.reading import opened
from ..formatting.numbers import labeled
from ..result import Frozen, Given, Identity, Record, Status
from .catalog import Standard, catalog

LARGEST = 10_000_000
FORMAT = 1
MOST = 4
ENDED = {
    Status.PASSED: "measured, nothing found",
    Status.FINDING: "measured, with a finding",
}
Word = Literal["yes", "partly", "no", "not applicable"]


class Principle(Frozen):
    """One of AI Verify's eleven principles."""

    id: str
    title: str
    about: str


class Question(Frozen):
    """One question; ``evidence`` lists the ``check:metric`` patterns that answer it."""

    id: str
    principle: str
    question: str
    standards: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


class MeasuredEvidence(Given):
    """What one record measured: its id, the metric's name, and the number in words with interval and n."""

    renamed: ClassVar[Mapping[str, str]] = {"said": "text"}

    record: str
    check: str
    title: str
    metric: str
    ended: str
    text: str
    when: datetime


class PersonalAnswer(Frozen):
    """What a person answered, with name and date."""

    word: Word
    text: str
    by: str
    on: date


class Item(Frozen):
    """A question with what answers it.

    ``lacking`` says which checks could have answered it and did not, and why.
    """

    id: str
    principle: str
    question: str
    standards: tuple[str, ...] = ()
    evidence: tuple[MeasuredEvidence, ...] = ()
    lacking: tuple[str, ...] = ()
    answer: PersonalAnswer | None = None

    @property
    def state(self) -> Literal["answered", "measured", "open"]:
        """``answered`` by a person, else ``measured`` by a record, else ``open``."""
        return "answered" if self.answer else "measured" if self.evidence else "open"


class Checklist(Frozen):
    """All questions about one target and its data. It says what is known; it judges nothing and claims nothing.

    ``former`` holds items of an older edition that a person answered and that this edition no longer asks.
    """

    format: int = FORMAT
    kind: Literal["tiltyard-checklist"] = "tiltyard-checklist"
    edition: str
    target: Identity | None
    data: Identity | None
    made: datetime
    items: tuple[Item, ...]
    former: tuple[Item, ...] = ()

    def item(self, id: str) -> Item:
        for item in self.items:
            if item.id == id:
                return item
        raise Problem(f"a question ({', '.join(i.id for i in self.items)})", repr(id), "Correct the id")

    def answered(self, id: str, word: Word, text: str, by: str, on: date | None = None) -> "Checklist":
        """With a person's answer to ``id``; `Problem` without a name or without a text."""
        self.item(id)
        if not by.strip():
            raise Problem("the name of who answers", "none", "Give your name")
        if not text.strip():
            raise Problem("an answer in words", "none", "Write a sentence")
        answer = PersonalAnswer(word=word, text=text.strip(), by=by.strip(), on=on or datetime.now(UTC).date())
        return self._with(id, answer)

    def withdrawn(self, id: str) -> "Checklist":
        """Without the person's answer to ``id``."""
        return self._with(self.item(id).id, None)

    def _with(self, id: str, answer: PersonalAnswer | None) -> "Checklist":
        items = tuple(i.model_copy(update={"answer": answer}) if i.id == id else i for i in self.items)
        return self.model_copy(update={"items": items})

    def count(self, state: str) -> int:
        return sum(item.state == state for item in self.items)

    def under(self, principle: str) -> list[Item]:
        return [item for item in self.items if item.principle == principle]

    def text(self) -> str:
        """Its JSON."""
        return self.model_dump_json(indent=2) + "\n"


def _toml() -> dict[str, object]:
    return tomllib.loads(resources.files("tiltyard.standards").joinpath("ethics.toml").read_text("utf-8"))


@cache
def edition() -> str:
    """The edition of the questions."""
    return str(_toml()["edition"])


@cache
def principles() -> tuple[Principle, ...]:
    """The eleven principles in order."""
    return tuple(Principle.model_validate(p) for p in _toml()["principle"])  # type: ignore[attr-defined]


@cache
def questions() -> tuple[Question, ...]:
    """The questions in order."""
    return tuple(Question.model_validate(q) for q in _toml()["item"])  # type: ignore[attr-defined]


@cache
def sources() -> dict[str, Standard]:
    """Every id that a question may name: those of the catalog, and the OECD's principles."""
    found = dict(catalog())
    for source in _toml()["source"]:  # type: ignore[attr-defined]
        for id, title in source["ids"].items():
            found[id] = Standard(id=id, title=title, source=source["name"], version=source["version"])
    return found


def fill(
    records: Sequence[Record], before: Checklist | None = None, target: Identity | None = None, data: Identity | None = None
) -> Checklist:
    """The checklist of ``records``, with the answers of persons kept from ``before``.

    Parameters
    ----------
    target, data
        Of which; those of the last record by default. Records of others are left out.
    """
    last = records[-1] if records else None
    target = target or (last.target if last else before.target if before else None)
    data = data or (last.data if last else before.data if before else None)
    mine = [r for r in records if target and data and (r.target.fingerprint, r.data.fingerprint) == (target.fingerprint, data.fingerprint)]
    latest = list({r.check: r for r in mine}.values())
    asked = questions()
    old = {item.id: item for item in (*before.items, *before.former)} if before else {}
    items = tuple(_item(q, latest, old[q.id].answer if q.id in old else None) for q in asked)
    known = {q.id for q in asked}
    former = tuple(item for item in old.values() if item.id not in known and item.answer)
    return Checklist(edition=edition(), target=target, data=data, made=datetime.now(UTC), items=items, former=former)


def _item(question: Question, latest: Sequence[Record], answer: PersonalAnswer | None) -> Item:
    evidence: list[MeasuredEvidence] = []
    lacking = []
    for pattern in question.evidence:
        check, _, metric = pattern.partition(":")
        found = [r for r in latest if fnmatchcase(r.check, check)]
        fresh = [e for r in found for e in _evidence(r, metric) if (e.record, e.metric) not in {(f.record, f.metric) for f in evidence}]
        evidence += fresh[:MOST] if metric != "seed" else fresh[-1:]
        lacking += [f"{r.title}: {_why(r)}" for r in found if not _evidence(r, metric)] if found else [f"{_any(check)}: not run"]
    facts = question.model_dump(exclude={"evidence"})
    return Item(**facts, evidence=tuple(evidence), lacking=tuple(dict.fromkeys(lacking)), answer=answer)


def _any(check: str) -> str:
    """A pattern of checks in words."""
    return "any check" if check == "*" else f"a check of {check[:-2]}" if check.endswith(".*") else check


def _why(record: Record) -> str:
    return "has no such number" if record.result.status in ENDED else str(record.result.status.value).replace("_", " ")


def _evidence(record: Record, metric: str) -> list[MeasuredEvidence]:
    """What ``record`` measured; nothing of one that did not end with an answer."""
    if record.result.status not in ENDED:
        return []
    facts = {
        "record": record.id,
        "check": record.check,
        "title": record.title,
        "ended": ENDED[record.result.status],
        "when": record.started,
    }
    if metric == "seed":
        text = f"seed {record.seed}, {len(record.effective)} parameters, {len(record.versions)} versions, SHA-256 of model and data"
        return [MeasuredEvidence(**facts, metric="seed", text=text)]  # type: ignore[arg-type]
    numbers = [m for m in record.result.metrics if m.value is not None and fnmatchcase(m.name, metric)]
    weighty = [m for m in numbers if m.safer != "none"] or numbers if metric == "*" else numbers
    return [MeasuredEvidence(**facts, metric=m.name, text=labeled(m)) for m in weighty]  # type: ignore[arg-type]


def read(text: str) -> Checklist:
    """A checklist from its JSON; one of another format, or of no format, is refused in one line and left as it is."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise Problem("a Tiltyard checklist in JSON", f"{error.msg} in line {error.lineno}", "Give the file as it was exported") from None
    if not isinstance(value, dict) or value.get("kind") != "tiltyard-checklist":
        raise Problem("a Tiltyard checklist", f"{type(value).__name__} without its kind", "Give the file as it was exported")
    found = value.get("format")
    if found != FORMAT:
        newer = isinstance(found, int) and found > FORMAT
        do = "Upgrade Tiltyard" if newer else "Export it again with the Tiltyard that wrote it"
        raise Problem(f"a checklist of format {FORMAT}", f"format {found}", do)
    try:
        return Checklist.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise Problem(f"{where} of a checklist", first["msg"].lower(), "Give the file as it was exported") from None


def load(path: Path | str) -> Checklist:
    """`read` of a file."""
    try:
        with opened(path, "a checklist") as stream:
            return read(stream.read(LARGEST).decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        found = error.strerror if isinstance(error, OSError) else "bytes that are no text"
        raise Problem(f"a checklist at {path}", f"{found}", "Check the path") from None
