"""What a claim of ownership is worth: p after all the keys that could have been tried, and a date that others vouch for."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from ..errors import Problem
from ..files.reading import opened
from ..formatting.numbers import number
from ..result import Evidence, Finding, Metric, Severity
from ..sealing.timestamps import Stamp, stamped
from .watermark_key import Key
from .watermark_trigger import CLAIM

TRIES = 1_000_000
HOLDS = 1e-3  # the chance that one of all those tries fits a model that has nothing to do with it
MOST = 1 << 20


def dated(key: Key, token: str, authority: str) -> Stamp | None:
    """The stamp of the key's commitment in the file ``token`` under the certificates in ``authority``; None where no token is named."""
    if not token:
        return None
    if not authority:
        raise Problem("the certificate of an authority you trust, beside the time stamp", "none", "Name it in authority")
    return stamped(_content(token), bytes.fromhex(key.commitment), _content(authority))


def _content(path: str) -> bytes:
    with opened(path, "a time stamp or certificate") as stream:
        return bytes(stream.read(MOST))


@dataclass(frozen=True)
class Claim:
    """That another's model carries the mark of ``key``: matches of probability ``p`` by chance, ``tries`` keys to choose from."""

    p: float
    tries: int
    key: Key
    stamp: Stamp | None
    suspect_since: str

    @property
    def corrected(self) -> float:
        """The chance that the best of all the tries matches as well (Bonferroni)."""
        return min(1.0, self.p * self.tries)

    @property
    def first(self) -> bool:
        """Does somebody vouch that the key is older than what is known of the suspect model?"""
        return self.stamp is not None and bool(self.suspect_since) and self.stamp.time < _day(self.suspect_since)

    @property
    def holds(self) -> bool:
        """Is it a claim that can be made: bound, dated, and good after all tries?"""
        return self.key.bound and self.first and self.corrected < HOLDS

    @property
    def words(self) -> str:
        """What is left open of it, or that nothing is."""
        if self.holds:
            return f" After {self.tries:,} tries p = {number(self.corrected, 2)}, and the key is older than the suspect: the claim holds."
        if self.corrected >= HOLDS:
            return f" But the best of {self.tries:,} keys does as well with p = {number(self.corrected, 2)}: no claim; use more triggers."
        return f" {self.doubt}: a key can be fitted to a finished model, so this proves nothing to others."

    @property
    def doubt(self) -> str:
        """What is wrong with its date or its binding."""
        if not self.key.bound:
            return "Date unproven, and the key is of format 1, which left class order and bounds to be fitted"
        if self.stamp is None:
            return "Date unproven"
        if not self.suspect_since:
            return f"Date unproven beside the suspect's: the key is of {self.stamp.time:%Y-%m-%d}, the suspect's day (suspect_since) is not given"
        return f"Date unproven: the key is stamped {self.stamp.time:%Y-%m-%d}, not before the suspect was known ({self.suspect_since})"

    @property
    def metric(self) -> Metric:
        """p after the tries."""
        note = f"p times {self.tries:,} keys that could have been tried; below {HOLDS:g} a claim can be made"
        return Metric(name="p_corrected", label="The same for the best of all keys that could be tried", value=self.corrected, note=note)

    @property
    def notes(self) -> tuple[str, ...]:
        """Who vouches for what."""
        owner = (f"The key names {self.key.owner!r} as the owner.",) if self.key.owner else ()
        if self.stamp is None:
            return owner
        by = f"{self.stamp.authority}, under the certificate with SHA-256 {self.stamp.trusted}, which you trust; revocation was not asked"
        return (*owner, f"Its commitment was stamped {self.stamp.time:%Y-%m-%d %H:%M:%S} UTC by {by}.")

    def finding(self, standards: tuple[str, ...]) -> Finding | None:
        """High where the claim holds; where only its date is open, low; None where there is none to make."""
        if self.p >= CLAIM or self.corrected >= HOLDS:
            return None
        return Finding(
            key="another",
            title="A model other than the one marked carries the mark"
            if self.holds
            else "Another model answers the key, but the date is unproven",
            severity=Severity.HIGH if self.holds else Severity.LOW,
            evidence=Evidence(metrics=("p_corrected",)),
            advice="Show the stamped commitment, then the key, and repeat the questions before a third party."
            if self.holds
            else "Have the commitment stamped (RFC 3161) before the model is given out; name the stamp, its authority and the suspect's first day.",
            standards=standards,
        )


def _day(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Problem("a day as YYYY-MM-DD in suspect_since", repr(text[:30]), "Write it so") from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
