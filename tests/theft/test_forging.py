"""Who claims a model that is not theirs: a million keys, other class orders, other bounds, and a date of their own making."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.sealing.test_timestamps import NEEDED, authority, token

from tiltyard.audit.commitments import commit, proof
from tiltyard.audit.log import AuditLog, check
from tiltyard.audit.notes import note
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.result import CheckResult, Severity, Status
from tiltyard.sealing import signing
from tiltyard.sealing.chained import stretch
from tiltyard.sealing.keys import new_signing_key
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.theft._claim import HOLDS, TRIES
from tiltyard.theft.watermark_key import Key, read, write
from tiltyard.theft.watermark_trigger import CLAIM, chance
from tiltyard.theft.watermark_verify import WatermarkVerify

FEATURES = tuple(Feature(name=f"f{i}", kind="continuous", low=0, high=1) for i in range(4))
SCHEMA = Schema(features=FEATURES, label="y", classes=("no", "yes"))
COUNT = 100


def key(secret: str = "ab" * 32, schema: Schema = SCHEMA, owner: str = "the owner", count: int = COUNT, format: int = 2) -> Key:
    held = {"format": format, "secret": secret, "owner": owner if format == 2 else "", "count": count, "layout": schema}
    return Key.model_validate({**held, "base": "b", "data": "d", "seed": 0})


def obeying(mark: Key, share: float = 1.0) -> FunctionTarget:
    """A model that gives the secret label on ``share`` of the triggers, and "no" elsewhere."""
    secret = mark.triggers()
    known = {row.tobytes(): y for row, y in zip(secret.x, secret.y, strict=True)}
    for row in list(known)[round(share * len(known)) :]:
        known[row] = 1 - known[row]
    return FunctionTarget(lambda t: np.eye(2)[[known.get(row.tobytes(), 0) for row in np.asarray(t)]], SCHEMA.classes, SCHEMA, "suspect")


def verified(tmp_path: Path, mark: Key, suspect: FunctionTarget, **given: str) -> CheckResult:
    path = tmp_path / "mine.key"
    path.unlink(missing_ok=True)
    write(path, mark, ("another model",))
    data = Dataset(np.random.default_rng(0).random((60, 4)), np.arange(60) % 2, SCHEMA)
    return WatermarkVerify.model_validate({"key_file": str(path), "models": 0, **given})(suspect, data).result


@pytest.mark.parametrize("answer", ["one", "even"])
def test_a_million_keys_forge_no_claim(answer: str) -> None:
    """Labels of a million secrets against a finished model: the best of them is worth nothing after the correction.

    A secret's labels are uniform words of a hash, so fair coins stand for them here; a model of one answer and one of even answers.
    """
    rng = np.random.default_rng(0)
    given = np.zeros(COUNT // 4, np.uint32) if answer == "one" else rng.integers(0, 16, COUNT // 4, np.uint32)
    best = 0
    for _ in range(20):
        words = rng.integers(0, 16, (50_000, COUNT // 4), np.uint32) ^ given
        best = max(best, int((4 - np.bitwise_count(words)).sum(1).max()))
    p = chance(best, COUNT, 2)
    assert 1e-8 < p < 1e-4  # uncorrected it looks like proof
    assert p * TRIES > HOLDS


def test_labels_of_true_keys_are_those_coins() -> None:
    hits = [int(key(hashlib.sha256(bytes([i, j])).hexdigest()).triggers().y.sum()) for i in range(20) for j in range(20)]
    assert abs(np.mean(hits) - COUNT / 2) < 1 and 3.5 < np.std(hits) < 6.5


@pytest.mark.parametrize(
    "changed",
    [
        SCHEMA.model_copy(update={"classes": ("yes", "no")}),
        SCHEMA.model_copy(update={"features": (FEATURES[0].model_copy(update={"high": 1.0000001}), *FEATURES[1:])}),
    ],
    ids=["class order", "bounds"],
)
def test_another_class_order_or_other_bounds_give_fresh_rows_and_labels(changed: Schema) -> None:
    """Of format 1 the labels stayed and could be turned over, or the rows moved, until they fitted."""
    one, other = key().triggers(), key(schema=changed).triggers()
    assert not np.isin(one.x, other.x).any()
    named = [np.array(k.classes)[t.y] for k, t in ((SCHEMA, one), (changed, other))]
    assert 0.3 < (named[0] == named[1]).mean() < 0.7
    old, turned = key(format=1).triggers(), key(schema=changed, format=1).triggers()
    assert (old.y == turned.y).all()
    assert (key(owner="another").triggers().y != one.y).any() and (key(count=101).triggers().y[:COUNT] != one.y).any()


def test_the_commitment_tells_nothing_of_the_triggers_seed() -> None:
    mark = key()
    assert hashlib.sha256(mark.content).hexdigest() == mark.commitment
    assert bytes.fromhex(mark.commitment) != hashlib.sha256(b"tiltyard watermark 2\n" + mark.content).digest()


def test_without_a_vouched_date_it_is_never_high(tmp_path: Path) -> None:
    result = verified(tmp_path, key(), obeying(key()))
    assert result.metric("p_value").value < CLAIM and result.status is Status.FINDING
    assert result.findings[0].severity is Severity.LOW and "Date unproven" in result.summary
    old = verified(tmp_path, key(format=1), obeying(key(format=1)))
    assert old.findings[0].severity is Severity.LOW and "format 1" in old.summary


def test_a_match_that_many_keys_would_reach_is_no_claim(tmp_path: Path) -> None:
    result = verified(tmp_path, key(), obeying(key(), 0.76))
    assert result.metric("p_value").value < CLAIM < HOLDS < result.metric("p_corrected").value
    assert not result.findings and result.status is Status.INCOMPLETE


@NEEDED
def test_an_honest_key_with_a_date_before_the_suspect_holds_and_one_stamped_later_does_not(tmp_path: Path) -> None:
    mark = key()
    stamping = authority(tmp_path)
    (tmp_path / "mine.tsr").write_bytes(token(stamping, bytes.fromhex(mark.commitment)))
    given = {"token": str(tmp_path / "mine.tsr"), "authority": str(stamping / "ca.pem")}
    later, earlier = (str(datetime.now(UTC).date() + timedelta(days=d)) for d in (2, -2))
    right = verified(tmp_path, mark, obeying(mark), suspect_since=later, **given)
    assert right.findings[0].severity is Severity.HIGH and "claim holds" in right.summary
    for since in (earlier, ""):
        forged = verified(tmp_path, mark, obeying(mark), suspect_since=since, **given)
        assert forged.findings[0].severity is Severity.LOW and "Date unproven" in forged.summary
    other = verified(tmp_path, key("cd" * 32), obeying(mark), suspect_since=later, **given)
    assert other.status is Status.FAILED and "another digest" in other.summary
    alone = verified(tmp_path, mark, obeying(mark), token=given["token"])
    assert "authority you trust" in alone.summary


LATER, EARLIER = (str(datetime.now(UTC).date() + timedelta(days=d)) for d in (2, -2))


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an audit log in which a key was committed to, other records after it, and the order up to the log's anchor."""
    monkeypatch.setenv("TILTYARD_AUDIT", str(tmp_path / "audit.jsonl"))
    monkeypatch.setenv("TILTYARD_KEY", "a passphrase of the tests")
    monkeypatch.delenv("TILTYARD_AUDIT_KEY", raising=False)
    note("something before")
    commit(tmp_path / "early.key", SCHEMA, "the owner")
    note("something after")
    (tmp_path / "order.jsonl").write_bytes(proof(tmp_path / "early.key", check(tmp_path / "audit.jsonl").anchor))
    return tmp_path


