"""What a step will take is worked out beside the page: a panel is there before it is known."""

import asyncio
import threading
from collections import OrderedDict

import pytest

from tiltyard.catalogue import find
from tiltyard.check import Estimate
from tiltyard.execution import timing
from tiltyard.samples.catalog import load
from tiltyard_widgets.panels.budget_view import BudgetView
from tiltyard_widgets.panels.privacy import PrivacyPanel
from tiltyard_widgets.panels.session import Session
from tiltyard_widgets.panels.step_runner import RECKONING


def test_a_panel_waits_neither_for_an_estimate_nor_for_the_accountant(monkeypatch: pytest.MonkeyPatch) -> None:
    known, asked = threading.Event(), []

    def estimate(*_: object) -> Estimate:
        known.wait(30)
        return Estimate(seconds=7.0)

    settled = BudgetView._settled

    def told(self: BudgetView) -> object:
        asked.append(threading.current_thread())
        known.wait(30)
        return settled(self)

    monkeypatch.setattr(timing, "_estimates", OrderedDict())  # another test may have asked for the same before
    monkeypatch.setattr(find("privacy.dp_sgd"), "estimate", estimate)
    monkeypatch.setattr(BudgetView, "_settled", told)
    sample = load("census")

    async def page() -> tuple[str, str]:
        panel = PrivacyPanel(session=Session(sample.target, sample.data))
        runner = panel.runner(panel.choice.value)
        before = runner.progress.message
        known.set()
        for _ in range(3000):
            if runner.progress.message != before:
                break
            await asyncio.sleep(0.01)
        return before, runner.progress.message

    before, after = asyncio.run(page())
    assert before == RECKONING
    assert after == "Not measured here yet; typically about 7 s."
    assert threading.main_thread() not in asked
    assert asked
