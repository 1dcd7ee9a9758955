"""Accuracy against disparity: the ends of the frontier are where they must be."""

import numpy as np
import pytest

from tiltyard.fairness.frontier import Frontier
from tiltyard.result import Record, Status


def test_parity_is_reached_and_costs_accuracy(biased, hiring):
    result = Frontier()(biased, hiring).result
    assert result.metric("gap_now").low > 0.1
    assert result.metric("gap_at_parity").low < 0.05 < 0.4 * result.metric("gap_now").value
    cost = result.metric("accuracy_change")
    assert cost.low <= cost.value <= cost.high <= 0.02
    assert result.metric("accuracy_now").n == cost.n


def test_a_loose_enough_threshold_is_the_model_itself(biased, hiring):
    rows = Frontier()(biased, hiring).result.tables[0].rows
    now = rows[0]
    half = next(row for row in rows if row[1] == "from 0.5 on")
    assert now[2:4] == half[2:4]
    grouped = [row for row in rows if row[0] == "thresholds by group"]
    assert grouped[-1][3] > grouped[0][3]
    assert grouped[-1][2] >= grouped[0][2] - 0.01


def test_a_cheap_remedy_is_a_finding_that_names_the_defense(biased, hiring):
    result = Frontier(price=1.0)(biased, hiring).result
    assert result.status is Status.FINDING
    assert result.findings[0].defense == "fairness.threshold_optimizer"


def test_a_constant_model_has_nothing_to_close(constant, hiring):
    result = Frontier()(constant, hiring).result
    assert result.metric("gap_now").value == 0
    assert not result.findings
    assert result.status is Status.INCOMPLETE
    assert "same answer" in result.summary


def test_too_few_rows_are_one_line(biased, hiring):
    result = Frontier()(biased, hiring.take(np.arange(60))).result
    assert result.status is Status.INCOMPLETE
    assert "two groups" in result.summary


def test_same_seed_same_record_and_json(biased, hiring):
    one, two = (Frontier(points=2)(biased, hiring) for _ in range(2))
    assert one.result == two.result
    assert Record.model_validate_json(one.model_dump_json()) == one
    assert one.result.metric("gap_now").value == pytest.approx(two.result.metric("gap_now").value)
