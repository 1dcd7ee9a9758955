"""Model inversion against models that hold rows, models that hold none, and shapes whose middle is known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.lazily import Lazily

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.encoding import encoding_of
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.privacy.inversion import Inversion
from tiltyard.progress import Progress
from tiltyard.result import CheckResult, Status
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target

score = Lazily("tiltyard.privacy._prototype_score")
torch, nn = Lazily("torch"), Lazily("torch.nn")
spaces, prototypes = Lazily("tiltyard.privacy._prototype_space"), Lazily("tiltyard.privacy._prototypes")
CLASSES = ("no", "yes")


def schema(width: int) -> Schema:
    return Schema(features=tuple(Feature(name=f"f{i}", kind="continuous") for i in range(width)), label="y", classes=CLASSES)


def rows(n: int, width: int) -> Dataset:
    """Uniform rows whose class is the half of the first column; every other one was trained on."""
    x = np.random.default_rng(3).random((n, width))
    return Dataset(x, (x[:, 0] > 0.5).astype(np.int64), schema(width), "rows", member=np.arange(n) % 2 == 0)


def line(data: Dataset) -> Target:
    """A network whose logits rise along the first column."""
    from tiltyard.targets.torch_target import TorchTarget

    class Line(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return torch.stack([-8 * (x[:, 0] - 0.5), 8 * (x[:, 0] - 0.5)], 1)

    return TorchTarget(Line(), CLASSES, data.schema)


def memory(data: Dataset) -> Target:
    """For each class the logarithm of a sum of bumps at the rows that it holds."""
    from tiltyard.targets.torch_target import TorchTarget

    assert data.member is not None
    kept = [torch.from_numpy(data.x[data.member & (data.y == k)].astype(np.float32)) for k in (0, 1)]

    class Memory(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.held = nn.ParameterList([nn.Parameter(rows) for rows in kept])

        def forward(self, x: Any) -> Any:
            return torch.stack([torch.logsumexp(-torch.cdist(x, held).square() / 0.005, 1) for held in self.held], 1)

    return TorchTarget(Memory(), CLASSES, data.schema)


def test_a_model_that_holds_its_rows_shows_them() -> None:
    data = rows(400, 5)
    target = memory(data)
    result = Inversion(prototypes=60, steps=100)(target, data).result
    assert result.status is Status.FINDING, result.summary
    assert (result.metric("nearest_members").value or 0) > 0.95
    assert result.metric("nearest_members").n == 38  # of 95 and 96 rows of each kind in a class one in five at most
    assert result.metric("reached").value == 1
    assert CheckResult.model_validate_json(result.model_dump_json()) == result


def test_a_model_that_holds_no_row_shows_none() -> None:
    data = rows(4000, 5)
    target = line(data)
    result = Inversion(steps=30)(target, data).result
    near, area = result.metric("nearest_members"), result.metric("resemblance_auc")
    assert result.status is Status.PASSED, result.summary
    assert near.low is not None and near.high is not None and near.low < 0.5 < near.high
    assert area.low is not None and area.high is not None and area.low < 0.5 < area.high
    assert (result.metric("judge_accuracy").value or 0) > 0.95
    assert result.metric("recognized").value == 1  # and that is no finding: the class is no person
    person = Inversion(steps=30, class_is_person=True)(target, data).result
    assert person.status is Status.INCOMPLETE and "recognizes" in person.summary  # two classes prove nothing


def test_without_held_out_rows_it_is_incomplete() -> None:
    data = rows(200, 5)
    plain = Dataset(data.x, data.y, data.schema, "rows")
    result = Inversion(steps=5, prototypes=4)(line(data), plain).result
    assert result.status is Status.INCOMPLETE and "mark which rows were trained on" in result.summary
    assert result.metric("nearest_members").value is None and result.tables[0].name == "prototypes"


def by_label(rule: Callable[[NDArray[np.float64]], NDArray[np.bool_]], width: int) -> Target:
    return FunctionTarget(lambda x: rule(np.asarray(x, np.float64)).astype(np.float64), CLASSES, schema(width), "rule", feeds="values")


def test_by_labels_alone_a_point_moves_to_the_middle_of_a_ball() -> None:
    middle = np.array([0.4, 0.6, 0.5])
    target = by_label(lambda x: np.square(x - middle).sum(1) < 0.3**2, 3)
    source = torch.Generator().manual_seed(0)
    start = torch.tensor([[0.6, 0.6, 0.5], [0.4, 0.8, 0.6]])
    points, filled = prototypes.repelled(target, spaces.PrototypeSpace(target.encoding), start, 1, 6000, source, Progress())
    assert np.linalg.norm(points.numpy() - middle, axis=1).max() < 0.08
    assert (filled > 0.15).all() and (filled < 0.31).all()
    assert (target.labels(points.numpy().astype(np.float64)) == 1).all()


def test_by_labels_alone_islands_around_trained_on_rows_are_found() -> None:
    data = rows(400, 2)
    assert data.member is not None
    yes = data.x[data.member & (data.y == 1)][:40]
    y = np.zeros(len(data), np.int64)
    y[np.flatnonzero(data.member & (data.y == 1))[:40]] = 1
    y[np.flatnonzero(~data.member & (data.y == 1))[:40]] = 1
    given = Dataset(data.x, y, data.schema, "islands", member=data.member)
    target = by_label(lambda x: (np.square(x[:, None] - yes).sum(2) < 0.02**2).any(1), 2)
    result = Inversion(way="labels", prototypes=200, query_budget=60_000)(target, given).result
    table = result.charts[0]
    share = dict(zip(table.x.categories, table.series[0].y, strict=True))
    assert (share["yes"] or 0) == 1, result.summary
    assert target.queries <= 61_000


def test_a_class_without_a_prototype_is_said() -> None:
    data = rows(400, 3)
    target = by_label(lambda x: np.zeros(len(x), bool), 3)
    result = Inversion(way="labels", query_budget=2000, prototypes=10)(target, data).result
    assert result.status is Status.INCOMPLETE and "no prototype was found of yes" in result.summary
    refused = Inversion(way="gradients")(target, data).result
    assert refused.status is Status.NOT_APPLICABLE


def test_rows_are_valid_and_climbing_raises_the_logit() -> None:
    features = (
        Feature(name="age", kind="integer", low=17, high=90),
        Feature(name="color", kind="categorical", categories=("red", "green", "blue")),
        Feature(name="pay", kind="continuous", low=-5, high=5),
    )
    mixed = Schema(features=features, label="y", classes=CLASSES)
    space = spaces.PrototypeSpace(encoding_of(mixed))
    points = torch.rand((50, 5), generator=torch.Generator().manual_seed(0))
    x = space.rows(points)
    np.testing.assert_array_equal(x[:, 0], np.round(17 + points[:, 0].double().numpy() * 73))
    np.testing.assert_array_equal(x[:, 1], points[:, 1:4].argmax(1).numpy())
    Dataset(x, np.zeros(50, np.int64), mixed)  # within the ranges
    linear = nn.Linear(5, 2, bias=False)
    linear.weight.data = torch.tensor([[0.0, 9.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 9.0, 2.0]])
    found = space.rows(prototypes.climbed(linear, space, 2, 4, 80, 0.0, 0, Progress()))
    assert found[:, 1].tolist() == [0] * 4 + [2] * 4


def test_equal_numbers_of_both_kinds_are_compared_in_each_class() -> None:
    data = rows(300, 2)
    assert data.member is not None
    uneven = data.take(np.flatnonzero(~data.member | (np.arange(300) % 10 == 0)))
    at = data.x[(data.y == 1) & data.member][:1]
    found = prototypes.Prototypes(at, np.array([1]), np.ones(1))
    both = score.compared(uneven, found, encoding_of(data.schema), 1000, 50, np.random.default_rng(0))
    assert both is not None and both.member.sum() == (~both.member).sum() and set(both.rows.y) == {1}
    scale = uneven.take(np.isin(uneven.x[:, 0], both.rows.x[:, 0])).x.std(0)
    by_hand = np.sqrt((((both.rows.x - at) / scale) ** 2).sum(1))
    np.testing.assert_allclose(both.far, by_hand, atol=1e-6)
    assert len(both.top) == both.member.sum() // 5 and both.far[both.top].max() <= np.sort(both.far)[len(both.top) - 1]


@pytest.mark.parametrize("way", ["gradients", "labels"])
def test_pictures_are_shown(way: str) -> None:
    from tiltyard.testing.grounds import grounds

    ground = grounds()["images"]
    given = {"way": way, "prototypes": 4, "steps": 4, "query_budget": 1500}
    result = Inversion.model_validate(given)(ground.target, ground.data).result
    gallery = result.galleries[0]
    assert gallery.people and gallery.heads[0] == "A prototype" and len(gallery.rows[0]) == 3
