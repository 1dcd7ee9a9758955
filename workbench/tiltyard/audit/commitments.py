"""A watermark's key committed to before the model is trained: the audit log says in which order commitment, training and claim came.

The commitment is the hash of key, owner and layout. Its record stands in the log's chain, and who keeps the log's anchor elsewhere (a colleague, a
ticket, a newspaper) can show later that it was there. Without an anchor kept elsewhere the keeper of the log could have written it anew.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from secrets import token_hex

from ..datasets.schema import Schema
from ..errors import Problem
from ..theft import watermark_key
from .log import AuditRecord, check, records
from .notes import note, place, secret

COMMITTED = "watermark committed"
DO = "Commit with an audit log that is on, and keep its anchor elsewhere"


@dataclass(frozen=True)
class Commitment:
    """What was written: the ``hash`` in the open, and the log's ``anchor`` (COUNT:HASH) to keep elsewhere."""

    hash: str
    anchor: str


@dataclass(frozen=True)
class Order:
    """What the audit log says of one key.

    Attributes
    ----------
    committed
        The record of the commitment.
    trained
        The first record that names a model with this mark; None where there is none.
    anchored
        Was the log held against an anchor that covers the commitment?
    """

    committed: AuditRecord
    trained: AuditRecord | None
    anchored: bool
    suspect_since: str = ""

    @property
    def holds(self) -> bool:
        """Commitment before training before claim, in a log that an anchor from elsewhere covers."""
        return self.anchored and self.before_training and self.before_suspect

    @property
    def before_training(self) -> bool:
        """By the number in the chain, which cannot be moved, and not by the clock alone."""
        return self.trained is not None and self.committed.number < self.trained.number and self.committed.time <= self.trained.time

    @property
    def before_suspect(self) -> bool:
        """Is the commitment of a day before the suspect model was known? Where no day is given the claim is now."""
        if not self.suspect_since:
            return True
        return _time(self.committed).date() < _day(self.suspect_since)

    @property
    def words(self) -> str:
        """The order in a sentence, and what is missing of it."""
        at = f"Committed {self.committed.time} (record {self.committed.number})"
        if self.trained is None:
            return f"{at}; no model with this mark is in the log: mark it where the log is on."
        text = f"{at}, marked {self.trained.time} (record {self.trained.number})"
        if not self.before_training:
            return f"{text}: the commitment is not older than the model, so it proves nothing."
        if not self.before_suspect:
            return f"{text}: the commitment is not older than the suspect model ({self.suspect_since})."
        if not self.anchored:
            return f"{text}. Whoever keeps this log could have written it anew: give an anchor that was kept elsewhere."
        return f"{text}; the log holds against the anchor kept elsewhere. Commitment, training and claim are in order by this log's clock; since when the anchor is there, who kept it has to say."


def commit(path: Path, layout: Schema, owner: str, count: int = 100, seed: int = 0, store: str | Path | None = None) -> Commitment:
    """Draw a key for models of ``layout`` that are not trained yet, seal it into the new file ``path``, and write its hash to the audit log.

    The defense `theft.watermark` uses it where ``key_file`` names it, with the same owner, count and seed.

    Raises
    ------
    Problem
        There is no owner, the log is off or cannot be written (then no key is left), or the file is there already.
    """
    if not owner:
        raise Problem("the owner's name, which the commitment binds", "none", "Say who will claim the model")
    log = place(store)
    if log is None:
        raise Problem("an audit log to commit in", "none, it is off", DO)
    if path.exists():
        raise Problem(f"a new file {path.name}", "one that is there", "Name another")
    key = watermark_key.Key(owner=owner, secret=token_hex(32), count=count, layout=layout, base="", data="", seed=seed)
    if trouble := note(COMMITTED, "", {"commitment": key.commitment, "owner": owner}, store=store):
        raise Problem("an audit log that can be written", trouble, DO)
    watermark_key.write(path, key, ())
    return Commitment(key.commitment, check(log, secret()).anchor)


def ordered(path: Path, anchor: str = "", suspect_since: str = "", store: str | Path | None = None) -> Order:
    """What the audit log says of the key in ``path``; its open part is enough, no passphrase is asked for.

    Parameters
    ----------
    anchor
        ``COUNT:HASH`` as `commit` gave it, or a later one, kept elsewhere.
    suspect_since
        The day, YYYY-MM-DD, from which the suspect model is known.

    Raises
    ------
    Problem
        The log does not hold, or has no such commitment, or the day is none.
    """
    if suspect_since:
        _day(suspect_since)
    log, sealed = place(store), watermark_key.envelope(path)
    if log is None or not log.exists():
        raise Problem("the audit log in which the key was committed to", "none", DO)
    check(log, secret(), anchor)
    committed: AuditRecord | None = None
    trained: AuditRecord | None = None
    for record in records(log, secret()):
        if committed is None and record.what == COMMITTED and record.parameters.get("commitment") == sealed.commitment:
            committed = record
        if trained is None and record.fingerprint in sealed.marked:
            trained = record
    if committed is None:
        raise Problem(f"a record of the commitment of {path.name} in the audit log", "none", DO)
    covered = int(anchor.partition(":")[0]) >= committed.number if anchor else False
    return Order(committed, trained, covered, suspect_since)


def proof(path: Path, anchor: str = "", store: str | Path | None = None) -> bytes:
    """The log's records from the commitment of the key in ``path`` to ``anchor``, as lines that others can check (`sealing.chained.stretch`).

    All that stands between is shown to whoever reads them: take the anchor that `commit` gave where it is vouched for. Without an anchor they
    end where the log ends. `theft.watermark_verify` takes them as ``order``, beside a time stamp or a witness's signature.

    Raises
    ------
    Problem
        The log has a key, so that others cannot check its hashes; or it does not hold, has no such commitment, or had it after the anchor.
    """
    if secret() is not None:
        do = "Have the commitment itself stamped (RFC 3161)"
        raise Problem("an audit log without a key, whose hashes others can check", "one with a key", do)
    found = ordered(path, anchor, store=store)
    log = place(store)
    last = int(anchor.partition(":")[0]) if anchor else None
    if log is None or (last is not None and last < found.committed.number):
        raise Problem(f"an anchor that covers record {found.committed.number}", anchor, "Give that of the commitment, or a later one")
    return b"".join(
        record.line() for record in records(log) if found.committed.number <= record.number and (last is None or record.number <= last)
    )


def _time(record: AuditRecord) -> datetime:
    return datetime.fromisoformat(record.time).astimezone(UTC)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Problem("the suspect's day as YYYY-MM-DD", repr(text[:30]), "Write it so") from None