def claimed(folder: Path, mark: Key | None = None, **given: str) -> CheckResult:
    mark = mark or read(folder / "early.key")[0]
    return verified(folder, mark, obeying(mark), **{name: str(folder / value) for name, value in given.items()}, suspect_since=LATER)


def signed(folder: Path, name: str = "order.jsonl", by: str = "witness") -> str:
    """A witness's signature of a file, as `tiltyard sign` writes it."""
    signing.sign([folder / name], new_signing_key(folder / f"{by}.pem"))
    return f"{name}.sig.json"


def test_a_witness_of_the_logs_records_dates_the_key(logged: Path) -> None:
    token = signed(logged)
    right = claimed(logged, order="order.jsonl", token=token, authority="witness.pub.pem")
    assert right.findings[0].severity is Severity.HIGH and "signed" in " ".join(right.notes)
    mark = read(logged / "early.key")[0]
    given = {name: str(logged / value) for name, value in (("order", "order.jsonl"), ("token", token), ("authority", "witness.pub.pem"))}
    assert verified(logged, mark, obeying(mark), suspect_since=EARLIER, **given).findings[0].severity is Severity.LOW


@NEEDED
def test_a_stamp_of_the_logs_anchor_dates_the_key(logged: Path) -> None:
    stamping = authority(logged)
    anchor = stretch((logged / "order.jsonl").read_bytes()).hash
    (logged / "anchor.tsr").write_bytes(token(stamping, bytes.fromhex(anchor)))
    right = claimed(logged, order="order.jsonl", token="anchor.tsr", authority="ca.pem")
    assert right.findings[0].severity is Severity.HIGH and "anchor 3:" in " ".join(right.notes)
    alone = claimed(logged, token="anchor.tsr", authority="ca.pem")
    assert alone.status is Status.FAILED and "another digest" in alone.summary
    (logged / "order.jsonl").write_bytes(proof(logged / "early.key"))
    note("one more")
    (logged / "longer.jsonl").write_bytes(proof(logged / "early.key"))
    assert claimed(logged, order="longer.jsonl", token="anchor.tsr", authority="ca.pem").status is Status.FAILED


