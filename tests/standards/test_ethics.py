"""The ethics checklist traces every automatic answer to a record; persons sign the rest; cards say what is not stated."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tiltyard.errors import Problem
from tiltyard.guidelines.checklist import write
from tiltyard.result import CheckResult, Finding, Identity, Metric, Record, Severity, Status
from tiltyard.standards import ethics
from tiltyard.standards.cards import ColumnFacts, DataFacts, datasheet, model_card
from tiltyard.standards.ethics import Checklist, fill, load, principles, questions, read
from tiltyard.statistics.intervals import rate

TARGET = Identity(name="net", fingerprint="a" * 64, detail="tiny")
DATA = Identity(name="rows", fingerprint="b" * 64, detail="40 rows")
PARTS = ("complian", "compliant", "conforms", "conformant", "certif")
FACTS = DataFacts(
    rows=40,
    label="good",
    classes=("no", "yes"),
    columns=(
        ColumnFacts(name="age|years", kind="integer", values="0 to 99"),
        ColumnFacts(name="sex", kind="categorical", values="f, m", sensitive=True),
    ),
    trained=20,
    held_out=20,
    shares=(0.25, 0.75),
    sensitive=("sex",),
)


def record(check: str, status: Status = Status.PASSED, metrics: tuple[Metric, ...] = (), target: Identity = TARGET, id: str = "") -> Record:
    finding = Finding(title="It <b>fell</b>", severity=Severity.HIGH, evidence="metric", advice="Mend it.")
    return Record(
        id=id or f"{check}-id",
        check=check,
        title=check.split(".")[1].title(),
        result=CheckResult(status=status, summary="Said.", metrics=metrics, findings=(finding,) if status is Status.FINDING else ()),
        given={},
        effective={"seed": 3},
        seed=3,
        target=target,
        data=DATA,
        versions={"python": "3.11"},
        started=datetime(2026, 11, 24, tzinfo=UTC),
        seconds=1.0,
        queries=10,
    )


@pytest.fixture
def records() -> list[Record]:
    return [
        record(
            "evasion.pgd",
            Status.FINDING,
            (rate("robust_accuracy", "Robust accuracy", 8, 40, "higher"), rate("clean_accuracy", "Clean", 30, 40)),
        ),
        record("validation.performance", metrics=(rate("accuracy", "Accuracy", 30, 40, "higher"),)),
        record("privacy.membership_gap", Status.INCOMPLETE),
        record(
            "fairness.groups",
            metrics=(
                Metric(name="demographic_parity_difference_sex", label="Gap by sex", value=0.1, low=0.0, high=0.2, n=40, safer="zero"),
            ),
        ),
    ]


def test_eleven_principles_each_with_questions_that_name_known_standards() -> None:
    assert len(principles()) == 11
    known = ethics.sources()
    ids = [q.id for q in questions()]
    assert len(set(ids)) == len(ids)
    for principle in principles():
        assert [q for q in questions() if q.principle == principle.id]
    for question in questions():
        assert question.standards
        assert set(question.standards) <= set(known), question.id
        assert question.principle in {p.id for p in principles()}
    named = {s for q in questions() for s in q.standards}
    assert {f"OECD 1.{i}" for i in range(1, 6)} <= named
    for article in (9, 10, 11, 12, 13, 14, 15):
        assert any(s.startswith(f"EU AI Act Art. {article}") for s in named), article


def test_evidence_names_checks_that_exist() -> None:
    from fnmatch import fnmatchcase

    from tiltyard.catalogue import TOPICS, checks, defenses

    registered = [*checks(), *defenses(), "cross_risk.after", "campaign.matrix", "monitoring.windows"]
    for pattern in {e.partition(":")[0] for q in questions() for e in q.evidence}:
        exact = any(fnmatchcase(id, pattern) for id in registered)
        assert exact or (pattern.endswith(".*") and pattern[:-2] in TOPICS), pattern


def test_every_automatic_answer_traces_to_a_record(records: list[Record]) -> None:
    made = fill(records)
    by_id = {r.id: r for r in records}
    evidence = [e for item in made.items for e in item.evidence]
    assert evidence
    for one in evidence:
        found = by_id[one.record]
        assert found.check == one.check
        assert found.result.status in (Status.PASSED, Status.FINDING)
        if one.metric != "seed":
            metric = found.result.metric(one.metric)
            assert metric.value is not None
            assert metric.label in one.text
    said = made.item("security.evasion").evidence[0]
    assert (said.record, said.metric, said.ended) == ("evasion.pgd-id", "robust_accuracy", "measured, with a finding")
    assert "20.0 %" in said.text
    assert "n = 40" in said.text
    assert made.item("fairness.groups").evidence[0].metric == "demographic_parity_difference_sex"


def test_what_was_not_concluded_is_not_an_answer(records: list[Record]) -> None:
    item = fill(records).item("data.membership")
    assert item.state == "open"
    assert "Membership_Gap: incomplete" in item.lacking
    assert "privacy.lira: not run" in item.lacking


def test_nothing_measured_leaves_everything_open() -> None:
    made = fill([])
    assert made.count("open") == len(questions())
    assert made.target is None


def test_records_of_other_models_are_no_evidence(records: list[Record]) -> None:
    other = record(
        "theft.extraction", metrics=(rate("fidelity", "Fidelity", 9, 10),), target=TARGET.model_copy(update={"fingerprint": "c" * 64})
    )
    assert fill([other, *records]).item("security.theft").state == "open"


def test_a_person_answers_with_name_and_date(records: list[Record]) -> None:
    made = fill(records).answered("transparency.use", "partly", " For a <b>class</b> ", "Ada", date(2026, 11, 24))
    answer = made.item("transparency.use").answer
    assert answer is not None
    assert (answer.word, answer.text, answer.by, answer.on) == ("partly", "For a <b>class</b>", "Ada", date(2026, 11, 24))
    for text, by in (("words", " "), ("", "Ada")):
        with pytest.raises(Problem) as problem:
            made.answered("transparency.use", "yes", text, by)
        assert "\n" not in str(problem.value)
    with pytest.raises(Problem, match="question"):
        made.answered("no.such", "yes", "words", "Ada")
    assert made.withdrawn("transparency.use").item("transparency.use").state == "open"


def test_answers_outlive_new_records_and_new_editions(records: list[Record]) -> None:
    made = fill(records).answered("safety.risks", "yes", "Weighed.", "Ada")
    gone = made.items[0].model_copy(update={"id": "old.question", "answer": made.item("safety.risks").answer})
    older = made.model_copy(update={"edition": "2020-01", "items": (*made.items, gone)})
    again = fill(records[:1], before=read(older.text()))
    assert again.item("safety.risks").answer == made.item("safety.risks").answer
    assert [i.id for i in again.former] == ["old.question"]
    assert again.edition == ethics.edition()
    back = fill(records, before=again)
    assert [i.id for i in back.former] == ["old.question"]


def test_json_both_ways(records: list[Record], tmp_path: Path) -> None:
    made = fill(records).answered("accountability.owner", "yes", "Me.", "Ada")
    assert next(iter(json.loads(made.text()))) == "format"
    assert load(write(made, tmp_path / "list.json")) == made
    assert [p.name for p in tmp_path.iterdir()] == ["list.json"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 99}, "Upgrade"),
        ({"format": 0}, "Export it again"),
        ({"format": None}, "Export it again"),
        ({"kind": "other"}, "checklist"),
        ({"items": [{"id": 3}]}, "items.0"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_another_format_is_refused_in_one_line_and_left_alone(
    records: list[Record], tmp_path: Path, change: dict[str, object], said: str
) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps({**json.loads(fill(records).text()), **change}))
    before = path.read_bytes()
    with pytest.raises(Problem) as problem:
        load(path)
    assert said in str(problem.value)
    assert "\n" not in str(problem.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '"x"'])
def test_other_files_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(Problem) as problem:
        read(text)
    assert "\n" not in str(problem.value)


def test_missing_and_unwritable_places(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="nothing at"):
        load(tmp_path / "none.json")
    with pytest.raises(Problem, match="none"):
        write(fill([]), tmp_path / "none" / "list.json")
    write(fill([]), tmp_path / "one.json")
    with pytest.raises(Problem, match="a name not in use"):
        write(fill([]), tmp_path / "one.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Problem, match="no text"):
        load(tmp_path / "bytes.json")


def test_model_card_tells_what_was_measured_and_what_is_not_stated(records: list[Record]) -> None:
    made = fill(records).answered("transparency.use", "yes", "Teaching | only <script>", "Ada", date(2026, 11, 24))
    card = model_card(TARGET, DATA, records, made)
    assert "Robust accuracy: 20.0 % [9.1, 35.6] at 95 %, n = 40" in card.replace("\\", "")
    assert "`evasion." in card
    assert "Teaching \\| only &lt;script&gt;" in card
    assert "(Ada, 2026-11-24)" in card
    assert "It &lt;b&gt;fell" in card
    assert "Not stated yet" in card
    assert "Membership\\_Gap: incomplete" in card
    for head in ("Model details", "Intended use", "Evaluation data", "Training data", "Ethical considerations", "Caveats"):
        assert f"## {head}" in card


def test_datasheet_tells_composition() -> None:
    sheet = datasheet(DATA, FACTS)
    assert "| age\\|years | integer | 0 to 99 | no |" in sheet
    assert "no 25.0 %, yes 75.0 %" in sheet
    assert "20 trained on, 20 held out" in sheet
    assert "Not screened yet" in sheet
    screened = record("privacy.identifying", metrics=(rate("alone", "Rows alone in their group", 3, 40, "lower"),))
    assert "Rows alone in their group: 7.5 %" in datasheet(DATA, FACTS, [screened])


def test_never_says_that_anything_conforms(records: list[Record]) -> None:
    made = fill(records)
    text = (made.text() + model_card(TARGET, DATA, records, made) + datasheet(DATA, FACTS, records, made)).lower()
    for part in PARTS:
        assert part not in text


def test_a_checklist_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        fill([]).edition = "x"  # type: ignore[misc]
    assert isinstance(fill([]), Checklist)
