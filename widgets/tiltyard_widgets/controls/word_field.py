"""A field for what nobody else may see: it goes from the browser to the kernel once and never back."""

import traitlets

from tiltyard.errors import Problem

from ..theme.block import Block, esm

LONGEST = 4096


class WordField(Block):
    """A field for a password or passphrase: any signs, spaces too. ``text`` is what was typed.

    No trait holds it, so no page, notebook or widget state does.

    Traits
    ------
    held : bool
        Was something typed?
    wrong : str
        What is wrong with what was typed, in one line without it.
    """

    _esm = esm("wordfield.js")
    label = traitlets.Unicode("Password").tag(sync=True)
    help = traitlets.Unicode("").tag(sync=True)
    held = traitlets.Bool(False).tag(sync=True)
    wrong = traitlets.Unicode("").tag(sync=True)

    def __init__(self, label: str = "Password", help: str = "") -> None:
        super().__init__(label=label, help=help)
        self._text = ""
        self.on_msg(self._heard)

    @property
    def text(self) -> str:
        """What was typed; empty where nothing was."""
        return self._text

    def put(self, text: str) -> None:
        """Hold ``text``; say what is wrong where it cannot be held."""
        try:
            self._text = self._check(text)
        except Problem as problem:
            self.wrong = f"Expected {problem.expected}; found {problem.found}."
            return
        self.wrong, self.held = "", bool(self._text)

    def _check(self, text: str) -> str:
        """What is held of ``text``; `Problem` where that is nothing good."""
        if len(text) > LONGEST:
            raise Problem(f"at most {LONGEST:,} signs", f"{len(text):,}", "Copy it again")
        return text

    def _heard(self, _widget: object, content: object, _buffers: object) -> None:
        if not isinstance(content, dict):
            return
        if content.get("event") == "forget":
            self.put("")
        elif content.get("event") == "key" and isinstance(content.get("value"), str):
            self.put(content["value"])
