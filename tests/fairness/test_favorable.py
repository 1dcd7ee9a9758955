"""Which class people hope for: by the words of classes and label, with the reason; never the last one in silence."""

from dataclasses import replace

import numpy as np
import pytest

from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.fairness.favorable import favorable, proposed
from tiltyard.fairness.frontier import Frontier
from tiltyard.fairness.group_metrics import Groups
from tiltyard.fairness.threshold_optimizer import ThresholdOptimizer
from tiltyard.result import Status
from tiltyard.targets.estimators import FunctionTarget


@pytest.mark.parametrize(
    ("label", "classes", "expected"),
    [
        ("two_year_recid", ("0", "1"), "0"),
        ("is_recid", ("False", "True"), "False"),
        ("default", ("0", "1"), "0"),
        ("default.payment.next.month", ("0", "1"), "0"),
        ("not.fully.paid", ("0", "1"), "0"),
        ("SeriousDlqin2yrs", ("0", "1"), "0"),
        ("isFraud", ("0", "1"), "0"),
        ("Class", ("fraud", "no-fraud"), "no-fraud"),
        ("churn", ("no", "yes"), "no"),
        ("No-show", ("No", "Yes"), "No"),
        ("HeartDisease", ("0", "1"), "0"),
        ("diagnosis", ("B", "M"), "B"),
        ("tumor", ("malignant", "benign"), "benign"),
        ("risk", ("low", "high"), "low"),
        ("class", ("good", "bad"), "good"),
        ("loan", ("approved", "denied"), "approved"),
        ("loan", ("approved", "not approved"), "approved"),
        ("loan_status", ("Charged Off", "Current"), "Current"),
        ("hired", ("no", "yes"), "yes"),
        ("Survived", ("0", "1"), "1"),
        ("class", ("<=50K", ">50K"), ">50K"),
        ("class", ("<=50K.", ">50K."), ">50K."),
        ("Target", ("Dropout", "Enrolled", "Graduate"), "Graduate"),
    ],
)
def test_words_tell(label, classes, expected):
    found = proposed(classes, label)
    assert found is not None
    assert found.name == expected == classes[found.index]
    assert found.why


@pytest.mark.parametrize(
    ("label", "classes"),
    [
        ("target", ("0", "1")),
        ("y", ("no", "yes")),
        ("species", ("setosa", "versicolor", "virginica")),
        ("readmitted", ("<30", ">30")),
        ("credit", ("1", "2")),
        ("outcome", ("good", "approved")),
        ("paid_or_default", ("0", "1")),
    ],
)
def test_where_nothing_tells_nothing_is_proposed(label, classes):
    assert proposed(classes, label) is None
    found = favorable(Schema(features=(), label=label, classes=classes))
    assert found.assumed and found.name == classes[-1]


def test_who_names_it_is_obeyed_before_any_word():
    schema = Schema(features=(), label="two_year_recid", classes=("0", "1"), favorable="1")
    assert favorable(schema).name == "1"
    assert favorable(schema, "0").name == "0"
    with pytest.raises(Problem, match="a class"):
        favorable(schema, "maybe")


def _renamed(hiring, label, classes):
    return replace(hiring, schema=hiring.schema.model_copy(update={"label": label, "classes": classes}))


def _alike(data):
    """A model that looks at luck alone, which is the same for both groups."""
    return FunctionTarget(lambda x: 1 / (1 + np.exp(-2 * x[:, 1])), data.schema.classes, data.schema)


def test_of_compas_going_free_is_favorable_and_stands_beside_every_number(hiring):
    data = _renamed(hiring, "two_year_recid", ("0", "1"))
    result = Groups()(_alike(data), data).result
    from fairlearn.metrics import equalized_odds_difference

    rows = data.unseen
    said = _alike(data).labels(rows.x)
    by_hand = equalized_odds_difference(rows.y == 0, said == 0, sensitive_features=rows.sensitive["sex"])
    assert result.metric("equalized_odds_difference_sex").value == pytest.approx(by_hand, abs=1e-12)
    assert "Assumed" not in result.summary
    assert all("favorable: '0'" in m.note for m in result.metrics if m.name != "accuracy")
    assert any("recid" in note and "'0'" in note for note in result.notes)


@pytest.mark.parametrize("step", [Groups(difference=0.3, ratio=0.3), Frontier(points=2, limit=0.3)])
def test_what_nobody_named_is_incomplete_and_assumed_in_the_headline(hiring, step):
    data = _renamed(hiring, "y", ("a", "b"))
    result = step(_alike(data), data).result
    assert result.status is Status.INCOMPLETE
    assert result.summary.startswith("Assumed") and "'b'" in result.summary
    named = type(step)(**{**step.model_dump(), "positive": "b"})(_alike(data), data).result
    assert named.status is Status.PASSED
    assert "Assumed" not in named.summary


def test_a_defense_says_it_too(hiring, biased):
    data = _renamed(hiring, "y", ("a", "b"))
    target = FunctionTarget(biased.predict, ("a", "b"), data.schema)
    result = ThresholdOptimizer()(target, data).record.result
    assert result.status is Status.INCOMPLETE
    assert result.summary.startswith("Assumed")
    assert "favorable: 'b', which is assumed" in result.metric("demographic_parity_after").note
