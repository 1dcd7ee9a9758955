"""The evasion checks: known answers, agreement with foolbox, bad input, and what they show."""

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.check import named
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.evasion.attack import Evasion
from tiltyard.evasion.fgsm import FGSM
from tiltyard.evasion.hop_skip_jump import HopSkipJump
from tiltyard.evasion.pgd import PGD
from tiltyard.evasion.square import Square
from tiltyard.progress import Progress
from tiltyard.result import Record, Status
from tiltyard.samples.catalog import Sample, load
from tiltyard.targets.estimators import FunctionTarget

if TYPE_CHECKING:
    from torch import Tensor

    from tiltyard.targets.torch_target import TorchTarget


CHECKS: tuple[type[Evasion], ...] = (PGD, FGSM, Square)
FOUR: tuple[type[Evasion], ...] = (*CHECKS, HopSkipJump)
every_check = pytest.mark.parametrize("check", FOUR)
at_each_eps = pytest.mark.parametrize("check", CHECKS)
NUMBERS = Schema(features=tuple(Feature(name=f"f{i}", kind="continuous") for i in range(4)), label="y", classes=("no", "yes"))


@pytest.fixture(scope="module")
def digits() -> Sample:
    return load("digits")


@pytest.fixture(scope="module")
def census() -> Sample:
    return load("census")


def plane(gap: float) -> "tuple[TorchTarget, Dataset]":
    """A linear model and rows that each lie at ``gap`` from it in linf."""
    import torch
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    model = nn.Linear(4, 2)
    weights = torch.tensor([1.0, -2.0, 0.5, 1.5])
    with torch.no_grad():
        model.weight[:] = torch.stack([-weights / 2, weights / 2])
        model.bias[:] = torch.tensor([0.25, -0.25])
    rng = np.random.default_rng(0)
    x = rng.uniform(0.35, 0.65, (60, 4))
    y = rng.integers(0, 2, 60)
    direction = weights.numpy() / float(weights.abs().sum())
    value = x @ weights.numpy() - 0.5
    side = np.where(y == 1, 1.0, -1.0)
    shift = (side * gap * float(weights.abs().sum()) - value) / float((weights.numpy() * direction).sum())
    x = x + shift[:, None] * direction
    keep = ((x > 0.3) & (x < 0.7)).all(1)
    assert keep.sum() > 20
    return TorchTarget(model, NUMBERS.classes, NUMBERS, "plane"), Dataset(x[keep].astype(np.float32), y[keep], NUMBERS)


@at_each_eps
def test_a_linear_model_falls_at_its_exact_distance(check: type[Evasion]) -> None:
    target, data = plane(0.1)
    below = check(eps=0.0995, curve=False, accept=0.2)(target, data).result
    above = check(eps=0.1005, curve=False)(target, data).result
    assert below.metric("robust_accuracy").value == 1.0
    assert above.metric("robust_accuracy").value == 0.0
    assert below.status is (Status.INCOMPLETE if check is FGSM else Status.PASSED), "one step earns no pass"
    assert above.status is Status.FINDING


@every_check
def test_there_is_nothing_to_gain_against_a_constant_model(check: type[Evasion]) -> None:
    from tiltyard.targets.torch_target import TorchTarget

    from .nets import Constant

    data = Dataset(np.full((30, 4), 0.5, np.float32), np.zeros(30, np.int64), NUMBERS)
    result = check(eps=1.0, curve=False)(TorchTarget(Constant(), NUMBERS.classes, NUMBERS, "constant"), data).result
    assert result.status is Status.INCOMPLETE, "it holds, but would hold whatever the attack"
    assert not result.findings
    assert "nothing to attack" in result.summary
    assert "rows of other classes" in result.summary
    assert result.metric("robust_accuracy").value == 1.0
    assert result.metric("median_change").value is None
    assert all(m.value == 0.0 for m in result.metrics if m.name == "zero_gradient_rows")


@every_check
def test_a_model_at_chance_is_no_robust_model(check: type[Evasion]) -> None:
    from tiltyard.targets.torch_target import TorchTarget

    from .nets import Constant

    rng = np.random.default_rng(0)
    data = Dataset(rng.random((100, 4), np.float32), (np.arange(100) % 5 < 2).astype(np.int64), NUMBERS)
    result = check(eps=0.5, curve=False)(TorchTarget(Constant(), NUMBERS.classes, NUMBERS, "constant"), data).result
    assert result.status is Status.INCOMPLETE
    assert "preprocessing" in result.summary
    name = NUMBERS.classes[0]
    assert f"right on 60.0 % of 100 rows, always saying {name!r} on 60.0 %" in result.summary
    assert result.metric("robust_accuracy").value == result.metric("majority_accuracy").value == 0.6


