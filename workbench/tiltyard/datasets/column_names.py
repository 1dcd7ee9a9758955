"""Column names as words."""

import itertools
import re
from collections.abc import Iterable, Sequence


def words(name: str) -> tuple[str, ...]:
    """The lower-case words of a column name: ``nativeCountry`` and ``native-country`` give (native, country), ``<24Y`` gives (24y).

    Only a number at its end is cut off a word: ``age2`` gives (age, 2).
    """
    parts = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    return tuple(word for part in parts for word in (re.fullmatch(r"([a-z]+)([0-9]+)", part) or re.fullmatch(r"(.+)", part)).groups())  # type: ignore[union-attr]


def distinctly(names: Iterable[str]) -> tuple[str, ...]:
    """The names with ``.1``, ``.2`` … after those that were there before, as pandas does."""
    given = list(names)
    taken = set(given)
    found: list[str] = []
    seen: set[str] = set()
    for name in given:
        free = name
        if name in seen:
            free = next(n for i in itertools.count(1) if (n := f"{name}.{i}") not in taken)
        taken.add(free)
        seen.add(name)
        found.append(free)
    return tuple(found)


def renamed(before: Sequence[str], after: Sequence[str]) -> tuple[str, ...]:
    """A sentence on the names that `distinctly` changed, or nothing."""
    if not (changed := [(a, b) for a, b in zip(before, after, strict=True) if a != b]):
        return ()
    some = ", ".join(f"{b!r}" for _, b in changed[:5]) + (" …" if len(changed) > 5 else "")
    return (f"Column names that stand there more than once got numbers: {some}.",)
