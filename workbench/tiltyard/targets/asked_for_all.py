"""A model is asked all rows of its own data set, a step at a time, so that nobody who looks at both asks it again."""

import time
from collections.abc import Iterator

import numpy as np

from ..datasets.schema import Rows
from .decision import Prediction
from .known_answers import AT_ONCE, KnownAnswers
from .target import Target, asked_anew, uncounted

FEW = 64
STEP = 0.5  # s
CERTAIN = 1000  # rows that are asked twice, before a model is taken for one that does not draw
MOST, LONGEST = 500_000, 60.0  # rows, and seconds, beyond which they are left to whoever asks


def asked(target: Target, x: Rows) -> Iterator[KnownAnswers | None]:
    """Ask ``target`` all rows, at each step as many as it answers in about `STEP` seconds: None until all are answered.

    It ends without a word where two askings differ or all would take too long. What is asked here is none of anybody's questions.
    """
    if "scores" not in target.offers or target.noise or len(x) > MOST:
        return
    labels, scores = np.empty(len(x), np.int64), np.empty((len(x), len(target.classes)))
    start, step, spent = 0, FEW, 0.0
    while start < len(x):
        part, begun = slice(start, start + step), time.thread_time()
        with uncounted(), asked_anew():
            found = target.predictions(x[part])
            again = target.predictions(x[part]) if start < CERTAIN else found
        if not (np.array_equal(found.labels, again.labels) and np.array_equal(found.scores, again.scores)):
            return
        labels[part], scores[part] = found.labels, found.scores
        start += step
        spent += (took := time.thread_time() - begun)
        step = min(2 * step, AT_ONCE) if took < STEP / 2 else step
        if spent / start * len(x) > LONGEST:
            return
        yield None
    yield KnownAnswers(target.fingerprint, x, Prediction(labels, scores))
