"""Training again on columns that no longer follow the sensitive one; the projection goes with the model, so rows stay as they are."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import parameter
from ..datasets.dataset import Dataset
from ..datasets.encoding import encoding_of
from ..defense import Defended, Defense
from ..errors import Unavailable
from ..progress import Progress
from ..targets.estimators import SklearnTarget
from ..targets.target import Target
from .belonging import belonging, fitted_among, sensitive_column, trained_and_held
from .favorable import favorable
from .group_metrics import STANDARDS
from .groups import judged
from .mitigation import Accepted, Mitigated, compared

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Projection:
    """``x @ matrix + shift``: float64 (d, d) and (d,)."""

    matrix: Floats
    shift: Floats

    def __call__(self, columns: Floats) -> Floats:
        out: Floats = np.asarray(columns, np.float64) @ self.matrix + self.shift
        return out


def projection(x: Floats, sensitive: NDArray[np.intp], alpha: float) -> Projection:
    """Fairlearn's ``CorrelationRemover`` fitted on encoded columns x (n, d), as one affine map that keeps the width of x.

    The ``sensitive`` columns become their mean; from every other column its regression on them is subtracted, times ``alpha``.
    """
    from fairlearn.preprocessing import CorrelationRemover as Fairlearn

    remover = Fairlearn(sensitive_feature_ids=sensitive.tolist(), alpha=alpha).fit(x)
    d = x.shape[1]
    other = np.setdiff1d(np.arange(d), sensitive)
    matrix, shift = np.zeros((d, d)), np.zeros(d)
    matrix[other, other] = 1.0
    matrix[np.ix_(sensitive, other)] = -alpha * remover.beta_
    shift[other] = alpha * remover.sensitive_mean_ @ remover.beta_
    shift[sensitive] = remover.sensitive_mean_
    return Projection(matrix, shift)


class CorrelationRemover(Defense):
    """Fairlearn's CorrelationRemover before the model, and the model trained again behind it."""

    id: ClassVar[str] = "fairness.correlation_remover"
    title: ClassVar[str] = "Correlation remover"
    question: ClassVar[str] = "Does it help to take the sensitive column out of all others?"
    answers: ClassVar[tuple[str, ...]] = ("fairness.groups", "explanation.shap")
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "training", "sensitive", "table"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Fairlearn CorrelationRemover",)
    cost: ClassVar[str] = "one training"
    main: ClassVar[tuple[str, ...]] = ("column", "strength", "tolerance")
    leads: ClassVar[tuple[str, ...]] = ("demographic_parity_after", "demographic_parity_before", "accuracy_change")
    seconds: ClassVar[float] = 30.0

    column: str = parameter("", "Sensitive column; empty means the first", source="sensitive")
    strength: float = parameter(1.0, "How much of the correlation is taken out: 1 all, 0 none", ge=0.0, le=1.0)
    tolerance: float = parameter(0.1, "Gap in selection rates that is still called mitigated", ge=0.0, le=1.0)
    price: float = parameter(0.05, "Accuracy that it may cost, by the end of its interval", ge=0.0, le=1.0)
    positive: str = parameter(
        "",
        "The class that is the favorable outcome; empty means the one named with the data, else proposed by the names of label and classes",
        source="classes",
        title="Favorable outcome",
    )
    smallest: int = parameter(30, "Smaller groups are neither fitted to nor compared", "rows", ge=2, le=10_000)
    rows: int = parameter(50_000, "Rows to train on, of those trained on", "rows", ge=100, le=1_000_000)

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        rng = np.random.default_rng(self.seed)
        column = sensitive_column(data, self.column)
        read = belonging(data, column)
        hope = favorable(data.schema, self.positive)
        positive = hope.index
        fitted, held = trained_and_held(data, self.rows, rng)
        progress.step(0.02, "fitting the projection")
        encoding = encoding_of(data.schema)
        columns = encoding.encode(fitted.x, np.float64)
        if np.isnan(columns).any():
            do = "Use fairness.threshold_optimizer, which trains nothing, or fill them"
            raise Unavailable("a number in every row, to take a projection of", "missing numbers", do)
        places = np.arange(encoding.shape[0])
        sensitive = np.concatenate([places[encoding.slices[name]] for name in read.features])
        made = behind(projection(columns, sensitive, self.strength), target, fitted, self.seed, progress.part(0.8))
        made.fitted_here = fitted_among(data, len(fitted))
        before = judged(target, held, positive, progress.part(0.05))
        after = judged(made, held, positive, progress.part(0.1))
        mitigated = Mitigated(column, held.sensitive[column], before, after, self.smallest, len(fitted), hope, (target.rule, made.rule))
        notes = (
            f"Trained again on {len(fitted):,} rows. The model no longer sees {read.feature!r}, nor what other columns show of it in "
            "a straight line; what they show in other ways stays, so no gap is promised.",
            f"{read.feature} still has a SHAP value: it is what the other columns are corrected by.",
        )
        return Defended(made, compared(mitigated, "demographic_parity", Accepted(self.tolerance, self.price), rng, notes))


