"""A mitigation passes where what it claims is shown and nothing else got worse; one that changes nothing, or all for the same, does not."""

import numpy as np
import pytest

from tiltyard.fairness.favorable import favorable
from tiltyard.fairness.groups import Judged
from tiltyard.fairness.mitigation import Accepted, Mitigated, compared
from tiltyard.result import Status

N = 8000
ACCEPTED = Accepted(gap=0.1, price=0.05)


@pytest.fixture(scope="module")
def people(hiring):
    """Rows whose truth does not depend on the group, a model that favors one group, and one that does not."""
    rng = np.random.default_rng(7)
    groups = np.where(rng.random(N) < 0.6, "M", "F")
    truth = rng.random(N) < 0.5
    biased = np.where(rng.random(N) < 0.8, truth, (groups == "M"))
    fair = np.where(rng.random(N) < 0.85, truth, rng.random(N) < 0.5)
    return groups, truth, biased, fair, rng


def ruled(hiring, people, before, after, criterion="demographic_parity", accepted=ACCEPTED):
    groups, truth = people[:2]
    sides = [Judged(hiring, truth, side) for side in (before, after)]
    hope = favorable(hiring.schema)
    mitigated = Mitigated("sex", groups, *sides, 30, 4000, hope, ("its own predict",) * 2)
    return compared(mitigated, criterion, accepted, np.random.default_rng(0), ())


def test_one_that_closes_the_gap_and_harms_nothing_passes(hiring, people):
    _, _, biased, fair, _ = people
    result = ruled(hiring, people, biased, fair)
    assert result.status is Status.PASSED, result.summary
    assert result.metric("demographic_parity_difference_change").high < 0


def test_an_untouched_model_is_never_mitigated(hiring, people):
    _, _, biased, fair, _ = people
    for model in (biased, fair):
        result = ruled(hiring, people, model, model)
        assert result.status in (Status.INCOMPLETE, Status.FINDING)
        change = result.metric("demographic_parity_difference_change")
        assert change.value == 0 and change.high >= 0
    assert "no effect is shown" in result.summary


def test_parity_by_one_answer_for_all_is_no_pass(hiring, people):
    result = ruled(hiring, people, people[2], np.ones(N, bool))
    assert result.status is not Status.PASSED
    assert "same answer" in result.summary


def test_parity_by_a_coin_is_no_pass(hiring, people):
    result = ruled(hiring, people, people[2], people[4].random(N) < 0.5, accepted=Accepted(0.1, 1.0))
    assert result.status is Status.INCOMPLETE
    assert "always saying" in result.summary


def test_accuracy_that_costs_more_than_is_accepted_is_a_finding_said_first(hiring, people):
    _, truth, biased, _, rng = people
    dear = np.where(rng.random(N) < 0.5, truth, rng.random(N) < 0.5)
    result = ruled(hiring, people, biased, dear)
    assert result.status is Status.FINDING
    assert "accuracy" in [f.key for f in result.findings]
    assert "(surely worse)" in result.summary.split(" on 8,000 rows")[0]


def test_parity_that_doubles_the_gap_in_errors_is_a_finding_said_first(hiring, people):
    """True rates differ by group: equal selection is bought with unequal errors, as thresholds by group buy it."""
    groups, *_, rng = people
    truth = rng.random(N) < np.where(groups == "M", 0.7, 0.3)
    before = np.where(rng.random(N) < 0.9, truth, rng.random(N) < 0.5)
    after = np.where(groups == "M", before & (rng.random(N) < 0.75), before | (rng.random(N) < 0.28))
    result = ruled(hiring, (groups, truth), before, after, accepted=Accepted(0.1, 0.5))
    assert result.metric("demographic_parity_after").value < result.metric("demographic_parity_before").value
    assert result.status is Status.FINDING
    first = result.summary.split(". ")[0]
    assert "got worse: equalized odds difference went from" in first
    assert "equalized_odds-difference-worse" in [f.key for f in result.findings]


def test_too_few_rows_are_incomplete_and_say_how_many_would_do(hiring, people):
    groups, truth, biased, fair, _ = people
    few = slice(0, 300)
    result = ruled(hiring, (groups[few], truth[few]), biased[few], fair[few])
    assert result.status is Status.INCOMPLETE
    assert "rows would tell" in result.summary
