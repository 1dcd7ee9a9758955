"""Relations proposed from rows: those that were planted are found with their exceptions, and none where there is none."""

import numpy as np

from tiltyard.datasets.feature import Feature
from tiltyard.datasets.proposing_relations import proposed_relations

NUMBERS = ("gain", "loss", "part", "whole", "one", "two", "three")


def table(seed: int, related: bool) -> tuple[np.ndarray, tuple[Feature, ...]]:
    rng = np.random.default_rng(seed)
    n = 3000
    gain, loss = (np.where(rng.random(n) < 0.1, rng.integers(1, 90, n), 0) for _ in range(2))
    part, whole, one, two, three = (rng.integers(0, 100, n).astype(float) for _ in range(5))
    work, pay = rng.integers(0, 3, n), rng.integers(0, 2, n)
    if related:
        loss = np.where(gain > 0, 0, loss)
        part, whole = np.minimum(part, whole), np.maximum(part, whole)
        part[17] = whole[17] + 1
        three = one + two
        pay = np.where(work == 1, 1, pay)
    features = tuple(Feature(name=name, kind="integer", low=0, high=300) for name in NUMBERS)
    work_, pay_ = (
        Feature(name="work", kind="categorical", categories=("a", "b", "c")),
        Feature(name="pay", kind="categorical", categories=("low", "at most")),
    )
    return np.column_stack([gain, loss, part, whole, one, two, three, work, pay]).astype(float), (*features, work_, pay_)


def test_planted_relations_are_found_and_counted() -> None:
    found = {one.text: one for one in proposed_relations(*table(0, related=True))}
    assert {
        "at most one above zero: gain, loss",
        "part <= whole",
        "one + two = three",
        "if work is b then pay is 'at most'",
    } <= set(found)
    assert (found["part <= whole"].support, found["part <= whole"].exceptions, found["part <= whole"].rows) == (3000, 1, (17,))
    assert found["part <= whole"].words == "3,000 rows, 1 break it, first row 17"
    assert found["if work is b then pay is 'at most'"].support < 1200


def test_columns_that_have_nothing_to_do_with_each_other_suggest_none() -> None:
    assert [proposed_relations(*table(seed, related=False)) for seed in range(10)] == [()] * 10


def test_the_census_suggests_what_its_datasheet_states() -> None:
    from tiltyard.samples.catalog import load_data

    data = load_data("census")
    texts = [one.text for one in proposed_relations(data.x, data.schema.features)]
    assert data.schema.relations[0] in texts
    assert "if workclass is (missing) then occupation is (missing)" in texts
