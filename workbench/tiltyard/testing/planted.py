"""Models with a fault of a known size, and clean ones: what each check and defense says of them is known before it is asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..catalogue import find
from ..datasets.dataset import Dataset
from ..datasets.feature import Feature
from ..datasets.schema import Rows, Schema
from ..progress import Progress
from ..result import CheckResult, Status
from ..targets.decision import Scores
from ..targets.estimators import FunctionTarget
from ..targets.target import Target
from .grounds import Ground, called

Floats = NDArray[np.float64]
CLASSES = ("no", "yes")
SCHEMA = Schema(
    features=(
        Feature(name="skill", kind="continuous", low=0, high=1),
        Feature(name="luck", kind="continuous", low=0, high=1),
        Feature(name="number", kind="continuous", low=0, high=1, mutable=False),
        Feature(name="side", kind="categorical", categories=("left", "right"), mutable=False),
    ),
    label="hired",
    classes=CLASSES,
    sensitive=("side",),
    favorable="yes",
)


@dataclass(frozen=True)
class Plant:
    """A fault in words, its sizes (0 is the clean model) with what each is in words, and how a model with it is made from size and seed.

    A fault smaller than ``least`` is within what is accepted, or too small to be seen on these rows: it may pass, and the table says how often.
    """

    id: str
    fault: str
    sizes: tuple[float, ...]
    unit: str
    made: Callable[[float, int], Ground]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    by_size: Mapping[float, Mapping[str, Any]] = field(default_factory=dict)
    least: float = 0.0

    def run(self, size: float, seed: int) -> CheckResult:
        """What the step says of the model with a fault of ``size``."""
        given = {**self.parameters, **self.by_size.get(size, {}), "seed": seed}
        return called(find(self.id).model_validate(given), self.made(size, seed))[0].result


@dataclass(frozen=True)
class Rate:
    """How often a step ended how, on models with a fault of one size; ``held`` where a pass would be wrong, or a finding on a clean model."""

    id: str
    fault: str
    size: float
    unit: str
    passed: int
    found: int
    runs: int
    held: bool = True

    @property
    def wrong(self) -> int:
        """Passes on a planted fault, findings on a clean model."""
        return self.found if self.size == 0 else self.passed


def measured(plant: Plant, size: float, seeds: int) -> Rate:
    """The step on ``seeds`` models."""
    results = [plant.run(size, seed) for seed in range(seeds)]
    broken = [r.summary for r in results if r.status in (Status.FAILED, Status.NOT_APPLICABLE)]
    if broken:
        raise RuntimeError(f"{plant.id} did not answer on {plant.fault} of {size:g}: {broken[0]}")
    ended = [r.status for r in results]
    return Rate(
        plant.id,
        plant.fault,
        size,
        plant.unit,
        ended.count(Status.PASSED),
        ended.count(Status.FINDING),
        seeds,
        size == 0 or size >= plant.least,
    )


def people(seed: int, n: int = 3000) -> Dataset:
    """Rows whose label follows one column, whatever the group; half of them trained on. ``number`` is the row's own place, by which a
    model looks up what it was made to say of it."""
    rng = np.random.default_rng([seed, 77])
    skill, luck, side = rng.random(n), rng.random(n), rng.integers(0, 2, n)
    x = np.column_stack([skill, luck, np.arange(n) / n, side]).astype(np.float64)
    y = (skill > 0.5).astype(np.int64)
    return Dataset(x, y, SCHEMA, "planted people", {"side": np.where(side == 0, "left", "right")}, rng.random(n) < 0.5)


def saying(data: Dataset, scores: Floats) -> FunctionTarget:
    """A model that gives each row of ``data`` the score (n,) of 'yes' it was made to give."""
    n = len(data)
    return FunctionTarget(lambda x: scores[np.rint(x[:, 2] * n).astype(int).clip(0, n - 1)], CLASSES, SCHEMA, "planted")


def _right(data: Dataset, share: NDArray[Any] | float, rng: np.random.Generator, sure: float = 0.95) -> Floats:
    """Scores by which a ``share`` of the rows is right, each with confidence ``sure``."""
    right = rng.random(len(data)) < share
    return np.where((data.y == 1) == right, sure, 1 - sure)


def favoring(size: float, seed: int) -> Ground:
    """Of one group's rows a share ``size`` is given the favorable outcome whatever they are."""
    data, rng = people(seed, 6000), np.random.default_rng([seed, 1])
    scores = _right(data, 0.9, rng, 0.9)
    given = (data.x[:, 3] == 1) & (rng.random(len(data)) < size)
    return Ground(saying(data, np.where(given, 0.9, scores)), data, 200)


