"""A confined kernel's line to the broker, which alone reaches people, keys, runs and the audit log.

The line is a socket that the app put into the kernel's hands when it started it, and registered with the broker under that person: there is no
name to connect to and no token to copy, and whoever holds it is that person with that role and nobody else.
"""

import os
import socket
import threading
from collections.abc import Mapping
from typing import Any

from ..errors import Problem
from ..sealing.broken import Broken
from .frames import Gone, Message, receive, send
from .roles import Denied

PATIENCE = 120.0
KINDS: dict[str, type[Problem]] = {kind.__name__: kind for kind in (Problem, Denied, Broken)}


class Line:
    """Questions to the broker, one at a time.

    Attributes
    ----------
    unlogged
        Why the last thing the broker did is not in the audit log, or nothing.
    """

    def __init__(self, to: socket.socket) -> None:
        self._to: socket.socket | None = to
        self._alone = threading.Lock()
        self._process = os.getpid()
        self.unlogged = ""

    def ask(self, call: str, files: Mapping[str, bytes] | None = None, **given: Any) -> Message:
        """The broker's answer to a call by its name, in ``says["value"]`` and ``files``; its problem is raised as what it was."""
        with self._alone:
            answer = self._asked(Message({"call": call, "given": given}, files or {}))
        self.unlogged = str(answer.says.get("unlogged", ""))
        if problem := answer.says.get("problem"):
            raise problem_of(problem)
        return answer

    def _asked(self, question: Message) -> Message:
        if self._to is None or os.getpid() != self._process:  # a fork's words would mix with ours
            raise _lost("that the line to it has ended")
        try:
            send(self._to, question, PATIENCE)
            return receive(self._to, PATIENCE)
        except Gone as gone:
            self._to.close()
            self._to = None
            raise _lost(str(gone)) from None


def _lost(found: str) -> Problem:
    return Problem("the app's keeper of runs to answer", found, "Download what you need of this page, then open it again")


def described(problem: Problem) -> dict[str, str]:
    """A problem as JSON."""
    kind = next(name for name in (*(cls.__name__ for cls in type(problem).__mro__), "Problem") if name in KINDS)
    return {"kind": kind, "expected": problem.expected, "found": problem.found, "do": problem.do}


def problem_of(facts: Mapping[str, Any]) -> Problem:
    """A problem from JSON."""
    kind = KINDS.get(str(facts.get("kind")), Problem)
    return kind(*(str(facts.get(part, "")) for part in ("expected", "found", "do")))


_held: list[Line] = []


def take(handle: int) -> None:
    """Hold the line behind this handle for the rest of this process, and for none that it starts."""
    os.set_inheritable(handle, False)
    _held[:] = [Line(socket.socket(fileno=handle))]


def line() -> Line | None:
    """This process's line; None where it works by itself, as everything does that no shared login started."""
    return _held[0] if _held else None
