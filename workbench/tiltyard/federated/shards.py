"""Which client holds which rows: classes divided among clients by Dirichlet draws (Yurochkin et al. 2019, arXiv 1905.12022)."""

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem

Rows = NDArray[np.intp]


def dirichlet(y: NDArray[np.int64], clients: int, alpha: float, rng: np.random.Generator, least: int = 1) -> tuple[Rows, ...]:
    """Indices of each client's rows; every row belongs to exactly one.

    Parameters
    ----------
    y : int64 (n,)
        Class of each row. Each class is divided by its own draw from Dirichlet(alpha, …, alpha).
    alpha
        Above 0: 0.1 gives each client few classes, 100 nearly the same mixture to all.
    least
        Rows that each client has at the least; they are taken from the client with the most.

    Raises
    ------
    Problem
        Fewer rows than ``clients`` times ``least``.
    """
    if len(y) < clients * least:
        raise Problem(f"at least {clients * least:,} rows for {clients:,} clients", f"{len(y):,}", "Give more rows, or fewer clients")
    parts: list[list[Rows]] = [[] for _ in range(clients)]
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        ends = np.round(np.cumsum(_shares(clients, alpha, rng)) * len(rows)).astype(int)
        for part, piece in zip(parts, np.split(rows, ends[:-1]), strict=True):
            part.append(piece)
    return tuple(np.sort(shard) for shard in _filled([np.concatenate(part) for part in parts], least))


def _shares(clients: int, alpha: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """One draw; where alpha is so small that all of it is 0 in floating point, one client takes everything, as in the limit."""
    shares = rng.dirichlet(np.full(clients, alpha))
    if not np.isfinite(shares).all() or shares.sum() <= 0:
        shares = np.zeros(clients)
        shares[rng.integers(clients)] = 1.0
    return np.asarray(shares)


def _filled(shards: list[Rows], least: int) -> list[Rows]:
    for poor in range(len(shards)):
        while len(shards[poor]) < least:
            rich = max(range(len(shards)), key=lambda i: len(shards[i]))
            shards[poor], shards[rich] = np.append(shards[poor], shards[rich][-1]), shards[rich][:-1]
    return shards
