"""The strong evaluation: exact optima of a plane in each norm, the broken defenses, and what its own checks say."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion._earning import rows_needed, unsettled
from tiltyard.evasion.pgd import PGD
from tiltyard.evasion.strong import Strong
from tiltyard.result import CheckResult, Status, Table
from tiltyard.samples.broken import load_broken, names
from tiltyard.samples.catalog import load_data

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tiltyard.targets.torch_target import TorchTarget

NUMBERS = Schema(features=tuple(Feature(name=f"f{i}", kind="continuous") for i in range(4)), label="y", classes=("no", "yes"))
WEIGHTS = np.array([1.0, -2.0, 0.5, 1.5])


def plane(n: int = 90) -> "tuple[TorchTarget, Dataset]":
    """A linear model, and rows near the middle of the cube that it has right."""
    import torch
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    model = nn.Linear(4, 2)
    with torch.no_grad():
        model.weight[:] = torch.from_numpy(np.stack([-WEIGHTS / 2, WEIGHTS / 2]))
        model.bias[:] = torch.tensor([0.25, -0.25])
    x = np.random.default_rng(0).uniform(0.4, 0.6, (n, 4)).astype(np.float32)
    return TorchTarget(model, NUMBERS.classes, NUMBERS, "plane"), Dataset(x, (x @ WEIGHTS > 0.5).astype(np.int64), NUMBERS)


def table(result: CheckResult) -> Table:
    """The checks of the evaluation."""
    (found,) = (t for t in result.tables if t.name == "evaluation")
    return found


def lines(result: CheckResult) -> dict[str, str]:
    """The checks of the evaluation and their outcomes."""
    return {str(row[0]): str(row[1]) for row in table(result).rows}


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_a_plane_is_crossed_at_its_exact_distance_in_each_norm(norm: str) -> None:
    target, data = plane()
    distance = np.abs(data.x @ WEIGHTS - 0.5) / np.linalg.norm(WEIGHTS, {"linf": 1, "l2": 2, "l1": np.inf}[norm])
    eps = float(np.median(distance))
    result = Strong(norm=norm, eps=eps, rows=90, effort=0.3, curve=False)(target, data).result  # type: ignore[arg-type]
    exact = float((distance > eps).mean())
    assert result.metric("robust_accuracy").value == pytest.approx(exact, abs=0.023)
    assert lines(result)["Gradients agree with finite differences"] == "holds"
    assert "does not hold" not in lines(result).values()


def test_a_pass_is_earned_by_rows_effort_and_checks() -> None:
    target, data = plane()
    near = Dataset(np.where(data.y[:, None] == 1, [0.8, 0.2, 0.8, 0.8], [0.2, 0.8, 0.2, 0.2]).astype(np.float32), data.y, NUMBERS)
    whole = Strong(eps=0.05, curve=False)(target, near).result
    assert whole.status is Status.PASSED
    assert Strong(eps=0.05, curve=False, effort=0.5)(target, near).result.status is Status.INCOMPLETE
    few = Strong(eps=0.05, curve=False, rows=20)(target, near).result
    assert few.status is Status.INCOMPLETE
    assert f"{rows_needed(0.05)} rows settle it" in few.summary


def test_the_rows_that_a_pass_needs_are_exact() -> None:
    assert rows_needed(0.05) == 72
    assert not unsettled(0, 72, 0.05, "", ())
    assert unsettled(0, 71, 0.05, "", ())
    assert rows_needed(0.0) is None


GONE_AROUND = {
    "scaled-logits": "logits were taken before the last steps",
    "scaled-softmax": "logits were taken before the last steps",
    "quantized": "BPDA",
    "not-differentiable": "BPDA",
    "wrong-gradient": "BPDA",
    "random": "EOT",
    "distilled": "logits were taken before the last steps",
    "saturated": "logits were taken before the last steps",
}


def test_the_zoo_is_eight_broken_defenses_and_two_honest_models() -> None:
    assert names() == (*GONE_AROUND, "undefended", "adversarially-trained")


@pytest.fixture(scope="module")
def undefended_accuracy() -> "Callable[[TorchTarget], float | None]":
    """Robust accuracy of a model without its broken defense, measured once for all defenses of it."""
    known: dict[str, float | None] = {}

    def measured(target: "TorchTarget") -> float | None:
        if target.fingerprint not in known:
            result = Strong(eps=0.1, rows=60, curve=False, effort=0.1)(target, load_data("digits")).result
            known[target.fingerprint] = result.metric("robust_accuracy").value
        return known[target.fingerprint]

    return measured


@pytest.mark.slow
@pytest.mark.parametrize("name", GONE_AROUND)
def test_a_broken_defense_is_seen_and_gone_around(name: str, undefended_accuracy: "Callable[[TorchTarget], float | None]") -> None:
    """The figures measured stand in `tiltyard.samples.broken`."""
    data, broken = load_data("digits"), load_broken(name)
    asked = {"eps": 0.1, "rows": 60, "curve": False}
    true = undefended_accuracy(broken.undefended)
    ours = Strong(**asked, effort=0.2)(broken.target, data).result  # type: ignore[arg-type]
    shown = next(row for row in table(ours).rows if str(row[0]).startswith(broken.shown_by))
    assert shown[1] == "does not hold"
    assert GONE_AROUND[name] in str(shown[3])
    assert ours.metric("robust_accuracy").value == pytest.approx(true, abs=0.03)
    plain = PGD(**asked, steps=20)(broken.target, data).result  # type: ignore[arg-type]
    if name == "not-differentiable":
        assert plain.status is Status.NOT_APPLICABLE and not plain.metrics
    else:
        assert lines(plain)[str(shown[0])] == "does not hold"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["undefended", "adversarially-trained"])
def test_of_an_honest_model_no_gradient_is_doubted(name: str) -> None:
    ours = lines(Strong(eps=0.1, rows=60, curve=False, effort=0.2)(load_broken(name).target, load_data("digits")).result)
    assert {ours[line] for line in ours if line.startswith(("Gradients", "Logits", "Softmax", "Answers", "A black box"))} == {"holds"}


def test_a_head_that_saturates_is_told_from_a_model_that_answers_nothing() -> None:
    import torch
    from torch import nn

    from tiltyard.attacks.gradient_probe import probe
    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.samples._broken_modules import Saturated

    target, data = plane()
    x, y, space = torch.from_numpy(data.x).float(), torch.from_numpy(data.y), PerturbationSpace.of(NUMBERS)
    flat = nn.Linear(4, 2)
    nn.init.zeros_(flat.weight)
    found = {name: probe(module, x, y, space, "linf", 1e-4, 0).zero for name, module in _heads(target.module, Saturated, flat).items()}
    assert found["saturated"] > 0.9
    assert found["faint"] > 0.9
    assert found["honest"] == found["constant"] == 0


def _heads(honest: "nn.Module", saturated: "type[nn.Module]", constant: "nn.Module") -> "dict[str, nn.Module]":
    """Of one plane: as it is, behind a head that saturates, and behind one whose gradient is there but next to nothing."""
    from torch import nn

    class Faint(nn.Module):
        def forward(self, x: "Tensor") -> "Tensor":
            out: Tensor = honest(x)
            return out.sign() + 1e-9 * out

    return {"honest": honest, "saturated": saturated(honest), "faint": Faint(), "constant": constant}


def test_a_model_that_draws_is_shown_and_can_pass() -> None:
    from tiltyard.evasion._evaluation import repeated
    from tiltyard.targets.decision import Prediction

    target, data = plane()
    line, _ = repeated(target, data, Prediction(data.y, np.eye(2)[data.y]), draws=True)
    assert line.held is False and "EOT" in line.do
    assert not unsettled(0, 72, 0.05, "", (line,))


@pytest.mark.slow
def test_in_l2_rows_are_led_over_the_border_farther_out_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """On digits-robust within l2 1.5, 60 rows: 66.7 % stand after ascent within the ball, 63.3 % after this; the authors' APGD leaves 70.0 %."""
    import torch

    from tiltyard.attacks import strong_stages
    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.attacks.standing import Standing
    from tiltyard.progress import Progress
    from tiltyard.samples.catalog import load

    sample = load("digits-robust")
    rows = sample.data.unseen.take(np.arange(60))
    space = PerturbationSpace.of(rows.schema)

    def standing() -> int:
        found = Standing(sample.target.module, torch.from_numpy(rows.x), torch.from_numpy(rows.y), space, "l2", 1.5)
        strong_stages.run_stages(found, strong_stages.Plan(search=False), torch.Generator().manual_seed(0), Progress())
        assert float((found.change(torch.arange(60))).flatten(1).norm(dim=1).max()) <= 1.5 * (1 + 1e-5)
        return len(found.alive)

    with_it = standing()
    monkeypatch.setattr(strong_stages, "_from_outside", lambda *_: None)
    assert with_it < standing()


@pytest.mark.parametrize(("classes", "aimed"), [(2, 1), (4, 3), (10, 5)])
def test_up_to_five_other_classes_are_aimed_at(classes: int, aimed: int) -> None:
    """Of 100 classes two were too few: AutoAttack turned 5 rows of 1,000 that stood, three of them to the third, one to the fourth and one to the fifth."""
    import torch
    from torch import nn

    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.attacks.standing import Standing
    from tiltyard.attacks.strong_stages import Plan, run_stages
    from tiltyard.progress import Progress

    one = torch.ones(6)
    module = nn.Linear(6, classes)
    x = torch.rand(12, 6, generator=torch.Generator().manual_seed(0))
    space = PerturbationSpace(one, 0 * one, one, one, one > 2, (), plain=True)
    standing = Standing(module, x, module(x).argmax(1), space, "linf", 1e-4)
    run_stages(standing, Plan(search=False, factor=0.1), torch.Generator().manual_seed(0), Progress())
    assert sum("class, nearest quarter" in stage.name for stage in standing.stages) == aimed
