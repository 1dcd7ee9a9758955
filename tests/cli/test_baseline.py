"""An earlier run as the policy: what became less safe beyond tolerance and error fails, what was not measured again is no pass."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tiltyard.assessment.baseline import Baseline, baseline, loss
from tiltyard.assessment.policy import Both, Outcome, Policy
from tiltyard.comparison.trend import trends
from tiltyard.result import Identity, Metric, Record
from tiltyard.statistics.intervals import rate
from tiltyard.store.store import Store

Tiltyard = Callable[..., Any]
CONFIG = """
name = "nightly"
[target]
sample = "census"
[data]
rows = 1000
[[check]]
id = "privacy.membership_threshold"
rows = {rows}
accepted = 0.5
accepted_tpr = 1
[[check]]
id = "fairness.groups"
"""


def number(value: float | None, low: float | None = None, high: float | None = None, **more: Any) -> Metric:
    given = {"name": "m", "label": "M", "safer": "lower", "note": "" if value is not None else "no rows", **more}
    return Metric(value=value, low=low, high=high, **given)


@pytest.mark.parametrize(
    ("before", "after", "tolerance", "beyond"),
    [
        ((100, "lower"), (200, "lower"), 0.0, True),
        ((100, "lower"), (110, "lower"), 0.0, False),
        ((100, "lower"), (200, "lower"), 0.1, False),
        ((200, "lower"), (100, "lower"), 0.0, False),
        ((900, "higher"), (800, "higher"), 0.0, True),
        ((800, "higher"), (900, "higher"), 0.0, False),
        (number(1.0), number(2.0), 0.0, True),
        (number(1.0), number(2.0), 1.0, False),
        (number(1.0), number(1.0), 0.0, False),
        (number(0.02, -0.01, 0.05, safer="zero"), number(-0.3, -0.35, -0.25, safer="zero"), 0.05, True),
        (number(-0.3, -0.35, -0.25, safer="zero"), number(0.02, -0.01, 0.05, safer="zero"), 0.0, False),
        (number(0.3, 0.25, 0.35, safer="zero"), number(-0.3, -0.35, -0.25, safer="zero"), 0.0, False),
    ],
)
def test_a_loss_counts_where_all_of_its_interval_is_beyond_the_tolerance(
    before: Metric | tuple[int, Any], after: Metric | tuple[int, Any], tolerance: float, beyond: bool
) -> None:
    found = loss(*(rate("m", "M", m[0], 1000, m[1]) if isinstance(m, tuple) else m for m in (before, after)))
    assert found is not None
    assert found.beyond(tolerance) is beyond
    assert found.low is None or found.high is None or found.low <= found.value <= found.high


def test_what_has_no_direction_or_no_value_has_no_loss() -> None:
    assert loss(number(1.0, safer="none"), number(2.0)) is None
    assert loss(number(1.0), number(None)) is None


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "nightly.toml"
    path.write_text(CONFIG.format(rows=400))
    return path


@pytest.fixture
def first(tiltyard: Tiltyard, config: Path) -> str:
    assert tiltyard("assess", config).code == 0
    return str(json.loads(tiltyard("runs", "--json").out)["runs"][0]["id"])


def test_an_equal_run_is_no_regression_and_a_spoiled_one_fails(tiltyard: Tiltyard, config: Path, first: str, tmp_path: Path) -> None:
    same = tiltyard("assess", config, "--baseline", first[:8], "--out", tmp_path / "out")
    assert same.code == 0, same.out + same.err
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["verdict"] == "pass"
    assert {v["outcome"] for v in report["verdicts"]} == {"pass"}
    assert any("as it was" in v["reason"] for v in report["verdicts"])
    config.write_text(CONFIG.format(rows=400).split('[[check]]\nid = "fairness')[0])
    gone = tiltyard("assess", config, "--baseline", first, "--json")
    assert gone.code == 1
    assert json.loads(gone.out)["verdict"] == "incomplete"


def records_of(run: str) -> tuple[Record, ...]:
    return tuple(Store().records(run))


def spoiled(record: Record, by: float) -> Record:
    metrics = tuple(
        m if m.value is None or m.safer == "none" else m.model_copy(update={"value": m.value + by, "low": None, "high": None})
        for m in record.result.metrics
    )
    return record.model_copy(update={"result": record.result.model_copy(update={"metrics": metrics})})


def test_each_number_is_judged_and_named(first: str) -> None:
    store = Store()
    held = baseline(store, first, 0.01)
    worse = [spoiled(r, 0.5) for r in held.records]
    judged = held.judge(worse)
    assert judged.verdict == "fail"
    failed = [v for v in judged.verdicts if v.outcome is Outcome.FAIL]
    assert any(v.check == "fairness.groups" and "less safe by" in v.reason and "beyond the tolerance" in v.reason for v in failed)
    assert held.judge(held.records).verdict == "pass"
    assert held.judge([]).verdict == "incomplete"
    assert {v.outcome for v in held.judge([]).verdicts} == {Outcome.NOT_RUN}


def test_a_policy_and_a_baseline_must_both_pass(first: str) -> None:
    held = baseline(Store(), first, 0.0)
    asks = Policy.model_validate({"required": ["fairness.groups"]})
    more = Policy.model_validate({"required": ["evasion.pgd"]})
    assert Both(asks, held).judge(held.records).verdict == "pass"
    assert Both(more, held).judge(held.records).verdict == "incomplete"
    assert Both(asks, held).judge([spoiled(r, 0.9) for r in held.records]).verdict == "fail"


def test_of_equal_parameters_the_last_record_is_held_against_the_baseline(first: str) -> None:
    held = baseline(Store(), first, 0.0)
    worse = [spoiled(r, 0.9) for r in held.records]
    assert held.judge([*worse, *held.records]).verdict == "pass"
    assert held.judge([*held.records, *worse]).verdict == "fail"


def test_a_judge_that_judged_nothing_is_no_pass(first: str) -> None:
    held = baseline(Store(), first, 0.0)
    asks = Policy.model_validate({"required": ["fairness.groups"]})
    assert Both(asks, Baseline(held.run, ())).judge(held.records).verdict == "incomplete"


@pytest.mark.parametrize("which", ["model", "data"])
def test_a_baseline_of_another_model_or_data_is_one_line_before_anything_runs(
    tiltyard: Tiltyard, config: Path, first: str, which: str
) -> None:
    held = baseline(Store(), first, 0.0)
    other = Identity(name="another", fingerprint="0" * 64)
    given = (other, held.run.data) if which == "model" else (held.run.target, other)
    with pytest.raises(Exception, match=r"^Expected a baseline of another; found run"):
        held.fits(*given)
    other_config = config.with_name("other.toml")
    other_config.write_text('name = "o"\n[target]\nsample = "digits"\n[[check]]\nid = "supply_chain.versions"\n')
    said = tiltyard("assess", other_config, "--baseline", first)
    assert (said.code, "baseline of" in said.line) == (2, True)
    assert json.loads(tiltyard("runs", "--json").out)["total"] == 1


@pytest.mark.parametrize(("words", "says"), [(["--baseline", "nosuch"], "nosuch"), (["--baseline", "last", "--tolerance", "nan"], "nan")])
def test_a_baseline_that_is_none_is_one_line(tiltyard: Tiltyard, config: Path, first: str, words: list[str], says: str) -> None:
    said = tiltyard("assess", config, *words)
    assert (said.code, says in said.line) == (2, True)


def test_a_run_without_an_answer_is_no_baseline(first: str) -> None:
    run = Store().run(first)
    assert Baseline(run, (), 0.0).judge(records_of(first)).verdict == "incomplete"


def test_numbers_are_followed_over_the_runs_with_their_intervals(tiltyard: Tiltyard, config: Path, first: str) -> None:
    assert json.loads(tiltyard("runs", "--trend", first, "--json").out)["trends"] == []
    assert tiltyard("assess", config).code == 0
    found = json.loads(tiltyard("runs", "--trend", first, "--json").out)["trends"]
    one = next(t for t in found if t["check"] == "fairness.groups" and t["points"][0]["metric"]["low"] is not None)
    assert next(p["run"] for p in one["points"]) == first
    store = Store()
    trend = next(t for t in trends(store, store.run("last")) if t.check == "fairness.groups")
    assert len(trend.chart.series[0].x) == len(trend.chart.x.categories) == 2
    assert "fairness.groups" in tiltyard("runs", "--trend", "last").out
