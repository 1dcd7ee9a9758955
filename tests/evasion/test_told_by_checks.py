"""What hides from an attack is told by the checks of its evaluation, and honest models are not doubted."""

from typing import Any

import numpy as np
import pytest
from tests.evasion.test_unseen_models import N, attacked, line, linear, module, pictures
from tests.lazily import Lazily

from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion.square import Square
from tiltyard.evasion.strong import Strong
from tiltyard.result import Status
from tiltyard.targets.opening import open_target

torch: Any = Lazily("torch")


def labels_as_scores(layer: Any, x: Any) -> Any:
    return torch.nn.functional.one_hot(layer(x.flatten(1)).argmax(1), 2).float()


@pytest.mark.parametrize(("forward", "outcome"), [(labels_as_scores, "does not hold"), (lambda layer, x: layer(x.flatten(1)), "holds")])
def test_a_search_by_scores_passes_nothing_where_scores_are_labels(forward: Any, outcome: str) -> None:
    data = pictures()
    result, _ = attacked(Square(eps=0.005, query_budget=5, rows=N, curve=False), open_target(module(forward), data=data), data)
    assert line(result, "Scores follow changes")[0] == outcome
    assert result.status is not Status.PASSED


def test_rounded_logits_are_climbed_before_they_are_rounded() -> None:
    data = pictures()
    asked = Strong(eps=0.05, rows=N, effort=0.1, curve=False)
    plain, _ = attacked(asked, open_target(module(lambda layer, x: layer(x.flatten(1)) + 0.5), data=data), data)
    rounded, _ = attacked(
        asked, open_target(module(lambda layer, x: (layer(x.flatten(1)) + 0.5).softmax(1).mul(10).round()), data=data), data
    )
    held, found = line(rounded, "Gradients are there, finite and not zero")
    assert held == "does not hold" and "logits were taken" in found
    assert (rounded.metric("robust_accuracy").value or 0) <= (plain.metric("robust_accuracy").value or 0) + 0.03


@pytest.mark.parametrize("eps", [0.03, 0.1])
def test_whole_numbers_bear_their_gradients_out(eps: float) -> None:
    from tiltyard.attacks.gradient_probe import probe
    from tiltyard.attacks.perturbation_space import PerturbationSpace

    schema = Schema(features=tuple(Feature(name=f"f{i}", kind="integer", high=100.0) for i in range(16)), label="y", classes=("no", "yes"))
    x = torch.from_numpy(np.random.default_rng(0).integers(20, 80, (24, 16)).astype(np.float32))
    model = linear(100.0)
    facts = probe(model, x, model(x).argmax(1), PerturbationSpace.of(schema), "linf", eps, 0)
    assert (facts.wrong, facts.zero) == (0.0, 0.0)
    assert facts.compared > 0 and facts.usable


def test_a_gradient_that_is_missing_on_a_fifth_of_the_rows_is_doubted() -> None:
    from tiltyard.attacks.gradient_probe import probe
    from tiltyard.attacks.perturbation_space import PerturbationSpace

    data = pictures()
    x = torch.from_numpy(data.x[:24])[:, None] if data.x.ndim == 3 else torch.from_numpy(data.x[:24])
    least = x.flatten(1).mean(1).sort().values[5]

    def forward(layer: Any, rows: Any) -> Any:
        hidden = (rows.flatten(1).mean(1, keepdim=True) < least).float()
        return layer(rows.flatten(1) * (1 - hidden) + rows.flatten(1).detach() * hidden)

    model = module(forward)
    facts = probe(model, x, model(x).argmax(1), PerturbationSpace.of(data.schema), "linf", 0.01, 0)
    assert 0.1 < facts.zero < 0.3
    assert not facts.usable


def test_training_against_a_gradient_that_points_elsewhere_is_no_defense_shown() -> None:
    """PGD, led away, finds that the trained model withstands it."""
    from tiltyard.evasion.adversarial_training import AdversarialTraining

    def forward(layer: Any, x: Any) -> Any:
        return layer(2 * x.flatten(1).detach() - x.flatten(1))

    data = pictures()
    result = AdversarialTraining(eps=0.1, epochs=1, steps=1, rows=N)(open_target(module(forward), data=data), data).record.result
    assert "Gradients agree with finite differences: no, 100 % of 24 rows disagree" in result.summary
    assert result.status is not Status.PASSED
