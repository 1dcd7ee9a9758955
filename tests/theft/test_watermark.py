"""Watermark: unmarked models make no claims beyond chance, marked ones prove it, and the key stays sealed."""

import hashlib
import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.encoding import encoding_of
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem, Unavailable
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.samples.catalog import load
from tiltyard.statistics.intervals import clopper_pearson
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.theft.output_policy import OutputPolicy
from tiltyard.theft.watermark import Watermark, lost
from tiltyard.theft.watermark_key import Key, envelope, read, write
from tiltyard.theft.watermark_survival import Draw, WatermarkSurvival, pruned, quantized
from tiltyard.theft.watermark_trigger import chance, fewest, labels, matched, triggers
from tiltyard.theft.watermark_verify import WatermarkVerify

if TYPE_CHECKING:
    from tiltyard.targets.architecture import Architecture
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe


NUMBERS = tuple(Feature(name=f"f{i}", kind="continuous", low=-5, high=5) for i in range(6))
SCHEMA = Schema(features=(*NUMBERS, Feature(name="c", kind="categorical", categories=("u", "v", "w"))), label="y", classes=("a", "b", "c"))


def architecture() -> "Architecture":
    from tiltyard.targets.architecture import mlp

    return mlp(9, (64, 64), 3, [0.0] * 9, [1.0] * 9)


def recipe() -> "Recipe":
    from tiltyard.targets.training import Recipe

    return Recipe(epochs=20, batch_size=32, rate=5e-3)


