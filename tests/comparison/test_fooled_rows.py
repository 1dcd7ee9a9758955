"""The rows that an attack fooled, by number: they were right before, and are as many as the record says."""

import numpy as np
import pytest

import tiltyard as ty
from tiltyard.comparison.exposed_rows import exposed_rows
from tiltyard.comparison.fooled_rows import fooled_rows, most_fooled, row_number, row_numbers, tried_rows
from tiltyard.errors import Problem
from tiltyard.result import Status
from tiltyard.testing.grounds import grounds


def test_rows_are_found_by_number_and_equal_ones_once_each() -> None:
    data = grounds()["table"].data
    assert row_numbers(data.take(np.array([5, 17, 3])), data) == (3, 5, 17)
    twice = data.take(np.array([8, 4, 8, 9]))
    assert row_numbers(twice.take(np.array([0, 2])), twice) == (0, 2)


def test_the_number_of_one_row_is_that_of_the_first_of_equal_ones() -> None:
    data = grounds()["table"].data
    assert row_number(data.x[7], int(data.y[7]), data) == 7
    with pytest.raises(Problem, match="a row of these data"):
        row_number(data.x[7] + 0.123, int(data.y[7]), data)


def test_most_fooled_are_turned_by_more_than_half_of_what_tried_them() -> None:
    ground = grounds()["table"]
    attacks = [
        ty.check("evasion.pgd", ground.target, ground.data, rows=rows, eps=eps, steps=3, curve=False)
        for rows, eps in ((100, 0.02), (100, 0.1), (60, 0.3))
    ]
    assert most_fooled(attacks[:1], ground.data) is None
    found = most_fooled(attacks, ground.data)
    assert found is not None and "most of the attacks" in found.words
    tried = [one for record in attacks if (one := tried_rows(record, ground.data)) is not None]
    assert len(tried) == 3
    counts = {row: (sum(row in t.right for t in tried), sum(row in t.fooled for t in tried)) for row in range(len(ground.data))}
    assert set(found.numbers) == {row for row, (tries, turns) in counts.items() if tries >= 2 and turns > tries / 2}
    assert 0 < len(found.numbers) < len(tried[2].fooled | tried[1].fooled)


def test_most_exposed_are_the_members_that_a_membership_record_names() -> None:
    ground = grounds()["table"]
    record = ty.check("privacy.membership_threshold", ground.target, ground.data)
    found = exposed_rows(record, ground.data)
    assert found is not None and ground.data.member is not None
    assert all(ground.data.member[list(found.numbers)]) and found.rows(ground.data, None).sum() == len(found.numbers) <= 20
    assert ("found no leak" in found.words) == (record.result.status is not Status.FINDING)
    (table,) = (t for t in record.result.tables if t.name == "records")
    assert set(found.numbers) == {int(row[0] or 0) for row in table.rows}
    assert exposed_rows(record, ground.data.take(np.arange(50))) is None
    assert exposed_rows(ty.check("validation.performance", ground.target, ground.data, rows=50), ground.data) is None


def test_fooled_rows_are_those_of_the_record() -> None:
    ground = grounds()["table"]
    record = ty.check("evasion.pgd", ground.target, ground.data, rows=100, eps=0.2, steps=5, curve=False)
    found = fooled_rows(record, ground.data)
    assert found is not None
    rows = ground.data.take(np.array(found.numbers))
    clean, robust = (record.result.metric(name) for name in ("clean_accuracy", "robust_accuracy"))
    assert clean.value is not None
    assert robust.value is not None
    assert clean.n is not None
    assert len(rows) == round((clean.value - robust.value) * clean.n)
    assert (ground.target.labels(rows.x) == rows.y).all()
    assert fooled_rows(record, ground.data.take(np.arange(50))) is None
