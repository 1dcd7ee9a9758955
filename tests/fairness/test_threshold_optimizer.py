"""Thresholds per group: Fairlearn's own chances, parity on rows not fitted on, and what cannot be done."""

from dataclasses import replace

import numpy as np
import pytest

from tiltyard.datasets.encoding import encoding_of
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.fairness.belonging import belonging
from tiltyard.fairness.frontier import Frontier
from tiltyard.fairness.group_metrics import Groups
from tiltyard.fairness.randomized import coins
from tiltyard.fairness.threshold_optimizer import ThresholdOptimizer
from tiltyard.fairness.thresholds import by_rules, fit_rules
from tiltyard.progress import Progress
from tiltyard.result import CheckResult, Record, Status
from tiltyard.targets.doubts import with_doubts
from tiltyard.targets.estimators import FunctionTarget, SklearnTarget


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_chances_are_fairlearns(hiring, biased, constraint):
    from fairlearn.postprocessing import ThresholdOptimizer as Fairlearn
    from sklearn.linear_model import LogisticRegression

    rows = hiring.seen
    x = encoding_of(rows.schema).encode(rows.x, np.float64)
    model = LogisticRegression().fit(x, rows.y)
    theirs = Fairlearn(estimator=model, constraints=constraint, prefit=True, predict_method="predict_proba")
    theirs.fit(x, rows.y, sensitive_features=rows.sensitive["sex"])
    scores = model.predict_proba(x)[:, 1]
    rules = fit_rules(scores, rows.y == 1, rows.sensitive["sex"], constraint, "accuracy_score", 0.0)
    ours = by_rules(scores, rows.sensitive["sex"], rules, scores > 0.5)
    assert np.allclose(ours, theirs._pmf_predict(x, sensitive_features=rows.sensitive["sex"])[:, 1])


OTHER_GAP = "got worse: equalized odds difference"  # the chances to be hired differ by group: equal shares are not equal odds


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_parity_holds_on_rows_not_fitted_on_and_the_gap_that_it_opens_is_a_finding(many_hiring, biased, constraint):
    outcome = ThresholdOptimizer(constraint=constraint)(biased, many_hiring)
    result = outcome.record.result
    assert result.status is (Status.PASSED if constraint == "equalized_odds" else Status.FINDING), result.summary
    assert (OTHER_GAP in result.summary) is (constraint == "demographic_parity"), result.summary
    before, after = result.metric(f"{constraint}_before"), result.metric(f"{constraint}_after")
    assert before.low > 0.05
    assert after.value < 0.04 and after.high < 0.065
    assert outcome.target.parent is biased
    again = Groups()(outcome.target, many_hiring).result.metric(f"{constraint}_difference_sex")
    assert again.value < 0.06


def test_of_few_rows_it_is_not_settled_and_says_how_many_would(hiring, biased):
    result = ThresholdOptimizer(constraint="equalized_odds")(biased, hiring).record.result
    assert result.status is Status.INCOMPLETE and "rows would tell" in result.summary, result.summary
    assert result.metric("equalized_odds_before").low > 0.0
    assert result.metric("equalized_odds_after").value < 0.06


def test_a_torch_target_too(many_hiring):
    import torch

    from tiltyard.targets.architecture import build, mlp
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe, fit

    torch.manual_seed(0)
    hiring = many_hiring
    recipe = Recipe(epochs=3, batch_size=256, rate=0.03)
    module = build(mlp(4, (8,), 2, [0.0] * 4, [1.0] * 4))
    fit(module, hiring.seen.encoded, hiring.seen.y, recipe, 0, Progress())
    outcome = ThresholdOptimizer()(TorchTarget(module, ("no", "yes"), hiring.schema, recipe=recipe), hiring)
    result = outcome.record.result
    assert result.status is Status.FINDING and OTHER_GAP in result.summary, result.summary
    assert result.metric("demographic_parity_before").low > 0.15 and result.metric("demographic_parity_after").high < 0.06
    assert "training" in outcome.target.offers
    again = outcome.target.retrain(hiring.seen.x[:500], hiring.seen.y[:500], 1, Progress())
    assert set(again.chances.rules) == {"F", "M"}


def test_the_same_row_always_gets_the_same_answer_and_seeds_differ(hiring, biased):
    target = ThresholdOptimizer()(biased, hiring).target
    assert (target.labels(hiring.x) == target.labels(hiring.x[::-1])[::-1]).all()
    assert ThresholdOptimizer(seed=5)(biased, hiring).target.fingerprint != target.fingerprint