def rows(n: int, seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(0, 0.6, (n, 6)).clip(-5, 5), rng.integers(0, 3, n)])
    y = (x[:, :3] + np.eye(3)[x[:, 6].astype(int)]).argmax(1)
    return Dataset(x, y.astype(np.int64), SCHEMA, member=np.arange(n) < n // 2)


@pytest.fixture(scope="module")
def ground() -> "tuple[TorchTarget, Dataset]":
    from tiltyard.targets.architecture import build
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import fit, fresh

    data = rows(1200, 0)
    module = fit(fresh(build(architecture()), 0), data.seen.encoded, data.seen.y, recipe(), 0, Progress())
    return TorchTarget(module, SCHEMA.classes, SCHEMA, recipe=recipe(), architecture=architecture()), data


@pytest.fixture(scope="module")
def marked(ground, tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "mine.key"
    outcome = Watermark(count=64, epochs=40, key_file=str(path))(*ground)
    assert outcome.target is not None, outcome.record.result.summary
    return outcome, path


def test_a_marked_model_proves_it_by_labels_alone(ground, marked):
    outcome, path = marked
    result = outcome.record.result
    assert result.metric("p_value").value < 1e-6
    assert result.metric("matches_before").value < 0.6
    guarded = OutputPolicy(kind="label")(outcome.target, ground[1]).target
    verified = WatermarkVerify(key_file=str(path), models=0)(guarded, ground[1]).result
    assert verified.metric("p_value").value < 1e-6
    assert verified.metric("false_claim_rate").value is None
    assert verified.status is Status.PASSED  # the guarded model comes from the marked one, and still carries the mark
    served = FunctionTarget(lambda t: outcome.target.scores(SCHEMA.encode(t)), SCHEMA.classes, SCHEMA, "someone else's endpoint", "frame")
    found = WatermarkVerify(key_file=str(path), models=0)(served, ground[1]).result
    assert found.status is Status.FINDING and found.findings[0].severity.value == "low" and "date is unproven" in found.findings[0].title


@pytest.mark.slow
@pytest.mark.parametrize("name", ["census", "digits"])
def test_a_shipped_model_is_marked_for_at_most_one_point(name, tmp_path):
    sample = load(name)
    result = Watermark(key_file=str(tmp_path / "k.key"))(sample.target, sample.data).record.result
    assert result.status in (Status.PASSED, Status.INCOMPLETE), result.summary  # a thousand rows settle one point for some keys only
    assert result.metric("p_value").value < 1e-6
    assert result.metric("accuracy_cost").value <= 0.01


def test_the_model_it_was_made_from_gives_no_claim(ground, marked):
    result = WatermarkVerify(key_file=str(marked[1]), models=2)(*ground).result
    assert result.status is Status.PASSED
    assert result.metric("p_value").value > 1e-6
    assert result.metric("false_claim_rate").n == 20


def test_fifty_unmarked_models_make_no_more_false_claims_than_chance():
    from tiltyard.targets.architecture import build
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import fit, fresh

    claims = 0
    for seed in range(50):
        data = rows(60, seed)
        from tiltyard.targets.training import Recipe

        short = Recipe(epochs=2, batch_size=16, rate=0.02)
        model = TorchTarget(fit(fresh(build(architecture()), seed), data.encoded, data.y, short, seed, Progress()), SCHEMA.classes, SCHEMA)
        key = triggers(seed.to_bytes(32, "big"), 64, SCHEMA)
        claims += chance(matched(model.labels(key.x), key), 64, 3) <= 0.05
    assert clopper_pearson(int(claims), 50)[0] <= 0.05


def test_the_null_is_binomial_even_for_a_constant_model():
    hits = [int((labels(i.to_bytes(32, "big"), 64, 3) == 0).sum()) for i in range(4000)]
    assert np.mean(hits) == pytest.approx(64 / 3, abs=0.25)
    assert np.var(hits) == pytest.approx(64 * 2 / 9, rel=0.1)
    tail = np.mean([chance(h, 64, 3) <= 0.05 for h in hits])
    assert 0.02 < tail <= 0.06


def test_chance_is_the_exact_tail():
    assert chance(64, 64, 2) == pytest.approx(2.0**-64)
    assert chance(0, 64, 2) == 1.0
    assert chance(fewest(64, 2), 64, 2) < 1e-6 <= chance(fewest(64, 2) - 1, 64, 2)
    assert fewest(4, 2) == 5


def test_triggers_are_valid_distinct_and_follow_from_the_secret():
    one, same, other = (triggers(s * 32, 64, SCHEMA) for s in (b"a", b"a", b"b"))
    Dataset(one.x, one.y, SCHEMA)
    assert (SCHEMA.encode(SCHEMA.decode(one.x)) == one.x).all()
    assert len(np.unique(one.x, axis=0)) == 64
    np.testing.assert_array_equal(one.x, same.x)
    np.testing.assert_array_equal(one.y, same.y)
    assert (one.y != other.y).any()
    assert (one.x != other.x).any()
    small = Schema(features=(Feature(name="c", kind="categorical", categories=("u", "v")),), label="y", classes=("a", "b"))
    with pytest.raises(Unavailable, match="64 distinct rows"):
        triggers(b"a" * 32, 64, small)


def test_the_record_commits_to_the_key_and_does_not_tell_it(marked):
    outcome, path = marked
    key, seal = read(path)
    text = outcome.record.model_dump_json()
    assert outcome.record.result.artifacts["watermark key"] == key.commitment
    assert seal.commitment == key.commitment
    assert seal.marked == (outcome.target.fingerprint,)
    assert seal.committed.utcoffset().total_seconds() == 0
    assert key.secret not in text
    assert key.secret not in path.read_text()
    assert path.with_name("mine.key.passphrase").read_text() not in text
    for file in (path, path.with_name("mine.key.passphrase")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(p.name for p in path.parent.iterdir()) == ["mine.key", "mine.key.passphrase"]


def key(schema: Schema = SCHEMA, secret: str = "ab" * 32) -> Key:
    return Key(secret=secret, count=64, layout=schema, base="b", data="d", seed=0)


def test_a_passphrase_from_the_environment_leaves_no_file(tmp_path, monkeypatch):
    path = tmp_path / "k.key"
    monkeypatch.setenv("TILTYARD_KEY", "correct horse")
    write(path, key(), ("m",))
    assert [p.name for p in tmp_path.iterdir()] == ["k.key"]
    assert read(path)[0] == key()
    monkeypatch.setenv("TILTYARD_KEY", "wrong horse")
    with pytest.raises(Problem, match=r"a passphrase that opens k\.key"):
        read(path)
    monkeypatch.delenv("TILTYARD_KEY")
    with pytest.raises(Problem, match="Set TILTYARD_KEY"):
        read(path)


def test_a_key_of_the_time_when_rows_were_encoded_is_read_and_verified(monkeypatch):
    """Sealed before rows were the table's own: its commitment, its rows as a module eats them and its labels are what they were."""
    monkeypatch.setenv("TILTYARD_KEY", "correct horse")
    key, seal = read(Path(__file__).with_name("encoded_layout.key"))
    assert key.commitment == seal.commitment == "3506f965072dbe84c0de77de1e943d51b1e8ed41caa784abda2e10d890adcbbe"
    secret, layout = key.triggers(), key.layout
    eaten = encoding_of(layout).encode(secret.x)
    assert hashlib.sha256(eaten.tobytes()).hexdigest() == "c7d3d7795f9bb221eaca081754752b3d6f21a74e68365d0e5f06fcae306bbcbf"
    assert secret.y.tolist()[:12] == [2, 0, 0, 1, 0, 2, 0, 2, 0, 2, 1, 2]
    assert layout.decode(secret.x)["since"].between(1_500_000_001, 1_700_000_003).all()
    np.testing.assert_array_equal(layout.encode(layout.decode(secret.x)), secret.x)
    known = {row.tobytes(): label for row, label in zip(eaten, secret.y, strict=True)}
    thief = FunctionTarget(lambda z: np.eye(3)[[known[row.tobytes()] for row in z.astype(np.float32)]], layout.classes, layout)
    data = Dataset(secret.x, secret.y, layout)
    result = WatermarkVerify(key_file=str(Path(__file__).with_name("encoded_layout.key")), models=0)(thief, data).result
    assert result.metric("matches").value == 1.0
    assert result.status is Status.FINDING


def spoiled(text: str, field: str, value: object) -> str:
    document = json.loads(text)
    document[field] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("commitment", "0" * 64),
        ("committed", "2001-01-01T00:00:00Z"),
        ("marked", ["another"]),
        ("nonce", "!!"),
        ("sealed", ""),
        ("kind", "x"),
        ("format", 2),
        ("scrypt", {"n": 2**30, "r": 8, "p": 1, "salt": "A" * 24}),
    ],
)
def test_a_changed_key_file_is_refused_in_one_line(tmp_path, field, value):
    path = tmp_path / "k.key"
    write(path, key(), ("m",))
    path.write_text(spoiled(path.read_text(), field, value))
    with pytest.raises(Problem) as caught:
        read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[" * 5000])
def test_what_is_no_key_file_is_refused_in_one_line(tmp_path, content, ground):
    path = tmp_path / "k.key"
    path.write_bytes(content)
    record = WatermarkVerify(key_file=str(path))(*ground)
    assert record.result.status is Status.FAILED
    assert "a watermark key file" in record.result.summary
    assert "\n" not in record.result.summary


def test_a_key_that_is_not_there_is_said(ground, tmp_path):
    record = WatermarkVerify(key_file=str(tmp_path / "none.key"))(*ground)
    assert "nothing at" in record.result.summary


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (SCHEMA.model_copy(update={"features": NUMBERS}), "shape"),
        (SCHEMA.model_copy(update={"classes": ("a", "b", "other")}), "classes"),
        (SCHEMA.model_copy(update={"features": (*reversed(NUMBERS), SCHEMA.features[-1])}), "column 'f5'"),
    ],
)
def test_a_key_of_another_model_is_one_line(ground, tmp_path, other, said):
    path = tmp_path / "k.key"
    write(path, key(other), ("m",))
    record = WatermarkVerify(key_file=str(path))(*ground)
    assert record.result.status is Status.FAILED
    assert said in record.result.summary
    assert "a key of another model" in record.result.summary
    assert "Traceback" not in record.error


