"""The extraction detector: real thieves are flagged, honest keys are not, and what it cannot see is known."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tiltyard.datasets.encoding import encoding_of
from tiltyard.datasets.schema import Rows
from tiltyard.errors import Problem
from tiltyard.samples.catalog import Sample, load
from tiltyard.serving.evidence import FALSE_ALARM, LIMIT, MONTH, bets, fair, grown
from tiltyard.serving.extraction_detector import ExtractionDetector, Honest, Ranking, View, learned, margins, nearest
from tiltyard.serving.keys import KeyStore, Made
from tiltyard.serving.server import Served
from tiltyard.serving.settings import DetectorSettings, Settings
from tiltyard.statistics.intervals import clopper_pearson
from tiltyard.targets.decision import Scores
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.theft.equations import drawn
from tiltyard.theft.extraction import Extraction

from .conftest import GOOD, SCHEMA, linear, until

Serve = Callable[..., Any]
CLIENTS = 200


def numbers(x: Rows) -> list[Any]:
    """Rows as lists of encoded numbers, for a request."""
    return encoding_of(SCHEMA).encode(x, np.float64).tolist()


def known(sample: Sample) -> Honest:
    """What an owner knows of honest rows: those the model was trained on."""
    rows = sample.data.seen.sample(2000, np.random.default_rng(1)).x
    return learned(rows, sample.target.predictions(rows), sample.target.schema)


@pytest.fixture(scope="module")
def census() -> tuple[Sample, Honest]:
    """The shipped model, and honest rows as its owner has them."""
    sample = load("census")
    return sample, known(sample)


def asked_by(sample: Sample, strategy: str, query_budget: int) -> tuple[Rows, Scores]:
    """What a thief of `theft.extraction` asks and is answered, in order; without the rows its copy is judged on."""
    seen: list[tuple[Rows, Scores]] = []
    schema = sample.target.schema

    def answer(table: Any) -> Scores:
        x = schema.encode(table)
        seen.append((x, sample.target.scores(x)))
        return seen[-1][1]

    target = FunctionTarget(answer, sample.target.classes, schema, "extracted", "frame")
    Extraction(query_budget=query_budget, strategy=strategy, points=3, epochs=5, rows=100, seed=3)(target, sample.data)
    return np.concatenate([x for x, _ in seen[1:]]), np.concatenate([s for _, s in seen[1:]])


@pytest.mark.parametrize("strategy", ["adaptive", "natural"])
def test_a_thief_who_asks_honest_rows_gives_no_evidence_that_honest_desks_do_not(census: tuple[Sample, Honest], strategy: str) -> None:
    sample, honest = census
    x, scores = asked_by(sample, strategy, 300)
    detector = ExtractionDetector(honest)
    detector(x, scores, scores.argmax(1).astype(np.int64), "thief")
    assert not detector.of("thief").refused and detector.of("thief").rows == len(x)


def test_random_rows_are_flagged(census: tuple[Sample, Honest]) -> None:
    sample, honest = census
    x = drawn(sample.target.schema, 200, np.random.default_rng(0))
    detector = ExtractionDetector(honest)
    scores = sample.target.scores(x)
    for i in range(0, len(x), 7):
        detector(x[i : i + 7], scores[i : i + 7], scores[i : i + 7].argmax(1).astype(np.int64), "thief")
    assert detector.of("thief").flagged


@pytest.mark.parametrize(("name", "rows"), [("census", 1000), ("digits", 500)])
@pytest.mark.parametrize("one_class", [False, True])
def test_false_alarms_on_honest_keys_are_measured_and_few(name: str, rows: int, one_class: bool) -> None:
    """200 honest keys, each with held-out rows of its own drawing, or of one class alone: the upper end of the 95 % interval lies below 5 %."""
    sample = load(name)
    honest = known(sample)
    pool = sample.data.unseen
    scores = sample.target.scores(pool.x)
    labels = scores.argmax(1).astype(np.int64)
    rng = np.random.default_rng(5)
    detector = ExtractionDetector(honest)
    for client in range(CLIENTS):
        here = np.flatnonzero(labels == rng.choice(labels)) if one_class else np.arange(len(pool))
        i = rng.choice(here, min(rows, len(here)), replace=False)
        detector(pool.x[i], scores[i], labels[i], str(client))
    alarms = sum(detector.of(str(client)).flagged for client in range(CLIENTS))
    assert detector.of("0").different > 100 and clopper_pearson(alarms, CLIENTS)[1] < 0.05, alarms


def test_rows_asked_again_and_again_are_no_theft(census: tuple[Sample, Honest]) -> None:
    sample, honest = census
    x = np.repeat(sample.data.unseen.x[:50], 20, 0)
    detector = ExtractionDetector(honest)
    scores = sample.target.scores(x)
    detector(x, scores, scores.argmax(1).astype(np.int64), "probe")
    assert (detector.of("probe").rows, detector.of("probe").different, detector.of("probe").flagged) == (1000, 50, False)


def test_what_is_kept_of_a_key_is_bounded(census: tuple[Sample, Honest]) -> None:
    """A hundred times the rows, no more memory: 16 bytes of each of the last 2,000 different rows, and a dozen numbers."""
    sample, honest = census
    detector = ExtractionDetector(honest)
    for part in range(100):
        x = drawn(sample.target.schema, 190, np.random.default_rng(part))
        scores = sample.target.scores(x)
        detector(x, scores, scores.argmax(1).astype(np.int64), "busy")
    assert len(detector._met["busy"]) == 2000 and all(len(d) == 16 for d in detector._met["busy"])
    assert detector.of("busy").rows == 19_000


def desk(sample: Sample, kind: str, rng: np.random.Generator) -> Rows:
    """300 rows as one honest desk asks them: borderline cases, neighboring ages, or any."""
    pool = sample.data.unseen.x
    if kind == "any":
        return pool[rng.choice(len(pool), 300, replace=False)]
    if kind == "borderline":
        low = np.argsort(margins(sample.target.scores(pool)))[: len(pool) // 10]
        return pool[rng.choice(low, 300, replace=False)]
    near = np.argsort(np.abs(pool[:, 0] - rng.choice(pool[:, 0])), kind="stable")[: max(600, len(pool) // 20)]
    return pool[rng.choice(near, 300, replace=False)]


def asks(detector: ExtractionDetector, sample: Sample, key: str, x: Rows) -> None:
    answers = sample.target.predictions(x)
    detector(x, answers.scores, answers.labels, key)


@pytest.mark.parametrize("kind", ["any", "borderline", "neighboring ages"])
def test_honest_desks_of_one_kind_are_never_refused(census: tuple[Sample, Honest], kind: str) -> None:
    """Borderline cases alone look as a thief's do, and are a question; once cleared, they are the desk's own way."""
    sample, honest = census
    detector, rng = ExtractionDetector(honest), np.random.default_rng(3)
    for client in range(30):
        asks(detector, sample, str(client), desk(sample, kind, rng))
    assert not any(detector.of(str(c)).refused for c in range(30))
    if kind != "borderline":
        assert not any(detector.of(str(c)).flagged for c in range(30))
        return
    assert detector.of("0").flagged
    detector.clear("0")
    for _ in range(3):
        asks(detector, sample, "0", desk(sample, kind, rng))
    assert not detector.of("0").flagged
    asks(detector, sample, "0", drawn(sample.target.schema, 100, rng))
    assert detector.of("0").refused  # a cleared key is watched on


def test_honest_rows_in_between_do_not_hide_a_thief(census: tuple[Sample, Honest]) -> None:
    sample, honest = census
    detector, rng = ExtractionDetector(honest), np.random.default_rng(4)
    for thief in range(10):
        for _ in range(2):
            asks(detector, sample, str(thief), drawn(sample.target.schema, 100, rng))
            asks(detector, sample, str(thief), desk(sample, "any", rng)[:100])
    assert all(detector.of(str(thief)).refused for thief in range(10))


def test_the_trail_outlives_a_restart(census: tuple[Sample, Honest], tmp_path: Path) -> None:
    sample, honest = census
    place, rng = tmp_path / "usage.trail", np.random.default_rng(5)
    detector = ExtractionDetector(honest, place=place)
    asks(detector, sample, "slow", drawn(sample.target.schema, 12, rng))
    half = detector.of("slow").strange
    detector.close()
    again = ExtractionDetector(honest, place=place)
    assert again.of("slow").strange == half > 1 and not again.of("slow").refused
    asks(again, sample, "slow", drawn(sample.target.schema, 100, rng))
    assert again.of("slow").refused and ExtractionDetector(honest, place=place).of("slow").refused  # written when it came
    place.write_text("{")
    with pytest.raises(Problem, match="extraction detector"):
        ExtractionDetector(honest, place=place)


def test_false_alarms_of_a_month_are_what_is_stated() -> None:
    """Even ranks, 100,000 rows of each of 300 keys: by the bound 0.3 alarms; more than three would refute it."""
    rng = np.random.default_rng(0)
    evidence, most = np.zeros(300), np.zeros(300)
    assert np.exp(LIMIT) == pytest.approx(MONTH / FALSE_ALARM)
    for _ in range(MONTH // 100):
        for bet in bets(rng.random((100, 300)) * 0.999 + 0.001):
            evidence = np.maximum(evidence, 0) + np.log(0.5 + 0.5 * bet)
            np.maximum(most, evidence, out=most)
    assert (most > LIMIT).sum() <= 3


def test_bets_are_fair_and_grow_by_hand() -> None:
    p = (np.arange(100_000) + 0.5) / 100_000
    assert bets(p).mean() == pytest.approx(1, abs=0.01)
    assert bets(np.array([0.25, 0.01])).tolist() == [1.0, 5.0]
    assert grown(-3.0, 5.0, 1.0) == pytest.approx(np.log(3)) and grown(2.0, 5.0, 2.5) == pytest.approx(2 + np.log(1.5))
    rows = np.concatenate([np.full(50, 0.5), np.full(50, 4.0)])
    assert fair(rows, [np.arange(50), np.arange(50, 100), np.arange(90, 100)]) == 4.0
    assert fair(rows[:50], [np.arange(50)]) == 1.0


def test_known_distances() -> None:
    known, answers = np.array([[0, 0], [3, 4], [10, 0]], np.float32), np.array([0, 0, 1])
    z = np.array([[0, 1], [3, 3], [9, 0], [9, 0], [2, 0]], np.float32)
    assert nearest(z, np.array([0, 0, 1, 0, 7]), known, answers).tolist() == pytest.approx([1, 1, 1, np.sqrt(52), 2])
    assert margins(np.array([[0.5, 0.2, 0.3], [0.1, 0.1, 0.8]], np.float32)).tolist() == pytest.approx([0.2, 0.7])


def test_a_rank_is_among_its_own_class_and_of_a_rare_class_among_all() -> None:
    values, labels = np.concatenate([np.arange(30.0), 100 + np.arange(30.0), [500.0]]), np.repeat([0, 1, 2], [30, 30, 1])
    rank = Ranking.of(values, labels)
    ranks = rank(np.array([15.0, 115.0, 115.0, -1.0, 600.0]), np.array([0, 1, 0, 1, 2]))
    assert ranks.tolist() == pytest.approx([16 / 31, 16 / 31, 30.5 / 31, 0.5 / 31, 61.5 / 62])
    assert rank(np.array([7.0]), np.array([0])) == pytest.approx([8 / 31])  # of a tie the middle


def test_wide_rows_are_projected_and_distances_keep() -> None:
    schema = load("digits").target.schema
    x = np.random.default_rng(0).random((50, 1, 28, 28), np.float32)
    z = View.of(schema, np.random.default_rng(1))(x)
    far = np.linalg.norm(x[0] - x[1:].reshape(49, 1, 28, 28), axis=(2, 3)).ravel()
    assert z.shape == (50, 32) and np.median(np.linalg.norm(z[0] - z[1:], axis=1) / far) == pytest.approx(1, abs=0.15)


def test_few_rows_say_nothing() -> None:
    x = drawn(SCHEMA, 100, np.random.default_rng(0))
    with pytest.raises(Problem, match="500"):
        learned(x, linear().predictions(x), SCHEMA)


def test_an_endpoint_flags_logs_refuses_and_forgets(serving: Serve, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    honest = drawn(SCHEMA, 800, rng)
    honest[:, 0], honest[:, 1] = rng.integers(17, 41, 800), rng.uniform(0, 200, 800)
    asked = serving(
        extraction_detector={"action": "refuse"}, log=str(tmp_path / "log"), limits={"rows": 300}, target=linear(), honest=honest
    )
    admin = asked.keys.new("admin", ("admin",)).secret
    head = {"Authorization": f"Bearer {admin}"}
    assert asked.predict(*numbers(honest[:200])).status_code == 200
    asked.served.guarded.settle()
    assert asked.predict(GOOD).status_code == 200
    assert asked.predict(*numbers(drawn(SCHEMA, 300, rng))).status_code == 200
    asked.served.guarded.settle()
    refused = asked.predict(GOOD)
    assert refused.status_code == 403 and "operator" in refused.text
    line = next(e for e in map(json.loads, until((tmp_path / "log").read_text).splitlines()) if e["event"] == "extraction suspected")
    key = asked.keys.all()[0].id
    assert (
        line["key"] == key
        and line["flagged"]
        and set(line) == {"time", "event", "key", "flagged", "refusable", "rows", "different", "strange", "suspect"}
    )
    told = asked.client.get("/v1/keys", headers=head).json()
    assert told["keys"][0]["trail"]["flagged"] and told["keys"][0]["spent"] == 501 and "hash" not in str(told)
    assert asked.client.get("/v1/keys").status_code == 403
    assert asked.client.post(f"/v1/keys/{key}/clear").status_code == 403
    renewed = asked.keys.rotate("tester", timedelta(minutes=5))
    for secret in (asked.secret, renewed.secret):  # a rotation shakes nothing off
        assert asked.predict(GOOD, headers={"Authorization": f"Bearer {secret}"}).status_code == 403
    assert asked.client.post(f"/v1/keys/{renewed.key.id}/clear", headers=head).json()["trail"]["flagged"] is False
    assert asked.predict(GOOD).status_code == 200
    for path in (f"/v1/keys/{key}/burn", "/v1/keys/none/revoke"):
        assert asked.client.post(path, headers=head).status_code == 404
    assert asked.client.post(f"/v1/keys/{key}/revoke", headers=head).json()["state"] == "revoked"
    assert asked.predict(GOOD).status_code == 401


def test_a_flagged_key_is_refused_by_the_endpoint_that_is_started_anew(serving: Serve, tmp_path: Path) -> None:
    """Under a rotated key too, and though the file of the trail is all that is left of what it asked."""
    rng = np.random.default_rng(0)
    settings = {"extraction_detector": {"action": "refuse"}, "usage": str(tmp_path / "usage.json"), "limits": {"rows": 300}}
    keys, honest = KeyStore(tmp_path / "keys.json"), drawn(SCHEMA, 800, rng)
    honest[:, 0], honest[:, 1] = rng.integers(17, 41, 800), rng.uniform(0, 200, 800)
    thief, other, row = keys.new("thief"), keys.new("other"), {"instances": [GOOD]}

    def answered(served: Served, made: Made, body: Any = row) -> int:
        head = {"Authorization": f"Bearer {made.secret}"}
        return httpx.post(f"{served.url}/v1/predict", json=body, headers=head, timeout=60).status_code

    given = Settings.model_validate({"port": 0, "rate": {"requests": ""}} | settings)
    with Served(linear(), given, keys, (), honest) as served:
        assert answered(served, thief, {"instances": numbers(drawn(SCHEMA, 300, rng))}) == 200
        served.guarded.settle()
        assert (answered(served, thief), answered(served, other)) == (403, 200)
    with Served(linear(), given, KeyStore(tmp_path / "keys.json"), (), honest) as served:
        renewed = served.guarded.keys.rotate("thief", timedelta(minutes=5))
        assert [answered(served, made) for made in (thief, renewed, other)] == [403, 403, 200]
    for file in tmp_path.glob("usage.json.trail"):
        file.unlink()
    with Served(linear(), given, KeyStore(tmp_path / "keys.json"), (), honest) as served:
        assert answered(served, thief) == 200  # so it was the file that remembered


@pytest.mark.parametrize("honest", [None, np.repeat(encoding_of(SCHEMA).decode(np.array([GOOD])), 900, 0)])
def test_without_enough_honest_rows_no_trail_is_kept_and_the_log_says_so(serving: Serve, tmp_path: Path, honest: Any) -> None:
    asked = serving(log=str(tmp_path / "log"), honest=honest)
    assert asked.served.guarded.detector is None and asked.predict(GOOD).status_code == 200
    assert json.loads((tmp_path / "log").read_text().splitlines()[0])["event"] == "no trail"


def test_who_cannot_be_watched_cannot_be_refused(serving: Serve) -> None:
    with pytest.raises(Problem, match="honest rows"):
        serving(extraction_detector={"action": "refuse"}, honest=None)
    with pytest.raises(ValueError, match="set watch = true"):
        DetectorSettings(watch=False, action="refuse")


@pytest.mark.parametrize("action", ["refuse", "log"])
def test_a_flood_is_no_way_past_the_detector(serving: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    """While the observers are behind, nobody is answered unseen where the flagged are to be refused; else the log says that some were."""
    monkeypatch.setattr("tiltyard.serving.guarding.MOST_UNOBSERVED", 4)
    held, seen = threading.Event(), []

    def slow(x: Any, scores: Any, labels: Any, key: str, request: str) -> None:
        assert held.wait(60)
        seen.append(request)

    honest = drawn(SCHEMA, 800, np.random.default_rng(0))
    asked = serving(linear(), (slow,), honest, extraction_detector={"action": action}, log=str(tmp_path / "log"))
    codes = [asked.predict(GOOD).status_code for _ in range(8)]
    held.set()
    asked.served.guarded.settle()
    assert codes == ([200] * 4 + [503] * 4 if action == "refuse" else [200] * 8)
    assert len(seen) == 4 and asked.predict(GOOD).status_code == 200
    assert ("answers not observed" in (tmp_path / "log").read_text()) == (action == "log")