def scored_apart(size: float, seed: int) -> Ground:
    """Scores of one group are higher by ``size``."""
    data, rng = people(seed, 8000), np.random.default_rng([seed, 2])
    scores = 0.5 + 0.3 * (2 * data.y - 1) * rng.random(len(data)) + 0.1 * rng.normal(size=len(data)) + size * (data.x[:, 3] - 0.5)
    return Ground(saying(data, scores.clip(0.01, 0.99)), data, 200)


def wrong_on(size: float, seed: int) -> Ground:
    """Rows are wrong more often by ``size`` than the model's confidence of 95 % says."""
    data, rng = people(seed), np.random.default_rng([seed, 3])
    return Ground(saying(data, _right(data, 0.95 - size, rng)), data, 200)


def wrong_where(size: float, seed: int) -> Ground:
    """Where one column is above 0.7 errors are more frequent by ``size``."""
    data, rng = people(seed, 8000), np.random.default_rng([seed, 4])
    return Ground(saying(data, _right(data, 0.95 - size * (data.x[:, 1] > 0.7), rng)), data, 200)


def remembers_labels(size: float, seed: int) -> Ground:
    """Rows trained on are right more often by ``size``."""
    data, rng = people(seed), np.random.default_rng([seed, 5])
    assert data.member is not None
    return Ground(saying(data, _right(data, 0.75 + size * data.member, rng)), data, 200)


def remembers_scores(size: float, seed: int) -> Ground:
    """On a share ``size`` of the rows trained on the model is surer than on any other."""
    data, rng = people(seed), np.random.default_rng([seed, 6])
    assert data.member is not None
    sure = np.where(data.member & (rng.random(len(data)) < size), 0.99, 0.6 + 0.3 * rng.random(len(data)))
    return Ground(saying(data, np.where(data.y == 1, sure, 1 - sure)), data, 200)


class Remembering(Target):
    """Is surer of rows it was trained on, by ``size``, whenever it is trained."""

    def __init__(self, x: Rows, y: NDArray[np.int64], size: float) -> None:
        super().__init__("remembering", CLASSES, SCHEMA, frozenset({"labels", "scores", "training"}), f"remembering {hash(x.tobytes())}")
        self.places, self.size = np.sort(x[:, 2]), size

    def _scores(self, x: Rows) -> Scores:
        at = np.searchsorted(self.places, x[:, 2]).clip(0, len(self.places) - 1)
        sure = 0.6 + 0.2 * x[:, 1] + self.size * (self.places[at] == x[:, 2])
        yes = np.where(x[:, 0] > 0.5, sure, 1 - sure)
        return np.stack([1 - yes, yes], 1)

    def retrain(self, x: Rows, y: NDArray[np.int64], seed: int, progress: Progress) -> Target:
        progress.step(1.0, "remembering")
        return Remembering(x, y, self.size)


def remembers_when_trained(size: float, seed: int) -> Ground:
    """As `remembers_scores`, for attacks that train models of their own."""
    data = people(seed, 1200)
    return Ground(Remembering(data.seen.x, data.seen.y, size), data, 200)


def tells_the_group(size: float, seed: int) -> Ground:
    """The score of 'yes' is moved by ``size`` log-odds by the sensitive column."""
    data = people(seed, 1200)

    def score(x: Rows) -> Floats:
        odds: Floats = 1 / (1 + np.exp(-(8 * (x[:, 0] - 0.5) + size * (x[:, 3] - 0.5))))
        return odds

    return Ground(FunctionTarget(score, CLASSES, SCHEMA, "planted"), data, 200)


