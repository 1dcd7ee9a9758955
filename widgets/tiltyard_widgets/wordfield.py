"""A field for a password or passphrase: any signs, spaces too, held in the kernel's memory alone."""

from .keyfield import LONGEST, KeyField


class WordField(KeyField):
    """As `KeyField`, for what a person made up. ``text`` is what was typed; no trait holds it."""

    def __init__(self, label: str = "Password", help: str = "") -> None:
        self._text = ""
        super().__init__(label, help)

    @property
    def text(self) -> str:
        """What was typed; empty where nothing was."""
        return self._text

    def put(self, text: str) -> None:
        """Hold ``text``; say so where it is too long."""
        if len(text) > LONGEST:
            self.wrong = f"Expected at most {LONGEST:,} signs; found {len(text):,}."
            return
        self._text = text
        self.wrong, self.held = "", bool(text)
        for call in self._calls:
            call()
