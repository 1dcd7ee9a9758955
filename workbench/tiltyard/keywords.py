"""A keyword that a function of the public door does not take is told in one line, with the nearest of those that it takes."""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
NEAR = 0.6  # difflib's own: "labels" is near "label"
# What other libraries, and people, call the same.
OTHERS = {
    "checks": "picked",
    "steps": "picked",
    "model": "target",
    "estimator": "target",
    "frame": "data",
    "df": "data",
    "y": "label",
    "label": "data",  # of what takes a data set, which says its label itself
    "protected": "sensitive",
    "groups": "sensitive",
    "out": "path",
}


class Misspelt(TypeError):
    """Python's own error for a keyword that a function does not take, in a line that says which it takes."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook's cell shows of it: the line, without the way to it."""
        return [f"TypeError: {self}"]


def spelled(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, which refuses a keyword that it does not take with `Misspelt`; of one that takes any, none is refused here.

    The ``__init__`` of a class is called by the name of the class that is made.
    """
    taken = inspect.signature(function).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in taken.values())
    known = [p.name for p in taken.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name != "self"]

    @functools.wraps(function)
    def asked(*given: P.args, **keywords: P.kwargs) -> R:
        wrong = next((name for name in keywords if name not in known), None)
        if wrong is not None and not open_ended:
            owner = type(given[0]).__name__ if given and function.__name__ == "__init__" else function.__name__
            raise misspelt(owner, wrong, known)
        return function(*given, **keywords)

    return asked


def keywords_of(function: Callable[..., object]) -> list[str]:
    """The keywords that ``function`` takes by name alone."""
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]


def misspelt(owner: str, wrong: str, known: Iterable[str]) -> Misspelt:
    """What to raise where ``owner`` was given a keyword ``wrong`` that is none of those ``known``."""
    names = list(known)
    near = nearest(wrong, names)
    meant = f" Did you mean {near!r}?" if near else ""
    return Misspelt(f"{owner}() takes no keyword {wrong!r}.{meant} It takes {', '.join(names) or 'none'}.")


def nearest(wrong: str, known: Iterable[str]) -> str:
    """Which of ``known`` was probably meant; empty where none is near."""
    names = list(known)
    other = OTHERS.get(wrong.lower(), "")
    return other if other in names else next(iter(difflib.get_close_matches(wrong.lower(), names, 1, NEAR)), "")
