"""How a run's chance of a false alarm is shared out among its windows, so that the exit code is controlled over the run.

Windows share one reference, so that their p-values depend on one another, and a product of e-values over them would count what is
odd about the reference again in each. A sum of chances holds whatever the dependence: no more is spent than the run's level.
"""

import math

OPEN = math.pi**2 / 6


def share(level: float, number: int, windows: int | None = None) -> float:
    """What window ``number``, from 0, may spend of a run's ``level``.

    Parameters
    ----------
    windows
        How many the run has, and each gets as much; None where nobody knows, and window t gets 6 / (pi t)^2 of it, t from 1: the
        shares of endlessly many windows sum to the level (alpha spending: Foster and Stine 2008, doi 10.1111/j.1467-9868.2007.00643.x).
    """
    return level / windows if windows else level / (OPEN * (number + 1) ** 2)
