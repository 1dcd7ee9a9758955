"""A window shows one panel: the others take news when it is their turn, and then say nothing of a former model."""

import numpy as np
from tests.tiny import tiny_data

from tiltyard.targets.estimators import FunctionTarget
from tiltyard_widgets.panels.session import Session
from tiltyard_widgets.panels.topic_panel import TopicPanel
from tiltyard_widgets.panels.workbench import Workbench

DATA = tiny_data()


def model(name: str, column: int) -> FunctionTarget:
    return FunctionTarget(
        lambda x: (np.asarray(x)[:, column] > 0.5).astype(np.float32), DATA.schema.classes, DATA.schema, name, fingerprint=name * 8
    )


def test_a_panel_that_is_not_seen_waits_and_is_right_when_it_is_seen_again() -> None:
    window = Workbench(session=Session(model("first", 0), DATA))
    hidden = window.go("validation")
    assert isinstance(hidden, TopicPanel)
    asked = list[str]()
    refresh, hidden.refresh = hidden.refresh, lambda: asked.append(window.session.about[0])  # type: ignore[method-assign]
    window.go("evasion")
    hidden.message.say("Something of the first model.")
    window.session.adopt(model("second", 1), DATA)
    assert asked == []
    hidden.refresh = refresh  # type: ignore[method-assign]
    window.go("validation")
    assert hidden.message.text == "" and not hidden._stale


def test_a_message_goes_when_its_model_goes() -> None:
    window = Workbench(session=Session(model("first", 0), DATA))
    shown = window.go("validation")
    shown.message.say("Something of the first model.")
    window.session.version += 1
    assert shown.message.text
    window.session.adopt(model("second", 1), DATA)
    assert shown.message.text == ""
