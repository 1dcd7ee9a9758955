"""Worst slices: planted ones are found with their numbers, a model that errs at random is hardly ever called worse anywhere."""

import numpy as np
import pytest
from scipy.stats import fisher_exact

from tiltyard.datasets.conditions import Among, Between, Missing
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target
from tiltyard.validation._error_tree import leaves
from tiltyard.validation._slices import commoner, holm, pieces, search, separate
from tiltyard.validation.slices import Slices

N = 4000


def rows(seed: int = 0, n: int = N, **given: object) -> Dataset:
    rng = np.random.default_rng(seed)
    age = rng.uniform(18, 80, n)
    age[rng.random(n) < 0.1] = np.nan
    x = np.column_stack([age, rng.integers(0, 4, n), rng.integers(0, 3, n).astype(float), rng.normal(size=n)])
    features = (
        Feature(name="age", kind="continuous", low=18, high=80, missing=True),
        Feature(name="job", kind="categorical", categories=("cook", "clerk", "nurse", "smith")),
        Feature(name="cars", kind="integer", low=0, high=2),
        Feature(name="noise", kind="continuous", low=-9, high=9),
    )
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    group = np.where(rng.random(n) < 0.3, "minor", "major")
    return Dataset(x, rng.integers(0, 2, n), schema, "people", {"group": group})


def erring(data: Dataset, chance: np.ndarray, seed: int = 1) -> Target:
    """A target that errs on each row with its own chance (n,); it knows the rows by their last number."""
    wrong = np.random.default_rng(seed).random(len(data)) < chance
    said = dict(zip(data.x[:, -1].tolist(), np.where(wrong, 1 - data.y, data.y).tolist(), strict=True))
    return FunctionTarget(
        lambda part: np.eye(2)[[said[v] for v in np.asarray(part)[:, -1].tolist()]], data.schema.classes, data.schema, "planted"
    )


def test_a_planted_slice_of_one_condition_is_found_with_its_numbers() -> None:
    data = rows()
    clerk = data.x[:, 1] == 1
    target = erring(data, np.where(clerk, 0.4, 0.1))
    check = Slices()
    found = check.find(target, data)
    first = found.search.slices[0]
    assert first.cohort.conditions == (Among(column="job", levels=("clerk",)),)
    assert first.called
    assert first.gap == pytest.approx(0.3, abs=0.07)
    assert first.apart[0] < 0.3 < first.apart[1]
    wrong = target.labels(data.x) != data.y
    held = found.held
    assert first.n + first.rest == held == N // 2
    assert first.hits + first.rest_hits == found.hits
    table = np.array([[first.hits, first.n - first.hits], [first.rest_hits, first.rest - first.rest_hits]])
    assert first.p == pytest.approx(fisher_exact(table, alternative="greater").pvalue)
    result = check(target, data).result
    assert result.status is Status.FINDING
    assert result.metric("worst_gap").value == first.gap
    assert "job is clerk" in result.summary
    assert 0.1 < wrong.mean() < 0.25


def test_a_planted_slice_of_two_conditions_and_missing_are_found() -> None:
    data = rows(3, 8000)
    both = np.isnan(data.x[:, 0]) & (data.sensitive["group"] == "minor")
    first = Slices().find(erring(data, np.where(both, 0.6, 0.1)), data).search.slices[0]
    assert {c.words for c in first.cohort.conditions} == {"age is missing", "group is minor"}
    assert first.called


def test_false_negatives_are_counted_among_the_rows_of_their_class() -> None:
    data = rows(4)
    clerk = data.x[:, 1] == 1
    target = erring(data, np.where(clerk & (data.y == 1), 0.5, 0.1))
    found = Slices(measure="false_negative", positive="yes").find(target, data)
    assert found.search.slices[0].cohort.words == "job is clerk"
    assert len(found.judged.rows) == int((data.y == 1).sum())
    other = Slices(measure="false_positive", positive="yes")(target, data).result
    assert other.status is not Status.FINDING
    assert Slices(measure="false_positive")(target, data).result.status is Status.NOT_APPLICABLE


def test_without_an_effect_a_slice_is_called_in_at_most_one_of_twenty_cases() -> None:
    """200 models that err on a fifth of the rows, whichever they are."""
    data = rows(5, 1200)
    conditions = pieces(data, 4, 60)
    rng = np.random.default_rng(0)
    called = 0
    for _ in range(200):
        searched = np.zeros(len(data), bool)
        searched[rng.permutation(len(data))[:600]] = True
        event = rng.random(len(data)) < 0.2
        called += any(s.called for s in search(conditions, event, searched, 30, 10, Progress()).slices)
    assert called <= 16  # at most 10 expected; 16 or fewer in 98 % of such tests


