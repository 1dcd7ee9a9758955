"""The attack by labels alone: exact distances of linear models, a budget that is kept, valid rows, and agreement with foolbox."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.campaign.campaign import ThreatModel, plan
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.encoding import encoding_of
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.evasion.hop_skip_jump import HopSkipJump
from tiltyard.evasion.square import Square
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.samples.catalog import load
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.query_budget import Meter
from tiltyard.targets.restricted import RestrictedTarget

if TYPE_CHECKING:
    from torch import Tensor


D = 12


def schema(d: int) -> Schema:
    return Schema(features=tuple(Feature(name=f"f{i}", kind="continuous") for i in range(d)), label="y", classes=("no", "yes"))


def rows(n: int = 40, d: int = D, spread: float = 0.4) -> "Tensor":
    import torch

    return torch.rand(n, d, generator=torch.Generator().manual_seed(2)) * spread + 0.5 - spread / 2


@pytest.mark.parametrize(("norm", "dual"), [("l2", 2), ("linf", 1)])
def test_it_comes_within_a_few_percent_of_the_exact_distance_of_a_linear_model(norm: str, dual: int) -> None:
    import torch

    from tiltyard.attacks.label_search import search
    from tiltyard.attacks.norms import length
    from tiltyard.attacks.perturbation_space import PerturbationSpace

    from .nets import Plane

    model, x, others = Plane(D), rows(), rows(40, spread=1.0)
    y = model(x).argmax(1)
    exact = ((x - 0.5) @ model.w).abs() / model.w.norm(dual)
    for k in (0, 1):
        mine = y == k
        start = others[model(others).argmax(1) != k]
        found, size = search(model, x[mine], y[mine], start, PerturbationSpace.of(schema(D)), norm, 2000, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
        assert bool((model(found).argmax(1) != k).all())
        assert bool((size >= exact[mine] * (1 - 1e-4)).all())
        assert float((size / exact[mine]).median()) < 1.03
        assert float((size / exact[mine]).quantile(0.9)) < 1.1
        np.testing.assert_allclose(length(found - x[mine], norm), size, rtol=1e-4)  # type: ignore[arg-type]


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_walk_begins_at_the_boundary_itself(norm: str) -> None:
    import torch

    from tiltyard.attacks.label_search import Asked, Walk, begin, between, bisections, tolerance
    from tiltyard.attacks.norms import length
    from tiltyard.attacks.perturbation_space import PerturbationSpace

    from .nets import Plane

    model, x, others = Plane(D), rows(), rows(40, spread=1.0)
    y = model(x).argmax(1)
    mine = y == 0
    x, asked = x[mine], Asked(model, y[mine], 500)
    walk = Walk(x.clone(), torch.zeros_like(x), torch.full((len(x),), torch.inf))
    start = others[model(others).argmax(1) != 0][:1]
    begin(asked, walk, x, start, PerturbationSpace.of(schema(D)), norm, 0, 50, torch.Generator(), Progress())  # type: ignore[arg-type]
    assert bool((model(x + walk.change).argmax(1) != 0).all())
    assert asked.left.tolist() == [500 - 1 - bisections(D)] * len(x)
    if norm == "l2":  # in a box the way back is no line, and may cross the boundary more than once
        slack = tolerance(D) * length(start - x, norm) / walk.size
        assert bool((model(x + between(walk.change, 1 - 1.01 * slack, norm)).argmax(1) == 0).all())


@pytest.mark.parametrize("queries", [1, 2, 7, 40, 100, 333])
def test_no_row_costs_more_than_its_queries(queries: int) -> None:
    import torch

    from tiltyard.attacks.label_search import search
    from tiltyard.attacks.perturbation_space import PerturbationSpace

    from .nets import Plane

    model, x = Plane(D), rows(20)
    y = model(x).argmax(1)
    model.asked = 0
    search(model, x, y, rows(10, spread=1.0), PerturbationSpace.of(schema(D)), "linf", queries, torch.Generator().manual_seed(0))
    assert 0 < model.asked <= 20 * queries


def test_a_question_over_the_budget_is_not_put() -> None:
    import torch

    from tiltyard.attacks.label_search import Asked

    from .nets import Plane

    model, x = Plane(D), rows(2)
    asked = Asked(model, torch.tensor([0, 1]), 3)
    asked(torch.tensor([0, 0, 1]), x[[0, 0, 1]])
    with pytest.raises(ValueError, match="budget"):
        asked(torch.tensor([0, 0]), x[[0, 0]])
    assert (model.asked, asked.left.tolist()) == (3, [1, 2])


@pytest.mark.parametrize("name", ["census", "digits"])
def test_a_target_that_gives_labels_only_is_attacked_and_asked_no_more_than_told(name: str) -> None:
    sample = load(name)
    meter = Meter()
    target = RestrictedTarget(sample.target, frozenset({"labels"}), meter)
    assert Square().unmet(target, sample.data)
    check = HopSkipJump(rows=20, query_budget=150, eps=0.5)
    told = check.estimate(sample.target, sample.data).queries
    record = check(target, sample.data)
    assert record.result.status is Status.FINDING
    assert told == 20 * 150
    assert 20 * 50 < meter.spent <= told
    assert record.queries == meter.spent
    gave = record.result.tables[1].rows[0] if name == "census" else [p.caption for p in record.result.galleries[0].rows[0]][:2]
    assert not any("%" in str(cell) for cell in gave)


def test_rows_of_a_table_stay_valid_and_at_most_the_flips_are_changed() -> None:
    import torch

    from tiltyard.attacks.norms import length
    from tiltyard.attacks.perturbation_space import PerturbationSpace

    census = load("census")
    check = HopSkipJump(rows=25, query_budget=200, flips=2, norm="l2", eps=1.0)
    sample = census.data.unseen.sample(25, np.random.default_rng(0))
    space = PerturbationSpace.of(sample.schema, torch.float64)
    labels = census.target.labels(sample.x)
    outcome = check.find_adversarial(census.target, sample, labels, space, Progress())
    Dataset(outcome.x, sample.y, sample.schema)  # refuses a row that is not valid
    fooled = (outcome.fooled_at >= 0) & np.isfinite(outcome.fooled_at)
    assert fooled.any()
    assert (census.target.labels(outcome.x[fooled]) != sample.y[fooled]).all()
    slices = {f.name: sample.schema.slices[f.name] for f in sample.schema.features}
    changed = np.array([[bool((a[s] != b[s]).any()) for s in slices.values()] for a, b in zip(sample.x, outcome.x, strict=True)])
    grouped = np.array([f.grouped for f in sample.schema.features])
    still = np.array([not f.mutable for f in sample.schema.features])
    assert changed[:, grouped].sum(1).max() in (1, 2)
    assert not changed[:, still].any()
    was, now = (torch.from_numpy(encoding_of(sample.schema).encode(x, np.float64)) for x in (sample.x, outcome.x))
    moved = length(space.change(was, now), "l2").numpy()
    assert (moved <= 1.0 + 1e-5).all()
    assert outcome.size is not None
    np.testing.assert_allclose(moved[fooled], outcome.size[fooled], atol=1e-5)


def test_it_agrees_with_foolbox_on_digits() -> None:
    import torch

    from tiltyard.attacks.label_search import search
    from tiltyard.attacks.perturbation_space import PerturbationSpace

    foolbox = pytest.importorskip("foolbox")
    digits = load("digits")
    data = digits.data.unseen.sample(4, np.random.default_rng(0))
    x, y = torch.from_numpy(data.x), digits.target.module(torch.from_numpy(data.x)).argmax(1)
    near = torch.from_numpy(digits.data.unseen.x[:200])
    given = digits.target.module(near).argmax(1)
    size = torch.cat(
        [
            search(
                digits.target.module,
                x[i : i + 1],
                y[i : i + 1],
                near[given != y[i]],
                PerturbationSpace.of(data.schema),
                "l2",
                1000,
                torch.Generator(),
            )[1]
            for i in range(len(x))
        ]
    )
    model = foolbox.PyTorchModel(digits.target.module, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.HopSkipJumpAttack(steps=5)
    torch.manual_seed(0)
    start = torch.stack([near[given != y[i]][int((near[given != y[i]] - x[i]).flatten(1).norm(dim=1).argmin())] for i in range(len(x))])
    theirs = attack.run(model, x, foolbox.criteria.Misclassification(y), starting_points=start)
    far = (theirs - x).flatten(1).norm(dim=1)
    assert float(size.median()) < 1.25 * float(far.median())


def test_a_campaign_that_is_answered_labels_uses_it() -> None:
    census = load("census")
    made = plan(ThreatModel(access="labels", goal="evade"), census.target, census.data)
    assert [p.id for p in made.steps] == ["evasion.hop_skip_jump", "evasion.transfer"]
    assert "evasion.square" in [one.id for one in made.left_out]


def test_too_few_queries_for_the_features_is_said() -> None:
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    census = load("census")
    wide = HopSkipJump(query_budget=20, rows=3)._allowed(census.data)
    assert wide == 20 - 2 - len(census.data.schema.features)
    many = Schema(features=tuple(Feature(name=f"f{i}", kind="continuous") for i in range(30)), label="y", classes=("no", "yes"))
    data = Dataset(np.random.default_rng(0).uniform(0, 1, (40, 30)).astype(np.float32), np.arange(40) % 2, many)
    record = HopSkipJump(query_budget=20, rows=3)(TorchTarget(nn.Linear(30, 2), many.classes, many, "plane"), data)
    assert record.result.status is Status.FAILED
    assert "at least 33 queries a row for 30 features" in record.result.summary


def test_too_few_queries_are_said_of_a_model_that_is_always_wrong_too() -> None:
    many = Schema(features=tuple(Feature(name=f"f{i}", kind="continuous") for i in range(30)), label="y", classes=("no", "yes"))
    data = Dataset(np.random.default_rng(0).uniform(0, 1, (40, 30)).astype(np.float32), np.ones(40, np.int64), many)
    never = FunctionTarget(lambda x: np.zeros(len(x), np.int64), ("no", "yes"), many, "never", outputs="labels", indices=True)
    record = HopSkipJump(query_budget=20, rows=3)(never, data)
    assert (record.result.status, "at least 33 queries" in record.result.summary) == (Status.FAILED, True)


def test_a_median_is_told_where_half_of_the_rows_have_a_size() -> None:
    told = HopSkipJump().median("m", "M", np.array([3.0, 1.0, np.inf, 2.0, np.inf]), "too few")
    assert (told.value, told.n, told.note, told.low is not None and told.low < 3.0) == (3.0, 5, "", True)
    for sizes in ([], [np.inf], [1.0, np.inf], [1.0, np.inf, np.inf]):
        none = HopSkipJump().median("m", "M", np.array(sizes), "too few")
        assert (none.value, none.n, none.note) == (None, len(sizes), "too few")


def test_an_attack_without_gradients_says_nothing_of_zero_gradient_rows() -> None:
    census = load("census")
    names = [m.name for m in HopSkipJump(rows=5, query_budget=80)(census.target, census.data).result.metrics]
    assert names == [
        *("robust_accuracy", "clean_accuracy", "success_rate", "median_change", "categories_alone"),
        *("majority_accuracy", "median_distance"),
    ]


def test_l1_is_refused() -> None:
    with pytest.raises(Problem, match="linf"):
        HopSkipJump(norm="l1")  # type: ignore[arg-type]


def test_labels_from_a_plain_function_are_enough() -> None:
    import torch

    from .nets import Plane

    model = Plane(D)
    y = model(rows()).argmax(1).numpy()
    data = Dataset(rows().numpy(), y, schema(D))
    target = FunctionTarget(
        lambda x: model(torch.from_numpy(x).float()).argmax(1).numpy(), ("no", "yes"), schema(D), "f", outputs="labels", indices=True
    )
    assert target.offers == {"labels"}
    assert HopSkipJump(query_budget=400)(target, data).result.metric("robust_accuracy").value == pytest.approx(0.0, abs=0.2)
