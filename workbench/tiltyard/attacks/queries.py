"""What an attack sees of a target: a module whose rows are counted, scores alone, or labels alone; and which rows have a zero gradient."""

import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..datasets.dataset import Dataset
from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows, Schema
from ..targets.decision import LargestScore
from ..targets.module_input import exact
from ..targets.target import Target, uncounted
from .climbing import pgd
from .expectation import label_votes, repeats, votes
from .norms import Norm, drawn
from .perturbation_space import Attacked, PerturbationSpace, blocks, slope

POINTS = 5
NARROW = ("float32", "float16")
DECIDED = 100.0  # more than the log of any two scores differs: clamped at 1e-30


class Counted(nn.Module):
    """A target's module whose rows are counted among the target's queries."""

    def __init__(self, inner: nn.Module, target: Target) -> None:
        super().__init__()
        self.inner = inner
        self.target = target

    def forward(self, x: Tensor) -> Tensor:
        """As the inner module."""
        self.target.count(len(x))
        limit = self.target.batch_limit
        out: Tensor = self.inner(x) if len(x) <= limit else torch.cat([self.inner(part) for part in torch.split(x, limit)])
        return out


class Answers(nn.Module):
    """A target seen only through its scores and the label that it decides; the target itself counts its queries.

    Takes encoded rows, float64 of a table, so that no number is rounded. ``repeats`` is how often each is asked: a target that draws
    answers with the shares of its labels and its mean scores.
    """

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target
        self.repeats = repeats(target)
        own = isinstance(target.decision, LargestScore)
        self.by_logits = own and "gradients" in target.offers and self.repeats == 1 and not exact(target.module)

    def _logits(self, x: Rows) -> Tensor:
        self.target.count(len(x))
        encoded = np.require(self.target.encoding.encode(x, np.float32, holding=True), requirements="W")
        with torch.no_grad():
            parts = torch.split(torch.from_numpy(encoded), self.target.batch_limit)
            return torch.cat([self.target.module(part) for part in parts]).double()

    def forward(self, z: Tensor) -> Tensor:
        """Log scores (n, k), float64, without gradient, raised by `DECIDED` in the column of the label: the largest is what is decided.

        Of a target that has logits these, for float32 scores hide how far a sure answer is from another.
        """
        if self.by_logits:
            return self._logits(rows_of(z, self.target.schema))
        found = votes(self.target, rows_of(z, self.target.schema))
        return torch.from_numpy(found.scores).clamp_min(1e-30).log() + DECIDED * torch.from_numpy(found.share)


class LabelsOnly(nn.Module):
    """A target seen only through its labels, as one-hot rows; as `Answers` otherwise."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target
        self.repeats = repeats(target)

    def forward(self, z: Tensor) -> Tensor:
        """1 in the column of the label, else 0: (n, k)."""
        return torch.from_numpy(label_votes(self.target, rows_of(z, self.target.schema))).to(z.dtype)


def seconds_per_row(module: nn.Module, data: Dataset, norm: Norm, dtype: torch.dtype = torch.float32, batch: int = 10**9) -> float:
    """What one gradient step of PGD costs a row on this machine, from three steps of one block of at most ``batch`` rows."""
    size: int = min(len(data), batch, blocks(tensors(data.take(np.arange(min(len(data), 1))))[0])[0].stop)
    x, y = tensors(data.take(np.arange(size)), dtype)
    space = PerturbationSpace.of(data.schema, dtype)
    slope(module, x[:2], y[:2])
    start = time.perf_counter()
    pgd(module, x, y, space, norm, 0.01, 3, torch.Generator().manual_seed(0))
    took: float = time.perf_counter() - start
    return took / size / 3


def timed(call: Callable[[], object]) -> float:
    """Seconds that ``call`` takes; the rows it asks of a target are not counted."""
    start = time.perf_counter()
    with uncounted():
        call()
    return time.perf_counter() - start


def tensors(data: Dataset, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Encoded rows and labels of a data set for torch; float32 is what a module eats, float64 what a black box is asked through.

    In float64 free text is held: no attack moves its column.
    """
    encoded = encoding_of(data.schema).encode(data.x, np.float64 if dtype is torch.float64 else np.float32, holding=True)
    return torch.from_numpy(encoded), torch.from_numpy(np.ascontiguousarray(data.y))


def rows_of(z: Tensor, schema: Schema, origin: Rows | None = None) -> Rows:
    """Encoded rows as a target takes them.

    Parameters
    ----------
    origin
        The rows that ``z`` was made of by changes. Numbers that were not changed are taken from it, unrounded; those that were are
        valid ones: within bounds, whole where the column is, of its dtype, and keeping the relations between columns; else they are its own.
    """
    x = encoding_of(schema).decode(z.detach().numpy(), origin)
    return x if origin is None or schema.images else _keeping(_valid(x, origin, schema), origin, schema)


def _keeping(x: Rows, origin: Rows, schema: Schema) -> Rows:
    """Derived columns made anew of the exact numbers; a row that breaks a relation all the same is the one it was made of."""
    if not schema.relations:
        return x
    x = schema.related.recomputed(x)
    outside = ((x < schema.low) | (x > schema.high)).any(1) & ~((origin < schema.low) | (origin > schema.high)).any(1)
    return np.where((schema.related.broken(x) | outside)[:, None], origin, x)


def _valid(x: Rows, origin: Rows, schema: Schema) -> Rows:
    x = np.where(x == origin, x, np.clip(x, schema.low, schema.high))
    for feature in schema.features:
        if not feature.numeric:
            continue
        column = schema.slices[feature.name].start
        moved = x[:, column] != origin[:, column]
        if feature.whole:
            there, was = x[moved, column], origin[moved, column]
            x[moved, column] = np.where(there > was, np.floor(there), np.ceil(there))
        elif feature.dtype.lower() in NARROW:
            x[moved, column] = x[moved, column].astype(feature.dtype.lower())
    return x


def zero_gradient_rows(
    module: nn.Module, found: Attacked, x: Tensor, space: PerturbationSpace, norm: Norm, eps: float, seed: int
) -> NDArray[np.bool_]:
    """Bool (n,): rows whose gradient was zero at every step of the attack, although the logits differ at random points within eps."""
    still_zero = found.flat.numpy().copy()
    if not still_zero.any() or not space.dimensions:
        return np.zeros(len(x), bool)
    rows = x[found.flat]
    generator = torch.Generator().manual_seed(seed)
    reacts = torch.zeros(len(rows), dtype=torch.bool)
    with torch.no_grad():
        still = module(rows)
        low, high = space.room(rows)
        for _ in range(POINTS):
            change = torch.clamp(drawn(rows, norm, eps, generator, space.free), low, high)
            reacts |= (module(space.moved(rows, change)) - still).abs().amax(1) > 1e-6
    still_zero[still_zero] = reacts.numpy()
    return still_zero
