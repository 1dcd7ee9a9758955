"""Which words may stand for which: a list that a person allows, slips of the keyboard, and letters that look alike."""

import csv
import io
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from ..access.places import opened
from ..errors import Problem

Letters = Literal["none", "typos", "homoglyphs", "both"]
WORD = re.compile(r"\w+(?:['’]\w+)*")
LARGEST, MOST_WORDS = 16 << 20, 200_000
FORM = "good: fine, great; bad: poor"
SHORTEST = 4  # letters of a word from which a slip leaves it readable
SLIPS = 6
ALIKE = dict(zip("aceiopsxyABCEHIKMOPTXj", "асеіорѕхуАВСЕНІКМОРТХј", strict=True))
NEIGHBORS = dict(
    zip(
        "qwertyuiopasdfghjklzxcvbnm",
        "wa qes wrd etf ryg tuh yij uok ipl oøl qsz adx sfc dgv fhb gjn hkm jl kø asx zcd xvf cbg vnh bmj nk".split(),
        strict=True,
    )
)


@dataclass(frozen=True)
class Word:
    """A word of a text: from ``start`` up to ``stop``."""

    start: int
    stop: int


def words_in(text: str) -> tuple[Word, ...]:
    """The words of ``text`` in their order."""
    return tuple(Word(*found.span()) for found in WORD.finditer(text))


@dataclass(frozen=True)
class Swaps:
    """What may stand for a word.

    Parameters
    ----------
    allowed
        Words by the word that they may stand for, both in lower case.
    letters
        Whether a word may also be written with a slip of the keyboard, or in letters that look alike.
    seed
        Of the slips, which are then the same for a word wherever it stands.
    """

    allowed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    letters: Letters = "none"
    seed: int = 0

    def of(self, word: str) -> tuple[str, ...]:
        """What ``word`` may be replaced with, each once, never itself."""
        if word not in self._known:
            found = [_cased(other, word) for other in self.allowed.get(word.lower(), ())]
            found += _slips(word, self.seed) if self.letters in ("typos", "both") else []
            found += _lookalikes(word) if self.letters in ("homoglyphs", "both") else []
            self._known[word] = tuple(dict.fromkeys(other for other in found if other != word))
        return self._known[word]

    @cached_property
    def _known(self) -> dict[str, tuple[str, ...]]:
        return {}


def _cased(word: str, like: str) -> str:
    return word.upper() if like.isupper() and len(like) > 1 else word[:1].upper() + word[1:] if like[:1].isupper() else word


def _slips(word: str, seed: int) -> list[str]:
    """Two letters changed about, one left out, one twice, or its neighbor on the keyboard, as DeepWordBug has them; first and last stay."""
    if len(word) < SHORTEST or not word.isalpha():
        return []
    found = []
    for i in range(1, len(word) - 1):
        found += [word[:i] + word[i + 1 :], word[:i] + word[i] + word[i:]]
        found += [word[:i] + word[i + 1] + word[i] + word[i + 2 :]] if i < len(word) - 2 else []
        found += [word[:i] + letter + word[i + 1 :] for letter in NEIGHBORS.get(word[i], "")[:2] if letter.isascii()]
    found = list(dict.fromkeys(found))
    rng = np.random.default_rng([seed, *word.encode("utf-8", "surrogatepass")])
    return [found[i] for i in sorted(rng.permutation(len(found))[:SLIPS])]


def _lookalikes(word: str) -> list[str]:
    """One letter, and all of them, in another alphabet."""
    places = [i for i, letter in enumerate(word) if letter in ALIKE]
    single = [word[:i] + ALIKE[word[i]] + word[i + 1 :] for i in places[:SLIPS]]
    return [*single, "".join(ALIKE.get(letter, letter) for letter in word)] if places else []


def written(text: str) -> dict[str, tuple[str, ...]]:
    """Allowed swaps as a person writes them in one line: ``good: fine, great; bad: poor``.

    Raises
    ------
    Problem
        It is written otherwise.
    """
    found: dict[str, tuple[str, ...]] = {}
    for part in filter(str.strip, text.split(";")):
        word, colon, others = part.partition(":")
        _add(found, word, others.split(",") if colon else [], repr(part.strip()[:60]))
    return found


def listed(path: Path) -> dict[str, tuple[str, ...]]:
    """Allowed swaps from a CSV: in each line a word, then what may stand for it.

    Raises
    ------
    Problem
        It is no such file.
    """
    with opened(path, "a list of allowed swaps") as stream:
        content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise Problem(f"a list of at most {LARGEST >> 20} MiB", f"more in {path.name}", "Leave words out")
    try:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error):
        raise Problem("a list of allowed swaps as CSV in UTF-8", f"{path.name}, which is none", "Save it so") from None
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(lines, 1):
        if line:
            _add(found, line[0], line[1:], f"line {number} of {path.name}")
    if len(found) > MOST_WORDS:
        raise Problem(f"at most {MOST_WORDS:,} words", f"{len(found):,} in {path.name}", "Leave words out")
    return found


def _add(found: dict[str, tuple[str, ...]], word: str, others: list[str], where: str) -> None:
    word = word.strip().lower()
    kept = tuple(dict.fromkeys(other.strip() for other in others if other.strip()))
    if not word or not kept or not WORD.fullmatch(word):
        raise Problem(f"one word and what may stand for it ({FORM}, or a line good,fine,great)", where, "Correct it")
    found[word] = (*found.get(word, ()), *kept)
