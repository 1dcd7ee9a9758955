"""The defenses on the shipped census model, on rows it was not trained on; and SHAP of the mitigated target."""

import pytest

from tiltyard.explanation.shap_values import SHAP
from tiltyard.fairness.correlation_remover import CorrelationRemover
from tiltyard.fairness.exponentiated_gradient import ExponentiatedGradient
from tiltyard.fairness.group_metrics import Groups
from tiltyard.fairness.threshold_optimizer import ThresholdOptimizer
from tiltyard.result import Status

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def census():
    from tiltyard.samples.catalog import load

    return load("census")


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_thresholds_meet_the_constraint(census, constraint):
    outcome = ThresholdOptimizer(column="sex", constraint=constraint)(census.target, census.data)
    result = outcome.record.result
    assert result.status is (Status.FINDING if constraint == "demographic_parity" else Status.INCOMPLETE), result.summary
    assert ("got worse: equalized odds" in result.summary) == (constraint == "demographic_parity"), "parity is bought with unequal errors"
    assert result.metric(f"{constraint}_after").value < 0.05
    assert result.metric("accuracy_change").value > -0.04
    told = Groups(columns=("sex",))(outcome.target, census.data).result.metric(f"{constraint}_difference_sex")
    assert told.value < 0.05


def test_training_under_a_constraint_meets_it(census):
    outcome = ExponentiatedGradient(column="sex")(census.target, census.data)
    result = outcome.record.result
    assert result.status is Status.INCOMPLETE and "may have got worse: equalized odds" in result.summary
    assert result.metric("demographic_parity_after").value < 0.08
    assert result.metric("demographic_parity_difference_change").high < 0


def test_a_mitigated_target_can_be_explained(census):
    mitigated = ThresholdOptimizer(column="sex")(census.target, census.data).target
    result = SHAP(rows=20)(mitigated, census.data).result
    assert result.status in (Status.PASSED, Status.FINDING)
    assert any("draws its answer" in note for note in result.notes)


def test_the_correlation_remover_keeps_accuracy(census):
    outcome = CorrelationRemover(column="sex")(census.target, census.data)
    assert outcome.record.result.metric("accuracy_change").low > -0.02
    assert {"gradients", "weights", "training"} <= outcome.target.offers