def test_coins_are_even_and_follow_the_row():
    x = np.random.default_rng(0).normal(size=(4000, 3)).astype(np.float32)
    drawn = coins(x, 0)
    assert abs(drawn.mean() - 0.5) < 0.02
    assert np.allclose(np.quantile(drawn, [0.1, 0.9]), [0.1, 0.9], atol=0.02)
    assert (coins(-np.zeros((1, 3), np.float32), 0) == coins(np.zeros((1, 3), np.float32), 0)).all()
    assert abs(np.corrcoef(drawn, coins(x, 1))[0, 1]) < 0.05


def test_the_share_of_positives_follows_the_chances(hiring, biased):
    target = ThresholdOptimizer()(biased, hiring).target
    assert target.labels(hiring.x).mean() == pytest.approx(target.expected_scores(hiring.x)[:, 1].mean(), abs=0.02)


def test_a_group_that_the_model_is_not_told_is_not_applicable_and_says_why(hiring, biased):
    hidden = replace(hiring, sensitive={"faith": hiring.sensitive["sex"]})
    result = ThresholdOptimizer()(biased, hidden).record.result
    assert result.status is Status.NOT_APPLICABLE
    assert "no feature of that name" in result.summary


def test_more_than_two_classes_is_not_applicable(hiring):
    from sklearn.linear_model import LogisticRegression

    schema = Schema(features=hiring.schema.features, label="y", classes=("a", "b", "c"))
    model = SklearnTarget(LogisticRegression().fit(hiring.encoded, hiring.y + (hiring.x[:, 0] > 1)), schema, order=(0, 1, 2))
    data = replace(hiring, schema=schema, y=hiring.y + (hiring.x[:, 0] > 1))
    result = ThresholdOptimizer()(model, data).record.result
    assert result.status is Status.NOT_APPLICABLE
    for check in (Groups(positive="c", difference=0.01), Frontier(positive="c", limit=0.01, price=1.0)):
        found = check(model, data).result
        assert "'c' against all the rest" in " ".join(found.notes)
        assert {f.defense for f in found.findings} == {""}
        assert "needs two classes" in found.findings[0].advice


def test_a_band_is_read_from_the_number_it_is_named_after(hiring):
    age = np.random.default_rng(0).integers(18, 80, len(hiring))
    x = np.column_stack([hiring.x, age]).astype(np.float64)
    schema = Schema(
        features=(*hiring.schema.features, Feature(name="age", kind="integer", low=18, high=80)), label="y", classes=("no", "yes")
    )
    band = np.where(age < 30, "young", "old")
    data = replace(hiring, x=x, schema=schema, sensitive={"age band": band})
    read = belonging(data, "age band")
    assert (read(x) == band).all()
    between = x[:1].copy()
    between[0, -1] = 29.4
    assert read(between)[0] == "young"


def test_a_feature_that_does_not_settle_the_group_is_refused(hiring, biased):
    mixed = np.where(np.arange(len(hiring)) % 2 == 0, "x", "y")
    result = ThresholdOptimizer()(biased, replace(hiring, sensitive={"sex": mixed})).record.result
    assert result.status is Status.NOT_APPLICABLE
    assert "in more than one group" in result.summary


def test_one_class_in_a_group_is_one_line(hiring, biased):
    y = hiring.y.copy()
    y[hiring.sensitive["sex"] == "F"] = 0
    result = ThresholdOptimizer()(biased, replace(hiring, y=y)).record.result
    assert result.status is Status.FAILED
    assert "both classes" in result.summary


def test_json(hiring, biased):
    record = ThresholdOptimizer()(biased, hiring).record
    assert Record.model_validate_json(record.model_dump_json()) == record


def _race(n: int = 600):
    import pandas as pd

    from tiltyard.datasets.reading import read

    rng = np.random.default_rng(0)
    race = rng.choice(["A", "B", "C"], n)
    skill = rng.normal(size=n) + (race == "A")
    frame = pd.DataFrame({"skill": skill, "Race_B": (race == "B").astype(int), "Race_C": (race == "C").astype(int)})
    frame["hired"] = np.where(skill + rng.normal(size=n) > 0.5, "yes", "no")
    return read(frame, label="hired", sensitive=["Race"]), race


