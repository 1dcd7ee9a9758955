"""Attribute inference against models that ignore, use and reveal the column."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.privacy._attribute_secret import secret
from tiltyard.privacy.attribute_inference import AttributeInference
from tiltyard.progress import Progress
from tiltyard.result import CheckResult, Status
from tiltyard.targets.estimators import FunctionTarget

SCHEMA = Schema(
    features=(
        Feature(name="sex", kind="categorical", categories=("Female", "Male")),
        Feature(name="height", kind="continuous", low=100, high=230, unit="cm"),
        Feature(name="pay", kind="continuous", low=0, high=100),
    ),
    label="hired",
    classes=("no", "yes"),
)


def people(n: int = 1200) -> Dataset:
    """Height is correlated with sex, pay is not."""
    rng = np.random.default_rng(1)
    male = rng.integers(0, 2, n)
    height = (162 + 12 * male + rng.normal(0, 7, n)).clip(100, 230)
    x = np.stack([male, height, rng.uniform(0, 100, n)], 1)
    y = (rng.random(n) < 0.5).astype(np.int64)
    names = np.where(male == 1, "Male", "Female")
    return Dataset(x, y, SCHEMA, "people", {"sex": names, "club": np.where(x[:, 2] > 50, "in", "out")}, np.arange(n) % 3 > 0)


def model(weight: float) -> FunctionTarget:
    """Yes with a logit of pay and height, plus ``weight`` for men."""

    def logits(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return weight * x[:, 1] + (x[:, 3] - 50) / 50 + (x[:, 2] - 168) / 20

    return FunctionTarget(logits, SCHEMA.classes, SCHEMA, outputs="logits", fingerprint=f"{weight}")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def data() -> Dataset:
    return people()


@pytest.mark.parametrize("sees", ["scores", "label", "nothing"])
def test_a_model_that_ignores_the_column_gives_nothing_away(data: Dataset, sees: str) -> None:
    result = AttributeInference(columns=("sex",), sees=sees)(model(0.0), data).result
    assert result.status is Status.PASSED, result.summary
    gain = result.metric("advantage")
    assert (gain.low or 0) <= 0 <= (gain.high or 0)
    guessed = result.metric("accuracy_without_model")  # correlation is there (height tells sex), and is not counted as leakage
    assert (guessed.low or 0) > (result.metric("commonest").value or 1)


def test_a_model_that_uses_the_column_is_inverted(data: Dataset) -> None:
    result = AttributeInference(columns=("sex",))(model(1.0), data).result
    assert result.status is Status.FINDING
    assert (result.metric("accuracy_with_model").value or 0) > 0.98
    assert (result.metric("advantage").low or 0) > 0.15
    assert (result.metric("advantage_unseen").low or 0) > 0.15
    assert result.metric("advantage").n == 600
    assert {row[0] for row in result.tables[0].rows} == {"Female", "Male"}
    assert CheckResult.model_validate_json(result.model_dump_json()) == result


def test_the_gain_is_held_against_what_is_accepted(data: Dataset) -> None:
    """One and the same gain: within what is accepted, beyond it, and between where its interval holds it."""
    plain = AttributeInference()(model(1.0), data).result
    gain = plain.metric("advantage")
    assert gain.value is not None and gain.low is not None and gain.high is not None
    ends = ((gain.high + 0.01, Status.PASSED), (gain.low - 0.01, Status.FINDING), ((gain.value + gain.high) / 2, Status.INCOMPLETE))
    for accepted, status in ends:
        result = AttributeInference(accepted=accepted)(model(1.0), data).result
        assert result.metric("advantage") == gain
        assert result.status is status, result.summary
        assert ("rows would tell" in result.summary) is (status is Status.INCOMPLETE)


def test_rows_that_could_not_show_what_is_accepted_are_no_pass(data: Dataset) -> None:
    result = AttributeInference(accepted=0.001)(model(0.0), data).result
    assert result.status is Status.INCOMPLETE and "at least 3,000" in result.summary


def test_coarse_answers_give_less_away(data: Dataset) -> None:
    gains = [AttributeInference(digits=d)(model(1.0), data).result.metric("advantage").value or 0 for d in (3, 0)]
    label = AttributeInference(sees="label")(model(1.0), data).result.metric("advantage").value or 0
    assert gains[0] > gains[1]
    assert gains[0] > label


def test_asking_without_an_answer(data: Dataset) -> None:
    """The label was drawn by a coin: a model that uses sex cannot tell sex through it."""
    gain = AttributeInference(sees="nothing")(model(1.0), data).result.metric("advantage")
    assert (gain.low or 0) <= 0.02


def test_a_column_beside_the_features(data: Dataset) -> None:
    result = AttributeInference(columns=("club",))(model(0.0), data).result
    assert any("does not take club as input" in note for note in result.notes)
    refused = AttributeInference(columns=("club",), sees="nothing")(model(0.0), data).result
    assert refused.status is Status.NOT_APPLICABLE


def test_several_columns_are_judged_together_and_the_worst_leads(data: Dataset) -> None:
    """The model moves by sex alone; club is a function of pay, which the attacker knows."""
    result = AttributeInference(rows=800)(model(1.0), data).result
    table = result.tables[0]
    assert table.name == "columns" and [row[0] for row in table.rows] == ["sex", "club"]
    assert result.status is Status.FINDING and len(result.findings) == 1 and "sex" in result.findings[0].title
    lead, other = result.metric("advantage"), result.metric("advantage_of_club")
    assert lead.model_copy(update={"name": "advantage_of_sex"}) == result.metric("advantage_of_sex")
    assert lead.level == other.level == 0.975
    assert (lead.low or 0) > 0.15 and abs(other.value or 0) < 0.02
    guessed = table.rows[1][2]
    assert isinstance(guessed, float) and guessed > 0.97  # imputation alone knows the club
    alone = AttributeInference(columns=("sex",), rows=800)(model(1.0), data).result.metric("advantage")
    assert alone.value == lead.value and alone.low is not None and lead.low is not None and alone.low > lead.low
    assert CheckResult.model_validate_json(result.model_dump_json()) == result


def test_a_column_that_cannot_be_measured_leaves_it_open(data: Dataset) -> None:
    given = Dataset(data.x, data.y, SCHEMA, "people", {"sex": data.sensitive["sex"], "one": np.full(len(data), "a")})
    result = AttributeInference()(model(0.0), given).result
    assert result.status is Status.INCOMPLETE and "one was not measured (Expected at least two values" in result.summary
    assert result.metric("advantage_of_one").value is None and (result.metric("advantage_of_sex").high or 1) < 0.05


def test_the_name_of_one_column_is_read_as_before() -> None:
    assert AttributeInference(column="club").columns == ("club",)  # type: ignore[call-arg]
    assert AttributeInference(column="").columns == ()  # type: ignore[call-arg]


def test_numbers_are_recovered_by_quarters(data: Dataset) -> None:
    found = secret(data, "height")
    assert len(found.names) == 4
    assert found.settings is not None
    assert np.bincount(found.value).min() > 250
    by_hand = np.searchsorted(np.quantile(data.x[:, 1], [0.25, 0.5, 0.75]), data.x[:, 1], side="right")
    np.testing.assert_array_equal(found.value, by_hand)
    result = AttributeInference(columns=("height",))(model(0.0), data).result
    assert (result.metric("advantage").low or 0) > 0.1


def test_rare_values_are_left_out_and_told() -> None:
    data = people(300)
    names = np.array([f"v{i % 40}" if i < 80 else "common" if i % 2 else "other" for i in range(300)])
    many = Dataset(data.x, data.y, SCHEMA, "many", {"many": names})
    result = AttributeInference(columns=("many",))(model(0.0), many).result
    assert any("rows with rarer values" in note for note in result.notes)


@pytest.mark.parametrize(("column", "said"), [("shoe size", "found 'shoe size'"), ("one", "at least two values in 'one'")])
def test_bad_columns_are_one_line(data: Dataset, column: str, said: str) -> None:
    given = Dataset(data.x, data.y, SCHEMA, "people", {"one": np.full(len(data), "a")})
    result = AttributeInference(columns=(column,))(model(0.0), given).result
    assert result.status is Status.FAILED
    assert said in result.summary


def test_few_rows_are_incomplete_and_seeds_repeat(data: Dataset) -> None:
    few = data.take(np.arange(60))
    assert AttributeInference()(model(0.0), few).result.status is Status.INCOMPLETE
    one, two = (AttributeInference(rows=200)(model(0.5), data).result for _ in range(2))
    assert one == two


def test_cancels(data: Dataset) -> None:
    progress = Progress()
    progress.cancel()
    assert AttributeInference()(model(0.0), data, progress).result.status is Status.CANCELLED


def test_a_missing_number_is_a_value_and_whole_numbers_stay_whole() -> None:
    rng = np.random.default_rng(0)
    pay, children = rng.uniform(0, 100, 800), rng.integers(0, 40, 800).astype(float)
    pay[rng.random(800) < 0.3] = np.nan
    features = (
        Feature(name="pay", kind="continuous", low=0, high=100, missing=True),
        Feature(name="children", kind="integer", low=0, high=40),
        Feature(name="few", kind="integer", low=0, high=3, missing=True),
    )
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    few = np.where(rng.random(800) < 0.5, np.nan, rng.integers(0, 4, 800))
    data = Dataset(np.stack([pay, children, few], 1), np.isnan(pay).astype(np.int64), schema)
    found = secret(data, "pay")
    assert len(found.names) == 5 and found.names[-1] == "(missing)"
    assert found.settings is not None
    np.testing.assert_array_equal(found.value == 4, np.isnan(pay))
    assert np.isnan(found.settings[-1, 0]) and set(found.settings[:-1, 0]) <= set(pay)
    whole = secret(data, "children").settings
    assert whole is not None and set(whole[:, 0]) <= set(children)
    assert secret(data, "few").names == ("0", "1", "2", "3", "(missing)")
    schema.encode(data.frame)

    asked: list[NDArray[np.float64]] = []

    def model(x: NDArray[np.float64]) -> NDArray[np.float64]:
        asked.append(x)
        return np.where(np.isnan(x[:, 0]), 0.9, 0.2)

    target = FunctionTarget(model, schema.classes, schema, feeds="values")  # type: ignore[arg-type]
    data = Dataset(data.x, data.y, schema, sensitive={"half": np.where(rng.random(800) < 0.5, "a", "b")})
    result = AttributeInference(columns=("pay",))(target, data).result
    assert result.metric("accuracy_with_model").n == 400
    row = next(r for r in result.tables[0].rows if r[0] == "(missing)")
    assert row[5] == 1.0
    assert any(np.isnan(x[:, 0]).all() for x in asked)
    assert all(np.isin(x[:, 0][~np.isnan(x[:, 0])], pay).all() for x in asked)


def test_the_label_seen_is_the_one_that_the_model_decides() -> None:
    from tiltyard.targets.decision import Prediction
    from tiltyard.testing.grounds import deployed

    ground = deployed()
    result = AttributeInference(columns=("side",), sees="label")(ground.target, ground.data).result
    asked: list[int] = []

    class Largest(type(ground.target)):  # type: ignore[misc]
        def _predict(self, x: NDArray[np.float64]) -> NDArray[np.int64]:
            asked.append(len(x))
            return self._scores(x).argmax(1)

        def _prediction(self, x: NDArray[np.float64]) -> Prediction:
            return Prediction(self._predict(x), self._scores(x))

    other = Largest(ground.target.estimator, ground.target.schema, feeds="frame")  # type: ignore[attr-defined]
    by_score = AttributeInference(columns=("side",), sees="label")(other, ground.data).result
    assert asked
    assert result.metric("accuracy_with_model").value != by_score.metric("accuracy_with_model").value


def test_a_column_of_very_many_categories_costs_no_more_than_its_rows() -> None:
    import tracemalloc

    n, levels = 8000, 20_000
    rng = np.random.default_rng(0)
    features = (
        Feature(name="town", kind="categorical", categories=tuple(f"town {i}" for i in range(levels))),
        Feature(name="side", kind="categorical", categories=("left", "right")),
    )
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    x = np.stack([rng.integers(0, levels, n), rng.integers(0, 2, n)], 1).astype(float)
    data = Dataset(x, x[:, 1].astype(np.int64), schema, sensitive={"side": np.where(x[:, 1] > 0, "right", "left")})
    target = FunctionTarget(lambda rows: np.where(np.asarray(rows)[:, 1] == "right", 0.9, 0.1), schema.classes, schema, feeds="values")
    tracemalloc.start()
    result = AttributeInference(columns=("side",))(target, data).result
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.status is Status.PASSED, result.summary
    assert peak < n * levels  # an eighth of the table encoded as one-hot numbers


def test_a_guesser_that_is_worse_than_the_commonest_value_is_not_what_the_model_is_held_against() -> None:
    from dataclasses import replace

    found = people(300)
    rare = np.where(np.random.default_rng(0).random(len(found)) < 0.2, "in", "out")
    result = AttributeInference(columns=("club",))(model(0.0), replace(found, sensitive={"club": rare})).result
    assert result.metric("accuracy_without_model").value == result.metric("commonest").value
