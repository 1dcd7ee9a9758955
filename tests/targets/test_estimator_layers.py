"""Gradients of scikit-learn's linear models and perceptrons: their layers answer as they do, or none are offered."""

import numpy as np
import pandas as pd
import pytest
from tests.lazily import Lazily

import tiltyard as ty
from tiltyard.datasets.dataset import Dataset
from tiltyard.targets.target import Target

torch = Lazily("torch")
compose = Lazily("sklearn.compose")
decomposition = Lazily("sklearn.decomposition")
discriminant = Lazily("sklearn.discriminant_analysis")
impute = Lazily("sklearn.impute")
linear = Lazily("sklearn.linear_model")
selection = Lazily("sklearn.model_selection")
neural = Lazily("sklearn.neural_network")
pipeline = Lazily("sklearn.pipeline")
pre = Lazily("sklearn.preprocessing")


def people(n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 90, n), "income": rng.normal(5e4, 1e4, n), "job": rng.choice(["a", "b", "c"], n)})
    frame["yes"] = np.where((frame.age > 45) ^ (frame.job == "b"), "yes", "no")
    frame.loc[rng.random(n) < 0.1, "income"] = np.nan
    return frame


def flowers(n: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, n)
    frame = pd.DataFrame(rng.normal(y[:, None] * [1.0, -1.0, 0.5, 0.0], 1.0, (n, 4)), columns=list("abcd"))
    return frame.assign(kind=[("x", "y", "z")[i] for i in y])


def prepared(categories: object = None) -> object:
    numbers = pipeline.make_pipeline(impute.SimpleImputer(add_indicator=True), pre.StandardScaler())
    return compose.ColumnTransformer([("numbers", numbers, ["age", "income"]), ("words", categories or pre.OneHotEncoder(), ["job"])])


def opened(model: object, frame: pd.DataFrame, label: str) -> tuple[Target, Dataset]:
    data = ty.read(frame, label=label)
    return ty.open(model, data=data), data


TABLES = {
    "logistic": (lambda: pipeline.make_pipeline(prepared(), linear.LogisticRegression()), "people"),
    "ordinal": (lambda: pipeline.make_pipeline(prepared(pre.OrdinalEncoder()), linear.LogisticRegression()), "people"),
    "target-encoded": (lambda: pipeline.make_pipeline(prepared(pre.TargetEncoder()), linear.LogisticRegression()), "people"),
    "perceptron": (lambda: pipeline.make_pipeline(prepared(), neural.MLPClassifier((8,), max_iter=30, random_state=0)), "people"),
    "bare": (lambda: linear.LogisticRegression(), "flowers"),
    "one-vs-rest": (lambda: pipeline.make_pipeline(pre.StandardScaler(), linear.SGDClassifier(loss="log_loss", random_state=0)), "flowers"),
    "discriminant": (lambda: discriminant.LinearDiscriminantAnalysis(), "flowers"),
    "projected": (
        lambda: pipeline.make_pipeline(
            pre.MinMaxScaler(), decomposition.PCA(3), neural.MLPClassifier((6, 5), "tanh", max_iter=30, random_state=0)
        ),
        "flowers",
    ),
    "searched": (
        lambda: selection.GridSearchCV(
            pipeline.make_pipeline(pre.StandardScaler(), linear.LogisticRegression()), {"logisticregression__C": [0.1, 1]}
        ),
        "flowers",
    ),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", TABLES)
def test_the_layers_answer_as_the_estimator_does(name: str) -> None:
    make, rows = TABLES[name]
    frame, label = (people(), "yes") if rows == "people" else (flowers(), "kind")
    model = make().fit(frame.drop(columns=label), frame[label])
    target, data = opened(model, frame, label)
    assert "gradients" in target.offers
    z = torch.from_numpy(target.encoding.encode(data.x, np.float64))
    logits = target.module(z)
    truly = model.predict_proba(frame.drop(columns=label))
    assert logits.softmax(1).numpy() == pytest.approx(truly, abs=1e-9)
    wanted = z[:20].nan_to_num(5e4).requires_grad_()
    (slope,) = torch.autograd.grad(target.module(wanted)[:, 1].sum(), wanted)
    column = target.encoding.slices["age" if rows == "people" else "a"].start
    step = torch.zeros_like(wanted)
    step[:, column] = 1e-4
    with torch.no_grad():
        apart = (target.module(wanted + step) - target.module(wanted - step))[:, 1] / 2e-4
    assert slope[:, column].numpy() == pytest.approx(apart.numpy(), rel=1e-4, abs=1e-9)


def contrary() -> object:
    """One that answers otherwise than its coefficients say."""

    class Contrary(linear.LogisticRegression):  # type: ignore[misc]
        def predict_proba(self, x: object) -> object:
            return super().predict_proba(x)[:, ::-1]

    return Contrary()


@pytest.mark.parametrize(
    "make",
    [
        lambda: pipeline.make_pipeline(pre.PolynomialFeatures(2), pre.StandardScaler(), linear.LogisticRegression()),
        lambda: pipeline.make_pipeline(pre.StandardScaler(), linear.SGDClassifier(loss="modified_huber", random_state=0)),
        lambda: selection.FixedThresholdClassifier(linear.LogisticRegression(), threshold=0.2, pos_label="y"),
        contrary,
    ],
)
def test_what_is_not_made_of_such_layers_offers_no_gradients(make: object) -> None:
    frame = flowers()
    two = frame[frame.kind != "z"].reset_index(drop=True)
    target, _ = opened(make().fit(two.drop(columns="kind"), two.kind), two, "kind")  # type: ignore[operator]
    assert "gradients" not in target.offers


def test_robust_accuracy_of_a_line_is_the_one_worked_out_by_hand() -> None:
    frame = flowers()
    two = frame[frame.kind != "z"].reset_index(drop=True)
    model = linear.LogisticRegression().fit(two.drop(columns="kind"), two.kind)
    target, data = opened(model, two, "kind")
    eps = 0.05
    low, high = target.encoding.low, target.encoding.high
    w, sign = model.coef_[0], np.where(data.y == 1, 1.0, -1.0)[:, None]
    worst = np.clip(data.x - sign * np.sign(w) * eps * (high - low), low, high)
    robust = int(((worst @ w + model.intercept_[0]) * sign[:, 0] > 0).sum())
    for check in ("evasion.fgsm", "evasion.pgd"):
        found = ty.check(check, target, data, eps=eps, rows=len(data), curve=False).result.metric("robust_accuracy")
        assert round(found.value * len(data)) == robust


def test_what_a_defense_makes_of_it_offers_gradients_too() -> None:
    frame = flowers()
    target, data = opened(linear.LogisticRegression().fit(frame.drop(columns="kind"), frame.kind), frame, "kind")
    again = target.retrain(data.x[:200], data.y[:200], 0, ty.progress.Progress())
    assert "gradients" in again.offers
    z = torch.from_numpy(target.encoding.encode(data.x, np.float64))
    assert again.module(z).softmax(1).numpy() == pytest.approx(again.scores(data.x), abs=1e-9)
    assert not torch.equal(again.module(z), target.module(z))


def test_an_imputer_that_looks_at_other_columns_offers_no_gradients() -> None:
    frame = people()[["age", "income", "yes"]]
    model = pipeline.make_pipeline(impute.KNNImputer(), pre.StandardScaler(), linear.LogisticRegression())
    assert frame.income.isna().any()
    target, _ = opened(model.fit(frame[["age", "income"]], frame.yes), frame, "yes")
    assert "gradients" not in target.offers