def test_a_family_of_columns_whose_first_level_was_dropped_tells_the_group():
    data, race = _race()
    read = belonging(data, "Race")
    assert read.features == ("Race_B", "Race_C")
    assert set(read.groups) == {"B", "C", "(other)"}
    assert (read(data.x) == np.where(race == "A", "(other)", race)).all()
    assert (read(data.x) == data.sensitive["Race"]).all()


def test_thresholds_by_such_a_family_are_made_and_measured():
    data, _ = _race(3000)
    model = FunctionTarget(lambda x: 1 / (1 + np.exp(-2 * (x[:, 0] - 0.5))), data.schema.classes, data.schema)
    outcome = ThresholdOptimizer(column="Race")(model, data)
    assert outcome.record.result.metric("demographic_parity_difference_change").high < 0
    assert set(outcome.target.rules) == {"B", "C", "(other)"}
    before, after = (outcome.record.result.metric(f"demographic_parity_{when}").value for when in ("before", "after"))
    assert after < before / 2


def test_thresholds_by_hand_are_put_in_force_as_they_are(hiring, biased):
    outcome = ThresholdOptimizer(groups=("F", "M"), thresholds=(0.3, 0.55))(biased, hiring)
    scores, male = biased.scores(hiring.x)[:, 1], hiring.sensitive["sex"] == "M"
    assert (outcome.target.labels(hiring.x) == (scores >= np.where(male, 0.55, 0.3))).all()
    assert outcome.target.rule == "thresholds of its scores by sex, for F from 0.3 on, M from 0.55 on"
    edge = ThresholdOptimizer(groups=("F", "M"), thresholds=(float(scores[0]), float(scores[0])))(biased, hiring).target
    assert edge.labels(hiring.x[:1])[0] == 1  # from the score on, not above it
    again = Groups()(outcome.target, hiring).result
    assert again.metric("demographic_parity_difference_sex").value is not None


def test_thresholds_by_hand_of_no_such_group_or_unequal_in_number_are_refused(hiring, biased):
    from tiltyard.check import named
    from tiltyard.errors import Problem

    result = ThresholdOptimizer(groups=("X",), thresholds=(0.3,))(biased, hiring).record
    assert "'X'" in result.result.summary or "'X'" in result.error
    with pytest.raises(Problem, match="as many thresholds as groups"):
        named(ThresholdOptimizer, {"groups": ["F"], "thresholds": []})


def test_groups_of_two_columns_together(hiring, biased):
    young = np.where(hiring.x[:, 1] > 0, "lucky", "not")
    schema = Schema(
        features=(
            *hiring.schema.features[:2],
            hiring.schema.features[2],
            Feature(name="luck2", kind="categorical", categories=("lucky", "not")),
        ),
        label="y",
        classes=("no", "yes"),
    )
    x = np.column_stack([hiring.x, young == "not"]).astype(np.float64)
    data = replace(hiring, x=x, schema=schema, sensitive={"sex": hiring.sensitive["sex"], "luck2": young})
    model = FunctionTarget(lambda rows: 1 / (1 + np.exp(-2 * (rows[:, 0] + rows[:, 1] - 0.6))), schema.classes, schema)
    outcome = ThresholdOptimizer(column="sex", crossed_with="luck2")(model, data)
    assert set(outcome.target.rules) == {"F × lucky", "F × not", "M × lucky", "M × not"}
    before, after = (outcome.record.result.metric(f"demographic_parity_{when}").value for when in ("before", "after"))
    assert after < before / 2


def test_what_is_measured_on_rows_that_its_thresholds_were_found_on_says_so_and_passes_nothing(hiring, biased):
    made = ThresholdOptimizer()(biased, hiring).target
    assert made is not None
    record = Groups(seed=1)(made, hiring)
    assert any("thresholds were found on" in note for note in record.result.notes)
    assert record.result.status is not Status.PASSED
    by_hand = ThresholdOptimizer(groups=("F", "M"), thresholds=(0.5, 0.5))(biased, hiring).target
    assert by_hand is not None and by_hand.fitted_here == ""


def test_only_a_pass_by_groups_is_flattered_by_such_rows(biased):
    biased.fitted_here = "Fitted on these."
    passed = CheckResult(status=Status.PASSED, summary="s")
    by_group, other = (with_doubts(passed, biased, frozenset(needs), True) for needs in (("labels", "sensitive"), ("labels",)))
    assert (by_group.status, other.status) == (Status.INCOMPLETE, Status.PASSED)
    assert by_group.notes == other.notes == ("Fitted on these.",)
