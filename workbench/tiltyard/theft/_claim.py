"""What a claim of ownership is worth: p after all the keys that could have been tried, and a date that others vouch for."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

from ..errors import Problem
from ..files.reading import opened
from ..formatting.numbers import number
from ..result import Evidence, Finding, Metric, Severity
from ..sealing.chained import Stretch, stretch
from ..sealing.keys import raw_public, read_public_key
from ..sealing.signing import SUFFIX, checked, key_name
from ..sealing.timestamps import stamped
from .watermark_key import Key
from .watermark_trigger import CLAIM

TRIES = 1_000_000
HOLDS = 1e-3  # the chance that one of all those tries fits a model that has nothing to do with it
MOST = 16 << 20


@dataclass(frozen=True)
class Vouched:
    """Since when others say that a key is there, and who says so of what, as a sentence."""

    time: datetime
    sentence: str


@dataclass(frozen=True)
class Voucher:
    """The files that a claim is dated by: a time stamp or a witness's signature, whom to trust for it, and where it is of an audit log's anchor, the log's records up to it."""

    token: str
    authority: str
    order: str = ""

    def dated(self, key: Key) -> Vouched | None:
        """Since when the commitment of ``key`` is vouched for; None where nothing vouches. No clock of the claimant's own is read.

        Raises
        ------
        Problem
            Where a file does not hold, or is of another key.
        """
        content = _content(self.order) if self.order else b""
        whole = _stretch_of(key, content) if content else None
        if not self.token:
            return None
        if not self.authority:
            raise Problem("the certificate of an authority you trust, beside the time stamp", "none", "Name it in authority")
        if self.token.endswith(SUFFIX):
            return self._witnessed(content)
        digest = key.commitment if whole is None else whole.hash
        stamp = stamped(_content(self.token), bytes.fromhex(digest), _content(self.authority))
        what = "Its commitment" if whole is None else f"The audit log's anchor {whole.anchor}, which covers its commitment,"
        by = f"{stamp.authority}, under the certificate with SHA-256 {stamp.trusted}, which you trust; revocation was not asked"
        return Vouched(stamp.time, f"{what} was stamped {stamp.time:%Y-%m-%d %H:%M:%S} UTC by {by}.")

    def _witnessed(self, content: bytes) -> Vouched:
        """A witness's signature of the very records, as `tiltyard sign` writes it, with the time that the witness says."""
        if not content:
            raise Problem("the records that a witness signed", "none", "Name them in order")
        public = read_public_key(Path(self.authority))
        manifest = checked(Path(self.token), public).manifest
        if sha256(content).hexdigest() not in {entry.sha256 for entry in manifest.entries}:
            raise Problem("a witness's signature of these very records", "one of other files", "Have the file under order signed")
        name = key_name(raw_public(public))
        signed = f"The records of the audit log that cover its commitment were signed {manifest.made} by the witness with key {name}"
        return Vouched(_moment(manifest.made), f"{signed}, whom you trust for the time.")


def _stretch_of(key: Key, content: bytes) -> Stretch:
    """The records of the log, of which the first is the commitment of this key."""
    found = stretch(content)
    if found.records[0]["parameters"].get("commitment") != key.commitment:
        raise Problem("an order that begins with the commitment of this key", "one of another key", "Name the order of this key")
    return found


def _moment(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise Problem("the time of a signature", repr(text[:40]), "Have it signed again") from None
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def _content(path: str) -> bytes:
    with opened(path, "a time stamp, a certificate or an order") as stream:
        content = bytes(stream.read(MOST + 1))
    if len(content) > MOST:
        raise Problem(f"a file of at most {MOST:,} bytes", f"more in {Path(path).name}", "Order up to an earlier anchor")
    return content


@dataclass(frozen=True)
class Claim:
    """That another's model carries the mark of ``key``: matches of probability ``p`` by chance, ``tries`` keys to choose from."""

    p: float
    tries: int
    key: Key
    vouched: Vouched | None
    suspect_since: str

    @property
    def corrected(self) -> float:
        """The chance that the best of all the tries matches as well (Bonferroni)."""
        return min(1.0, self.p * self.tries)

    @property
    def first(self) -> bool:
        """Does somebody vouch that the key is older than what is known of the suspect model?"""
        return self.vouched is not None and bool(self.suspect_since) and self.vouched.time < _day(self.suspect_since)

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
        if self.vouched is None:
            return "Date unproven"
        if not self.suspect_since:
            return f"Date unproven beside the suspect's: the key is of {self.vouched.time:%Y-%m-%d}, the suspect's day (suspect_since) is not given"
        return f"Date unproven: the key is vouched for since {self.vouched.time:%Y-%m-%d}, not before the suspect was known ({self.suspect_since})"

    @property
    def metric(self) -> Metric:
        """p after the tries."""
        note = f"p times {self.tries:,} keys that could have been tried; below {HOLDS:g} a claim can be made"
        return Metric(name="p_corrected", label="The same for the best of all keys that could be tried", value=self.corrected, note=note)

    @property
    def notes(self) -> tuple[str, ...]:
        """Who vouches for what."""
        owner = (f"The key names {self.key.owner!r} as the owner.",) if self.key.owner else ()
        return owner if self.vouched is None else (*owner, self.vouched.sentence)

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
            advice="Show the commitment and who vouches for its date, then the key, and repeat the questions before a third party."
            if self.holds
            else "Before the model is given out have the commitment stamped (RFC 3161), or the audit log's anchor that covers it stamped or signed by "
            "a witness; name the stamp, whom you trust for it and the suspect's first day.",
            standards=standards,
        )


def _day(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Problem("a day as YYYY-MM-DD in suspect_since", repr(text[:30]), "Write it so") from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
