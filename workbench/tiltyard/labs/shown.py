"""What a cell of a lab answers: a line or a few, as text and as HTML without script, right in light and dark."""

from dataclasses import dataclass
from html import escape
from typing import Literal

Tone = Literal["good", "bad", "plain"]
COLORS: dict[Tone, str] = {"good": "#0072b2", "bad": "#d55e00", "plain": "#777777"}
SIGNS: dict[Tone, str] = {"good": "✓", "bad": "✕", "plain": "·"}


@dataclass(frozen=True)
class Shown:
    """Lines with a sign each; ``right`` says whether all is well, for whoever asks in code.

    The sign and the words say all that the color says.
    """

    lines: tuple[tuple[Tone, str], ...]

    @property
    def right(self) -> bool:
        """Is no line bad?"""
        return all(tone != "bad" for tone, _ in self.lines)

    def __repr__(self) -> str:
        return "\n".join(f"{SIGNS[tone]} {words}" for tone, words in self.lines)

    def _repr_html_(self) -> str:
        rows = "".join(_row(tone, words) for tone, words in self.lines)
        return f'<div role="status" style="font: inherit; line-height: 1.5">{rows}</div>'


def _row(tone: Tone, words: str) -> str:
    border = f"border-left: 4px solid {COLORS[tone]}; padding: 2px 10px; margin: 2px 0"
    return f'<div style="{border}"><span aria-hidden="true">{SIGNS[tone]}</span> {escape(words)}</div>'
