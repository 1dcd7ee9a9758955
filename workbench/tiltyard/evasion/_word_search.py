"""Greedy search over allowed swaps of words, all texts side by side, so that the target is asked in batches.

Ren et al. 2019 (PWWS) order words by what their best swap gains, Jin et al. 2020 (TextFooler, arXiv:1907.11932) by what leaving them out
costs. Here the best swap of each word is tried where the budget allows that, else of those that matter most when left out; then words are
changed in that order, each swap tried anew in the text as it is by then.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress
from ._swaps import Swaps, Word, words_in

TRIES = 2  # words tried for each that may be changed: some swaps do not help in the text as it is by then


@dataclass(frozen=True)
class Answer:
    """Of each text: does it fool, and how near it is to that (larger is nearer)."""

    fools: NDArray[np.bool_]
    score: NDArray[np.float64]


Asking = Callable[[list[int], list[str]], Answer]


@dataclass
class Walk:
    """One text on its way.

    Attributes
    ----------
    now
        The word that stands at each of its places by now.
    left
        What may still be asked of it.
    """

    text: str
    places: tuple[Word, ...]
    choices: dict[int, tuple[str, ...]]
    score: float
    left: int
    now: dict[int, str] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    fooled: bool = False
    asked: int = 0

    def written(self, changed: dict[int, str]) -> str:
        """The text with these words at these places."""
        parts, end = [], 0
        for place in sorted(changed):
            word = self.places[place]
            parts += [self.text[end : word.start], changed[place]]
            end = word.stop
        return "".join([*parts, self.text[end:]])

    def pay(self, n: int) -> None:
        """Count ``n`` questions."""
        self.left -= n
        self.asked += n


def search(
    texts: Sequence[str],
    scores: NDArray[np.float64],
    swaps: Swaps,
    ask: Asking,
    share: float,
    budget: int,
    progress: Progress,
) -> list[Walk]:
    """The texts with as few changed words as were found to fool.

    Parameters
    ----------
    scores
        How near each text (n,) is to fooling as it is.
    ask
        What texts are answered, of which rows: called with row numbers and as many texts.
    share
        Of a text's words that may be changed, at least one.
    budget
        Questions a text may cost.
    """
    walks = [_walk(text, float(score), swaps, budget) for text, score in zip(texts, scores, strict=True)]
    _rank(walks, ask, progress)
    most = [max(1, int(share * len(walk.places))) for walk in walks]
    rounds = max((min(TRIES * m, len(w.order)) for m, w in zip(most, walks, strict=True)), default=0)
    for turn in range(rounds):
        progress.step(0.3 + 0.7 * turn / rounds, f"changing word {turn + 1}")
        going = [i for i, w in enumerate(walks) if not w.fooled and turn < len(w.order) and len(w.now) < most[i] and w.left > 0]
        _turn(walks, going, turn, ask)
    return walks


def _walk(text: str, score: float, swaps: Swaps, budget: int) -> Walk:
    places = words_in(text)
    choices = {i: found for i, word in enumerate(places) if (found := swaps.of(text[word.start : word.stop]))}
    return Walk(text, places, choices, score, budget)


def _rank(walks: list[Walk], ask: Asking, progress: Progress) -> None:
    """The order in which each text's words are changed: by what their best swap gains."""
    progress.step(0.05, "weighing words")
    tight = [i for i, w in enumerate(walks) if 2 * sum(map(len, w.choices.values())) > w.left]
    gains = _asked(walks, {i: [(p, "") for p in sorted(walks[i].choices)[: walks[i].left // 2]] for i in tight}, ask)
    for i in tight:
        by_loss = sorted(gains[i], key=lambda found: -found[1])
        walks[i].order = [place for place, _ in by_loss]
    progress.step(0.15, "trying swaps")
    tries: dict[int, list[tuple[int, str]]] = {}
    for i, walk in enumerate(walks):
        every = [(place, word) for place in (walk.order or sorted(walk.choices)) for word in walk.choices[place]]
        tries[i] = every[: walk.left // 2]
    for i, found in _asked(walks, tries, ask).items():
        best: dict[int, float] = {}
        for place, gain in found:
            best[place] = max(gain, best.get(place, -np.inf))
        rest = [place for place in walks[i].order if place not in best]
        walks[i].order = [*sorted(best, key=lambda place: -best[place]), *rest]


def _asked(walks: list[Walk], tries: dict[int, list[tuple[int, str]]], ask: Asking) -> dict[int, list[tuple[int, float]]]:
    """What each try, one word changed, gains: of each text the place and how much nearer it comes."""
    rows = [i for i, every in tries.items() for _ in every]
    texts = [walks[i].written({place: word}) for i, every in tries.items() for place, word in every]
    answer = ask(rows, texts) if texts else Answer(np.zeros(0, bool), np.zeros(0))
    found: dict[int, list[tuple[int, float]]] = {i: [] for i in tries}
    at = 0
    for i, every in tries.items():
        walks[i].pay(len(every))
        for place, _ in every:
            found[i].append((place, float(answer.score[at]) - walks[i].score))
            at += 1
    return found


def _turn(walks: list[Walk], going: list[int], turn: int, ask: Asking) -> None:
    """Change one more word of each text that is on its way: the swap that fools, else the one that comes nearest, else none."""
    tries = {i: walks[i].choices[walks[i].order[turn]][: walks[i].left] for i in going}
    rows = [i for i, words in tries.items() for _ in words]
    texts = [walks[i].written({**walks[i].now, walks[i].order[turn]: word}) for i, words in tries.items() for word in words]
    if not texts:
        return
    answer, at = ask(rows, texts), 0
    for i, words in tries.items():
        walk = walks[i]
        walk.pay(len(words))
        fools, score = answer.fools[at : at + len(words)], answer.score[at : at + len(words)]
        best = int(np.where(fools, np.inf, score).argmax())
        at += len(words)
        if fools[best] or score[best] > walk.score:
            walk.now[walk.order[turn]], walk.score, walk.fooled = words[best], float(score[best]), bool(fools[best])