def test_a_few_rows_do_not_show_robustness_and_more_do() -> None:
    target, data = plane(0.1)
    few = data.take(np.concatenate([np.flatnonzero(data.y == k)[:n] for k, n in ((0, 4), (1, 4))]))
    result = PGD(eps=0.05, curve=False)(target, few).result
    assert result.status is Status.INCOMPLETE
    assert result.summary.endswith("Give more rows.")
    more = data.take(np.concatenate([np.flatnonzero(data.y == k)[:n] for k, n in ((0, 5), (1, 5))]))
    open_one = PGD(eps=0.05, curve=False)(target, more).result
    assert open_one.status is Status.INCOMPLETE, "0 of 10 rows leaves up to 31 %"
    assert "72 rows settle it" in open_one.summary
    enough = data.take(np.tile(np.arange(len(data)), 4)[:80])
    assert PGD(eps=0.05, curve=False)(target, enough).result.status is Status.PASSED
    assert PGD(eps=0.05, curve=False, steps=10)(target, enough).result.status is Status.INCOMPLETE, "ten steps are too few"
    assert Square(eps=0.05, curve=False, query_budget=150)(target, enough).result.status is Status.INCOMPLETE, "150 queries are too few"


def test_a_hidden_gradient_is_not_taken_for_robustness() -> None:
    from tiltyard.targets.torch_target import TorchTarget

    from .nets import Staircase

    rng = np.random.default_rng(0)
    x = rng.uniform(0.2, 0.8, (80, 4)).astype(np.float32)
    x = x[np.abs(x[:, 0] - 0.5) > 0.15]
    data = Dataset(x, (x[:, 0] > 0.5).astype(np.int64), NUMBERS)
    target = TorchTarget(Staircase(), NUMBERS.classes, NUMBERS, "staircase")
    result = PGD(eps=0.1, curve=False)(target, data).result
    assert result.status is Status.INCOMPLETE
    assert result.metric("zero_gradient_rows").value == 1.0
    assert "masking" in result.summary
    assert Square(eps=0.4, curve=False)(target, data).result.status is Status.FINDING


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.1), ("linf", 0.2), ("l2", 1.5)])
def test_pgd_agrees_with_foolbox(digits: Sample, norm: str, eps: float) -> None:
    foolbox = pytest.importorskip("foolbox")
    record = PGD(norm=norm, eps=eps, rows=120, curve=False)(digits.target, digits.data)  # type: ignore[arg-type]
    attack = {"linf": foolbox.attacks.LinfPGD(steps=40), "l2": foolbox.attacks.L2PGD(steps=40, rel_stepsize=0.25)}[norm]
    ours = record.result.metric("robust_accuracy").value
    theirs = robust(foolbox, attack, digits, eps, 120)
    assert ours is not None
    assert theirs - 0.05 <= ours <= theirs + 0.01


def test_fgsm_agrees_with_foolbox(digits: Sample) -> None:
    foolbox = pytest.importorskip("foolbox")
    record = FGSM(eps=0.1, curve=False)(digits.target, digits.data)
    theirs = robust(foolbox, foolbox.attacks.LinfFastGradientAttack(random_start=False), digits, 0.1, 300)
    assert record.result.metric("robust_accuracy").value == pytest.approx(theirs, abs=0.01)


def robust(foolbox: object, attack: "Callable[..., tuple[object, object, Tensor]]", digits: Sample, eps: float, n: int) -> float:
    """Foolbox's robust accuracy on the rows the check attacks."""
    import torch

    rows = digits.data.unseen.sample(n, np.random.default_rng(0))
    model = foolbox.PyTorchModel(digits.target.module, bounds=(0, 1), device="cpu")  # type: ignore[attr-defined]
    torch.manual_seed(0)
    _, _, success = attack(model, torch.from_numpy(rows.x), torch.from_numpy(rows.y), epsilons=eps)
    return float((~success).float().mean())


def test_the_curve_falls_and_passes_through_the_result(digits: Sample) -> None:
    result = PGD(steps=10, rows=100)(digits.target, digits.data).result
    (chart,) = result.charts
    (series,) = chart.series
    accuracies = [a for a in series.y if a is not None]
    assert accuracies == sorted(accuracies, reverse=True)
    assert len(series.x) == 9
    assert accuracies[0] == result.metric("clean_accuracy").value
    assert accuracies[series.x.index(0.1)] == result.metric("robust_accuracy").value
    assert all(low <= y <= high for low, y, high in zip(series.low, accuracies, series.high, strict=True))  # type: ignore[operator]


def test_pictures_are_shown_with_labels_and_confidence(digits: Sample) -> None:
    result = PGD(steps=10, rows=60, eps=0.2, curve=False)(digits.target, digits.data).result
    (gallery,) = result.galleries
    assert len(gallery.rows) == 6
    for original, perturbed, difference in gallery.rows:
        assert original.caption.split(" ")[0] != perturbed.caption.split(" ")[0]
        assert difference.caption.startswith("×")
        assert base64.b64decode(original.png).startswith(b"\x89PNG")
    assert len(result.model_dump_json()) < 60_000


