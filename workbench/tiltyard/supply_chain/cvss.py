"""Ratings of vulnerabilities: vectors of CVSS 2, 3.0, 3.1 and 4.0, scored by the library of Red Hat's product security (``cvss``)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..result import Severity

WORDS = {
    "None": Severity.INFO,
    "Low": Severity.LOW,
    "Medium": Severity.MEDIUM,
    "High": Severity.HIGH,
    "Critical": Severity.CRITICAL,
}


@dataclass(frozen=True, order=True)
class Rating:
    """A score from 0 to 10 and the word that its standard has for it; CVSS 2 knows no *critical*. ``vector`` is in its standard's order."""

    score: float
    severity: Severity
    vector: str = field(default="", compare=False)

    @property
    def standard(self) -> str:
        """``CVSS 4.0``, ``CVSS 3.1``, ``CVSS 3.0`` or ``CVSS 2``."""
        start, _, version = self.vector.partition("/")[0].partition(":")
        return f"CVSS {version}" if start == "CVSS" else "CVSS 2"

    def __str__(self) -> str:
        return f"{self.standard} {self.score:.1f}"


def newest_first(ratings: Iterable[Rating]) -> tuple[Rating, ...]:
    """The worst rating of each standard, the newest standard first: the scores of two standards are not the same scale."""
    worst: dict[str, Rating] = {}
    for one in sorted(ratings):
        worst[one.standard] = one
    return tuple(worst[standard] for standard in sorted(worst, reverse=True))


def rating(vector: str) -> Rating | None:
    """What a vector such as ``CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H`` says; None where it is none, or lacks a metric that it must have.

    Of versions 2 and 3 the base score; of version 4 the score of all that the vector holds, as its standard has no other.
    """
    from cvss import CVSS2, CVSS3, CVSS4
    from cvss.exceptions import CVSSError

    text = vector.strip()
    kind = CVSS4 if text.startswith("CVSS:4") else CVSS3 if text.startswith("CVSS:3") else CVSS2
    try:
        read = kind(text.strip("()"))
    except CVSSError:
        return None
    word = read.severity if isinstance(read, CVSS4) else read.severities()[0]
    return Rating(float(read.base_score), WORDS[word], read.clean_vector())
