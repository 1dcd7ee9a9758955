"""A field for a secret: it goes from the browser to the kernel once and never back."""

from collections.abc import Callable

import traitlets

from tiltyard.errors import Problem
from tiltyard.targets.line import Key

from .block import Block, esm

LONGEST = 4096


class KeyField(Block):
    """A password field. ``key`` is what was typed; no trait holds it, so no page, notebook or widget state does.

    Traits
    ------
    held : bool
        Is there a key?
    wrong : str
        What is wrong with what was typed, in one line without it.
    """

    _esm = esm("keyfield.js")
    label = traitlets.Unicode("Key").tag(sync=True)
    help = traitlets.Unicode("").tag(sync=True)
    held = traitlets.Bool(False).tag(sync=True)
    wrong = traitlets.Unicode("").tag(sync=True)

    def __init__(self, label: str = "Key", help: str = "") -> None:
        super().__init__(label=label, help=help)
        self._key = Key("")
        self._calls: list[Callable[[], None]] = []
        self.on_msg(self._heard)

    @property
    def key(self) -> Key:
        """The key; an empty one where none was typed."""
        return self._key

    def on_key(self, call: Callable[[], None]) -> None:
        """Call ``call()`` when a key was typed or forgotten."""
        self._calls.append(call)

    def put(self, text: str) -> None:
        """Hold ``text`` as the key; say what is wrong where it cannot be one."""
        try:
            if len(text) > LONGEST:
                raise Problem(f"a key of at most {LONGEST:,} signs", f"{len(text):,}", "Copy it again")
            self._key = Key(text)
        except Problem as problem:
            self.wrong = f"Expected {problem.expected}; found {problem.found}."
            return
        self.wrong, self.held = "", bool(self._key)
        for call in self._calls:
            call()

    def _heard(self, _widget: object, content: object, _buffers: object) -> None:
        if not isinstance(content, dict):
            return
        if content.get("event") == "forget":
            self.put("")
        elif content.get("event") == "key" and isinstance(content.get("value"), str):
            self.put(content["value"])
