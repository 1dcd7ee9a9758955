"""What a panel shows of a step that waits for its turn, and once it runs."""

import threading

import pytest

pytest.importorskip("ipywidgets")

from tiltyard.evasion.fgsm import FGSM
from tiltyard.samples.catalog import load
from tiltyard_widgets.panels.attack import AttackPanel
from tiltyard_widgets.panels.session import Session
from tiltyard_widgets.views.outcome import OutcomeView

from .waiting import until


def state(view: OutcomeView) -> str:
    """What the sentence's sign and word say."""
    return str(view._sentence.tree[0][1]["data-state"])


def test_a_step_in_the_queue_is_called_waiting_and_running_once_it_runs(monkeypatch):
    census = load("census")
    session, gates = Session(census.target, census.data), [threading.Event(), threading.Event()]
    running: list[int] = []
    run = FGSM.run

    def held(self, target, data, progress):
        running.append(len(running))
        gates[running[-1]].wait(60)
        return run(self, target, data, progress)

    monkeypatch.setattr(FGSM, "run", held)
    first, second = AttackPanel(session=session), AttackPanel(session=session)
    for panel, rows in ((first, 20), (second, 21)):
        panel.choice.value = "evasion.fgsm"
        panel.runner("evasion.fgsm").form.set({"rows": rows})
        panel.runner("evasion.fgsm").run()
    shown = second.runner("evasion.fgsm").view
    until(lambda: running == [0])
    assert state(shown) == "waiting"
    gates[0].set()
    until(lambda: running == [0, 1])
    until(lambda: state(shown) == "running")
    gates[1].set()
    until(lambda: not session.busy)
    assert session.latest["evasion.fgsm"].effective["rows"] == 21
