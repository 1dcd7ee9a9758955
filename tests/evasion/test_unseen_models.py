"""Models nobody tuned on: what is reported of them is what they answer, asked by hand, and what is said of them is true."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from tests.lazily import Lazily

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.reading import read
from tiltyard.evasion.pgd import PGD
from tiltyard.evasion.rows_file import ROWS
from tiltyard.evasion.square import Square
from tiltyard.progress import Progress
from tiltyard.result import CheckResult
from tiltyard.targets.opening import open_target

torch: Any = Lazily("torch")
N = 60


def pictures(times: int = 1) -> Dataset:
    """Gray images of 4 x 4 pixels, from 0 to 1 or bytes, and whether their left half is brighter."""
    x = np.random.default_rng(0).integers(0, 256, (N, 4, 4)).astype(np.uint8)
    y = (x[:, :, :2].mean((1, 2)) > x[:, :, 2:].mean((1, 2))).astype(int)
    return read((x if times == 255 else (x / 255).astype(np.float32), y))


def linear(times: float = 1.0) -> Any:
    """A linear model that tells the halves apart, of pixels from 0 to ``times``."""
    layer = torch.nn.Linear(16, 2)
    left = torch.tensor([[1.0, 1.0, -1.0, -1.0]] * 4).flatten()
    with torch.no_grad():
        layer.weight.copy_(torch.stack([-left, left]) * 3 / times)
        layer.bias.zero_()
    return layer


def module(forward: Any, times: float = 1.0) -> Any:
    """A module around the linear one: ``forward`` gets it and the rows."""

    class Around(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = linear(times)

        def forward(self, x: Any) -> Any:
            return forward(self.layer, x)

    return Around().eval()


def attacked(check: Any, target: Any, data: Dataset) -> tuple[CheckResult, dict[str, Any]]:
    """The result and its rows: before the attack and after it, their classes and what the target answers."""
    progress = Progress()
    result = check(target, data, progress).result
    with np.load(BytesIO(progress.handed()[ROWS])) as file:
        return result, {name: file[name] for name in ("x", "natural", "y", "answered")}


def answered(model: Any, x: Any) -> Any:
    """What a linear model says of rows, without us."""
    with torch.no_grad():
        return model(torch.from_numpy(x).flatten(1)).argmax(1).numpy()


def line(result: CheckResult, name: str) -> tuple[str, str]:
    """What a check of the evaluation came to, and what it found."""
    (table,) = (t for t in result.tables if t.name == "evaluation")
    (row,) = (row for row in table.rows if row[0] == name)
    return str(row[1]), str(row[2])


def test_a_module_that_writes_into_its_rows_leaves_the_data_alone_and_offers_gradients() -> None:
    data = pictures()
    before = data.x.copy()
    target = open_target(module(lambda layer, x: layer(x.sub_(0.5).mul_(2).flatten(1) / 2)), data=data)
    assert "gradients" in target.offers
    first = target.scores(data.x)
    np.testing.assert_array_equal(data.x, before)
    np.testing.assert_array_equal(target.scores(data.x), first)
    result, rows = attacked(PGD(eps=0.1, steps=5, rows=N, curve=False), target, data)
    by_hand = answered(linear(), rows["x"] - 0.5)
    np.testing.assert_array_equal(rows["answered"], by_hand)
    assert result.metric("clean_accuracy").value == 1.0
    assert result.metric("robust_accuracy").value == pytest.approx(float((by_hand == rows["y"]).mean()))
    assert 0 < (by_hand != rows["y"]).sum() < N


def test_a_pipeline_whose_scaler_writes_into_its_rows_is_not_doubted() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = np.random.default_rng(0).normal(5, 3, (N, 3))
    y = (x[:, 0] > x[:, 1]).astype(int)
    model = make_pipeline(StandardScaler(copy=False), LogisticRegression()).fit(x.copy(), y)
    target = open_target(model, data=read((x.copy(), y)))
    assert target.doubts == ()
    assert any("as by itself" in note for note in target.assumptions)


def test_a_quantized_module_is_opened_without_gradients() -> None:
    import warnings

    net = torch.nn.Sequential(torch.nn.Flatten(), linear())
    engines = torch.backends.quantized.supported_engines
    torch.backends.quantized.engine = "fbgemm" if "fbgemm" in engines else engines[-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls its own quantization old
        small = torch.ao.quantization.quantize_dynamic(net, {torch.nn.Linear}, torch.qint8)
        other = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(torch.nn.Flatten(), linear(2)), {torch.nn.Linear}, torch.qint8)
    data = pictures()
    target = open_target(small, data=data)
    assert target.offers == {"labels", "scores", "weights"}
    assert any("computes in whole numbers" in note for note in target.assumptions)
    assert target.fingerprint != open_target(other, data=data).fingerprint
    result, rows = attacked(Square(eps=0.2, query_budget=30, rows=N, curve=False), target, data)
    with torch.no_grad():
        by_hand = small(torch.from_numpy(rows["x"])).argmax(1).numpy()
    np.testing.assert_array_equal(rows["answered"], by_hand)
    assert (result.metric("success_rate").value or 0) > 0


def test_a_module_that_takes_bytes_alone_is_given_bytes() -> None:
    def forward(layer: Any, x: Any) -> Any:
        if x.dtype != torch.uint8:
            raise TypeError(f"bytes are wanted, not {x.dtype}")
        return layer(x.flatten(1).float())

    data = pictures(255)
    target = open_target(module(forward, 255.0), data=data)
    assert any("uint8 images" in note for note in target.assumptions)
    assert "uint8 images" in target.given and not any("encoded columns" in note or "float32" in note for note in target.assumptions)
    assert any("as by itself" in note for note in target.assumptions)
    assert float((target.labels(data.x) == data.y).mean()) == 1.0
    _, rows = attacked(Square(eps=0.2, query_budget=30, rows=N, curve=False), target, data)
    by_hand = answered(linear(255.0), np.rint(rows["x"] * 255))
    np.testing.assert_array_equal(rows["answered"], by_hand)


def shifting(layer: Any, x: Any) -> Any:
    """All rows of a call are moved alike, by one of three offsets."""
    by = [0.0, 0.25, -0.25][int(torch.randint(3, ()))]
    out = layer(x.flatten(1))
    return out + torch.tensor([by, -by]) * 12


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_model_that_draws_once_a_call_is_found_to_draw_and_judged_by_answers_asked_anew(seed: int) -> None:
    """Over the draws the mean of the offsets is nothing and two of three leave the plane to one side, so the vote is the plane's own."""
    torch.manual_seed(seed)
    data = pictures()
    target = open_target(module(shifting), data=data)
    assert target.noise > 0 and target.doubts == ()
    result, rows = attacked(Square(eps=0.05, query_budget=120, rows=N, curve=False, seed=seed), target, data)
    plane = answered(linear(), rows["x"])
    right = answered(linear(), rows["natural"]) == rows["y"]
    truly = float((right & (plane == rows["y"])).mean())
    assert result.metric("robust_accuracy").value == pytest.approx(truly, abs=0.05)
    assert any("settled by 55 answers" in note for note in result.notes)


