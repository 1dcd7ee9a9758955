"""The ethics checklist as a record, so that the store keeps it and the report shows it."""

import uuid
from datetime import UTC, datetime

from ..check import versions
from ..result import CheckResult, Column, Finding, Identity, Metric, Record, Severity, Status, Table
from ..standards.ethics import Checklist, Item, principles

ID = "guidelines.checklist"
STANDARDS = ("EU AI Act Art. 9", "EU AI Act Art. 11", "AI RMF MEASURE 2.8")
COLUMNS = tuple(Column(name=name) for name in ("Principle", "Question", "State", "Answer", "Record"))
MOST = 50


def checklist_record(found: Checklist, target: Identity, data: Identity) -> Record:
    """The checklist as a record about ``target`` and ``data``."""
    return Record(
        id=uuid.uuid4().hex,
        check=ID,
        title="Ethics checklist",
        result=checklist_result(found),
        given={},
        effective={"checklist": found.model_dump(mode="json")},
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
    no = [i for i in found.items if i.answer and i.answer.word == "no"]
    n = len(found.items)
    return CheckResult(
        status=Status.FINDING if no else Status.INCOMPLETE if found.count("open") else Status.PASSED,
        summary=summary(found),
        metrics=tuple(
            Metric(name=name, label=f"Questions {name}", value=float(found.count(name)), unit=f"of {n}")
            for name in ("measured", "answered", "open")
        ),
        findings=tuple(_finding(i) for i in no),
        tables=(Table(name="checklist", title="Ethics checklist", columns=COLUMNS, rows=_rows(found), total=n),),
        notes=(f"Questions of edition {found.edition}. Passed means that each question has an answer, and no more than that.",),
    )


def summary(found: Checklist) -> str:
    """How many questions are answered, and by what."""
    n = len(found.items)
    return (
        f"Of {n} questions {found.count('measured')} are answered by measurements, {found.count('answered')} by a person, "
        f"{found.count('open')} are open. What was measured is evidence, not a judgment."
    )


def said(item: Item) -> str:
    """The answer in a cell: the person's, else what was measured."""
    if item.answer:
        return f"{item.answer.word.capitalize()}. {item.answer.text} ({item.answer.by}, {item.answer.on.isoformat()})"
    return "; ".join(e.said for e in item.evidence) or "–"


def _rows(found: Checklist) -> tuple[tuple[str, ...], ...]:
    names = {p.id: p.title for p in principles()}
    return tuple(
        (names[i.principle], i.question, i.state, said(i), ", ".join(dict.fromkeys(e.record[:8] for e in i.evidence)))
        for i in found.items[:MOST]
    )


def _finding(item: Item) -> Finding:
    answer = item.answer
    return Finding(
        title=f"Answered no: {item.question}",
        severity=Severity.LOW,
        evidence=f"{answer.text} ({answer.by}, {answer.on.isoformat()})" if answer else "",
        advice="Say what will be done, by whom and by when.",
        standards=tuple(s for s in item.standards if not s.startswith("OECD")),
    )
