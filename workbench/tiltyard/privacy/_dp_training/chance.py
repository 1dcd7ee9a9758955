"""The chance in private training: which rows are in a step, and the noise; from a seed, or from the operating system for release."""

import math
import os
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Chance(Protocol):
    """Where coins and noise come from."""

    def uniform(self, size: int) -> Tensor:
        """float64 (size,), above 0 and below 1."""

    def fill(self, into: Tensor, deviation: float) -> None:
        """Overwrite with normal noise."""


class Seeded:
    """Two streams from a seed, coins and noise, whose states can be kept: the run repeats."""

    def __init__(self, seed: int) -> None:
        self.coins, self.noise = (torch.Generator().manual_seed(_entropy(seed, stream)) for stream in (0, 1))

    def uniform(self, size: int) -> Tensor:
        """float64 (size,), above 0 and below 1."""
        return torch.rand(size, generator=self.coins, dtype=torch.float64).clamp_(min=2.0**-60)

    def fill(self, into: Tensor, deviation: float) -> None:
        """Overwrite with normal noise."""
        into.normal_(0.0, deviation, generator=self.noise)


def _entropy(seed: int, stream: int) -> int:
    return int(np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0] >> 1)


class FromSystem:
    """From the operating system's random bytes alone: nothing that is published lets anyone tell what was drawn.

    Each normal is half the sum of four, so that the gaps of floating-point numbers do not give the clipped sum away
    (Mironov 2012; Holohan and Braghin 2021, 2107.10138).
    """

    def uniform(self, size: int) -> Tensor:
        """float64 (size,), above 0 and below 1."""
        return torch.from_numpy(_uniform(size))

    def fill(self, into: Tensor, deviation: float) -> None:
        """Overwrite with normal noise."""
        size = into.numel()
        total = sum((_normal(size) for _ in range(4)), np.zeros(size)) * (deviation / 2)
        into.copy_(torch.from_numpy(total).view_as(into))


def _uniform(size: int) -> NDArray[np.float64]:
    """Of 53 random bits each."""
    bits = np.frombuffer(os.urandom(8 * size), np.uint64) >> np.uint64(11)
    return np.asarray((bits.astype(np.float64) + 0.5) * 2.0**-53)


def _normal(size: int) -> NDArray[np.float64]:
    """Box and Muller's."""
    half = (size + 1) // 2
    radius, angle = np.sqrt(-2 * np.log(_uniform(half))), 2 * math.pi * _uniform(half)
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:size]


def drawn(n: int, rate: float, chance: Chance) -> Tensor:
    """The rows of one step, int64 ascending: each of ``n`` by its own coin. The gaps between heads are geometric, and only those are drawn."""
    if rate >= 1:
        return torch.arange(n)
    parts, last = [], -1
    while last < n:
        want = int((n - last) * rate + 6 * math.sqrt(n * rate)) + 16
        gaps = chance.uniform(want).log_().div_(math.log1p(-rate)).clamp_(max=float(n)).long().add_(1)
        parts.append(gaps.cumsum(0).add_(last))
        last = int(parts[-1][-1])
    found = torch.cat(parts) if len(parts) > 1 else parts[0]
    return found[: int(torch.searchsorted(found, n))]