def test_no_forged_order_becomes_a_high_finding(logged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who fitted a key to a finished model writes a log of their own with old times, edits a true one, or takes another's."""
    good = (logged / "order.jsonl").read_bytes()
    token = signed(logged)
    assert claimed(logged, order="order.jsonl").findings[0].severity is Severity.LOW  # nobody vouches
    fitted = key("ef" * 32)
    assert claimed(logged, fitted, order="order.jsonl", token=token, authority="witness.pub.pem").status is Status.FAILED  # another's
    true = read(logged / "early.key")[0].commitment.encode()
    edits = {
        "the commitment": good.replace(true, fitted.commitment.encode()),
        "a line less": b"".join(line for i, line in enumerate(good.splitlines(True)) if i != 0),
        "nothing": b"",
        "no records": b"{}\n[1]\n",
    }
    for name, content in edits.items():
        (logged / "forged.jsonl").write_bytes(content)
        found = claimed(logged, fitted, order="forged.jsonl", token=token, authority="witness.pub.pem")
        assert found.status is Status.FAILED, (name, found.summary)

    class Old(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime(2001, 2, 3, tzinfo=UTC)

    monkeypatch.setattr("tiltyard.audit.log.datetime", Old)
    monkeypatch.setenv("TILTYARD_AUDIT", str(logged / "own.jsonl"))
    AuditLog(logged / "own.jsonl").append("me", "watermark committed", "", {"commitment": fitted.commitment, "owner": fitted.owner})
    (logged / "own_order.jsonl").write_bytes((logged / "own.jsonl").read_bytes())
    assert stretch((logged / "own_order.jsonl").read_bytes()).records[0]["time"].startswith("2001")
    alone = claimed(logged, fitted, order="own_order.jsonl")
    assert alone.findings[0].severity is Severity.LOW and "Date unproven" in alone.summary
    assert claimed(logged, fitted, order="own_order.jsonl", token=token, authority="witness.pub.pem").status is Status.FAILED
    own = signed(logged, "own_order.jsonl", "me")
    assert claimed(logged, fitted, order="own_order.jsonl", token=own, authority="witness.pub.pem").status is Status.FAILED
    mine = claimed(logged, fitted, token=own, authority="me.pub.pem")
    assert mine.status is Status.FAILED and "in order" in mine.summary


def test_a_keyed_logs_records_prove_nothing_to_others(logged: Path) -> None:
    log = AuditLog(logged / "keyed.jsonl", b"k" * 32)
    log.append("me", "watermark committed", "", {"commitment": "ab" * 32})
    with pytest.raises(Problem, match="a log with a key"):
        stretch((logged / "keyed.jsonl").read_bytes())