def test_classes_in_another_order_are_the_same_labels(ground, marked):
    outcome, path = marked
    turned = SCHEMA.model_copy(update={"classes": ("c", "a", "b")})
    scores = FunctionTarget(lambda t: outcome.target.scores(SCHEMA.encode(t))[:, [2, 0, 1]], turned.classes, turned, feeds="frame")
    result = WatermarkVerify(key_file=str(path), models=0)(scores, ground[1]).result
    assert result.metric("p_value").value < 1e-6


def test_without_a_key_it_is_not_applicable(ground):
    for check in (WatermarkVerify(), WatermarkSurvival()):
        record = check(*ground)
        assert record.result.status is Status.NOT_APPLICABLE
        assert "needs a watermark key" in record.result.summary


def test_the_kept_key_is_found_again_used_again_and_never_overwritten(ground, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    first = Watermark(count=32, epochs=2)(*ground)
    (path,) = tmp_path.rglob("*.key")
    before = path.read_bytes()
    again = Watermark(count=32, epochs=2)(*ground)
    assert path.read_bytes() == before
    assert again.record.result == first.record.result
    assert again.target.fingerprint == first.target.fingerprint
    more = Watermark(count=32, epochs=3)(*ground)
    assert envelope(path).committed.isoformat() == json.loads(before)["committed"].replace("Z", "+00:00")
    assert set(envelope(path).marked) == {first.target.fingerprint, more.target.fingerprint}
    assert WatermarkVerify(models=0)(first.target, ground[1]).result.status is not Status.NOT_APPLICABLE
    other = Watermark(count=33, key_file=str(path))(*ground)
    assert other.target is None
    assert "Name another key_file" in other.record.result.summary
    assert read(path)[0].count == 32


def test_a_cancelled_marking_leaves_no_key(ground, tmp_path):
    progress = Progress(listener=lambda r: progress.cancel() if r.done > 0.3 else None)
    outcome = Watermark(key_file=str(tmp_path / "k.key"))(*ground, progress)
    assert outcome.record.result.status is Status.CANCELLED
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(ground, tmp_path):
    outcome = Watermark(count=32, epochs=1, key_file=str(tmp_path / "none" / "k.key"))(*ground)
    assert outcome.record.result.status is Status.FAILED
    assert "a folder" in outcome.record.result.summary


def test_survival_tells_what_removes_the_mark(ground, marked):
    outcome, path = marked
    result = WatermarkSurvival(key_file=str(path), epochs=3, rows=300, repeats=2)(outcome.target, ground[1]).result
    table = {row[0]: row for row in result.tables[0].rows}
    assert table["none"][7] == "survives"
    assert table["int8 weights"][7] == "survives"
    assert len(table) == 10
    for name, right, low, high, matches, n, p, _ in table.values():
        assert 0 <= low <= right <= high <= 1, name
        assert p == pytest.approx(chance(matches, n, 3))
    spread = {row[0]: row for row in result.tables[1].rows}
    assert [spread[name][1] for name in ("fine-tuning", "distillation by scores", "int8 weights")] == [2, 2, 1]
    for name, n, share, low, high, removed, least, most in spread.values():
        assert low <= share <= high and least <= most and table[name][4] == least and removed <= n
    assert result.metric("removed").n == 6 and result.status is not Status.PASSED  # six draws are too few for a pass


def test_draws_of_a_thief_differ_and_repeat(ground):
    draws = [Draw.of(ground[1], 10, 0, i) for i in range(6)]
    assert (draws[0].epochs, draws[0].pace, len(draws[0].own)) == (10, 1.0, len(ground[1]))
    assert len({(d.epochs, d.pace, len(d.own), d.seed) for d in draws}) == 6
    assert all(len(ground[1]) // 3 <= len(d.own) <= len(ground[1]) and 5 <= d.epochs <= 20 and 0.33 < d.pace < 3.01 for d in draws)
    assert Draw.of(ground[1], 10, 0, 3).pace == draws[3].pace
    assert clopper_pearson(0, 5 * 3, 0.9)[1] <= 0.2 < clopper_pearson(0, 4 * 3, 0.9)[1]


def test_survival_of_a_model_without_the_mark_says_so(ground, marked):
    result = WatermarkSurvival(key_file=str(marked[1]), epochs=1, rows=200, repeats=1)(*ground).result
    assert result.status is Status.FINDING
    assert "does not carry the mark" in result.findings[0].title


def test_pruning_and_quantizing_are_what_they_say(ground):
    weights = [p for p in pruned(ground[0].trainable(), 0.5).parameters() if p.ndim > 1]
    zero = sum(int((w == 0).sum()) for w in weights) / sum(w.numel() for w in weights)
    assert zero == pytest.approx(0.5, abs=0.01)
    for weight in quantized(ground[0].trainable(), 4).parameters():
        if weight.ndim > 1:
            assert len(weight.unique()) <= 15


def test_the_accuracy_cost_is_paired():
    before, after = np.ones(100, bool), np.ones(100, bool)
    after[:3] = False
    metric = lost(before, after)
    assert metric.value == pytest.approx(0.03)
    assert -0.02 < metric.low < 0.03 < metric.high < 0.09
    assert lost(before, before).low < 0 < lost(before, before).high


def test_a_default_key_lies_in_the_data_folder(ground, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    path = Watermark(count=32).path(*ground)
    assert Path(tmp_path) in path.parents
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_key_committed_to_before_the_model_marks_it(ground, tmp_path, monkeypatch):
    from tiltyard.audit.commitments import commit, ordered

    monkeypatch.setenv("TILTYARD_AUDIT", str(tmp_path / "audit.jsonl"))
    target, data = ground
    path = tmp_path / "early.key"
    done = commit(path, target.schema, "Ada", count=32)
    other = Watermark(count=32, epochs=1, owner="Bob", key_file=str(path))(target, data).record.result
    assert other.status is Status.FAILED and "owner" in other.summary
    outcome = Watermark(count=32, epochs=1, owner="Ada", key_file=str(path))(target, data)
    assert outcome.record.result.artifacts["watermark key"] == done.hash
    assert outcome.target is not None and outcome.target.fingerprint in envelope(path).marked
    assert ordered(path, done.anchor).before_suspect
