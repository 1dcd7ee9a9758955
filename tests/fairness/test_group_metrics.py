"""Group metrics against Fairlearn called by hand, a constant model, and groups too small to speak of."""

from dataclasses import replace

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.schema import Schema
from tiltyard.fairness.group_metrics import Groups
from tiltyard.fairness.groups import in_order
from tiltyard.result import Record, Status
from tiltyard.statistics.intervals import correlation
from tiltyard.targets.estimators import FunctionTarget


@pytest.mark.parametrize(
    "name", ["demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference", "equalized_odds_ratio"]
)
def test_equals_fairlearn_called_by_hand(biased, hiring, name):
    from fairlearn import metrics

    metric = Groups()(biased, hiring).result.metric(f"{name}_sex")
    rows = hiring.unseen
    by_hand = getattr(metrics, name)(rows.y, biased.labels(rows.x), sensitive_features=rows.sensitive["sex"])
    assert metric.value == pytest.approx(by_hand, abs=1e-12)
    assert metric.low <= metric.value <= metric.high
    assert metric.n == len(rows)


def test_the_table_holds_fairlearns_rates_with_the_n_behind_them(biased, hiring):
    from fairlearn.metrics import MetricFrame, false_negative_rate

    table = Groups()(biased, hiring).result.tables[0]
    rows = hiring.unseen
    frame = MetricFrame(
        metrics=false_negative_rate, y_true=rows.y, y_pred=biased.labels(rows.x), sensitive_features=rows.sensitive["sex"]
    ).by_group
    cells = {row[0]: row[-1] for row in table.rows}
    assert {name: float(cell.split()[0]) / 100 for name, cell in cells.items()} == pytest.approx(frame.to_dict(), abs=6e-4)
    positives = int((rows.y[rows.sensitive["sex"] == "F"] == 1).sum())
    assert cells["F"].endswith(f"; {positives:,})")


def test_a_built_in_disparity_is_a_finding_above_what_chance_does(biased, hiring):
    result = Groups()(biased, hiring).result
    assert result.status is Status.FINDING
    gap = result.metric("demographic_parity_difference_sex")
    assert gap.low > 0.1
    assert "chance" in result.summary


def test_a_constant_model_has_no_gap(constant, hiring):
    result = Groups()(constant, hiring).result
    assert result.metric("demographic_parity_difference_sex").value == 0
    assert result.metric("equalized_odds_difference_sex").value == 0
    assert result.metric("demographic_parity_ratio_sex").value == 1
    assert not result.findings
    assert result.status is Status.INCOMPLETE, "whoever gives all the same answer has shown nothing"
    assert "no difference could show" in result.summary


def test_a_model_that_selects_nobody_has_no_ratio_and_says_why(hiring):
    never = FunctionTarget(lambda x: np.zeros(len(x)), hiring.schema.classes, hiring.schema)
    metric = Groups()(never, hiring).result.metric("demographic_parity_ratio_sex")
    assert metric.value is None
    assert "above 0" in metric.note


def test_one_group_is_incomplete_in_one_line(biased, hiring):
    alone = replace(hiring, sensitive={"sex": np.full(len(hiring), "F")})
    result = Groups()(biased, alone).result
    assert result.status is Status.INCOMPLETE
    assert "one group only" in result.summary
    assert result.metric("demographic_parity_difference_sex").value is None


def test_small_groups_are_shown_not_compared_and_said(biased, hiring):
    sex = hiring.sensitive["sex"].copy().astype("<U9")
    sex[np.flatnonzero(~hiring.member)[:12]] = "X"
    result = Groups()(biased, replace(hiring, sensitive={"sex": sex})).result
    assert any("X (n = 12)" in note for note in result.notes)
    assert "X" in [row[0] for row in result.tables[0].rows]
    assert result.tables[0].marked
    assert result.metric("demographic_parity_difference_sex").n == int((~hiring.member).sum()) - 12


def test_crossed_divides_by_all_columns_together(biased, hiring):
    town = np.where(np.arange(len(hiring)) % 2 == 0, "east", "west")
    result = Groups(crossed=True)(biased, replace(hiring, sensitive={**hiring.sensitive, "town": town})).result
    assert {row[0] for row in result.tables[-1].rows} == {"F × east", "F × west", "M × east", "M × west"}


def test_a_column_of_numbers_is_cut_at_its_quartiles(biased, hiring):
    age = (np.arange(len(hiring)) % 60 + 18).astype(str)
    result = Groups()(biased, replace(hiring, sensitive={"age": age})).result
    assert len(result.tables[0].rows) == 4
    assert any("quartiles" in note for note in result.notes)


