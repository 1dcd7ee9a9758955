"""What opening doubted stands on every result that rests on the model's answers, and no such result passes."""

from typing import ClassVar

import numpy as np
import pytest

from tiltyard.check import Check
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.progress import Progress
from tiltyard.result import CheckResult, Status
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target

SCHEMA = Schema(features=(Feature(name="a", kind="continuous"),), label="y", classes=("no", "yes"))
DOUBT = "12 of 40 rows are answered otherwise alone than among others."


class Asks(Check):
    """Passes."""

    id: ClassVar[str] = "test.asks"
    title: ClassVar[str] = "Asks"
    question: ClassVar[str] = "?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels"})

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        right = float((target.labels(data.x) == data.y).mean())
        return CheckResult(status=Status.PASSED, summary=f"All is well: {right:.2f}.")


class Averages(Asks):
    averages_noise: ClassVar[bool] = True


class Reads(Asks):
    needs: ClassVar[frozenset[str]] = frozenset({"file"})


def data(classes: tuple[str, ...] = SCHEMA.classes) -> Dataset:
    x = np.linspace(0, 1, 40)[:, None]
    return Dataset(x, (x[:, 0] > 0.5).astype(np.int64), SCHEMA.model_copy(update={"classes": classes}))


def target(classes: tuple[str, ...] = SCHEMA.classes) -> FunctionTarget:
    return FunctionTarget(lambda x: (x[:, 0] > 0.5).astype(float), classes, SCHEMA.model_copy(update={"classes": classes}))


def test_a_doubt_makes_a_pass_incomplete_and_stands_in_result_and_record() -> None:
    model = target()
    assert Asks()(model, data()).result.status is Status.PASSED
    model.doubts = (DOUBT,)
    record = Asks()(model, data())
    assert record.result.status is Status.INCOMPLETE
    assert record.result.notes == (DOUBT,)
    assert record.target.doubts == (DOUBT,)


def test_what_asks_for_no_answer_rests_on_none() -> None:
    model = target()
    model.offers = model.offers | {"file"}
    model.doubts = (DOUBT,)
    assert Reads()(model, data()).result.status is Status.PASSED


def test_noise_undermines_what_does_not_average_it() -> None:
    model = target()
    model.noise = 0.25
    alone, averaged = Asks()(model, data()).result, Averages()(model, data()).result
    assert alone.status is Status.INCOMPLETE
    assert averaged.status is Status.PASSED
    assert all("25.0 % of the rows differently" in result.notes[0] for result in (alone, averaged))


def test_rows_are_labeled_anew_by_name_for_the_model() -> None:
    wider = target(("no", "yes"))
    assert "1.00" in Asks()(wider, data()).result.summary
    turned = data(("no", "yes")).classed(("yes", "perhaps", "no"))
    np.testing.assert_array_equal(turned.y, np.where(data().y == 1, 0, 2))
    assert turned.schema.classes == ("yes", "perhaps", "no")
    assert data().classed(("no", "yes")).x is not None


def test_labels_of_any_type_are_one_list() -> None:
    numbers = data(("0", "1"))
    for classes in (("False", "True"), ("0.0", "1.0"), ("false", "true")):
        np.testing.assert_array_equal(numbers.classed(classes).y, numbers.y)


def test_rows_of_a_class_that_the_model_does_not_know_are_counted() -> None:
    with pytest.raises(Problem, match="20 of class 'yes' among 40 rows"):
        data().classed(("no", "maybe"))
    assert "20 of class 'yes'" in Asks()(target(("no", "maybe")), data()).result.summary
