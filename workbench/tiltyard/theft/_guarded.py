"""A target behind an output policy: what of its answers an endpoint gives away."""

import hashlib
from typing import ClassVar, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows
from ..targets.decision import Labels, Prediction, Scores
from ..targets.disclosure import normalized, rounded
from ..targets.estimators import one_hot
from ..targets.query_budget import BudgetSpent
from ..targets.target import Target
from ..targets.wrapper import Own, Wrapper, seed_in

Kind = Literal["round", "label", "noise", "budget", "deceive", "misinform"]
BETA, GAMMA = 0.9, 0.2  # of the reverse sigmoid, as in the paper


class GuardedTarget(Wrapper):
    """A target behind an output policy; no gradients, no weights, no training.

    Its label is the model's own whatever is done to the scores, as at an endpoint; only noise goes before the decision, where the rule is one
    that can be applied to noised scores.
    """

    wraps: ClassVar[str] = "output policy"

    def __init__(self, inner: Target, kind: Kind, digits: int, deviation: float, query_budget: int, seed: int) -> None:
        offers = frozenset({"labels"} if kind == "label" else {"labels", "scores"})
        text = f"{inner.fingerprint} {kind} {digits} {deviation} {query_budget} {seed}"
        super().__init__(f"{inner.name}, {kind}", inner.classes, inner.schema, offers, hashlib.sha256(text.encode()).hexdigest())
        self.inner = inner
        self.kind = kind
        self.digits = digits
        self.deviation = deviation
        self.query_budget = query_budget
        self.seed = seed
        self.left: int | None = None
        self.decision, self.given, self.doubts, self.noise = inner.decision, inner.given, inner.doubts, inner.noise
        self.fitted_here = inner.fitted_here

    def own(self) -> Own:
        return Own(
            {"kind": self.kind, "digits": self.digits, "noise": self.deviation, "query_budget": self.query_budget, "seed": self.seed}
        )

    @classmethod
    def around(cls, inner: Target, own: Own) -> Self:
        given = own.settings
        kind, digits, noise, budget = given["kind"], int(given["digits"]), float(given["noise"]), int(given["query_budget"])
        if kind not in get_args(Kind) or kind == "misinform" or not 0 <= digits <= 6 or not 0 < noise <= 1 or budget < 1:
            raise ValueError(f"no output policy: {given}")
        return cls(inner, kind, digits, noise, budget, seed_in(given["seed"]))

    def as_client(self) -> "GuardedTarget":
        """The same target as one client sees it: with a budget of its own where the policy has one."""
        client = GuardedTarget(self.inner, self.kind, self.digits, self.deviation, self.query_budget, self.seed)
        client.left = self.query_budget if self.kind == "budget" else None
        return client

    def _spend(self, rows: int) -> None:
        if self.left is None:
            return
        if rows > self.left:
            raise BudgetSpent(f"at most {self.left} more rows for this client", f"{rows}", "Ask for fewer; the budget is spent")
        self.left -= rows

    def _scores(self, x: Rows) -> Scores:
        if self.kind == "label":
            return one_hot(self._decided(x, None), len(self.classes))
        self._spend(len(x))
        return self._shown(x, self.inner.scores(x))

    def _decided(self, part: Rows, scores: Scores | None) -> Labels:
        if self.kind == "noise" and self.decision is not None:
            return self.decision(self._scores(part) if scores is None else scores)
        self._spend(len(part))
        return self.inner.labels(part)

    def _prediction(self, x: Rows) -> Prediction:
        if self.kind == "noise" and self.decision is not None:
            return super()._prediction(x)
        if self.kind == "label":
            labels = self._decided(x, None)
            return Prediction(labels, one_hot(labels, len(self.classes)))
        self._spend(len(x))
        found = self.inner.predictions(x)
        return Prediction(found.labels, self._shown(x, found.scores))

    def _shown(self, x: Rows, scores: Scores) -> Scores:
        """What of the scores is given away."""
        if self.kind == "round":
            return normalized(rounded(scores, self.digits), scores)
        if self.kind == "deceive":
            return deceptive(scores)
        return normalized(scores + self._drawn(x, scores.shape[1]), scores) if self.kind == "noise" else scores

    def _drawn(self, x: Rows, k: int) -> NDArray[np.float64]:
        """Noise that is the same for the same row, so that asking twice and averaging gains nothing."""
        out = np.empty((len(x), k))
        key = self.seed.to_bytes(8, "little")
        for i, row in enumerate(np.ascontiguousarray(x)):
            digest = hashlib.blake2b(row.tobytes(), digest_size=8, key=key).digest()
            out[i] = np.random.default_rng(int.from_bytes(digest, "little")).normal(0, self.deviation, k)
        return out


def deceptive(scores: Scores) -> Scores:
    """Scores (n, k) poisoned by the reverse sigmoid, with the largest still the largest (Lee et al. 2019, arXiv 1806.00054).

    A confident answer and a less confident one are shown alike, so that what a copy learns of the boundary misleads it.
    """
    p = np.clip(scores, 1e-9, 1 - 1e-9)
    bent = 1 / (1 + (p / (1 - p)) ** -GAMMA) - 0.5
    shown = np.maximum(p - BETA * bent, 1e-9)
    most = scores.argmax(1)
    rows = np.arange(len(shown))
    shown[rows, most] = np.maximum(shown[rows, most], shown.max(1) * (1 + 1e-6))
    found: Scores = shown / shown.sum(1, keepdims=True)
    return found
