"""A field for a key: printable signs without spaces, held as `WordField` holds a password."""

from tiltyard.targets.http.line import Key

from .word_field import WordField


class KeyField(WordField):
    """A `WordField` for the key of an endpoint. ``key`` is what was typed."""

    def __init__(self, label: str = "Key", help: str = "") -> None:
        super().__init__(label, help)

    @property
    def key(self) -> Key:
        """The key; an empty one where none was typed."""
        return Key(self.text)

    def _check(self, text: str) -> str:
        return Key(super()._check(text)).secret
