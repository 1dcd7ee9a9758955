"""Every check and defense keeps the contract that `tiltyard.testing` holds, and a breach of any part of it is found and said."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, ClassVar

import numpy as np
import pytest
from pydantic import Field

from tiltyard.catalogue import checks, defenses
from tiltyard.check import Check, Step, parameter
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.defense import Defended, Defense
from tiltyard.errors import Cancelled, Unavailable
from tiltyard.progress import Progress
from tiltyard.result import CheckResult, Evidence, Finding, Severity, Status
from tiltyard.statistics.intervals import rate
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target
from tiltyard.testing import behavior, check_step
from tiltyard.testing.grounds import Ground

STEPS = {**checks(), **defenses()}
THRESHOLD = {"at": 0.5}


@pytest.mark.parametrize("cls", list(STEPS.values()), ids=list(STEPS))
def test_it_keeps_the_contract(cls: type[Step]) -> None:
    check_step(cls)


@pytest.fixture
def quick() -> dict[str, Ground]:
    """A table and a threshold, which need no training."""
    THRESHOLD["at"] = 0.5
    features = (Feature(name="a", kind="continuous"), Feature(name="b", kind="continuous"))
    schema = Schema(features=features, label="y", classes=("no", "yes"), sensitive=("side",))
    x = np.random.default_rng(0).random((60, 2), np.float32)
    side = {"side": np.where(x[:, 1] < 0.5, "left", "right")}
    data = Dataset(x, (x[:, 0] > 0.5).astype(np.int64), schema, "rows", side, np.arange(60) < 30)
    target = FunctionTarget(lambda rows: (np.asarray(rows)[:, 0] > THRESHOLD["at"]).astype(np.float32), schema.classes, schema, "threshold")
    return {"table": Ground(target, data, 20)}


class Good(Check):
    """The share of rows predicted as class 1."""

    id: ClassVar[str] = "evasion.good"
    title: ClassVar[str] = "Good"
    question: ClassVar[str] = "How many rows are called yes?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    headline: ClassVar[str] = "share"

    rows: int = parameter(20, "Rows to ask for", "rows", ge=1, le=1000)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        progress.step(0.2, "drawing")
        asked = data.sample(self.rows, np.random.default_rng(self.seed))
        progress.step(0.5, "asking")
        hits = int(target.labels(asked.x).sum())
        for part in range(8):
            progress.step(0.6 + part / 20, "counting")
        return CheckResult(status=Status.PASSED, summary=f"{hits} rows.", metrics=(rate("share", "Share called yes", hits, len(asked)),))


class Chance(Good):
    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        result = super().run(target, data, progress)
        return result.model_copy(update={"summary": f"{np.random.default_rng().integers(10**9)} rows."})


class Silent(Good):
    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        return super().run(target, data, Progress())


class Deaf(Good):
    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        for part in range(8):
            with suppress(Cancelled):
                progress.step(part / 8, "going on")
        return super().run(target, data, Progress())


class Fragile(Good):
    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        if len(data) < 3:
            raise ZeroDivisionError("division by zero")
        return super().run(target, data, progress)


class Broken(Good):
    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        raise ZeroDivisionError("division by zero")


class Wordy(Good):
    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        return super().run(target, data, progress).model_copy(update={"summary": "One.\nTwo."})


class Greedy(Good):
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "scores"})

    def unmet(self, target: Target, data: Dataset) -> str:
        return ""


class Late(Good):
    """Finds out that a need is missing when it is too late."""

    needs: ClassVar[frozenset[str]] = frozenset({"labels", "sensitive"})

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        if "side" not in data.sensitive:
            raise KeyError("side")
        return super().run(target, data, progress)

    def unmet(self, target: Target, data: Dataset) -> str:
        return ""


class Shy(Good):
    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        progress.step(0.5, "looking")
        raise Unavailable("another target", "this one", "Give it")


class Vague(Good):
    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        evidence = Evidence(tables=("nowhere",))
        finding = Finding(key="bad", title="Bad", severity=Severity.LOW, evidence=evidence, advice="Mind it")
        return super().run(target, data, progress).model_copy(update={"status": Status.FINDING, "findings": (finding,)})


class Rude(Defense):
    """Moves the threshold of the target that it was given."""

    id: ClassVar[str] = "evasion.rude"
    title: ClassVar[str] = "Rude"
    question: ClassVar[str] = "Does it help?"

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        progress.step(0.5, "changing")
        THRESHOLD["at"] = 0.9
        schema = data.schema
        made = FunctionTarget(lambda rows: np.zeros(len(rows), np.float32), schema.classes, schema, "made")
        return Defended(made, CheckResult(status=Status.PASSED, summary="Made."))


def made(**facts: Any) -> type[Good]:
    """`Good` with other facts; a tuple is a parameter's type and its field."""
    fields = {name: value for name, value in facts.items() if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], type)}
    hints = {name: kind for name, (kind, _) in fields.items()} | {name: ClassVar[Any] for name in facts if name not in fields}
    values = {name: fields[name][1] if name in fields else value for name, value in facts.items()}
    return type("Made", (Good,), {"__module__": __name__, "__annotations__": hints, **values})


