"""What a gradient attack climbs: losses of logits (n, k) that are larger where a row is nearer to an error, one a row, (n,).

``y`` int64 (n,) are the true classes, ``toward`` int64 (n,) the classes to reach, for losses that aim at one.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .perturbation_space import margins

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
SHARP = 4.0
TINY = 1e-12


def scale_free(logits: Tensor, y: Tensor, toward: Tensor) -> Tensor:
    """Cross-entropy of logits divided by the row's spread, top 1 less top 3, times 4: logits times any number climb alike.

    The spread is held fixed in the gradient. Of two classes it is top 1 less top 2.
    """
    top = logits.detach().topk(min(3, logits.shape[1]), 1).values
    spread = (top[:, 0] - top[:, -1]).clamp_min(TINY)
    return nn.functional.cross_entropy(logits / spread[:, None] * SHARP, y, reduction="none")


def margin(logits: Tensor, y: Tensor, toward: Tensor) -> Tensor:
    """The largest wrong logit less the true one."""
    return margins(logits, y)


def targeted(logits: Tensor, y: Tensor, toward: Tensor) -> Tensor:
    """The logit of the class ``toward`` less the true one."""
    return (logits.gather(1, toward[:, None]) - logits.gather(1, y[:, None])).squeeze(1)


def nearest_classes(logits: Tensor, y: Tensor, place: int) -> Tensor:
    """The wrong class of the largest logit (``place`` 0), of the next (1), and so on; the last there is where there are fewer, int64 (n,)."""
    others = logits.scatter(1, y[:, None], -torch.inf)
    return others.argsort(1, descending=True)[:, min(place, logits.shape[1] - 2)]
