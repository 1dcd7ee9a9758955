"""A lab's panel stays shut until a prediction is typed, and what is run in it is kept where the grade looks."""

from pathlib import Path

import pytest
from tests.tiny import tiny_data, tiny_target

from tiltyard.labs.work import WorkFile
from tiltyard.store.store import Store


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_LABS", str(tmp_path / "labs.json"))


def test_the_panel_comes_with_the_prediction_and_keeps_its_runs() -> None:
    from tiltyard_widgets.panels.attack import AttackPanel
    from tiltyard_widgets.panels.predict_first import PredictFirst

    data = tiny_data()
    made = PredictFirst("2a", AttackPanel, tiny_target(data), data)
    assert made.locked and "before anything is measured" in made.message.text
    made.field.value = "much"
    made.keep.click()
    assert made.locked and "Expected a number, in %" in made.message.text
    assert WorkFile().read().predictions == {}
    made.field.value = "70"
    made.keep.click()
    assert not made.locked
    assert WorkFile().read().predictions["2a"].value == 70.0
    (panel,) = (child for child in made.children if isinstance(child, AttackPanel))
    assert isinstance(panel.session.store, Store)
    assert not PredictFirst("2a", AttackPanel, tiny_target(data), data).locked