def behind(found: Projection, target: Target, rows: Dataset, seed: int, progress: Progress) -> Target:
    """A target of the same make behind the projection, trained on ``rows``; it can be trained again and, if torch, attacked and saved."""
    name = f"{target.name}, decorrelated"
    if isinstance(target, SklearnTarget):
        return _sklearn(found, target, rows, seed, progress, name)
    if {"weights", "training"} <= target.offers:
        return _torch(found, target, rows, seed, progress, name)
    do = "Use fairness.threshold_optimizer, which trains nothing"
    raise Unavailable("a scikit-learn model or a torch module with its recipe, to train again", type(target).__name__, do)


def _sklearn(found: Projection, target: SklearnTarget, rows: Dataset, seed: int, progress: Progress, name: str) -> Target:
    from sklearn.base import clone
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    words = [f.name for f in target.schema.features if f.kind == "categorical"]
    if target.wants != "encoded" and words:
        do = "Use fairness.threshold_optimizer or fairness.exponentiated_gradient"
        given = f"{target.name}, which is given {words[0]!r} as it stands in the table, as one of its values"
        raise Unavailable("a model of numbers, or of one column for each value", given, do)
    model = Pipeline([("project", FunctionTransformer(found)), ("model", clone(target.estimator))])
    model.set_params(**{key: seed for key in model.get_params() if key.endswith("random_state")})
    progress.step(0.1, f"fitting {type(target.estimator).__name__} (cannot be stopped halfway)")
    model.fit(target.rows(rows.x), target.own_labels(rows.y))
    progress.step(1.0, "fitted")
    return target.made(model, name)


def _torch(found: Projection, target: Any, rows: Dataset, seed: int, progress: Progress, name: str) -> Target:
    import torch
    from torch import nn

    from ..targets.architecture import Affine, Architecture, Layer
    from ..targets.torch_target import Logits, TorchTarget
    from ..targets.training import fit, fresh

    if target.outputs != "logits":
        raise Unavailable("a module that returns logits, to train it again", "probabilities", "Give the module without its softmax")
    first = Affine(len(found.shift))
    first.matrix.copy_(torch.from_numpy(found.matrix))
    first.shift.copy_(torch.from_numpy(found.shift))
    inner = fresh(target.inner, seed).requires_grad_()
    flat = isinstance(inner, nn.Sequential) and target.architecture is not None
    module = nn.Sequential(first, *inner.children()) if flat else nn.Sequential(first, inner)
    described = None
    if flat:
        described = Architecture(layers=(Layer(type="affine", options={"features": len(found.shift)}), *target.architecture.layers))
    fit(Logits(module, "logits"), rows.encoded, rows.y, target.recipe, seed, progress)
    made = TorchTarget(module.eval(), target.classes, target.schema, name, target.outputs, target.recipe, described)
    made.decision = target.decision
    return made