def test_the_expectation_is_over_draws_and_not_over_one() -> None:
    from tiltyard.attacks.expectation import Expected

    torch.manual_seed(0)
    row = torch.zeros(1, 1, 4, 4)
    with torch.no_grad():
        out = Expected(module(shifting), 300)(row).softmax(1)[0, 0].item()
        single = Expected(module(shifting), 2)(row).softmax(1)[0, 0].item()
    assert out == pytest.approx(0.5, abs=0.06)
    assert single != 0.5


def test_rows_that_lean_on_others_are_not_said_to_be_answered_at_random() -> None:
    def forward(layer: Any, x: Any) -> Any:
        return layer((x - x.mean(0, keepdim=True)).flatten(1)) if len(x) > 1 else layer(x.flatten(1))

    data = pictures()
    target = open_target(module(forward), data=data)
    result, _ = attacked(PGD(eps=0.05, steps=2, rows=N, curve=False), target, data)
    assert line(result, "Answers are equal when asked twice")[0] == "holds"
    assert line(result, "Answers are equal alone and in a batch")[0] == "does not hold"


@pytest.mark.parametrize(("scale", "outcome"), [(1.0, "holds"), (1e-2, "does not hold")])
def test_logits_too_near_to_each_other_for_cross_entropy_are_told(scale: float, outcome: str) -> None:
    def forward(layer: Any, x: Any) -> Any:
        out = layer(x.flatten(1))
        return scale * torch.cat([out, out[:, :1] * 0 - 1], 1)

    data = pictures()
    schema = data.schema.model_copy(update={"classes": ("no", "yes", "never")})
    three = Dataset(data.x, data.y, schema)
    result, _ = attacked(PGD(eps=0.02, steps=2, rows=N, curve=False), open_target(module(forward), data=three), three)
    held, found = line(result, "Logits are not saturated")
    assert held == outcome
    assert ("equally likely on 100 %" in found) == (outcome != "holds")


@pytest.mark.parametrize(("low", "outcome"), [(0.0, "holds"), (0.3, "does not hold")])
def test_numbers_without_a_gradient_to_which_the_model_reacts_are_told(low: float, outcome: str) -> None:
    """Clamped to .3 to .7, most pixels have none, though a change of .35 of one alone is answered."""
    data = pictures()
    target = open_target(module(lambda layer, x: layer(x.flatten(1).clamp(low, 1 - low))), data=data)
    result, _ = attacked(PGD(eps=0.35, steps=2, rows=N, curve=False), target, data)
    held, found = line(result, "Gradients are there, finite and not zero")
    assert held == outcome
    assert ("of the numbers have none" in found) == (outcome != "holds")


def test_of_too_few_rows_to_tell_a_model_from_its_commonest_class_more_are_asked_for() -> None:
    data = pictures()
    rare = np.flatnonzero(data.y == 1)[:3]
    data = data.take(np.concatenate([np.flatnonzero(data.y == 0)[:25], rare]))
    result, _ = attacked(
        PGD(eps=0.01, steps=2, rows=30, curve=False), open_target(module(lambda layer, x: layer(x.flatten(1))), data=data), data
    )
    held, found = line(result, "The model is right on clean rows")
    table = next(table for table in result.tables if table.name == "evaluation")
    advice = next(row[3] for row in table.rows if row[0] == "The model is right on clean rows")
    assert (held, advice) == ("does not hold", "Give more rows")
    assert found == "100 % of 28 rows, always saying '0' 89.3 %"
