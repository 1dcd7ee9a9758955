"""Tiny tables and tiny images with a small model each, on which every check and defense runs in about a second."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from ..check import Check, Step, named
from ..datasets.dataset import Dataset
from ..datasets.encoding import encoding_of
from ..datasets.feature import Feature
from ..datasets.schema import Rows, Schema
from ..defense import Defense
from ..parameters import model_facts
from ..progress import Progress
from ..result import Record
from ..targets.decision import Labels, Scores
from ..targets.estimators import one_hot
from ..targets.target import Target

FEW = 3  # of each count, or as many as its bounds ask for


class LabelsOnly(Target):
    """What another target decides, and nothing else of it."""

    def __init__(self, inner: Target) -> None:
        super().__init__("labels only", inner.classes, inner.schema, frozenset({"labels"}), inner.fingerprint)
        self.inner = inner
        self.given = inner.given
        self.decision = None

    def _predict(self, x: Rows) -> Labels:
        return self.inner.labels(x)

    def _scores(self, x: Rows) -> Scores:
        return one_hot(self.inner.labels(x), len(self.classes))


@dataclass(frozen=True)
class Ground:
    """A target and data to try a step on; ``rows`` are enough to speak of two groups."""

    target: Target
    data: Dataset
    rows: int

    def labels_only(self) -> "Ground":
        """The same model where it answers nothing but labels."""
        return replace(self, target=LabelsOnly(self.target))

    def bare(self) -> "Ground":
        """The same rows without sensitive columns and without a word on which were trained on."""
        return replace(self, data=replace(self.data, sensitive={}, member=None))


@cache
def grounds() -> dict[str, Ground]:
    """All grounds by name, trained once in a process."""
    return {"table": table(), "images": images(), "deployed table": deployed()}


@cache
def texts() -> dict[str, Ground]:
    """A ground of free text, for steps that need that."""
    return {"texts": text()}


def smallest(cls: type[Step], ground: Ground) -> Step:
    """The step with every count as small as its bounds allow, and with its own ``tiny`` parameters."""
    values: dict[str, object] = {"seed": 0}
    for field in model_facts(cls):
        low = field.bounds.least
        if field.name != "seed" and field.kind is int and low is not None and field.default is not None:
            values[field.name] = max(int(low), min(int(field.default), ground.rows if field.name == "rows" else FEW))
    return named(cls, {**values, **cls.tiny})


def called(step: Step, ground: Ground, progress: Progress | None = None) -> tuple[Record, Target | None]:
    """Record and, of a defense, the target that it made."""
    if isinstance(step, Defense):
        outcome = step(ground.target, ground.data, progress)
        return outcome.record, outcome.target
    assert isinstance(step, Check)
    return step(ground.target, ground.data, progress), None


def table() -> Ground:
    """Numbers, categories, a column that must not change and a sensitive one, with a small network trained on half of the rows."""
    from ..targets.architecture import build, mlp
    from ..targets.torch_target import TorchTarget
    from ..targets.training import Recipe, fit, fresh

    rng = np.random.default_rng(0)
    n = 480
    features = (
        Feature(name="height", kind="continuous", low=0, high=10, unit="cm"),
        Feature(name="count", kind="integer", low=0, high=20),
        Feature(name="color", kind="categorical", categories=("red", "green", "blue")),
        Feature(name="fixed", kind="continuous", low=-1, high=1, mutable=False),
        Feature(name="side", kind="categorical", categories=("left", "right"), mutable=False),
    )
    schema = Schema(features=features, label="good", classes=("no", "yes"), sensitive=("side",))
    color, side = rng.integers(0, 3, n), rng.integers(0, 2, n)
    height, count = rng.uniform(0, 10, n), rng.integers(0, 21, n)
    x = np.column_stack([height, count, color, rng.uniform(-1, 1, n), side]).astype(np.float64)
    y = (x[:, 0] + 0.4 * x[:, 1] + 2 * (color == 0) + 1.5 * side + rng.normal(0, 1.5, n) > 10).astype(np.int64)
    member = np.arange(n) < n // 2
    sensitive = {"side": np.where(side == 0, "left", "right"), "half": np.where(rng.random(n) < 0.5, "a", "b")}
    data = Dataset(x, y, schema, "tiny table", sensitive, member)
    z = encoding_of(schema).encode(x)
    architecture = mlp(8, (8,), 2, z.mean(0).tolist(), (z.std(0) + 1e-6).tolist())
    recipe = Recipe(epochs=3, batch_size=32, rate=0.02, decay=0.0)
    module = fit(fresh(build(architecture), 0), z[member], y[member], recipe, 0, Progress())
    return Ground(TorchTarget(module, schema.classes, schema, "tiny network", recipe=recipe, architecture=architecture), data, 200)


def images() -> Ground:
    """Pictures of 28 by 28 with a bright third, and a small convolutional network."""
    from ..targets.architecture import build, cnn
    from ..targets.torch_target import TorchTarget
    from ..targets.training import Recipe, fit, fresh

    rng = np.random.default_rng(1)
    n = 80
    schema = Schema(features=(Feature(name="image", kind="pixels", shape=(1, 28, 28)),), label="half", classes=("top", "middle", "bottom"))
    y = rng.integers(0, 3, n)
    x = rng.uniform(0, 0.4, (n, 1, 28, 28)).astype(np.float32)
    for i, k in enumerate(y):
        x[i, 0, 9 * k : 9 * k + 9] += 0.5
    member = np.arange(n) < n // 2
    data = Dataset(x, y, schema, "tiny images", {}, member)
    architecture = cnn((2, 2), 8, 3)
    recipe = Recipe(epochs=3, batch_size=16, rate=0.01, decay=0.0)
    module = fit(fresh(build(architecture), 0), x[member], y[member], recipe, 0, Progress())
    return Ground(TorchTarget(module, schema.classes, schema, "tiny pictures", recipe=recipe, architecture=architecture), data, 20)


def deployed() -> Ground:
    """A table as people have it (a number that may be missing, true and false, a pandas category, text); the estimator's threshold is tuned."""
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import fbeta_score, make_scorer
    from sklearn.model_selection import TunedThresholdClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from ..datasets.categories import category_feature
    from ..targets.estimators import SklearnTarget

    rng = np.random.default_rng(2)
    n = 480
    grades = pd.CategoricalDtype(["low", "middle", "high"], ordered=True)
    frame = pd.DataFrame(
        {
            "income": rng.uniform(0, 10, n).round(2),
            "children": rng.integers(0, 6, n),
            "owner": rng.random(n) < 0.5,
            "grade": pd.Categorical.from_codes(rng.integers(0, 3, n), dtype=grades),
            "side": np.where(rng.random(n) < 0.5, "left", "right"),
        }
    )
    risk = -frame["income"] + frame["children"] - 2 * frame["owner"] + frame["grade"].cat.codes + 2 * (frame["side"] == "left")
    y = np.asarray(risk + rng.normal(0, 1.5, n) > -1, np.int64)
    frame.loc[rng.random(n) < 0.1, "income"] = np.nan
    features = (
        Feature(name="income", kind="continuous", low=0, high=10, dtype="float64", missing=True),
        Feature(name="children", kind="integer", low=0, high=5, dtype="int64"),
        *(category_feature(frame[name], name, mutable=name != "side") for name in ("owner", "grade", "side")),
    )
    schema = Schema(features=features, label="pays", classes=("no", "yes"), sensitive=("side",))
    member = np.arange(n) < n // 2
    sensitive = {"side": frame["side"].to_numpy(str), "half": np.where(rng.random(n) < 0.5, "a", "b")}
    data = Dataset(schema.encode(frame), y, schema, "deployed table", sensitive, member)
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["income", "children"]),
        (OneHotEncoder(handle_unknown="ignore"), ["owner", "grade", "side"]),
    )
    catches = make_scorer(fbeta_score, beta=3, pos_label="yes")
    estimator = TunedThresholdClassifierCV(make_pipeline(columns, LogisticRegression()), scoring=catches, cv=2, thresholds=5)
    estimator.fit(frame[member], np.array(schema.classes)[y[member]])
    return Ground(SklearnTarget(estimator, schema, "tuned threshold", feeds="frame"), data, 200)


