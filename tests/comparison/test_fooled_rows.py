"""The rows that an attack fooled, by number: they were right before, and are as many as the record says."""

import numpy as np

import tiltyard as ty
from tiltyard.comparison.fooled_rows import fooled_rows, row_numbers
from tiltyard.testing.grounds import grounds


def test_rows_are_found_by_number_and_equal_ones_once_each() -> None:
    data = grounds()["table"].data
    assert row_numbers(data.take(np.array([5, 17, 3])), data) == (3, 5, 17)
    twice = data.take(np.array([8, 4, 8, 9]))
    assert row_numbers(twice.take(np.array([0, 2])), twice) == (0, 2)


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
