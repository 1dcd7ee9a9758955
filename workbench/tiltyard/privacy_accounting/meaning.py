"""What (epsilon, delta) means: the most that an attacker gains who is sure of everything but one row (Wasserman and Zhou 2010, 0811.2501)."""

import math

import numpy as np
from pydantic import Field

from ..formatting.numbers import number
from ..result import Axis, Chart, Frozen, Series

ALARM = 0.01


class Meaning(Frozen):
    """Bounds on any attack that tells whether one row was trained on, whatever the attacker knows besides.

    ``advantage`` is true positive rate minus false positive rate; ``odds`` the factor by which what was seen can move the odds
    (outside a chance of delta); ``certainty`` the share of right guesses where a coin chose; ``found`` the TPR at 1 % FPR.
    """

    epsilon: float = Field(ge=0)
    delta: float = Field(gt=0, lt=1)
    advantage: float
    odds: float
    certainty: float
    found: float

    @property
    def words(self) -> str:
        """The same in two sentences."""
        return (
            f"Whoever knows every other row and guesses whether one was trained on is right at most {100 * self.certainty:.3g} % of the time, "
            f"where a coin is right 50 %. To find it with 1 % false alarms succeeds at most {100 * self.found:.3g} % of the time; what they see "
            f"multiplies their odds by at most {self.odds:.3g}, but for a chance of {number(self.delta, 1)}."
        )


def meaning(epsilon: float, delta: float) -> Meaning:
    """The bounds of (``epsilon``, ``delta``)."""
    gain = math.tanh(epsilon / 2)
    advantage = min(gain + 2 * delta / (math.exp(min(epsilon, 700.0)) + 1), 1.0)
    return Meaning(
        epsilon=epsilon,
        delta=delta,
        advantage=advantage,
        odds=math.exp(min(epsilon, 700.0)),
        certainty=(1 + advantage) / 2,
        found=float(power(np.array([ALARM]), epsilon, delta)[0]),
    )


def power(
    false_alarms: "np.ndarray[tuple[int], np.dtype[np.float64]]", epsilon: float, delta: float
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """The largest true positive rate of any attack at these false positive rates, both float64 (n,) in [0, 1]."""
    grown = math.exp(min(epsilon, 700.0))
    few, many = grown * false_alarms + delta, 1 - (1 - delta - false_alarms) / grown
    return np.clip(np.minimum(few, many), 0.0, 1.0)


def picture(epsilon: float, delta: float) -> Chart:
    """The ROC that no attack gets above, beside guessing."""
    at = np.unique(np.concatenate([np.linspace(0, 1, 51), [ALARM, (1 - delta) / (1 + math.exp(min(epsilon, 700.0)))]]))
    best = power(at, epsilon, delta)
    it = meaning(epsilon, delta)
    return Chart(
        name="epsilon_meaning",
        title="The most any attacker can find",
        kind="line",
        x=Axis(label="False positive rate", low=0.0, high=1.0),
        y=Axis(label="True positive rate", low=0.0, high=1.0),
        series=(
            Series(name="no attack is above", x=tuple(at.tolist()), y=tuple(best.tolist())),
            Series(name="guessing", x=(0.0, 1.0), y=(0.0, 1.0)),
        ),
        alt=f"At epsilon {epsilon:.3g} and delta {number(delta)} no attack gains more than {it.advantage:.3g} over guessing.",
    )
