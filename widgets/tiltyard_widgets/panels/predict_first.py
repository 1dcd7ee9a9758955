"""A panel of a lab that stays locked until a prediction is typed."""

from typing import Any

import ipywidgets as w

from tiltyard import labs
from tiltyard.errors import Problem
from tiltyard.store.opening import open_store

from ..theme import look
from ..views.message import Message
from .panel import Panel
from .session import Session


class PredictFirst(w.VBox):
    """A field for the prediction; the panel comes once it is typed: ``PredictFirst("2a", AttackPanel, target, data)``.

    Parameters
    ----------
    question
        Id of the question of the labs.
    panel
        The class of the panel. What is run in it is kept in the store, where the grade looks for it.
    target, data
        What to assess, as a panel takes it.
    """

    def __init__(self, question: str, panel: type[Panel], target: Any, data: Any) -> None:
        super().__init__()
        self.question = question
        self._panel, self._about = panel, (target, data)
        self.field = look.entry("Your prediction", hint="a number")
        self.keep = look.button("Predict and unlock", kind="primary")
        self.message = Message()
        self.keep.on_click(lambda _: self.predict(self.field.value))
        self.add_class("ty-panel")
        self.children = (look.style(), look.stack([self.field, self.keep]), self.message)
        self._open_if_predicted()

    @property
    def locked(self) -> bool:
        """Is the panel still shut?"""
        return not any(isinstance(child, Panel) for child in self.children)

    def predict(self, words: str) -> None:
        """Keep what was typed, and open the panel; what is no prediction is refused in one line."""
        try:
            shown = labs.predict(self.question, words)
        except Problem as problem:
            self.message.say(problem)
            return
        self.message.say(repr(shown), level="info")
        self._open()

    def _open_if_predicted(self) -> None:
        from tiltyard.labs.session import unlocked

        try:
            unlocked(self.question)
        except Problem as problem:
            self.message.say(problem, level="info")
        else:
            self._open()

    def _open(self) -> None:
        if self.locked:
            session = Session(*self._about, store=open_store())
            self.children = (look.style(), self.message, self._panel(session=session))
