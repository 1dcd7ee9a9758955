"""Adaptive misinformation: rows unlike those the model was made for get wrong answers, others their own (Kariyappa and Qureshi 2020, arXiv 1911.07100)."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..targets.decision import Labels, Prediction, Scores
from ..targets.target import Target
from ..targets.wrapper import Own, column, seed_in
from ._form import Form, parts
from ._guarded import GuardedTarget

KNOWN = 2000
STEEP = 20.0


@dataclass(frozen=True)
class Familiar:
    """How unlike known rows a row is: its distance to the nearest, of which a share ``spared`` of honest ones has less than ``far``."""

    form: Form
    known: NDArray[np.float64]
    far: float

    @classmethod
    def of(cls, data: Dataset, spared: float, rng: np.random.Generator) -> "Familiar":
        """From the rows the model was trained on, where that is known: half are known, the other half say how far honest ones are."""
        rows = data.seen.sample(min(len(data.seen), 2 * KNOWN), rng)
        form = Form.by_bounds(data.schema)
        z = form(rows.x, np.float64)
        half = max(1, len(z) // 2)
        found = cls(form, z[:half], 1.0)
        return cls(form, z[:half], max(float(np.quantile(found.apart(rows.x[half:]), spared)), 1e-9) if half < len(z) else 1e-9)

    def apart(self, x: Rows) -> NDArray[np.float64]:
        """Distance of each row to the nearest known one, (n,)."""
        found = []
        for part in parts(self.form.schema, len(x)):
            z = self.form(x[part], np.float64)
            squares = (z**2).sum(1)[:, None] - 2 * z @ self.known.T + (self.known**2).sum(1)
            found.append(np.sqrt(np.maximum(squares.min(1), 0)))
        return np.concatenate(found) if found else np.empty(0)

    def wrong(self, x: Rows) -> NDArray[np.float64]:
        """The share of misinformation in each answer, 0 to 1; a half at ``far``."""
        found: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(STEEP * (self.apart(x) / self.far - 1), -50, 50)))
        return found


class MisinformingTarget(GuardedTarget):
    """A target that answers rows unlike its own with another model's answer: here the scores turned over, the least likely class first."""

    wraps: ClassVar[str] = "misinformation"

    def __init__(self, inner: Target, familiar: Familiar, seed: int) -> None:
        super().__init__(inner, "misinform", 0, familiar.far, 0, seed)
        self.familiar = familiar

    def own(self) -> Own:
        form, known = self.familiar.form, self.familiar.known
        return Own(
            {"far": self.familiar.far, "seed": self.seed}, {"shift": form.shift, "scale": form.scale, "known": known}, rows=len(known)
        )

    @classmethod
    def around(cls, inner: Target, own: Own) -> Self:
        shift = column(own.arrays["shift"], np.float64, None)
        form = Form(inner.schema, shift, column(own.arrays["scale"], np.float64, len(shift)))
        known, far = column(own.arrays["known"], np.float64, None, form.width), float(own.settings["far"])
        if len(shift) != len(Form.by_bounds(inner.schema).shift) or not len(known) or not far > 0 or not (form.scale > 0).all():
            raise ValueError("known rows of these columns, and a distance above 0")
        return cls(inner, Familiar(form, known, far), seed_in(own.settings["seed"]))

    def as_client(self) -> "MisinformingTarget":
        """The same for every client."""
        return MisinformingTarget(self.inner, self.familiar, self.seed)

    def _scores(self, x: Rows) -> Scores:
        return self._prediction(x).scores

    def _decided(self, part: Rows, scores: Scores | None) -> Labels:
        return self._prediction(part).labels

    def _prediction(self, x: Rows) -> Prediction:
        found, share = self.inner.predictions(x), self.familiar.wrong(x)
        turned = _turned(found.scores)
        scores = (1 - share)[:, None] * found.scores + share[:, None] * turned
        labels = np.where(share > 0.5, turned.argmax(1), found.labels).astype(np.int64)
        return Prediction(labels, scores)


def _turned(scores: Scores) -> Scores:
    """Each row's scores given to its classes in the opposite order."""
    order = np.argsort(scores, axis=1, kind="stable")
    found = np.empty_like(scores)
    np.put_along_axis(found, order, np.take_along_axis(scores, order[:, ::-1], 1), 1)
    return found
