"""A surrogate: a network of the attacker's own, trained on what the target answered, whose gradients lead the attack."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ..datasets.encoding import encoding_of
from ..datasets.schema import Schema
from ..progress import Progress
from ..targets.answers import Answers
from ..targets.training import Recipe, fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

HIDDEN = (64, 32)
PICTURE = (1, 28, 28)


class Standardized(nn.Module):
    """Encoded columns with mean 0 and deviation 1; a number that a row lacks is 0. Takes float64 too."""

    def __init__(self, mean: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)

    def forward(self, x: Tensor) -> Tensor:
        """Columns (n, width) as float32."""
        return torch.nan_to_num((x.flatten(1) - self.mean) / self.spread).float()


def surrogate(answers: Answers, schema: Schema, epochs: int, seed: int, progress: Progress) -> nn.Module:
    """Logits (n, k) from encoded rows, trained to give the scores of ``answers``, or its labels where these are not the largest score.

    Two layers of 64 and 32 for tables, a small convolutional network for pictures of 28 by 28: the attacker does not know the target's own.
    """
    x = encoding_of(schema).encode(answers.x, np.float64, holding=True)
    own = bool((answers.scores.argmax(1) == answers.labels).all())
    soft = answers.scores if own else np.eye(answers.scores.shape[1])[answers.labels]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = _network(schema, x, soft.shape[1])
    recipe = Recipe(epochs=epochs, batch_size=int(min(128, max(8, len(x) // 8))), rate=2e-3, decay=0.0)
    x = x.astype(np.float32) if schema.images else x
    return fit(module, x, answers.labels, recipe, seed, progress, soft=soft).requires_grad_(requires_grad=False)


def _network(schema: Schema, x: "NDArray[np.float64]", k: int) -> nn.Module:
    if schema.shape == PICTURE:
        from ..targets.architecture import build, cnn

        return build(cnn((8, 16), 64, k))
    flat = x.reshape(len(x), -1)
    mean, spread = np.nan_to_num(np.nanmean(flat, 0)), np.nan_to_num(np.nanstd(flat, 0))
    first = Standardized(torch.from_numpy(mean), torch.from_numpy(np.where(spread > 1e-9, spread, 1.0)))
    widths = (flat.shape[1], *HIDDEN)
    layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(first, *layers, nn.Linear(widths[-1], k))
