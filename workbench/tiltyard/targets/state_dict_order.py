"""The order of layers: that of the file where their widths fit one another, else one in which they do."""

import itertools
import re
from collections.abc import Sequence

from .state_dict_parts import Part

MOST_STEPS = 20_000


def ordered(parts: Sequence[Part], classes: int) -> tuple[Part, ...]:
    """The layers in an order in which each takes what the one before gives; the file's order comes first, then that of the names.

    Parameters
    ----------
    classes
        How many the last layer answers; one output does for two.
    """
    for order in (list(parts), sorted(parts, key=lambda p: _natural(p.prefix))):
        if _fits(order, classes):
            return tuple(order)
    return tuple(_searched(sorted(parts, key=lambda p: _natural(p.prefix)), classes) or parts)


def _natural(name: str) -> list[tuple[bool, int, str]]:
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", name) if part]


def _last(part: Part, classes: int) -> bool:
    return part.kind == "linear" and part.outputs in ({classes, 1} if classes == 2 else {classes})


def _fits(order: Sequence[Part], classes: int) -> bool:
    return bool(order) and _last(order[-1], classes) and all(follows(a, b) for a, b in itertools.pairwise(order))


def follows(before: Part, after: Part) -> bool:
    """May ``after`` take what ``before`` gives?"""
    given = before.outputs
    if after.kind in ("batch_norm", "norm"):
        return after.outputs == given and before.kind != "norm"
    if after.kind == "embedding":
        return False
    if after.kind in ("conv1d", "conv2d"):
        sequence = after.kind == "conv1d" and before.kind in ("embedding", "lstm", "gru", "encoder_layer")
        same = before.kind in (after.kind, "batch_norm", "norm") or sequence
        return same and after.inputs > 0 and given % after.inputs == 0 and (given == after.inputs or after.outputs % after.inputs == 0)
    if after.kind in ("lstm", "gru", "encoder_layer"):
        return after.inputs == given
    return after.inputs == given or (before.kind != "linear" and after.inputs % given == 0)


def _searched(parts: list[Part], classes: int) -> list[Part]:
    """A first order that fits, found backwards from the last layer; empty where there is none within the bound."""
    steps = 0

    def back(chain: list[Part], rest: list[Part]) -> list[Part]:
        nonlocal steps
        steps += 1
        if not rest or steps > MOST_STEPS:
            return chain if not rest else []
        for part in sorted(rest, key=lambda p: (chain[0].inputs != p.outputs, -rest.index(p))):
            if follows(part, chain[0]) and (found := back([part, *chain], [p for p in rest if p is not part])):
                return found
        return []

    for last in (p for p in reversed(parts) if _last(p, classes)):
        if found := back([last], [p for p in parts if p is not last]):
            return found
    return []
