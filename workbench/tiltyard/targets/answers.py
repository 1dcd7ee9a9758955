"""What a target answered to somebody who kept it: rows, scores and labels, from which a copy can be trained."""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from ..datasets.schema import Rows
from .decision import Labels, Scores


@dataclass(frozen=True)
class Answers:
    """Rows x (n, *shape), ``scores`` (n, k), a 1 for each label where labels alone were answered, and ``labels`` (n,); ``source`` names the step that asked."""

    x: Rows
    scores: Scores
    labels: Labels
    source: str

    def __len__(self) -> int:
        return len(self.x)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of rows and labels."""
        return sha256(np.ascontiguousarray(self.x).tobytes() + np.ascontiguousarray(self.labels).tobytes()).hexdigest()


def joined(parts: list[Answers], source: str) -> Answers | None:
    """Several as one; None where there is none."""
    if not parts:
        return None
    x, scores, labels = (np.concatenate([getattr(one, name) for one in parts]) for name in ("x", "scores", "labels"))
    return Answers(x, scores, labels, source)
