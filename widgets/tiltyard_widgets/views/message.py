"""One line that says what went wrong and what to do; it can be dismissed."""

import traitlets

from tiltyard.error_codes import CODES, address
from tiltyard.errors import Problem

from ..theme.markup import Markup, Node, el, tipped

WORDS = {"error": ("✕", "Error"), "warning": ("▲", "Warning"), "info": ("ℹ", "Note")}


class Message(Markup):
    """Shown while ``text`` is not empty. Screen readers announce it as soon as it appears."""

    text = traitlets.Unicode("")
    level = traitlets.Enum(tuple(WORDS), "error")
    code = traitlets.Unicode("")

    def __init__(self) -> None:
        super().__init__(live="assertive")
        self.observe(lambda _: self._draw(), ["text", "level", "code"])
        self.on_event("dismiss", lambda _: self.clear())

    def say(self, problem: Exception | str, level: str = "error", doing: str = "") -> None:
        """Show a `Problem` (expected, found, do) or a sentence in one line; ``level`` is error, warning or info.

        Of any other error its type is shown too, after ``doing``: what was being done.
        """
        if isinstance(problem, Exception) and not isinstance(problem, Problem):
            problem = ": ".join(filter(None, (doing, type(problem).__name__, str(problem))))
        with self.hold_sync():
            self.code = getattr(problem, "code", "")
            self.level = level
            self.text = " ".join(str(problem).split())

    def clear(self) -> None:
        self.text = ""

    def _draw(self) -> None:
        if not self.text:
            self.tree = []
            return
        sign, word = WORDS[self.level]
        self.tree = [
            el(
                "div",
                {"class": "ty-message", "data-level": self.level},
                el("span", {"aria-hidden": "true"}, sign),
                el("span", None, el("span", {"class": "ty-hidden"}, f"{word}: "), self.text),
                *explained(self.code),
                el(
                    "button",
                    {"type": "button", "data-send": "dismiss", "data-key": "dismiss", "aria-label": "Dismiss this message"},
                    "Dismiss",
                ),
            )
        ]


def explained(code: str) -> list[Node]:
    """The code of an error: what it means on hover, focus and tap, and a link to its page where the documentation's place is known."""
    if code not in CODES:
        return []
    title, meaning, _ = CODES[code]
    link = address(code)
    more = [" ", el("a", {"href": link, "target": "_blank", "rel": "noopener"}, "More")] if link else []
    return [tipped(code, f"{title}. {meaning}"), *more]
