"""The smoothed model as a target: what is deployed is the commonest answer under noise, and an answer of its own where that is too close to call."""

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows, Schema
from ..progress import check_present
from ..targets.decision import Labels, Prediction, Scores
from ..targets.target import Target
from ..targets.wrapper import Own, Wrapper, seed_in

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST_DRAWS = 100_000
TOGETHER = 2**18  # numbers that are asked at once
COPIES = 8  # noises of the soft vote that leads attacks


@dataclass(frozen=True)
class Smoothing:
    """How a model is smoothed: ``sigma`` of the noise in ranges, ``draws`` an answer costs, ``alpha`` and the seed of the noise.

    ``unsure`` is the class that is answered where the vote is too close to call.
    """

    sigma: float
    draws: int
    alpha: float
    unsure: int
    seed: int


def noisy(schema: Schema, x: Rows, n: int, sigma: float, rng: np.random.Generator) -> Rows:
    """Copies (n, *shape) of a row x (*shape) with Gaussian noise of ``sigma`` ranges, cut to the range, in the row's own dtype."""
    low, high = schema.features[0].low, schema.features[0].high
    moved = np.clip(x[None].astype(np.float64) + rng.normal(0, sigma * (high - low), (n, *x.shape)), low, high)
    return (moved.round() if np.issubdtype(x.dtype, np.integer) else moved).astype(x.dtype)


def abstains(votes: NDArray[np.int64], alpha: float) -> NDArray[np.bool_]:
    """Rows (n,) of whose votes (n, k) the two commonest are too near: a fair coin splits them so with a probability above ``alpha``.

    Cohen et al. 2019, arXiv:1902.02918, algorithm PREDICT: where it does not abstain it answers another class than the smoothed
    model with a probability of ``alpha`` at most.
    """
    from scipy.stats import binom

    two = np.sort(votes, 1)[:, -2:]
    chance = np.minimum(1.0, 2 * binom.sf(two[:, 1] - 1, two.sum(1), 0.5))
    return np.asarray(chance > alpha)


class SmoothedTarget(Wrapper):
    """A target asked ``draws`` times a row under noise. Offers labels and the shares of the votes as scores.

    Where the model within has gradients it offers those of its soft vote over `COPIES` noises, the same for every row and pass (see
    `soft_vote`): they lead an attack, and the vote itself decides what was fooled.

    The noise of a row is drawn from the row itself and a seed, so that a row is answered alike alone, in a batch, and again. Where the
    vote is too close to call every class has the same score and the label is ``unsure``.
    """

    wraps: ClassVar[str] = "smoothing"

    def __init__(self, inner: Target, way: Smoothing) -> None:
        offers = inner.offers & {"labels", "scores", "gradients"} | {"scores"}
        digest = hashlib.sha256(f"{inner.fingerprint} smoothed {sorted(asdict(way).items())}".encode())
        super().__init__(f"{inner.name}, smoothed", inner.classes, inner.schema, frozenset(offers), digest.hexdigest())
        self.inner = inner
        self.way = way
        self.decision = None
        self._soft: nn.Module | None = None
        self.given, self.doubts = inner.given, inner.doubts

    @property
    def rule(self) -> str:
        """The vote, over the decisions of the model within."""
        return (
            f"the commonest of {self.way.draws} answers under noise of {self.way.sigma:g} ({self.inner.rule}); "
            f"{self.classes[self.way.unsure]!r} where the vote is too close to call"
        )

    def own(self) -> Own:
        return Own(asdict(self.way))

    @classmethod
    def around(cls, inner: Target, own: Own) -> Self:
        given = own.settings
        way = Smoothing(float(given["sigma"]), int(given["draws"]), float(given["alpha"]), int(given["unsure"]), seed_in(given["seed"]))
        if not way.sigma > 0 or not 1 <= way.draws <= MOST_DRAWS or not 0 < way.alpha < 1 or not 0 <= way.unsure < len(inner.classes):
            raise ValueError(f"no smoothing: {given}")
        return cls(inner, way)

    @property
    def module(self) -> "nn.Module":
        """The soft vote: log of the mean probabilities (n, k) under `COPIES` noises, which are not those of the vote itself."""
        if self._soft is None:
            self._soft = soft_vote(self.inner.module, self.schema, self.way.sigma, COPIES, self.way.seed, held=True)
        return self._soft

    def votes(self, x: Rows) -> NDArray[np.int64]:
        """How often each class is answered to the noisy copies of each row, (n, k); each row sums to ``draws``."""
        counts = np.zeros((len(x), len(self.classes)), np.int64)
        for i, row in enumerate(x):
            rng = np.random.default_rng([self.way.seed, int.from_bytes(hashlib.sha256(row.tobytes()).digest()[:8], "big")])
            for n in _portions(self.way.draws, row.size):
                check_present()
                labels = self.inner.labels(noisy(self.schema, row, n, self.way.sigma, rng))
                counts[i] += np.bincount(labels, minlength=len(self.classes))
        return counts

    def sure_labels(self, x: Rows) -> Labels:
        """The labels (n,), -1 where it abstains."""
        votes = self.votes(x)
        return np.where(abstains(votes, self.way.alpha), -1, votes.argmax(1)).astype(np.int64)

    def _prediction(self, x: Rows) -> Prediction:
        votes = self.votes(x)
        unsure = abstains(votes, self.way.alpha)
        labels = np.where(unsure, self.way.unsure, votes.argmax(1)).astype(np.int64)
        shares = votes / self.way.draws
        return Prediction(labels, np.where(unsure[:, None], 1 / len(self.classes), shares))

    def _scores(self, x: Rows) -> Scores:
        return self._prediction(x).scores

    def _predict(self, x: Rows) -> Labels:
        return self._prediction(x).labels


def _portions(draws: int, size: int) -> list[int]:
    """The draws in batches that fit."""
    most = max(1, TOGETHER // max(size, 1))
    return [min(most, draws - start) for start in range(0, draws, most)]


def soft_vote(inner: "nn.Module", schema: Schema, sigma: float, draws: int, seed: int, held: bool = False) -> "nn.Module":
    """What an attacker who knows the noise climbs: log of the mean probabilities under it (Salman et al. 2019, arXiv:1906.04584).

    The noise is drawn anew at every pass, from ``seed`` on; with ``held`` it is the same at every pass, and for every row of it.
    """
    import torch
    from torch import nn

    low, high = schema.features[0].low, schema.features[0].high
    generator = torch.Generator().manual_seed(seed)

    class Soft(nn.Module):
        repeats = draws if held else 1  # a search is not content with a vote that just turns: see `expectation.settled`

        def forward(self, x: "Tensor") -> Any:
            copies = x.repeat(draws, *(1,) * (x.ndim - 1))
            if held:
                alike = torch.Generator().manual_seed(seed)
                noise = torch.randn((draws, *x.shape[1:]), generator=alike, dtype=x.dtype).repeat_interleave(len(x), 0)
                return averaged((copies + noise * sigma * (high - low)).clamp(low, high), len(x))
            noise = torch.randn(copies.shape, generator=generator, dtype=x.dtype) * sigma * (high - low)
            return averaged((copies + noise).clamp(low, high), len(x))

    def averaged(copies: "Tensor", n: int) -> Any:
        return torch.logsumexp(inner(copies).log_softmax(1).reshape(draws, n, -1), 0)

    return Soft().eval()
