"""Is a pass earned? What keeps an evasion check from one, in sentences that say what would settle it."""

import math

from ..formatting.numbers import percent
from ..statistics.intervals import LEVEL, clopper_pearson
from ._evaluation import Line


def rows_needed(accept: float) -> int | None:
    """From how many rows, none of them fooled, the upper bound of the success rate lies within ``accept``; None where no number does."""
    return math.ceil(math.log((1 - LEVEL) / 2) / math.log(1 - accept)) if 0 < accept < 1 else (1 if accept >= 1 else None)


def unsettled(fooled: int, right: int, accept: float, weakness: str, lines: tuple[Line, ...]) -> tuple[str, ...]:
    """Reasons why ``fooled`` of ``right`` rows, within what is accepted, are no pass; none where it is earned.

    Parameters
    ----------
    weakness
        Why the attack had not the strength that a pass needs, empty where it had.
    lines
        The checks of the evaluation.
    """
    high = clopper_pearson(fooled, right)[1]
    reasons = [f"{line.name}: no, {line.found}. {line.do}".rstrip(". ") for line in lines if line.held is False and not line.harmless]
    if weakness:
        reasons.append(weakness)
    if high > accept:
        needed = rows_needed(accept)
        enough = f"; where none is fooled {needed} rows settle it" if needed is not None and needed > right else "; more rows settle it"
        reasons.append(f"up to {percent(high)} may be fooled by {right} rows, and {percent(accept)} is accepted{enough}")
    return tuple(reasons)
