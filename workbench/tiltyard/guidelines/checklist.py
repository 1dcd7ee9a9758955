"""The ethics checklist as a record with its model card and datasheet, so that the store keeps them and the report shows them."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ..access.places import written
from ..check import versions
from ..datasets.dataset import Dataset
from ..datasets.feature import Feature
from ..result import CheckResult, Column, Evidence, Finding, Identity, Metric, Record, Severity, Status, Table
from ..standards.cards import ColumnFacts, DataFacts, datasheet, model_card
from ..standards.ethics import Checklist, Item, principles

ID = "guidelines.checklist"
STANDARDS = ("EU AI Act Art. 9", "EU AI Act Art. 11", "AI RMF MEASURE 2.8")
COLUMNS = tuple(Column(name=name) for name in ("Principle", "Question", "State", "Answer", "Record"))
MOST = 50


def write(found: Checklist, path: Path | str, overwrite: bool = False) -> Path:
    """The checklist as a new file, whole or not at all; over one that is there only by ``overwrite``."""
    return written(path, found.text().encode(), "a checklist", (".json",), replace=overwrite)


def documents(found: Checklist, target: Identity, data: Dataset, records: Sequence[Record]) -> dict[str, str]:
    """The model card of ``target`` and the datasheet of ``data``, Markdown by title."""
    measured = [r for r in records if r.check != ID]
    return {
        "Model card": model_card(target, data.identity, measured, found),
        "Datasheet": datasheet(data.identity, facts_of(data), measured, found),
    }


def facts_of(data: Dataset) -> DataFacts:
    """What a data set says of itself, for its datasheet."""
    sensitive = set(data.schema.sensitive) | set(data.sensitive)
    columns = tuple(ColumnFacts(name=f.name, kind=f.kind, values=_values(f), sensitive=f.name in sensitive) for f in data.schema.features)
    counts = np.bincount(data.y, minlength=len(data.schema.classes))
    trained = None if data.member is None else int(data.member.sum())
    return DataFacts(
        rows=len(data),
        label=data.schema.label,
        classes=data.schema.classes,
        columns=columns,
        trained=trained,
        held_out=None if trained is None else len(data) - trained,
        shares=tuple(float(c) / len(data) for c in counts),
        sensitive=tuple(sorted(sensitive)),
        source=data.source,
        license=data.license,
    )


def _values(f: Feature) -> str:
    if f.grouped:
        return ", ".join(f.values[:8]) + (f" and {len(f.values) - 8} more" if len(f.values) > 8 else "")
    if f.kind == "text":
        return "free text"
    size = f"{'×'.join(map(str, f.shape))}, " if f.shape else ""
    return f"{size}{f.low:g} to {f.high:g} {f.unit}".strip()


def checklist_record(found: Checklist, target: Identity, data: Identity, texts: Mapping[str, str] | None = None) -> Record:
    """The checklist as a record about ``target`` and ``data``, with the ``documents`` that the report shows under it."""
    return Record(
        id=uuid.uuid4().hex,
        check=ID,
        title="Ethics checklist",
        result=checklist_result(found),
        given={},
        effective={"checklist": found.model_dump(mode="json"), "documents": dict(texts or {})},
        seed=0,
        target=target,
        data=data,
        versions=versions(),
        started=datetime.now(UTC),
        seconds=0.0,
        queries=0,
        standards=STANDARDS,
    )


def checklist_result(found: Checklist) -> CheckResult:
    """The checklist as a result: *incomplete* while a question is open; what a person answered with no is a finding."""
    n = len(found.items)
    return CheckResult(
        status=status(found),
        summary=summary(found),
        metrics=tuple(
            Metric(name=name, label=f"Questions {name}", value=float(found.count(name)), unit=f"of {n}")
            for name in ("measured", "answered", "open")
        ),
        findings=tuple(_finding(i) for i in _refused(found)),
        tables=(Table(name="checklist", title="Ethics checklist", columns=COLUMNS, rows=_rows(found), total=n),),
        notes=(f"Questions of edition {found.edition}. Passed means that each question has an answer, and no more than that.",),
    )


def status(found: Checklist) -> Status:
    """*Finding* where a person answered no, else *incomplete* while a question is open."""
    return Status.FINDING if _refused(found) else Status.INCOMPLETE if found.count("open") else Status.PASSED


def _refused(found: Checklist) -> list[Item]:
    return [item for item in found.items if item.answer and item.answer.word == "no"]


def summary(found: Checklist) -> str:
    """How many questions are answered, and by what."""
    n = len(found.items)
    return (
        f"Of {n} questions {found.count('measured')} are answered by measurements, {found.count('answered')} by a person, "
        f"{found.count('open')} are open. What was measured is evidence, not a judgment."
    )


def answer_in_words(item: Item) -> str:
    """The answer in a cell: the person's, else what was measured."""
    if item.answer:
        return f"{item.answer.word.capitalize()}. {item.answer.text} ({item.answer.by}, {item.answer.on.isoformat()})"
    return "; ".join(e.text for e in item.evidence) or "–"


def _rows(found: Checklist) -> tuple[tuple[str, ...], ...]:
    names = {p.id: p.title for p in principles()}
    return tuple(
        (names[i.principle], i.question, i.state, answer_in_words(i), ", ".join(dict.fromkeys(e.record[:8] for e in i.evidence)))
        for i in found.items[:MOST]
    )


def _finding(item: Item) -> Finding:
    answer = item.answer
    return Finding(
        key=item.id,
        title=f"Answered no: {item.question}",
        severity=Severity.LOW,
        evidence=Evidence(tables=("checklist",), sentence=f"{answer.text} ({answer.by}, {answer.on.isoformat()})" if answer else ""),
        advice="Say what will be done, by whom and by when.",
        standards=tuple(s for s in item.standards if not s.startswith("OECD")),
    )
