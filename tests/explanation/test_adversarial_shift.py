"""Attributions before and after an attack: the fall they add up to, the cells that changed, and rows that do not fall."""

import numpy as np
import pytest

from tiltyard.explanation.adversarial_shift import Adversarial
from tiltyard.result import Record, Status


def test_the_changes_add_up_to_the_fall_of_the_answer(network, loans):
    result = Adversarial(rows=60, eps=0.1, background=20)(network, loans).result
    assert result.status is Status.PASSED
    side = result.tables[0]
    row = int(side.title.split()[1].rstrip(":"))
    before = float(network.scores(loans.x[row : row + 1])[0, loans.y[row]])
    assert sum(line[5] for line in side.rows) < 0
    told = side.title.split()
    assert float(told[-4]) == pytest.approx(before, abs=6e-3)
    fell = float(told[-2]) - float(told[-4])
    assert sum(line[5] for line in side.rows) == pytest.approx(fell, abs=0.02)


def test_only_changed_cells_are_marked_and_age_stays(network, loans):
    result = Adversarial(rows=60, background=10, flips=0)(network, loans).result
    side = result.tables[0]
    marked = {side.rows[i][0] for i, _ in side.marked}
    assert marked == {"income"}
    for name, was, now, *_ in side.rows:
        assert (was != now) == (name in marked)


def test_metrics_have_intervals_and_n(network, loans):
    result = Adversarial(rows=60, background=10, explained=12)(network, loans).result
    fall = result.metric("fall")
    assert 0 < fall.low <= fall.value <= fall.high
    assert fall.n == 12
    assert result.metric("success_rate").low is not None


def test_a_budget_too_small_leaves_nothing_to_compare(network, loans):
    result = Adversarial(rows=20, eps=1e-6, flips=0)(network, loans).result
    assert result.status is Status.INCOMPLETE
    assert "nothing to compare" in result.summary


def test_a_named_row_is_the_one_shown(network, loans):
    right = np.flatnonzero(network.labels(loans.x) == loans.y)
    margins = np.abs(network.scores(loans.x)[:, 1] - 0.5)
    row = int(right[margins[right].argmin()])
    result = Adversarial(rows=5, row=row, background=10, eps=0.2)(network, loans).result
    assert result.tables[0].title.startswith(f"Row {row}:")


def test_no_gradients_is_not_applicable(linear, loans):
    assert Adversarial()(linear, loans).result.status is Status.NOT_APPLICABLE


def test_same_seed_same_record_and_json(network, loans):
    one, two = (Adversarial(rows=20, background=5)(network, loans) for _ in range(2))
    assert one.result == two.result
    assert Record.model_validate_json(one.model_dump_json()) == one