def text() -> Ground:
    """Sentences of which two words in nine say the class, a group beside them, and a model that counts words."""
    import pandas as pd
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from ..datasets.texts import text_feature
    from ..targets.estimators import SklearnTarget

    rng = np.random.default_rng(3)
    n, rest = 200, [f"word{i}" for i in range(40)]
    telling = {"no": "awful terrible poor dreadful".split(), "yes": "good lovely great superb".split()}
    classes = rng.choice(["no", "yes"], n)
    column = pd.Series([" ".join(rng.permutation([*rng.choice(rest, 7), *rng.choice(telling[c], 2)])) for c in classes], dtype="str")
    schema = Schema(features=(text_feature(column, "text"),), label="liked", classes=("no", "yes"), sensitive=("side",))
    member = np.arange(n) < n // 2
    sensitive = {"side": np.where(rng.random(n) < 0.5, "left", "right"), "half": np.where(rng.random(n) < 0.5, "a", "b")}
    y = np.asarray(classes == "yes", np.int64)
    data = Dataset(schema.encode(pd.DataFrame({"text": column})), y, schema, "tiny texts", sensitive, member)
    estimator = make_pipeline(CountVectorizer(), LogisticRegression(C=10)).fit(column[member], classes[member])
    return Ground(SklearnTarget(estimator, schema, "words counted", feeds="texts"), data, 100)
