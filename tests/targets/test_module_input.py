"""What torch modules take: encoded columns, the table's own values, token ids, float64; and that they stay in eval mode."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.encoding import encoding_of
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.reading import read
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem, Unavailable
from tiltyard.progress import Progress
from tiltyard.targets.opening import open_target

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

VOCABULARY = 100


def tokens(n: int = 300) -> Dataset:
    """Eight columns of token ids below 100; class yes where the first two sum to 100 or more."""
    import pandas as pd

    x = np.random.default_rng(0).integers(0, VOCABULARY, (n, 8))
    x[0], x[1] = 0, VOCABULARY - 1
    table = pd.DataFrame({f"t{i}": x[:, i] for i in range(8)})
    table["y"] = np.where(x[:, 0] + x[:, 1] >= VOCABULARY, "yes", "no")
    return read(table, label="y")


def loans(n: int = 300) -> "pd.DataFrame":
    import pandas as pd

    rng = np.random.default_rng(1)
    town = rng.choice(["Kyoto", "Lyon", "Quito", "Rome"], n)
    income = rng.normal(0, 1, n)
    return pd.DataFrame({"town": town, "income": income, "y": np.where((town == "Lyon") | (income > 1), "good", "bad")})


def text_classifier(vocabulary: int = VOCABULARY) -> "nn.Module":
    import torch
    from torch import nn

    torch.manual_seed(0)

    class Text(nn.Module):
        """Embedding, LSTM, its last state, linear."""

        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(vocabulary, 6)
            self.reader = nn.LSTM(6, 5, batch_first=True)
            self.head = nn.Linear(5, 2)

        def forward(self, x: Any) -> Any:
            return self.head(self.reader(self.words(x))[0][:, -1])

    return Text()


def answer(module: "nn.Module", x: Any) -> Any:
    import torch

    with torch.inference_mode():
        return torch.softmax(module.eval()(x).double(), 1).numpy()


def test_token_ids_reach_an_embedding_whole_and_no_gradients_are_offered() -> None:
    import torch

    data, module = tokens(), text_classifier()
    target = open_target(module, data=data)
    np.testing.assert_array_equal(target.scores(data.x), answer(module, torch.from_numpy(data.frame.to_numpy(copy=True))))
    assert "gradients" not in target.offers
    assert "scores" in target.offers
    assert "int64" in target.given
    assert any("offers no gradients" in note for note in target.assumptions)
    with pytest.raises(Unavailable):
        assert target.module


def test_a_token_outside_of_the_vocabulary_is_refused_and_never_produced() -> None:
    data, module = tokens(), text_classifier(VOCABULARY - 1)
    with pytest.raises(Problem) as refused:
        open_target(module, data=data)
    assert "whole numbers below 99" in str(refused.value)
    few = data.take(np.flatnonzero((data.x < VOCABULARY - 1).all(1)))
    with pytest.raises(Problem) as bounds:
        open_target(module, data=few)  # no row holds it, the bounds still do
    assert "highest values" in str(bounds.value)


@pytest.mark.slow
def test_a_black_box_attack_on_tokens_stays_in_the_vocabulary() -> None:
    from tiltyard.evasion.square import Square

    data, module = tokens(), text_classifier()
    asked: list[tuple[int, int]] = []
    module.words.register_forward_pre_hook(lambda _, given: asked.append((int(given[0].min()), int(given[0].max()))))  # type: ignore[operator,union-attr]
    target = open_target(module, data=data)
    result = Square(rows=10, query_budget=50)(target, data).result
    assert result.status not in ("failed", "not_applicable")
    assert min(low for low, _ in asked) >= 0
    assert max(high for _, high in asked) <= VOCABULARY - 1


def test_categories_by_code_where_the_module_takes_the_tables_own_columns() -> None:
    import torch
    from torch import nn

    class ByCode(nn.Module):
        """Looks the town up, adds the income."""

        def __init__(self) -> None:
            super().__init__()
            self.town = nn.Embedding(4, 3)
            self.head = nn.Linear(4, 2)

        def forward(self, x: Any) -> Any:
            return self.head(torch.cat([self.town(x[:, 0].long()), x[:, 1:].float()], 1))

    torch.manual_seed(0)
    data, module = read(loans(), label="y"), ByCode()
    with pytest.raises(Problem, match="income"):
        open_target(text_classifier(), data=data)
    target = open_target(module, data=data, feeds="values")
    np.testing.assert_allclose(target.scores(data.x), answer(module, torch.from_numpy(data.x)), atol=1e-6)
    assert "categories by code" in target.given
    assert "gradients" not in target.offers
    assert any("'town'" in note for note in target.assumptions)


def test_codes_as_plain_numbers_give_gradients() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    data, module = read(loans(), label="y"), nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
    target = open_target(module, data=data)
    np.testing.assert_allclose(target.scores(data.x), answer(module, torch.from_numpy(data.x).float()), atol=1e-6)
    z = torch.from_numpy(data.encoded).requires_grad_()
    (slope,) = torch.autograd.grad(target.module(z)[:, 0].sum(), z)
    assert slope.any(0).tolist()[1:] == [True] * 4  # the town whose code is 0 adds nothing
    np.testing.assert_array_equal(target.module(z).argmax(1).numpy(), target.labels(data.x))


def test_double_precision_is_kept() -> None:
    import torch
    from torch import nn

    schema = Schema(features=(Feature(name="balance", kind="continuous", low=0, high=1e9),), label="y", classes=("a", "b"))
    module = nn.Linear(1, 2).double()
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[0.0], [1.0]]))
        module.bias.copy_(torch.tensor([500_000_000.5, 0.0], dtype=torch.float64))
    data = Dataset(np.array([[500_000_000.25], [500_000_000.75]] * 10), np.array([0, 1] * 10), schema)
    target = open_target(module, data=data)
    assert target.labels(data.x).tolist() == data.y.tolist()
    assert "float64" in target.given
    assert "gradients" in target.offers


def test_a_module_that_writes_its_own_train_is_in_eval_mode_all_the_same() -> None:
    import torch
    from torch import nn

    class Stubborn(nn.Sequential):
        """Turns its dropout on whatever is called."""

        def train(self, mode: bool = True) -> "Stubborn":
            return super().train(True)  # type: ignore[return-value]

    torch.manual_seed(0)
    schema = Schema(
        features=tuple(Feature(name=f"c{i}", kind="continuous", low=-3, high=3) for i in range(4)), label="y", classes=("a", "b")
    )
    data = Dataset(np.random.default_rng(0).normal(0, 0.5, (50, 4)), np.array([0, 1] * 25), schema)
    target = open_target(Stubborn(nn.Linear(4, 32), nn.Dropout(0.5), nn.BatchNorm1d(32), nn.Linear(32, 2)), data=data)
    first = target.scores(data.x)
    np.testing.assert_array_equal(first, target.scores(data.x))
    seen = target.module.train()(torch.from_numpy(data.encoded))
    np.testing.assert_allclose(torch.softmax(seen.double(), 1).detach().numpy(), first, atol=1e-6)


def test_training_again_on_codes_and_tokens() -> None:
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe

    data = tokens()
    target = open_target(text_classifier(), data=data, recipe=Recipe(epochs=1))
    again = target.retrain(data.x, data.y, 1, Progress())
    assert isinstance(again, TorchTarget)
    assert again.given == target.given
    assert "gradients" not in again.offers
    assert np.abs(again.scores(data.x) - target.scores(data.x)).max() > 0


def test_encoded_rows_are_what_is_taken_where_both_would_do() -> None:
    from torch import nn

    data = read(loans(), label="y")
    width = encoding_of(data.schema).shape[0]
    target = open_target(nn.Linear(width, 2), data=data)
    assert target.given == "float32, categories one-hot"
    assert "gradients" in target.offers
