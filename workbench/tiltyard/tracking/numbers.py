"""The numbers of records under names that other systems take."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..result import Metric, Record

PARTS = ("value", "low", "high", "n")


@dataclass(frozen=True)
class Numbered:
    """A metric of a check under the name it is kept by; of a check that ran twice the second is ``evasion.pgd.2``."""

    check: str
    metric: Metric


def numbered(records: Sequence[Record]) -> Iterator[Numbered]:
    """Every metric of every record."""
    for name, record in named(records):
        yield from (Numbered(name, metric) for metric in record.result.metrics)


def named(records: Sequence[Record]) -> Iterator[tuple[str, Record]]:
    """Each record with a name of its own."""
    seen: dict[str, int] = {}
    for record in records:
        seen[record.check] = seen.get(record.check, 0) + 1
        yield (record.check if seen[record.check] == 1 else f"{record.check}.{seen[record.check]}"), record


def plain(name: str) -> str:
    """A name of letters, digits and ``_ - . /`` alone."""
    return re.sub(r"[^\w./-]+", "_", name, flags=re.ASCII)


def finite(metric: Metric) -> dict[str, float]:
    """Its value, both ends of its interval and its n, as far as they are numbers; nothing of what was not measured."""
    if metric.value is None or not math.isfinite(metric.value):
        return {}
    found = {part: getattr(metric, part) for part in PARTS}
    return {part: float(number) for part, number in found.items() if number is not None and math.isfinite(number)}
