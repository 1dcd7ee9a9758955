"""Words: on a model that adds up words, where the fewest swaps that fool it can be worked out, and on texts at their edges."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.reading import read
from tiltyard.errors import Problem
from tiltyard.evasion._swaps import Swaps, listed, words_in, written
from tiltyard.evasion.words import Words
from tiltyard.result import Status
from tiltyard.targets.opening import open_target
from tiltyard.targets.target import Target
from tiltyard.testing import check_step

RNG = np.random.default_rng(0)
VOCABULARY = [f"w{chr(97 + i)}{chr(97 + j)}" for i in range(8) for j in range(8)]
WEIGHT = dict(zip(VOCABULARY, RNG.normal(size=64).round(2), strict=True))
PAIRS = {word: tuple(RNG.choice(VOCABULARY, 3)) for word in VOCABULARY[::2]}
WRITTEN = "; ".join(f"{word}: {', '.join(others)}" for word, others in PAIRS.items())


def total(text: str) -> float:
    return sum(WEIGHT.get(word, 0.0) for word in text.split())


def adds_up(texts: Any) -> Any:
    """The probability of the second class by the sum of the words' weights."""
    return 1 / (1 + np.exp(-np.array([total(t) for t in texts])))


def added(n: int = 120, length: int = 12) -> tuple[Target, Dataset]:
    import pandas as pd

    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(VOCABULARY, length)) for _ in range(n)]
    frame = pd.DataFrame({"text": texts, "y": ["yes" if total(t) >= 0 else "no" for t in texts]})
    data = read(frame, label="y", texts=True)
    return open_target(adds_up, data=data, classes=("no", "yes"), feeds="texts"), data


def fewest(text: str, most: int) -> float:
    """The fewest swaps that turn the sign of the sum: the largest gains first; inf where ``most`` do not."""
    side = 1 if total(text) >= 0 else -1
    gains = sorted((max(side * (WEIGHT[w] - WEIGHT[o]) for o in PAIRS[w]) for w in text.split() if w in PAIRS), reverse=True)
    left = side * total(text)
    for count, gain in enumerate(gains[:most], 1):
        left -= max(gain, 0.0)
        if left < 0:
            return count
    return np.inf


def test_it_keeps_the_contract() -> None:
    check_step(Words)


def test_on_a_sum_of_words_it_finds_the_fewest_swaps() -> None:
    target, data = added()
    check = Words(pairs=WRITTEN, letters="none", share=0.25, rows=120, query_budget=500)
    record = check(target, data)
    texts = data.frame["text"].tolist()
    best = np.array([fewest(t, 3) for t in texts])
    result = record.result
    assert result.metric("clean_accuracy").value == 1
    assert result.metric("success_rate").value == pytest.approx(np.isfinite(best).mean())
    assert result.metric("words_changed").value == np.median(best[np.isfinite(best)])
    assert result.status is Status.FINDING
    assert result.metric("success_rate").low < result.metric("success_rate").value < result.metric("success_rate").high


def test_what_is_reported_fools_and_only_allowed_words_changed() -> None:
    import csv
    import io

    from tiltyard.progress import Progress

    target, data = added()
    progress = Progress()
    Words(pairs=WRITTEN, letters="none", share=0.25, rows=120)(target, data, progress)
    rows = list(csv.DictReader(io.StringIO(progress.handed()["adversarial_texts.csv"].decode())))
    assert len(rows) > 20
    for row in rows:
        was, now = row["before"].split(), row["after"].split()
        moved = [(a, b) for a, b in zip(was, now, strict=True) if a != b]
        assert 1 <= len(moved) <= 3 and all(b in PAIRS[a] for a, b in moved)
        assert (total(row["after"]) >= 0) != (total(row["before"]) >= 0)


@pytest.mark.parametrize("budget", [10, 25, 60])
def test_no_row_costs_more_than_its_budget_and_all_is_counted(budget: int) -> None:
    target, data = added(40)
    target.queries = 0
    record = Words(pairs=WRITTEN, letters="both", rows=40, query_budget=budget)(target, data)
    assert record.queries <= 40 * (budget + 1)
    assert record.queries == target.queries
    assert 0 < record.result.metric("queries").value <= budget


def test_a_small_budget_goes_to_the_words_that_matter() -> None:
    """With 25 queries a row, changing words in their order would find fewer than those that matter most."""
    target, data = added()
    found = Words(pairs=WRITTEN, letters="none", share=0.25, rows=120, query_budget=25)(target, data).result
    best = np.array([fewest(t, 3) for t in data.frame["text"]])
    assert found.metric("success_rate").value >= 0.8 * np.isfinite(best).mean()


