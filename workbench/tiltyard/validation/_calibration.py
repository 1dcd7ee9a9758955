"""What confidence says of accuracy: Brier score, log loss, calibration error with what chance does, and the curve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..result import Axis, Chart, Metric, Series
from ..statistics.classification import brier, log_loss
from ..statistics.intervals import LEVEL, bootstrap, rate

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
DRAWS = 200
LEAST = 5  # rows of a bin that is drawn


def bins(confidence: Floats, count: int) -> NDArray[np.intp]:
    """Which of ``count`` equal bins of 0 to 1 each confidence falls in."""
    return np.minimum((confidence * count).astype(np.intp), count - 1)


def calibration_error(confidence: Floats, right: Bools, count: int) -> float:
    """Expected calibration error (Naeini et al. 2015; Guo et al. 2017, arXiv 1706.04599): mean gap of confidence and accuracy."""
    place = bins(confidence, count)
    gaps = np.bincount(place, confidence - right, minlength=count)
    return float(np.abs(gaps).sum() / len(right))


def chance_error(confidence: Floats, count: int, rng: np.random.Generator) -> float:
    """The calibration error that a perfectly calibrated model with these confidences reaches in 95 of 100 draws of so many rows.

    The error is never below 0, so that few rows in many bins show one where there is none.
    """
    drawn = [calibration_error(confidence, rng.random(len(confidence)) < confidence, count) for _ in range(DRAWS)]
    return float(np.quantile(drawn, 0.95))


@dataclass(frozen=True)
class Calibration:
    """Of a model with scores: its ``metrics`` (Brier score, log loss, calibration error), what chance does to the error, and the curve."""

    metrics: tuple[Metric, ...]
    chance: float
    over: bool
    chart: Chart

    @property
    def error(self) -> Metric:
        """The calibration error."""
        return self.metrics[-1]

    @property
    def sentence(self) -> str:
        """How far and to which side confidence is off."""
        return f"Confidence is off by {self.error.value:.3f} on average, {'too sure' if self.over else 'not sure enough'}."

    @classmethod
    def of(
        cls, y: NDArray[np.int64], labels: NDArray[np.int64], scores: Floats, count: int, alarm: float, rng: np.random.Generator
    ) -> "Calibration":
        """Of true and decided classes (n,) and scores (n, k); ``alarm`` is drawn as what is accepted."""
        confidence, right = scores[np.arange(len(y)), labels], labels == y
        error = calibration_error(confidence, right, count)
        low, high = bootstrap(lambda i: calibration_error(confidence[i], right[i], count), len(y), rng, DRAWS)
        chance = chance_error(confidence, count, rng)
        ece = Metric(
            name="calibration_error",
            label="Calibration error",
            value=error,
            unit="probability",
            low=min(low, error),
            high=max(high, error),
            level=LEVEL,
            n=len(y),
            safer="lower",
            interval="bootstrap; biased up by the bins",
            note=f"a perfectly calibrated model reaches {chance:.3f} on so many rows by chance",
        )
        losses = (
            _mean("brier_score", "Brier score", brier(y, scores), rng),
            _mean("log_loss", "Log loss", log_loss(y, scores), rng, "nats"),
        )
        over = float(confidence.mean()) > float(right.mean())
        return cls((*losses, ece), chance, over, curve(confidence, right, count, alarm))


def _mean(name: str, label: str, values: Floats, rng: np.random.Generator, unit: str = "") -> Metric:
    low, high = bootstrap(lambda i: float(values[i].mean()), len(values), rng, DRAWS)
    value = float(values.mean())
    return Metric(
        name=name,
        label=label,
        value=value,
        unit=unit,
        low=min(low, value),
        high=max(high, value),
        level=LEVEL,
        n=len(values),
        safer="lower",
        interval="bootstrap",
    )


def curve(confidence: Floats, right: Bools, count: int, alarm: float) -> Chart:
    """Accuracy in bins of confidence, with exact intervals, beside the diagonal and what is accepted on both sides of it."""
    place = bins(confidence, count)
    held = [b for b in range(count) if (place == b).sum() >= LEAST]
    rates = [rate("a", "a", int(right[place == b].sum()), int((place == b).sum())) for b in held]
    at = tuple(float(confidence[place == b].mean()) for b in held)
    points = Series(name="model", x=at, y=tuple(m.value for m in rates), low=tuple(m.low for m in rates), high=tuple(m.high for m in rates))
    ideal = Series(name="perfectly calibrated", x=(0.0, 1.0), y=(0.0, 1.0))
    accepted = Series(
        name=f"off by {alarm:g}, the mean that is accepted",
        tone="neither",
        x=(0.0, 1 - alarm, 1.0, 1.0, alarm, 0.0),
        y=(alarm, 1.0, None, 1 - alarm, 0.0, None),
    )
    return Chart(
        name="calibration",
        title="Confidence and accuracy",
        kind="line",
        x=Axis(label="Confidence", unit="share", low=0, high=1),
        y=Axis(label="Accuracy", unit="share", low=0, high=1),
        series=(points, ideal, accepted),
        alt=f"Accuracy in bins of confidence beside the diagonal of perfect calibration; on average {alarm:g} off is accepted.",
    )
