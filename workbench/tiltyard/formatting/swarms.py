"""Points of a swarm laid beside one another where they would meet: by the spec itself, so that panel and report draw the same places."""

from collections import defaultdict
from collections.abc import Sequence

BINS = 120  # how many points stand side by side along the axis
STEP, ROOM = 0.11, 0.42  # between two points that meet, and to either side of the lane's middle, in lanes


def beside(points: Sequence[tuple[float | None, float | None]], low: float, high: float) -> list[float | None]:
    """Where each point (value, lane) stands across its lane, in lanes; None where it has no place.

    Points of one bin of the axis from ``low`` to ``high`` are laid in turn above and below the middle, closer together where
    there are more than find room.
    """
    bins: dict[tuple[float, int], list[int]] = defaultdict(list)
    for i, (x, lane) in enumerate(points):
        if x is not None and lane is not None:
            bins[lane, int((x - low) / ((high - low) or 1.0) * BINS)].append(i)
    most = {lane: max(len(found) for (at, _), found in bins.items() if at == lane) for lane, _ in bins}
    laid: list[float | None] = [None] * len(points)
    for (lane, _), found in bins.items():
        step = min(STEP, ROOM / max(most[lane] // 2, 1))
        for k, i in enumerate(found):
            laid[i] = lane + step * ((k + 1) // 2) * (1 if k % 2 else -1)
    return laid