def test_many_classes_are_one_against_the_rest(hiring):
    schema = Schema(features=hiring.schema.features, label="y", classes=("a", "b", "c"))
    data = Dataset(hiring.x, hiring.y + (hiring.x[:, 0] > 1), schema, sensitive=hiring.sensitive)

    def scores(x):
        hit = x[:, 0] > 0.5
        return np.stack([0.6 * ~hit + 0.2 * hit, 0.2 * ~hit + 0.6 * hit, np.full(len(x), 0.2)], 1)

    result = Groups(positive="b")(FunctionTarget(scores, schema.classes, schema), data).result
    assert "against all the rest" in result.notes[0]
    from fairlearn.metrics import demographic_parity_difference

    by_hand = demographic_parity_difference(data.y == 1, data.x[:, 0] > 0.5, sensitive_features=data.sensitive["sex"])
    assert result.metric("demographic_parity_difference_sex").value == pytest.approx(by_hand)


def test_unknown_names_are_one_line(biased, hiring):
    assert "sensitive column (sex)" in Groups(columns=("race",))(biased, hiring).result.summary
    assert "a class (no, yes)" in Groups(positive="maybe")(biased, hiring).result.summary


def test_same_seed_same_record_and_json(biased, hiring):
    one, two = Groups(seed=3)(biased, hiring), Groups(seed=3)(biased, hiring)
    assert one.result == two.result
    assert Record.model_validate_json(one.model_dump_json()) == one


@pytest.mark.parametrize(
    ("given", "order"),
    [
        (["30 to 49", "under 30", "50 and over"], [1, 0, 2]),
        (["(missing)", "1,000 and over", "10 to 99", "5 to 9", "< 5"], [4, 3, 2, 1, 0]),
        (["large", "middle", "2 small"], [0, 1, 2]),
        (["Male × 30 to 49", "Male × under 30"], [0, 1]),
    ],
)
def test_bands_stand_from_low_to_high_and_other_groups_by_size(given, order):
    sizes = np.arange(len(given), 0, -1)
    assert in_order(given, sizes, 20) == order
    assert set(in_order(given, sizes, 2)) == {0, 1}


def test_one_error_rate_alone_is_not_equalized_odds(biased, hiring):
    unseen = np.flatnonzero(~hiring.member)
    few = [unseen[(hiring.sensitive["sex"][unseen] == sex) & (hiring.y[unseen] == 1)][:10] for sex in ("F", "M")]
    rows = hiring.part(np.sort(np.concatenate([unseen[hiring.y[unseen] == 0], *few])))
    result = Groups(positive="yes", difference=0.9, ratio=0.01)(biased, rows).result
    assert result.metric("equalized_odds_difference_sex").value is None
    assert "behind the true and the false positive rate" in result.metric("equalized_odds_ratio_sex").note
    assert result.metric("demographic_parity_difference_sex").value is not None
    assert result.status is Status.INCOMPLETE
    assert "equalized odds difference by sex is not known" in result.summary


def test_what_was_read_as_one_group_is_said_with_the_rows_of_each():
    import pandas as pd

    from tiltyard.datasets.reading import read

    sex = ["M"] * 40 + ["M "] * 12 + ["F"] * 45 + [" "] * 3 + ["?"] * 2 + [None] * 4
    frame = pd.DataFrame({"skill": np.linspace(0, 1, len(sex)), "hired": ["no", "yes"] * (len(sex) // 2), "sex": sex})
    data = read(frame, label="hired", sensitive="sex")
    model = FunctionTarget(lambda x: x[:, 0], data.schema.classes, data.schema)
    notes = [n for n in Groups(smallest=2)(model, data).result.notes if n.startswith("sex")]
    assert notes == [
        "sex, in all rows of the table: no value (4 rows), blanks alone (3 rows) and '?' (2 rows) count as one group, (missing); "
        "'M' (40 rows) and 'M ' (12 rows) count as one group, M."
    ]
    assert data.take(np.arange(50)).merged == data.unseen.merged == data.merged
    plain = read(frame.assign(sex=frame.sex.map(lambda v: v if v in ("M", "F") else "X")), label="hired", sensitive="sex")
    assert plain.merged == ()


def test_its_accuracy_is_compared_as_that_of_performance_is(biased, constant, hiring):
    one, other = (next(m for m in Groups(draws=100)(model, hiring).result.metrics if m.name == "accuracy") for model in (biased, constant))
    assert correlation(one, other) is not None