def test_success_is_what_the_model_decides() -> None:
    """A threshold of 0.9: a text at 0.6 is 'no' although its score says 'yes'."""
    _, data = added()
    target = open_target(adds_up, data=data, classes=("no", "yes"), feeds="texts", threshold=0.9)
    y = (adds_up(data.frame["text"]) >= 0.9).astype(np.int64)
    from dataclasses import replace

    record = Words(pairs=WRITTEN, letters="none", only="no", goal="yes", rows=120)(target, replace(data, y=y))
    assert record.result.metric("clean_accuracy").value == 1
    assert "Decided by: class 'yes' from 0.9 on" in record.result.summary


def test_a_constant_model_has_nothing_to_attack() -> None:
    _, data = added()
    target = open_target(lambda texts: np.full(len(texts), 0.7), data=data, classes=("no", "yes"), feeds="texts")
    result = Words(pairs=WRITTEN, letters="none")(target, data).result
    assert result.status is Status.INCOMPLETE and "nothing to attack" in result.summary


def test_swaps_of_words_that_are_not_there_are_incomplete() -> None:
    target, data = added()
    result = Words(pairs="elephant: mouse", letters="none")(target, data).result
    assert result.status is Status.INCOMPLETE and "nothing was tried" in result.summary


def test_a_table_without_text_does_not_apply() -> None:
    import pandas as pd

    data = read(pd.DataFrame({"a": np.arange(20) % 7 / 2, "y": ["no", "yes"] * 10}), label="y")
    target = open_target(lambda x: np.full(len(x), 0.5), data=data, feeds="values", classes=("no", "yes"))
    record = Words()(target, data)
    assert record.result.status is Status.NOT_APPLICABLE and "a column of free text" in record.result.summary


def test_lists_are_read_and_wrong_ones_refused(tmp_path: Path) -> None:
    place = tmp_path / "swaps.csv"
    place.write_text("Good,fine,great\n\nbad,poor\n")
    assert listed(place) == {"good": ("fine", "great"), "bad": ("poor",)} == written("good: fine, great; bad: poor")
    place.write_text("good,fine\nalone\n")
    with pytest.raises(Problem, match=r"line 2 of swaps\.csv"):
        listed(place)
    with pytest.raises(Problem, match="'good fine'"):
        written("good fine")
    with pytest.raises(Problem, match="swaps that are allowed"):
        Words(letters="none").allowed()


def test_a_swap_keeps_how_the_word_is_written() -> None:
    swaps = Swaps({"good": ("fine",)})
    assert [swaps.of(w) for w in ("good", "Good", "GOOD", "goods")] == [("fine",), ("Fine",), ("FINE",), ()]


def test_slips_keep_first_and_last_letter_and_lookalikes_the_look() -> None:
    import unicodedata

    slips = Swaps(letters="typos").of("wonderful")
    assert 0 < len(slips) <= 6 and all(s[0] == "w" and s[-1] == "l" and s != "wonderful" for s in slips)
    assert Swaps(letters="typos").of("wonderful") == slips and Swaps(letters="typos").of("bad") == ()
    alike = Swaps(letters="homoglyphs").of("cap")
    assert "сар" in alike and all(any("CYRILLIC" in unicodedata.name(c) for c in word) and len(word) == 3 for word in alike)


def test_words_are_found_in_any_script() -> None:
    text = "It’s naïve: déjà-vu, 東京 2×2!"
    assert [text[w.start : w.stop] for w in words_in(text)] == ["It’s", "naïve", "déjà", "vu", "東京", "2", "2"]


def test_tried_texts_are_forgotten() -> None:
    from tiltyard.datasets import texts

    target, data = added(40)
    held = len(texts._held)
    Words(pairs=WRITTEN, letters="both", rows=40)(target, data)
    assert len(texts._held) == held


@pytest.mark.parametrize("asked", [{"only": "yes"}, {"goal": "no"}])
def test_rows_of_one_class_do_not_make_a_good_model_one_without_skill(asked: dict[str, Any]) -> None:
    target, data = added()
    result = Words(pairs="zzz: yyy", letters="none", rows=100, query_budget=20, **asked)(target, data).result
    assert "always saying" not in result.summary and not any("always saying" in note for note in result.notes)
    assert result.status is Status.INCOMPLETE
    assert any("a pass needs 100 queries a row, and 20 were allowed" in note for note in result.notes)
