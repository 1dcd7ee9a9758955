"""Records that were handed in are held against runs of this machine; nothing of a student's is executed or named."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tiltyard.catalogue import find
from tiltyard.check import Check, named
from tiltyard.cli import main
from tiltyard.labs.course import rerunning
from tiltyard.labs.course.rerunning import Rerunner
from tiltyard.labs.models import model
from tiltyard.result import Metric, Record

from .test_course import handed_in, submission


@pytest.fixture(scope="module")
def honest() -> Record:
    """What the lab asks for, as a student's machine measured it."""
    digits = model("digits")
    step = named(find("evasion.pgd"), {"eps": 0.1, "rows": 100, "steps": 10, "curve": False})
    assert isinstance(step, Check)
    return step(digits.target, digits.data)


def forged(record: Record, value: float) -> Record:
    """The same with another robust accuracy written into it, interval and all."""

    def other(metric: Metric) -> Metric:
        return metric.model_copy(update={"value": value, "low": value - 0.05, "high": value + 0.05})

    metrics = tuple(other(m) if m.name == "robust_accuracy" else m for m in record.result.metrics)
    return record.model_copy(update={"result": record.result.model_copy(update={"metrics": metrics})})


def with_parameters(record: Record, **changed: Any) -> Record:
    return record.model_copy(update={"effective": {**record.effective, **changed}})


def rerun(record: Record, seconds: float = 60.0, student: str = "Ada") -> rerunning.Rerun:
    return Rerunner(seconds).of(submission(student, record), [record.id])


def test_an_honest_record_gives_the_same_again_and_a_forged_one_is_told(honest: Record) -> None:
    rerunner = Rerunner()
    for record, same, doubts in ((honest, 1, 0), (forged(honest, 0.93), 0, 1)):
        found = rerunner.of(submission("Ada", record), [record.id])
        assert (found.same, len(found.doubts), found.left) == (same, doubts, ())
    assert "robust_accuracy 0.93 was handed in, 0.68 is measured here" in found.doubts[0]
    assert len(rerunner._known) == 1  # what is run alike runs once for the class


def test_a_run_that_takes_too_long_is_cancelled(honest: Record) -> None:
    found = rerun(with_parameters(honest, steps=10_000, restarts=50, rows=1000), seconds=0.3)
    assert (found.same, found.doubts) == (0, ()) and "longer than is allowed" in found.left[0]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"check": "theft.watermark_verify"}, "a key drawn by chance"),
        ({"check": "labs.ladder"}, "the student's own rows"),
        ({"check": "supply_chain.dependencies"}, "the lab does not ask for it"),
        ({"effective": {"goal": "/etc/passwd"}}, "no text of the student's in goal"),
        ({"effective": {"rows": -1}}, "rows of evasion.pgd"),
        ({"effective": {"rowz": 1}}, "rowz"),
    ],
)
def test_what_is_not_the_labs_own_is_not_run(honest: Record, changed: dict[str, Any], why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rerunning, "_ran", lambda *_: pytest.fail("it was run"))
    found = rerun(honest.model_copy(update=changed))
    assert (found.same, found.doubts) == (0, ()) and why in found.left[0]


def test_a_record_of_a_model_that_is_none_of_the_labs_is_not_run(honest: Record) -> None:
    stranger = honest.model_copy(update={"target": honest.target.model_copy(update={"fingerprint": "f" * 64})})
    assert "none of the lab's" in rerun(stranger).left[0]


def test_the_command_tells_a_forger_and_ends_with_one(honest: Record, tmp_path: Path, capsys: Any) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("login,name\nada,Ada Lovelace\n")
    for value, code in ((68.0, 0), (93.0, 1)):
        record = honest if code == 0 else forged(honest, 0.93)
        early = submission("Ada Lovelace", record, value=value)
        shutil.rmtree(tmp_path / "course", ignore_errors=True)
        handed_in(tmp_path / "course", "ada", early)
        assert main(["course", "collect", str(roster), str(tmp_path / "course"), "--rerun"]) == code
        said = capsys.readouterr().out
        assert f"ada, lab 2: {1 - code} runs give the same again, {code} do not" in said
    assert "run again gives another result" in said
