"""The one error a person sees: what was expected, what was found, what to do."""

from typing import Any, ClassVar

from .error_codes import with_code


class Problem(ValueError):
    """Bad input or an impossible request, said in one line.

    Parameters
    ----------
    expected, found, do
        Short clauses; a final period, as a quoted message may have, is taken off. ``str(problem)`` joins them in one line.

    Attributes
    ----------
    quotes
        May it hold content of a file that was read? Behind a shared login such a problem is told without it.
    code
        Of a kind that has a page: the key under which `error_codes` explains it; empty for all others.
    """

    quotes: ClassVar[bool] = True
    code: ClassVar[str] = ""

    def __init__(self, expected: str, found: str, do: str) -> None:
        self.expected, self.found, self.do = (clause.removesuffix(".") for clause in (expected, found, do))
        super().__init__(" ".join(f"Expected {self.expected}; found {self.found}. {self.do}.".split()))

    def _render_traceback_(self) -> list[str]:
        """What a notebook's cell shows of it: the line, without the way to it, which ``%debug`` still has."""
        return [f"{type(self).__name__}: {self.coded}"]

    @property
    def coded(self) -> str:
        """The line with the code of its kind, as the shell and a cell show it."""
        return with_code(str(self), self.code)

    def __reduce__(self) -> tuple[type["Problem"], tuple[Any, ...]]:
        return type(self), (self.expected, self.found, self.do)


class Plain(Problem):
    """A problem whose text holds nothing of any file's content, wherever it is raised."""

    quotes = False


class Unavailable(Problem):
    """A need of a check that this target or data set does not meet; becomes *not applicable*."""

    code = "TY-NEED"


class Cancelled(Exception):
    """Raised inside a running step once its progress was cancelled."""


class Trouble(Problem):
    """The store itself does not answer."""

    code = "TY-STORE"