def holds_rows(size: float, seed: int) -> Ground:
    """The logit of each class rises towards every row of it that was trained on (``size`` 1), or along one column (0)."""
    import torch
    from torch import Tensor, nn

    from ..targets.torch_target import TorchTarget

    rng = np.random.default_rng([seed, 9])
    n, width = 2000, 5
    x, member = rng.random((n, width)), rng.random(n) < 0.5
    y = (x[:, 0] > 0.5).astype(np.int64)
    schema = Schema(features=tuple(Feature(name=f"c{i}", kind="continuous") for i in range(width)), label="y", classes=CLASSES)

    class Memory(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.held = nn.ParameterList([nn.Parameter(torch.from_numpy(x[member & (y == k)]).float()) for k in (0, 1)])

        def forward(self, rows: Tensor) -> Tensor:
            line = torch.stack([4 - 8 * rows[:, 0], 8 * rows[:, 0] - 4], 1)
            if not size:
                return line
            return torch.stack([torch.logsumexp(-torch.cdist(rows, held).square() / 0.005, 1) for held in self.held], 1)

    return Ground(TorchTarget(Memory(), CLASSES, schema, "planted"), Dataset(x, y, schema, "rows", member=member), n)


def near_the_border(size: float, seed: int) -> Ground:
    """Rows stand nearer by ``size`` to the border of a linear model than 0.35 of the column's range."""
    import torch

    from ..targets.architecture import build, mlp
    from ..targets.torch_target import TorchTarget

    rng = np.random.default_rng([seed, 8])
    n, margin = 200, 0.35 - size
    y = rng.integers(0, 2, n)
    x = np.column_stack([0.5 + (2 * y - 1) * rng.uniform(margin, margin + 0.1, n), rng.random(n)])
    schema = Schema(
        features=tuple(Feature(name=name, kind="continuous", low=0, high=1) for name in ("skill", "luck")), label="hired", classes=CLASSES
    )
    architecture = mlp(2, (), 2, [0.0, 0.0], [1.0, 1.0])
    module = build(architecture)
    with torch.no_grad():
        weight, bias = [p for p in module.parameters() if p.requires_grad]
        weight.copy_(torch.tensor([[-8.0, 0.0], [8.0, 0.0]]))
        bias.copy_(torch.tensor([4.0, -4.0]))
    data = Dataset(x.clip(0, 1), y.astype(np.int64), schema, "planted border", {}, None)
    return Ground(TorchTarget(module, CLASSES, schema, "linear", architecture=architecture), data, 100)


def always_favoring(size: float, seed: int) -> Ground:
    """A model that favors one group, whatever ``size``: that of the defense's doing nothing is in its parameters."""
    del size
    return scored_apart(0.3, seed)


PLANTS: tuple[Plant, ...] = (
    Plant("fairness.groups", "one group favored", (0, 0.05, 0.15, 0.3), "of its rows", favoring, {"draws": 200}, least=0.3),
    Plant("fairness.frontier", "scores of one group higher", (0, 0.3), "of the score", scored_apart, {"points": 2}, least=0.3),
    Plant("validation.performance", "errors beyond what confidence says", (0, 0.03, 0.1, 0.25), "of the rows", wrong_on, least=0.1),
    Plant("validation.slices", "errors in a slice", (0, 0.05, 0.15, 0.3), "of its rows", wrong_where, least=0.15),
    Plant("privacy.membership_gap", "trained-on rows more often right", (0, 0.02, 0.05, 0.1), "of the rows", remembers_labels, least=0.1),
    Plant("privacy.membership_threshold", "surer of some trained-on rows", (0, 0.01, 0.05, 0.2), "of them", remembers_scores, least=0.05),
    Plant(
        "privacy.lira",
        "surer of trained-on rows",
        (0, 0.02, 0.1),
        "of confidence",
        remembers_when_trained,
        {"shadow_models": 8},
        least=0.02,
    ),
    Plant("privacy.attribute_inference", "score moved by the sensitive column", (0, 2), "log-odds", tells_the_group),
    Plant("privacy.inversion", "logits that rise towards trained-on rows", (0, 1), "of the model", holds_rows, {"steps": 60}),
    *(
        Plant(
            f"evasion.{name}",
            "rows near the border",
            (0, 0.3),
            "of the range",
            near_the_border,
            {"eps": 0.2, "norm": "linf", **more},
            least=0.3,
        )
        for name, more in (
            ("fgsm", {}),
            ("pgd", {}),
            ("square", {"query_budget": 100}),
            ("hop_skip_jump", {"query_budget": 400, "rows": 40}),
        )
    ),
    Plant(
        "fairness.threshold_optimizer",
        "thresholds by hand that change nothing",
        (0, 1),
        "of the defense",
        always_favoring,
        by_size={1: {"groups": ("left", "right"), "thresholds": (0.5, 0.5)}},
    ),
)

NOT_COVERED: dict[str, str] = {
    "evasion.strong": "tests/evasion has models with known robust accuracy",
    "evasion.tabular": "tests/evasion has a plane, a band, categories and a single tree with known robust accuracy",
    "evasion.certificate": "a proof, not an attack; tests/evasion has a plane whose distances are known",
    "evasion.corruptions": "tests/evasion has a model that reads brightness alone, with the accuracy under each kind known",
    "evasion.table_corruptions": "tests/evasion has a model that reads one column, with the accuracy under each kind known",
    "evasion.transfer": "one copy alone never passes; tests/evasion has a plane whose copy is known",
    "evasion.universal": "tests/evasion has a plane, of which one change turns a known share",
    "evasion.patch": "tests/evasion has a model that reads brightness alone, which a white patch of a known size turns",
    "evasion.minimum": "tests/evasion has a plane and a ball with exact distances in each norm",
    "privacy.rmia": "trains models of its own; a memorizer in tests/privacy",
    "privacy.membership_quantile": "a target whose best attack is known, and a coin, in tests/privacy",
    "privacy.membership_labels": "a plane with exact distances, a memorizer and a coin in tests/privacy",
    "privacy.membership_ladder": "asks the other membership checks in turn; a memorizer in tests/privacy",
    "evasion.words": "no planted text yet; a linear bag of words in tests/evasion",
    "privacy.audit_epsilon": "a lower bound; broken trainers in tests/privacy",
    "privacy.identifying": "a question about the data, not a model",
    "theft.equations": "whether a copy can be had is no fault of a size; linear models in tests/theft",
    "theft.extraction": "whether a copy can be had is no fault of a size; known copies in tests/theft",
    "theft.watermark_survival": "asks a training of its own mark",
    "theft.watermark_verify": "forging and honest keys in tests/theft",
    "explanation.adversarial": "shows what an attack does to an explanation; no fault to plant",
    "explanation.leakage": "many explanations a row; a memorizer in tests/explanation",
    "explanation.shap": "explains; no fault to plant",
    "explanation.stability": "many explanations a row; a noisy model in tests/explanation",
    "validation.guard_roc": "a question about the rows, not a model",
    "poisoning.backdoor": "plants its own poison: patches, blended, warped and clean-label backdoors, one kind a run",
    "poisoning.detect": "planted by tests/poisoning; clean-label backdoors are not covered",
    "poisoning.label_flip": "plants its own poison",
    "poisoning.neural_cleanse": "found and clean models in tests/poisoning, more in benchmarks/bench_backdoors.py; warped, blended and clean-label backdoors are not covered",
    "poisoning.strip": "found and clean inputs in tests/poisoning; warped, blended and clean-label backdoors are not covered",
    "poisoning.training_rows": "a question about rows; planted by tests/poisoning",
    "poisoning.transplant": "found and clean tables in tests/poisoning; triggers of more columns, or whose values differ from row to row, are not covered",
    "privacy.frontier": "many trainings; tests/privacy",
    "supply_chain.advisories": "a question about packages",
    "supply_chain.age": "a question about packages",
    "supply_chain.materials": "a question about packages",
    "supply_chain.scan": "a question about a file; hostile files in tests/artifacts",
    "supply_chain.versions": "a question about packages",
    "endpoint.posture": "a question about an endpoint; faulty endpoints in tests/endpoint",
    "federated.gradient_leakage": "rows are rebuilt from any bare gradient; noise in tests/federated",
    "evasion.randomized_smoothing": "a proof beside an attack; a plane whose smoothed model is itself in tests/evasion",
    "evasion.adversarial_training": "a training; a do-nothing one in tests/evasion",
    "privacy.dp_sgd": "a training; broken trainers in tests/privacy",
    "theft.output_policy": "changes what is answered; its cost to a thief is measured by theft.extraction",
    "theft.watermark": "a training; marks that do not take in tests/theft",
    "fairness.correlation_remover": "judged by the function that judges thresholds per group; strength 0 in tests/fairness",
    "fairness.exponentiated_gradient": "judged by the function that judges thresholds per group",
    "validation.guard": "refuses rows; held-out rows in tests/validation",
    "poisoning.filter": "a training; tests/poisoning",
    "federated.training": "a training; attackers and a lost federation in tests/federated",
}