FACTS = [
    (made(title=" Odd"), "its title is no text: ' Odd'"),
    (made(id="nonsense.good"), "its id 'nonsense.good' is not a topic"),
    (made(question="How many"), "its question is no sentence: 'How many'"),
    (made(title="x" * 60), "its title has 60 letters"),
    (made(needs=frozenset({"luck"})), "nobody knows what it needs: luck"),
    (made(standards=("OWASP ML99:1999",)), "are not in the catalog of standards: OWASP ML99:1999"),
    (made(seconds=0.0), "its typical seconds are 0, not above 0"),
    (made(context=frozenset({"share"})), "its headline share is said to be mere context"),
    (made(more=(int, parameter(1, "", "rows", ge=0, le=2))), "parameter more has no help"),
    (made(more=(int, parameter(1, "x" * 200, "rows", ge=0, le=2))), "the help of parameter more has 200 letters"),
    (made(more=(int, Field(default=1, description="More", ge=0, le=2))), "parameter more says nothing of its unit"),
    (made(more=(float, parameter(1.0, "More", le=2))), "parameter more has no lower bound"),
    (made(more=(float, parameter(1.0, "More", ge=0))), "parameter more has no upper bound"),
    (made(more=(int, parameter(3, "More", ge=0, le=2))), "its defaults parameters are refused: Expected more of evasion.good"),
    (made(quick={"rows": 0}), "its quick parameters are refused"),
    (made(quick_images={"row": 1}), "its quick_images parameters are refused"),
    (made(tiny={"rows": "many"}), "its tiny parameters are refused"),
]
BEHAVIOR: list[tuple[type[Step], str]] = [
    (made(headline="share_of_all"), "its headline 'share_of_all' is none of its metrics (share)"),
    (made(context=frozenset({"acuracy"})), "its context names metrics that it does not have: acuracy"),
    (Chance, "an equal seed gives another result: result.summary is"),
    (Deaf, "cancelled at its step 2 it ends as passed"),
    (Silent, "it reports no progress"),
    (Fragile, "given one row it breaks: ZeroDivisionError: division by zero"),
    (Broken, "on the table it breaks: ZeroDivisionError"),
    (Wordy, "its summary has more than one line"),
    (Greedy, "with labels alone it says that nothing is missing, and it needs labels, scores"),
    (Late, "without sensitive columns and marks of training it breaks: KeyError"),
    (Shy, "it answers on none of the tiny targets"),
    (Vague, "'Bad' rests on tables that are not in the result: nowhere"),
    (Rude, "it changed the target that it was given"),
]


def test_what_keeps_it_passes(quick: dict[str, Ground]) -> None:
    check_step(Good, quick)


@pytest.mark.parametrize(("cls", "said"), [*FACTS, *BEHAVIOR], ids=[said[:50] for _, said in (*FACTS, *BEHAVIOR)])
def test_a_breach_is_said(cls: type[Step], said: str, quick: dict[str, Ground]) -> None:
    with pytest.raises(AssertionError) as caught:
        check_step(cls, quick)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{cls.__name__} breaks the contract:"
    assert any(said in line for line in lines[1:]), caught.value


def test_all_breaches_are_said_at_once(quick: dict[str, Ground]) -> None:
    with pytest.raises(AssertionError) as caught:
        check_step(made(title="", more=(float, parameter(1.0, "")), tiny={"rows": 0}), quick)
    said = str(caught.value)
    assert all(part in said for part in ("its title", "no help", "no lower bound", "no upper bound", "its tiny parameters")), said


def test_a_step_that_works_on_after_a_cancel_is_found(quick: dict[str, Ground], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behavior, "WORK", 0.0)
    with pytest.raises(AssertionError, match=r"cancelled at its step 2 it works on for 0\.0 s"):
        check_step(Good, quick)


@pytest.fixture
def heavy(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Step]]:
    """A check in a module of its own that imports torch at its top."""
    source = "import torch\nfrom tests.contracts.test_contract import Good\n\n\nclass Heavy(Good):\n    pass\n"
    (tmp_path / "heavy_check.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    import heavy_check  # type: ignore[import-not-found]

    yield heavy_check.Heavy
    del sys.modules["heavy_check"]


def test_a_module_that_imports_torch_is_found(heavy: type[Step], quick: dict[str, Ground]) -> None:
    with pytest.raises(AssertionError, match=r"importing its module imports .*torch"):
        check_step(heavy, quick)


def test_the_contract_needs_no_pytest() -> None:
    code = "import sys; from tiltyard.testing import check_step; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={**os.environ}, check=False).returncode == 0
