"""What the warm parent holds for all: opened on trial first, so that nothing that goes wrong there befalls the parent."""

import os
import re
import time
from pathlib import Path

import psutil
import pytest
from tests.offering import wages

from tiltyard.access.offers import OFFERS, written
from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard.assessment import offers as module
from tiltyard.assessment.offers import offer_of, offered
from tiltyard_widgets.warm.held import answered, hold_offers, tried
from tiltyard_widgets.warm.nursery import possible

pytestmark = pytest.mark.skipif(bool(possible()), reason=f"nothing is forked here: {possible()}")


def refuse() -> None:
    raise ValueError("no model")


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda: None, ""),
        (refuse, "no model"),
        (lambda: os.kill(os.getpid(), 9), "ended the process \\(-9\\)"),
        (lambda: os._exit(3), "ended the process \\(3\\)"),
        (lambda: time.sleep(100), "more than 0 s"),
    ],
    ids=["well", "refused", "crash", "end", "hangs"],
)
def test_what_goes_wrong_on_trial_is_told_and_goes_wrong_there_alone(act, why: str) -> None:  # type: ignore[no-untyped-def]
    before = set(psutil.Process().children())
    reason = tried(act, lambda: "", 30 if "more than" not in why else 0.1)
    assert re.search(why, reason) if why else reason == ""
    assert not set(psutil.Process().children()) - before  # nobody is left over


def test_what_leaves_threads_is_left_to_each_page() -> None:
    assert tried(lambda: None, lambda: "it has other threads") == "it has other threads"


def test_what_is_offered_is_held_with_its_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    texts = [str(wages(tmp_path)), f"{wages(broken).parent / 'wages.safetensors'}={broken / 'wages.csv'}"]
    made = [offer_of(texts[0]), offer_of(texts[1]).model_copy(update={"name": "broken"})]  # its layers are named nowhere
    monkeypatch.setenv(OFFERS, written(made))
    monkeypatch.setattr(module, "_held", {})
    offered("wages")  # here, so that no trial imports torch for itself
    hold_offers(lambda: "")
    assert list(module._held) == ["wages"] and [line for line in caplog.messages if line.startswith("broken is offered")]
    (tmp_path / "wages.csv").unlink()
    target, data = offered("wages")
    truly = target.predictions(data.x)
    for _ in answered():
        pass
    target, data = offered("wages")
    assert target.known_answers is not None and target.queries == 0
    target._scores = None  # type: ignore[assignment, method-assign]  # it answers nothing by itself
    assert (target.predictions(data.x).scores == truly.scores).all()


def test_a_confined_kernel_reads_what_is_offered_and_knows_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard_widgets.gateway.confining import confines_of, environment_of

    (tmp_path / "home@x").mkdir()
    made = [offer_of(str(wages(tmp_path / "home@x")))]
    monkeypatch.setenv(OFFERS, written(made))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    confines = confines_of(Person("ann", Role.VIEWER, shared=True), tmp_path)
    assert {str(tmp_path / "home@x" / name) for name in ("wages.safetensors", "wages.csv", "layers.json")} <= set(confines.reads)
    assert str(tmp_path / "home@x") not in confines.reads
    assert environment_of(dict(os.environ), tmp_path)[OFFERS] == os.environ[OFFERS]