@every_check
def test_changed_cells_are_marked(census: Sample, check: type[Evasion]) -> None:
    result = check(rows=40, curve=False)(census.target, census.data).result
    examples = next(t for t in result.tables if t.name == "examples")
    arrows = {(i, j) for i, row in enumerate(examples.rows) for j, cell in enumerate(row) if " → " in str(cell)}
    assert arrows == set(examples.marked)
    assert arrows
    fixed = {f.name for f in census.data.schema.features if not f.mutable}
    assert not fixed & {examples.columns[j].name for _, j in examples.marked}


def test_the_finding_names_its_evidence_and_a_defense(census: Sample) -> None:
    record = FGSM(rows=40, curve=False)(census.target, census.data)
    (finding,) = record.result.findings
    assert record.result.metric(*finding.evidence.metrics)
    assert finding.defense == "evasion.adversarial_training"
    assert record.queries > 40


@every_check
def test_equal_seeds_give_equal_results(census: Sample, check: type[Evasion]) -> None:
    one, two = (check(rows=30, curve=False)(census.target, census.data).result for _ in range(2))
    assert one == two


@every_check
def test_an_eps_beyond_the_range_is_refused_in_one_line(check: type[Evasion], census: Sample) -> None:
    with pytest.raises(Problem, match="at most 1"):
        check(eps=1.5)
    with pytest.raises(Problem) as problem:
        named(check, {"eps": 0})
    assert "\n" not in str(problem.value)
    record = check(norm="l2", eps=5.0)(census.target, census.data)
    assert record.result.status is Status.FAILED
    assert "1.73" in record.result.summary


def test_nothing_to_change_is_said(census: Sample) -> None:
    fixed = tuple(f.model_copy(update={"mutable": False}) for f in census.data.schema.features)
    schema = census.data.schema.model_copy(update={"features": fixed})
    data = Dataset(census.data.x[:50], census.data.y[:50], schema)
    result = PGD()(census.target, data).result
    assert result.status is Status.FAILED
    assert "may change" in result.summary


def test_a_target_without_gradients_is_attacked_by_its_scores(census: Sample) -> None:
    inner = census.target
    box = FunctionTarget(lambda t: inner.scores(inner.schema.encode(t)), inner.classes, inner.schema, "box", feeds="frame")  # type: ignore[arg-type]
    assert PGD()(box, census.data).result.status is Status.NOT_APPLICABLE
    record = Square(rows=30, query_budget=100, curve=False)(box, census.data)
    assert record.result.status is Status.FINDING
    assert 30 < record.queries <= 30 * 104


def test_a_model_that_is_always_wrong_leaves_nothing_to_attack() -> None:
    from tiltyard.targets.torch_target import TorchTarget

    from .nets import Constant

    data = Dataset(np.full((30, 4), 0.5, np.float32), np.ones(30, np.int64), NUMBERS)
    result = PGD()(TorchTarget(Constant(), NUMBERS.classes, NUMBERS, "constant"), data).result
    assert result.status is Status.INCOMPLETE
    assert result.metric("success_rate").value is None


@every_check
def test_the_cost_is_told_before(census: Sample, check: type[Evasion]) -> None:
    queries = census.target.queries
    one, ten = (check(rows=rows).estimate(census.target, census.data) for rows in (10, 100))
    assert one.queries is not None
    assert ten.queries == 10 * one.queries
    assert one.seconds is not None
    assert one.seconds > 0
    assert census.target.queries == queries
    record = check(rows=10, curve=False)(census.target, census.data)
    assert record.queries <= one.queries + 2 * 10 + 12 * 10


def test_eps_shrinks_to_what_flips_alone_can_do(census: Sample) -> None:
    """With a hair of an eps only categories move, and then only as many as are allowed."""
    none = PGD(eps=1e-6, flips=0, rows=100, curve=False)(census.target, census.data).result
    some = PGD(eps=1e-6, flips=2, rows=100, curve=False)(census.target, census.data).result
    assert none.metric("robust_accuracy").value == none.metric("clean_accuracy").value
    assert (some.metric("robust_accuracy").value or 0) < (none.metric("robust_accuracy").value or 0)
    table = next(t for t in some.tables if t.name == "examples")
    for i in range(len(table.rows)):
        assert 1 <= sum(row == i for row, _ in table.marked) <= 2


def test_records_survive_json(digits: Sample) -> None:
    record = FGSM(rows=20)(digits.target, digits.data, Progress())
    assert Record.model_validate_json(record.model_dump_json()) == record


def test_the_curve_of_a_table_starts_with_categories_alone(census: Sample) -> None:
    result = PGD(steps=5, rows=60)(census.target, census.data).result
    (chart,) = result.charts
    assert chart.reference == (("clean accuracy", result.metric("clean_accuracy").value),)
    assert chart.series[0].x[0] == 0.0
    alone, right = result.metric("categories_alone"), result.metric("success_rate").n
    assert alone.value is not None
    assert right is not None
    assert chart.series[0].y[0] == pytest.approx(right * (1 - alone.value) / 60)
