"""STRIP: how sure a model stays of a picture when others are laid over it; of one with a trigger it stays too sure."""

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows
from ..progress import Progress
from ..targets.target import Target


def entropies(target: Target, x: Rows, overlays: Rows, draws: int, seed: int, progress: Progress) -> NDArray[np.float64]:
    """Of each picture of x (n, channels, height, width) the mean entropy, in bits, of the scores of ``draws`` blends (n,).

    A blend is the sum of the picture and one of ``overlays``, both counted from the lowest value, cut at the highest (Gao et al. 2019, arXiv
    1902.06531). Low where the label does not follow what is laid over it. One picture alone may be asked, at run time.
    """
    rng = np.random.default_rng(seed)
    low, high = target.schema.low, target.schema.high
    found = np.empty(len(x))
    for i in range(len(x)):
        progress.step(i / len(x), "blending")
        over = overlays[rng.choice(len(overlays), draws, replace=len(overlays) < draws)]
        scores = target.scores(np.clip(x[i] + over - low, low, high).astype(x.dtype))
        found[i] = -(scores * np.log2(np.maximum(scores, 1e-12))).sum(1).mean()
    return found


def threshold(clean: NDArray[np.float64], refused: float) -> float:
    """The entropy below which a share ``refused`` of clean pictures lies, of the entropies ``clean`` (n,); by rank, without a normal curve."""
    rank = int(np.floor(refused * (len(clean) + 1)))
    return float(np.sort(clean)[rank - 1]) if rank >= 1 else -np.inf


def by_chance(n: int, refused: float) -> float:
    """The share of clean inputs that the limit of ``n`` clean pictures may refuse, upper end (97.5 %): the rank's beta distribution."""
    from scipy.stats import beta

    rank = int(np.floor(refused * (n + 1)))
    return float(beta.ppf(0.975, rank, n + 1 - rank)) if rank >= 1 else 1.0
