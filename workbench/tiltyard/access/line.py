"""A confined kernel's line to the broker, which alone reaches people, keys, runs and the audit log.

The line is a socket that the app put into the kernel's hands when it started it, and registered with the broker under that person: there is no
name to connect to and no token to copy, and whoever holds it is that person with that role and nobody else. Where the broker died, the app
starts another and hands the kernel a new line by its *door*, a second socket by which nothing else comes and nothing goes.
"""

import os
import select
import socket
import threading
from collections.abc import Mapping
from typing import Any

from ..errors import Problem
from ..sealing.broken import Broken
from .frames import Gone, Message, receive, send
from .roles import Denied

PATIENCE = 120.0
RENEWAL = 10.0  # s that a new line is waited for, once the one before has ended
# What may be asked twice where nobody knows whether the first was heard: it changes nothing, or nothing more the second time.
TWICE = frozenset(
    "mark runs count severities models run records steps outcomes known mark_of cut_off shared underway timings files ready doubts log users keys "
    "share end cancel job_tell job_asked job_close worker worker_leave".split()
)
KINDS: dict[str, type[Problem]] = {kind.__name__: kind for kind in (Problem, Denied, Broken)}


class Line:
    """Questions to the broker, one at a time.

    Parameters
    ----------
    to
        The line.
    door
        Where the app hands over another once this one has ended; None where it never does.

    Attributes
    ----------
    unlogged
        Why the last thing the broker did is not in the audit log, or nothing.
    """

    def __init__(self, to: socket.socket, door: socket.socket | None = None) -> None:
        self._to: socket.socket | None = to
        self._door = door
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
        if os.getpid() != self._process:  # a fork's words would mix with ours
            raise _lost("that the line to it has ended")
        try:
            return self._heard(question)
        except Gone:
            return self._again(question)

    def _heard(self, question: Message) -> Message:
        """The answer; `Gone` where the line ended before anybody can have acted on the question, or where it may be asked twice."""
        to = self._to if self._to is not None else self._renewed()
        try:
            send(to, question, PATIENCE)
        except Gone:
            self._close()
            raise
        try:
            return receive(to, PATIENCE)
        except Gone as gone:
            self._close()
            if question.says["call"] in TWICE:
                raise
            raise _lost(str(gone)) from None

    def _again(self, question: Message) -> Message:
        try:
            return self._heard(question)
        except Gone as gone:
            raise _lost(str(gone)) from None

    def _renewed(self) -> socket.socket:
        """The newest line that the app has handed over."""
        handles: list[int] = []
        while self._door is not None and select.select([self._door], [], [], 0 if handles else RENEWAL)[0]:
            word, found, _, _ = socket.recv_fds(self._door, 1, 1)
            if not word:
                break  # the app is gone
            for handle in handles:
                os.close(handle)
            handles = list(found)
        if not handles:
            raise _lost("that the line to it has ended")
        os.set_inheritable(handles[0], False)
        self._to = socket.socket(fileno=handles[0])
        return self._to

    def close(self) -> None:
        """Close it for this process."""
        self._close()
        if self._door is not None:
            self._door.close()

    def _close(self) -> None:
        if self._to is not None:
            self._to.close()
            self._to = None


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


def take(handle: int, door: int) -> None:
    """Hold the line and the door behind these handles for the rest of this process, and for none that it starts."""
    for one in (handle, door):
        os.set_inheritable(one, False)
    _held[:] = [Line(socket.socket(fileno=handle), socket.socket(fileno=door))]


def forget() -> None:
    """Have no line any more: of a fork of the process whose it is."""
    while _held:
        _held.pop().close()


def line() -> Line | None:
    """This process's line; None where it works by itself, as everything does that no shared login started."""
    return _held[0] if _held else None
