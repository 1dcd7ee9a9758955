"""Traces of poison in the activations before the last layer: spectral signatures, and clusters no neighbor supports."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..errors import Unavailable
from ..progress import Progress
from ..statistics.intervals import clopper_pearson
from ..targets.target import Target
from ._rows import scaled

if TYPE_CHECKING:
    from torch import nn

DIRECTIONS, CLUSTERS, NEIGHBORS, CHUNK = 10, 6, 10, 256
ALARM = 0.7


@dataclass(frozen=True)
class Cluster:
    """Rows of one class that activate alike: of how many the label is believed by the model and by no neighbor."""

    label: int
    rows: NDArray[np.intp]
    unsupported: int

    @property
    def share(self) -> float:
        return self.unsupported / len(self.rows)

    @property
    def low(self) -> float:
        """Lower end of the exact interval of the share; the alarm goes by it, so that few rows raise none."""
        return clopper_pearson(self.unsupported, len(self.rows))[0]


def last_linear(module: "nn.Module") -> "nn.Module":
    """The last linear layer; `Unavailable` where there is none."""
    from torch import nn

    found = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    if not found:
        raise Unavailable("a network that ends in a linear layer", "none", "Give the module of the network itself")
    return found[-1]


def activations(target: Target, x: Rows, progress: Progress) -> NDArray[np.float32]:
    """What goes into the last linear layer, float32 (n, width)."""
    import torch

    kept: list[Any] = []
    handle = last_linear(target.module).register_forward_pre_hook(lambda _, given: kept.append(given[0].detach()))
    try:
        with torch.inference_mode():
            for start in range(0, len(x), CHUNK):
                progress.step(start / len(x), "activations")
                target.module(torch.from_numpy(target.encoding.encode(x[start : start + CHUNK])))
    finally:
        handle.remove()
    out: NDArray[np.float32] = torch.cat(kept).reshape(len(x), -1).numpy()
    return out


def directions(part: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centered rows along their leading singular directions, (n, at most 10), and the singular values."""
    centered = part.astype(np.float64) - part.mean(0, dtype=np.float64)
    _, sizes, axes = np.linalg.svd(centered, full_matrices=False)
    keep = min(DIRECTIONS, int((sizes > 1e-6 * max(float(sizes[0]), 1e-12)).sum())) or 1
    return centered @ axes[:keep].T, sizes[:keep]


def spectral(z: NDArray[np.float32], y: NDArray[np.int64]) -> NDArray[np.float64]:
    """Squared projection of each row, less its class's mean, on the class's top right singular vector, float64 (n,).

    Tran et al. 2018 (arXiv 1811.00636, algorithm 1), unscaled: a class whose first direction is large, as poison makes it, stands out from the others.
    """
    scores = np.zeros(len(y))
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        scores[rows] = directions(z[rows])[0][:, 0] ** 2
    return scores


def clusters(target: Target, data: Dataset, seed: int, progress: Progress) -> tuple[list[Cluster], NDArray[np.float32]]:
    """Every class's activation clusters with what speaks against them, and the activations.

    Chen et al. 2018 (arXiv 1811.03728) cluster each class's activations and look at shape. Natural classes cluster too, so
    we ask of each cluster what a trigger cannot forge: the model is as sure of the row's label as of its class's median row,
    but of the row's 10 nearest neighbors in input space outside the cluster most, weighed by how many rows their class has,
    bear another label. Poisoned rows are such; rows of a natural group have kin elsewhere in their class.
    """
    from sklearn.cluster import KMeans

    z = activations(target, data.x, progress.part(0.1))
    sure = target.scores(data.x)[np.arange(len(data)), data.y]
    near = scaled(data)
    classes = np.unique(data.y)
    found: list[Cluster] = []
    for label in classes:
        part = progress.part(0.88 / len(classes))
        part.step(0, f"clusters of {data.schema.classes[label]}")
        rows = np.flatnonzero(data.y == label)
        count = min(CLUSTERS, len(rows) // 8)
        if count < 2:
            continue
        along, sizes = directions(z[rows])
        flat = along / np.sqrt(np.maximum(sizes, 1e-12))
        count = min(count, len(np.unique(flat.round(9), axis=0)))
        if count < 2:
            continue
        groups = KMeans(count, n_init=3, random_state=seed).fit_predict(flat)
        believed = sure[rows] >= 0.9 * np.median(sure[rows])
        alone = unsupported(near, data.y, rows, groups, len(data.schema.classes), part)
        for g in range(count):
            own = groups == g
            if 0 < own.sum() <= len(rows) / 2:
                found.append(Cluster(int(label), rows[own], int((believed & alone)[own].sum())))
    return found, z


def unsupported(
    near: NDArray[np.float32], y: NDArray[np.int64], rows: NDArray[np.intp], groups: NDArray[np.int32], k: int, progress: Progress
) -> NDArray[np.bool_]:
    """Of each of ``rows``, all of one class: do the nearest rows outside its own group vote for another label?"""
    alone = np.zeros(len(rows), bool)
    square = (near**2).sum(1)
    done = 0
    for g in np.unique(groups):
        own = np.flatnonzero(groups == g)
        inside = np.zeros(len(y), bool)
        inside[rows[own]] = True
        left = np.bincount(y[~inside], minlength=k)
        weight = 1 / np.maximum(left, 1)
        most = min(NEIGHBORS, int(left.sum()))
        if most == 0:
            continue
        for start in range(0, len(own), CHUNK):
            progress.step(done / len(rows), "neighbors")
            asked = own[start : start + CHUNK]
            distance = square - 2 * (near[rows[asked]] @ near.T)
            distance[:, inside] = np.inf
            closest = y[np.argpartition(distance, most - 1, axis=1)[:, :most]]
            votes = np.stack([(closest == label).sum(1) * weight[label] for label in range(k)], 1)
            alone[asked] = votes.argmax(1) != y[rows[0]]
            done += len(asked)
    return alone