def test_a_planted_slice_is_found_in_nearly_all_cases() -> None:
    """A tenth of the rows with 30 points more errors, in 2,000 rows: the power of the halves together."""
    data = rows(6, 2000)
    planted = (data.x[:, 1] == 2) & (data.sensitive["group"] == "minor")
    conditions = pieces(data, 4, 60)
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(60):
        searched = np.zeros(len(data), bool)
        searched[rng.permutation(len(data))[:1000]] = True
        event = rng.random(len(data)) < np.where(planted, 0.5, 0.2)
        slices = search(conditions, event, searched, 30, 10, Progress()).slices
        found += any(s.called and "job is nurse" in s.cohort.words for s in slices)
    assert found >= 54


def test_holm_is_that_of_its_definition() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.005])
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([])).size == 0


def test_the_exact_test_and_interval_are_those_of_their_sources() -> None:
    assert commoner(8, 10, 9, 40) == pytest.approx(fisher_exact(np.array([[8, 2], [1, 29]]), alternative="greater").pvalue)
    # Newcombe 1998, table II, method 10: 56/70 against 48/80
    assert separate(56, 70, 48, 80, 0.95) == pytest.approx((0.0524, 0.3339), abs=2e-4)


def test_the_leaves_of_the_error_tree_are_every_row_once_and_find_what_was_planted() -> None:
    data = rows(7)
    bad = (data.x[:, 0] > 60) & np.isin(data.x[:, 1], (0, 3))
    event = np.random.default_rng(0).random(N) < np.where(bad, 0.7, 0.1)
    grown = np.arange(N) % 2 == 0
    found = leaves(data, event, grown, 3, 40, 0)
    times = np.sum([leaf.cohort.mask(data) for leaf in found], axis=0)
    assert (times == 1).all()
    assert sum(leaf.n for leaf in found) == N // 2
    assert sum(leaf.hits for leaf in found) == int((event & ~grown).sum())
    first = found[0]
    assert first.rate > 0.6
    assert first.called
    by_column = {c.column: c for c in first.cohort.conditions}  # type: ignore[union-attr]
    assert set(by_column["job"].levels) == {"cook", "smith"}  # type: ignore[union-attr]
    assert by_column["age"].low == pytest.approx(60, abs=2.5)  # type: ignore[union-attr]


def test_a_tree_tells_missing_values_apart() -> None:
    data = rows(8)
    gone = np.isnan(data.x[:, 0])
    event = np.random.default_rng(0).random(N) < np.where(gone, 0.8, 0.1)
    first = leaves(data, event, np.arange(N) % 2 == 0, 1, 40, 0)[0]
    assert first.cohort.conditions == (Missing(column="age"),)
    assert first.n == int(gone[1::2].sum())


def test_few_rows_are_incomplete_and_so_is_a_model_without_skill() -> None:
    data = rows(9, 60)
    assert Slices()(erring(data, np.full(60, 0.1)), data).result.status is Status.INCOMPLETE
    data = rows(10)
    assert Slices()(erring(data, np.full(N, 0.5)), data).result.status is Status.INCOMPLETE


def test_a_model_that_is_equally_good_everywhere_passes_with_enough_rows() -> None:
    data = rows(11, 16000)
    result = Slices(slices=3)(erring(data, np.full(16000, 0.1)), data).result
    assert result.status is Status.PASSED, result.summary
    assert all(m.high is None or m.high <= 0.15 for m in result.metrics)


def test_numbers_are_cut_at_quantiles_and_few_values_one_by_one() -> None:
    found = [p.condition for p in pieces(rows(), 4, 60)]
    cars = [c for c in found if getattr(c, "column", "") == "cars"]
    assert cars == [Between(column="cars", low=v, high=v) for v in (0, 1, 2)]
    ages = [p for p in pieces(rows(), 4, 60) if p.column == "age" and isinstance(p.condition, Between)]
    real = ~np.isnan(rows().x[:, 0])
    assert len(ages) == 4
    assert np.array_equal(np.sum([p.rows for p in ages], axis=0), real.astype(int))
    assert max(p.rows.sum() for p in ages) - min(p.rows.sum() for p in ages) <= 2
