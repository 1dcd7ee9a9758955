"""Grades rest on records: each typical wrong answer fails for its own reason, and what was never run counts for nothing."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tiltyard.errors import Problem
from tiltyard.labs import session
from tiltyard.labs.evidence import Evidence, Wanted
from tiltyard.labs.question import Chosen, Computed, Measured
from tiltyard.labs.sealed import opens, seal
from tiltyard.labs.words import Decided, Reflection
from tiltyard.labs.work import Prediction, Work, WorkFile
from tiltyard.result import CheckResult, Identity, Metric, Record, Status

BEGUN = datetime(2026, 9, 1, 10, tzinfo=UTC)
RUN = Wanted("evasion.pgd", "digits", {"eps": 0.1, "rows": 100})
MEASURED = Measured("2b", "%", RUN, "robust_accuracy")
PREDICTED = Work(student="Ada", predictions={"2b": Prediction(value=50.0, at=BEGUN)})
PRINTS = {"digits": "d" * 64, "other": "o" * 64}


def ran(minutes: float = 1, of: str = "digits", status: Status = Status.INCOMPLETE, robust: float = 0.62, **parameters: Any) -> Record:
    """A record of PGD, begun so many minutes after the prediction."""
    metrics = (
        Metric(name="robust_accuracy", label="Robust accuracy", value=robust, low=0.51, high=0.715, level=0.95, n=100),
        Metric(name="clean_accuracy", label="Clean accuracy", value=0.98, low=0.93, high=0.998, level=0.95, n=100),
    )
    effective = {"eps": 0.1, "rows": 100, **parameters}
    known = Identity(name=of, fingerprint=PRINTS.get(of, of))
    result = CheckResult(status=status, summary="It ran.", metrics=metrics)
    return Record(
        id=f"{of}{minutes}{effective}",
        check="evasion.pgd",
        title="PGD",
        result=result,
        given={},
        effective=effective,
        seed=0,
        target=known,
        data=Identity(name="data", fingerprint="x" * 64),
        versions={},
        started=BEGUN + timedelta(minutes=minutes),
        seconds=1,
        queries=0,
    )


def reason(answer: Any, *records: Record, work: Work = PREDICTED) -> str:
    return MEASURED.grade(answer, Evidence(records, PRINTS), work).reason


@pytest.mark.parametrize("answer", [62, 62.0, "62 %", "62", "62,0", 61.6])
def test_what_a_run_measured_is_right_however_it_is_typed(answer: Any) -> None:
    ruling = MEASURED.grade(answer, Evidence([ran()], PRINTS), PREDICTED)
    assert ruling.right and ruling.records == (ran().id,)


@pytest.mark.parametrize(
    ("answer", "records", "why"),
    [
        (..., [ran()], "blank"),
        (None, [ran()], "blank"),
        ("…", [ran()], "blank"),
        (62, [], "no_run"),
        (62, [ran(of="other")], "no_run"),
        (62, [ran(status=Status.FAILED)], "no_run"),
        (62, [ran(eps=0.3)], "other_parameters"),
        (62, [ran(minutes=-1)], "before_prediction"),
        ("most", [ran()], "not_a_number"),
        (True, [ran()], "not_a_number"),
        (0.62, [ran()], "share_for_percent"),
        (98, [ran()], "other_number"),
        (75, [ran()], "not_measured"),
    ],
)
def test_each_wrong_answer_fails_for_its_own_reason(answer: Any, records: list[Record], why: str) -> None:
    assert reason(answer, *records) == why


def test_without_a_prediction_nothing_counts() -> None:
    assert reason(62, ran(), work=Work()) == "no_prediction"


def test_a_later_run_with_the_right_parameters_counts_beside_an_earlier_one() -> None:
    assert reason(62, ran(eps=0.3), ran(minutes=2)) == "right"
    assert reason(62, ran(minutes=-1), ran(minutes=2)) == "right"


def test_every_reason_has_words() -> None:
    for why in ("other_parameters", "no_run", "before_prediction", "other_number", "not_measured"):
        records = {"other_parameters": [ran(eps=0.3)], "no_run": [], "before_prediction": [ran(minutes=-1)]}.get(why, [ran()])
        answer = 98 if why == "other_number" else 75 if why == "not_measured" else 62
        ruling = MEASURED.grade(answer, Evidence(records, PRINTS), PREDICTED)
        assert ruling.reason == why
        assert "62" not in ruling.sentence and ruling.sentence.endswith(".")


def difference(evidence: Evidence) -> float | None:
    one, many = (float(evidence.of(run)[-1].result.metrics[0].value or 0) for run in (RUN, OTHER))
    return 100 * (one - many)


OTHER = Wanted("evasion.pgd", "other", {"eps": 0.1})


def test_a_difference_is_worked_out_of_both_runs_and_its_sign_is_told_apart() -> None:
    asked = Computed("2c", run=RUN, also=(OTHER,), value=difference)
    both = Evidence([ran(), ran(of="other", robust=0.5)], PRINTS)
    found = {answer: asked.grade(answer, both, Work()).reason for answer in (12, -12, 40)}
    assert found == {12: "right", -12: "wrong_sign", 40: "not_computed"}
    assert asked.grade(12, Evidence([ran()], PRINTS), Work()).reason == "no_run"


def status(evidence: Evidence, work: Work) -> str:
    return str(evidence.of(RUN)[-1].result.status)


def test_an_option_is_held_against_the_record_or_the_seal() -> None:
    asked = Chosen("3b", options=("passed", "incomplete"), truth=status, needs=(RUN,))
    there = Evidence([ran()], PRINTS)
    found = [asked.grade(answer, there, Work()).reason for answer in ("incomplete", "Passed ", "perhaps")]
    assert found == ["right", "wrong_option", "no_option"]
    assert asked.grade("incomplete", Evidence([], PRINTS), Work()).reason == "no_run"
    kept = Chosen("9z", options=("a", "b"), seal=seal("9z", "b"))
    assert [kept.grade(answer, there, Work()).reason for answer in "ab"] == ["wrong_option", "right"]
    assert not opens(seal("9z", "b"), "9y", "b")


def test_a_message_has_to_quote_the_number_and_both_ends() -> None:
    asked = Reflection("2h", to="to_owner", run=RUN, metric="robust_accuracy")
    there = Evidence([ran()], PRINTS)
    filler = "we attacked the model with small changes that nobody would see and on the rows that we tried it held up rather badly so that we advise to wait "
    said = {
        "short": "62 % (51 to 71.5)",
        "none": filler,
        "bare": f"{filler} 62 %",
        "whole": f"{filler} 62 % (51 to 72)",
        "exact": f"{filler} 62.0 % (51,0 to 71.5)",
    }
    found = {name: asked.grade(words, there, Work()).reason for name, words in said.items()}
    assert found == {"short": "too_short", "none": "no_number", "bare": "no_interval", "whole": "complete", "exact": "complete"}


def test_a_decision_needs_its_reason() -> None:
    asked = Decided("2g", options=("plain", "robust"))
    there = Evidence([], PRINTS)
    assert asked.grade(("plain", "because I like it"), there, Work()).reason == "no_reason"
    assert asked.grade(("both", "x"), there, Work()).reason == "no_option"
    assert asked.grade(("robust", "it keeps most rows right under attack and costs no accuracy"), there, Work()).right


def test_runs_on_a_defended_model_count_where_the_defense_was_asked_for() -> None:
    made = ran().model_copy(update={"id": "d", "check": "privacy.dp_sgd", "kind": "defense", "made": Identity(name="m", fingerprint="m")})
    defense = Wanted("privacy.dp_sgd", "digits", {"eps": 0.1})
    after = Wanted("evasion.pgd", "digits", after=defense)
    on_it = ran(of="m", minutes=2)
    assert Evidence([made, on_it], PRINTS).of(after) == [on_it]
    assert Evidence([on_it], PRINTS).of(after) == []


@pytest.fixture
def file(tmp_path: Any) -> WorkFile:
    return WorkFile(tmp_path / "deep" / "labs.json")


def test_the_first_prediction_stands_and_a_right_answer_too(file: WorkFile) -> None:
    from tiltyard.labs.work import Answer, now

    with file.changed() as draft:
        draft.predicted("2a", 40.0)
        draft.predicted("2a", 62.0)
        for right, why in ((False, "blank"), (False, "blank"), (True, "right"), (False, "not_measured")):
            draft.answered("2a", Answer(value=1.0, right=right, reason=why, at=now()))
    work = file.read()
    assert work.predictions["2a"].value == 40.0
    assert work.is_right("2a") and work.tries["2a"] == 3
    assert work.missed["2a"] == {"blank": 2, "not_measured": 1}


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": 2}', b'{"format": 1, "surprise": 1}'])
def test_a_file_of_another_kind_is_one_line(file: WorkFile, content: bytes) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(content)
    with pytest.raises(Problem, match="Expected lab work of format 1"):
        file.read()
    assert file.path.read_bytes() == content


def test_every_question_is_in_its_lab_and_every_hint_belongs_to_one() -> None:
    from tiltyard.labs.desk import questions
    from tiltyard.labs.texts import catalog

    asked = questions()
    assert {q.lab for q in asked.values()} == set(range(1, 9))
    assert all(name == q.id for name, q in asked.items())
    assert {key.removeprefix("hint.") for key in catalog("en") if key.startswith("hint.")} <= set(asked)
    assert all(f"to.{q.to}" in catalog("en") for q in asked.values() if isinstance(q, Reflection))


@pytest.fixture
def own(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Work]:
    monkeypatch.setenv("TILTYARD_LABS", str(tmp_path / "labs.json"))
    return lambda: WorkFile().read()


def test_nothing_runs_before_the_prediction(own: Callable[[], Work]) -> None:
    import tiltyard as ty

    with pytest.raises(Problem, match="your prediction for 2a before anything is measured"):
        ty.labs.run("2a", "evasion.fgsm", None, None)
    with pytest.raises(Problem, match="found a blank"):
        ty.labs.predict("2a", ...)
    assert ty.labs.predict("2a", "70 %").right
    assert own().predictions["2a"].value == 70.0


def test_after_two_wrong_answers_there_is_a_hint(own: Callable[[], Work], monkeypatch: pytest.MonkeyPatch) -> None:
    import tiltyard as ty
    from tiltyard.labs import desk

    monkeypatch.setattr(desk, "evidence_of", lambda names, store, student: Evidence([], PRINTS))
    shown = [repr(ty.labs.check("2a", 12)) for _ in range(3)]
    assert ["Hint" in one for one in shown] == [False, True, True]
    assert own().missed["2a"] == {"no_prediction": 3}


@pytest.mark.parametrize(
    ("id", "value", "told"),
    [
        ("1a", 99_999, "from 0 to 5 files; found 99999"),
        ("2a", -1, "from 0 to 100 %; found -1"),
        ("2a", 0.7, "which reads like a share. Type 70"),
        ("4b", 70, "from 0 to 1 AUC; found 70"),
        ("6a", 300, "from -100 to 100 points"),
        ("2a", "…", "a blank"),
    ],
)
def test_a_prediction_that_cannot_be_is_refused_and_does_not_stand(
    id: str, value: object, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILTYARD_LABS", str(tmp_path / "labs.json"))
    with pytest.raises(Problem, match=re.escape(told)):
        session.predict(id, value)
    assert session.predict(id, 1).right and WorkFile().read().predictions[id].value == 1.0


def test_a_cell_that_is_run_before_anything_is_typed_is_no_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_LABS", str(tmp_path / "labs.json"))
    monkeypatch.setenv("TILTYARD_STORE", str(tmp_path / "runs.sqlite"))
    said = [repr(session.check("1b", answer)) for answer in (..., ..., "z", "z")]
    assert ["Hint" in words for words in said] == [False, False, False, True]
    assert "nothing is typed yet" in repr(session.decide("1f", "…", "…")) and "nothing is typed yet" in repr(
        session.decide("1f", "labels", "...")
    )
