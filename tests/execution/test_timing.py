"""Honest time left: against timings that are known, and against ends that come late."""

import pytest

from tiltyard.catalogue import find
from tiltyard.execution.timing import Expected, TimeLeft, all_of, expected
from tiltyard.result import Status
from tiltyard.samples.catalog import load
from tiltyard.store.lines import Timing
from tiltyard.store.store import Store

PERFORMANCE = "validation.performance"


@pytest.fixture(scope="module")
def census():
    return load("census")


def timing(seconds: float, target: str = "", data: str = "", step: str = "evasion.pgd", **given: object) -> Timing:
    return Timing(step=step, given=given, seconds=seconds, target=target, data=data)


def test_before_a_measure_it_says_so_and_gives_the_typical_time(census):
    step = find(PERFORMANCE)()
    found = expected(step, census.target, census.data, [])
    assert found.measures == 0
    assert found.words.startswith("Not measured here yet; typically ")


def test_it_is_the_median_of_what_was_measured_on_this_model(census):
    step = find("evasion.pgd")(rows=100)
    own = (census.target.fingerprint, census.data.fingerprint)
    known = [timing(s, *own, rows=100) for s in (10.0, 12.0, 50.0)] + [timing(500.0, "other", "other", rows=100)]
    found = expected(step, census.target, census.data, known)
    assert (found.seconds, found.measures, found.here, found.scaled) == (12.0, 3, True, False)
    assert found.words == "About 10 s: median of 3 runs here on this model"


def test_it_is_scaled_by_rows_and_says_so(census):
    step = find("evasion.pgd")(rows=400)
    own = (census.target.fingerprint, census.data.fingerprint)
    found = expected(step, census.target, census.data, [timing(10.0, *own, rows=100)])
    assert found.seconds == pytest.approx(40.0)
    assert found.words == "About 40 s: as 1 run here on this model took, scaled to these settings"


def test_another_model_counts_where_there_is_none_of_this_one(census):
    found = expected(find("evasion.pgd")(rows=100), census.target, census.data, [timing(7.0, "other", "other", rows=100)])
    assert (found.seconds, found.here) == (7.0, False)
    assert "on other models" in found.words


def test_the_store_counts_no_run_that_was_cancelled_or_failed(census, tmp_path):
    from tiltyard.execution.runner import Runner

    store = Store(tmp_path / "runs.sqlite")
    step = find(PERFORMANCE)(rows=50)
    job = Runner(store).start([step], census.target, census.data)
    job.wait()
    (kept,) = store.timings()
    assert (kept.step, kept.given, kept.target) == (PERFORMANCE, {"rows": 50}, census.target.fingerprint)
    record = job.records[0]
    for status in (Status.CANCELLED, Status.FAILED):
        token = store.start(job.run.id, step)
        store.finish(token, record.model_copy(update={"result": record.result.model_copy(update={"status": status})}))
    assert store.timings() == [kept]


def test_a_list_is_known_only_where_each_of_it_was_measured():
    known, guessed = Expected(10.0, 3, True), Expected(5.0)
    assert (all_of([known, known]).seconds, all_of([known, known]).measures) == (20.0, 3)
    assert all_of([known, guessed]).measures == 0
    assert all_of([known, known], at_once=2).seconds == 10.0


def test_left_begins_at_what_was_measured_and_ends_by_progress():
    left = TimeLeft(Expected(100.0, 3))
    assert left.at(0.0, 0.0).seconds == 100
    assert left.at(0.5, 50.0).seconds == pytest.approx(50)
    assert left.at(0.9, 81.0).seconds < 12


def test_left_never_climbs_without_a_reason():
    left, before = TimeLeft(Expected(60.0, 3)), None
    climbed = []
    for second in range(0, 240, 5):  # it takes four times as long as measured
        now = left.at(second / 240, float(second))
        if before is not None and before.seconds is not None and now.seconds is not None and now.seconds > before.seconds:
            climbed.append(now.why)
        before = now
    assert climbed and set(climbed) == {"slower than the about 60 s measured before"}


def test_without_a_measure_nothing_is_said_before_there_is_progress():
    left = TimeLeft(Expected(5.0))
    assert left.at(0.0, 1.0).seconds is None
    assert left.at(0.25, 10.0).seconds == pytest.approx(30)


def test_a_step_is_asked_once_what_it_takes_and_again_with_other_settings(census, monkeypatch):
    from tiltyard.check import Estimate

    asked: list[int] = []

    def estimate(self: object, target: object, data: object) -> Estimate:
        asked.append(self.rows)  # type: ignore[attr-defined]
        return Estimate(seconds=4.0)

    kind = find(PERFORMANCE)
    monkeypatch.setattr(kind, "estimate", estimate)
    for rows in (61, 61, 62, 61):
        assert expected(kind(rows=rows), census.target, census.data, []).seconds == 4.0
    assert sorted(set(asked)) == [61, 62]
    assert len(asked) == 2
