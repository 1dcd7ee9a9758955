"""An ONNX model that onnxruntime answers, on the CPU."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...datasets.class_places import place_of
from ...datasets.schema import Rows
from ...errors import Problem
from ..class_names import places_of
from ..decision import Labels, LargestScore, Prediction, Scores
from ..estimators import one_hot, softmax
from ..target import Target
from . import plainly
from .heads import Heads
from .session import Session

FLOAT32 = 1e-4  # how far two scores may lie apart that were worked out in float32

if TYPE_CHECKING:
    import pandas as pd


class OnnxTarget(Target):
    """An ONNX model as a black box. Its own label output decides, where it has one; else the largest score.

    Parameters
    ----------
    outputs
        Whether its scores are ``probabilities`` or ``logits``.
    order
        Which of its scores is each of the classes; empty where they are in that order.
    carried
        The names of its classes as the file has them, in the order of its scores; empty where it has none.
    """

    def __init__(
        self,
        session: Session,
        read: Heads,
        order: tuple[int, ...],
        carried: tuple[str, ...],
        classes: tuple[str, ...],
        name: str,
        sha256: str,
    ) -> None:
        self.close = FLOAT32
        offers = frozenset({"labels"} if read.scores < 0 else {"labels", "scores"})
        super().__init__(name, classes, session.schema, offers, sha256)
        self.session = session
        self.read = read
        self.outputs = "probabilities"
        self.carried = carried
        self.order = order or tuple(range(len(classes)))
        self.own = tuple(classes[self.order.index(place)] for place in range(len(classes)))
        self.given = session.given
        self.decision = None if read.label >= 0 else LargestScore()

    @property
    def grain(self) -> float:
        return self.session.grain

    def raw(self, x: Rows) -> NDArray[np.float64]:
        """The model's own scores for x as float64 (n, k) or (n,), in its own class order."""
        (out,) = self.session(x, [self.read.scores])
        return self._columns(out)

    def _predict(self, x: Rows) -> Labels:
        (out,) = self.session(x, [self.read.label])
        return self._places(out)

    def _scores(self, x: Rows) -> Scores:
        return one_hot(self._predict(x), len(self.classes)) if self.read.scores < 0 else self._probabilities(self.raw(x))

    def _prediction(self, x: Rows) -> Prediction:
        if self.decision is not None or self.read.scores < 0:
            return super()._prediction(x)
        label, scores = self.session(x, [self.read.label, self.read.scores])
        return Prediction(self._places(label), self._probabilities(self._columns(scores)))

    def unaided(self, frame: "pd.DataFrame") -> Prediction | None:
        """onnxruntime asked for the table's columns by a session of its own; None where the table is not what the model takes."""
        given = plainly.table(self.session, frame)
        return None if given is None else self._plainly(given)

    def unaided_images(self, x: Rows) -> Prediction | None:
        given = plainly.images(self.session, x)
        return None if given is None else self._plainly(given)

    def _plainly(self, given: dict[str, NDArray[Any]]) -> Prediction:
        found = plainly.asked(self.session.content, given)
        scores = None if self.read.scores < 0 else self._probabilities(self._columns(found[self.read.scores]))
        if self.decision is not None and scores is not None:
            return Prediction(self.decision(scores), scores)
        labels = self._places(found[self.read.label])
        return Prediction(labels, one_hot(labels, len(self.classes)) if scores is None else scores)

    def _columns(self, out: Any) -> NDArray[np.float64]:
        if not self.read.mapped:
            return np.asarray(out, np.float64)
        keys = list(out[0]) if len(out) else list(self.own)
        places = [place_of(key, self.carried) for key in keys]
        ordered = [keys[places.index(i)] for i in range(len(keys))] if sorted(places) == list(range(len(keys))) else keys
        return np.array([[row[key] for key in ordered] for row in out], np.float64).reshape(len(out), -1)

    def _places(self, out: Any) -> Labels:
        labels = np.asarray(out).ravel()
        if not self.read.places or self.carried:
            theirs = places_of(labels, self.carried or self.own, self.name, indices=True)
        elif len(labels) and not (labels.min() >= 0 and labels.max() < len(self.own)):
            raise Problem(f"labels 0 to {len(self.own) - 1} from {self.name}", f"{labels.max()}", "Name the classes of the model")
        else:
            theirs = labels.astype(np.int64)
        return np.argsort(self.order)[theirs].astype(np.int64)

    def _probabilities(self, out: NDArray[np.float64]) -> Scores:
        if out.ndim == 1 or (out.shape[1] == 1 and len(self.classes) == 2):
            out = out.reshape(-1, 1)
            out = np.concatenate([np.zeros_like(out) if self.outputs == "logits" else 1 - out, out], 1)
        out = softmax(out) if self.outputs == "logits" else out
        return out[:, list(self.order)]
