"""The rule: a pass is earned by the bound, by rows, by skill and by an effect; else it says what would settle it."""

import numpy as np
import pytest

from tiltyard.result import Metric, Status
from tiltyard.statistics.majority import Skill
from tiltyard.statistics.ruling import Effect, Limit, ruling


def measured(value, low, high, n=100, safer="lower"):
    return Metric(name="gap", label="Gap", value=value, low=low, high=high, level=0.95, n=n, safer=safer)


@pytest.mark.parametrize(
    ("value", "low", "high", "safer", "expected"),
    [
        (0.05, 0.02, 0.09, "lower", Status.PASSED),
        (0.05, 0.02, 0.11, "lower", Status.INCOMPLETE),
        (0.11, 0.02, 0.2, "lower", Status.FINDING),
        (0.05, 0.02, 0.09, "higher", Status.FINDING),
        (0.2, 0.12, 0.3, "higher", Status.PASSED),
        (0.2, 0.09, 0.3, "higher", Status.INCOMPLETE),
    ],
)
def test_the_bound_on_the_unsafe_side_decides(value, low, high, safer, expected):
    assert ruling([Limit(measured(value, low, high, safer=safer), 0.1)]).status is expected


def test_what_chance_reaches_breaks_nothing_and_keeps_to_nothing():
    few = Limit(measured(0.11, 0.0, 0.2), 0.1, chance=0.15)
    assert few.state == "open"
    lucky = Limit(measured(0.01, 0.0, 0.02), 0.1, chance=0.15)
    assert lucky.state == "open" and lucky.rows is not None and lucky.rows > 200
    assert ruling([lucky]).status is Status.INCOMPLETE


def test_the_rows_that_would_settle_it_do_where_the_value_stays():
    from tiltyard.statistics.intervals import clopper_pearson

    n, share = 200, 0.05

    def limit(n):
        hits = round(share * n)
        return Limit(measured(hits / n, *clopper_pearson(hits, n), n), 0.08)

    assert limit(n).state == "open"
    rows = limit(n).rows
    assert rows is not None
    assert limit(rows).state == "kept"
    assert limit(int(0.6 * rows)).state == "open"


def test_of_rows_that_half_were_fitted_on_twice_as_many_are_asked_for():
    from dataclasses import replace

    whole = Limit(measured(0.05, 0.02, 0.09, n=301), 0.08)
    half = replace(whole, share=301 / 602)
    assert whole.rows is not None and half.rows == pytest.approx(2 * whole.rows, abs=1)
    assert "about 570 rows would tell, if" in whole.settling
    assert "about 1,200 rows would tell, of which 50.0 % are measured on, if" in half.settling.replace("\u202f", " ")


def test_a_finding_may_be_asked_to_be_sure():
    metric = measured(0.11, 0.02, 0.2)
    assert Limit(metric, 0.1).state == "broken"
    assert Limit(metric, 0.1, surely=True).state == "open"
    assert Limit(metric, 0.1, surely=True, beyond=0.0).state == "broken"
    assert Limit(measured(0.11, 0.0, 0.2), 0.1, surely=True, beyond=0.0).state == "open"


def test_the_rows_that_would_make_a_finding_sure_do():
    from tiltyard.statistics.intervals import clopper_pearson

    def limit(n):
        hits = round(0.1 * n)
        return Limit(measured(hits / n, *clopper_pearson(hits, n), n), 0.08, surely=True)

    assert limit(200).state == "open"
    rows = limit(200).rows
    assert rows is not None
    assert limit(int(1.1 * rows)).state == "broken"  # the exact interval is not quite as narrow as its width at 200 says
    assert limit(int(0.6 * rows)).state == "open"
    assert Limit(measured(0.08, 0.02, 0.2), 0.08, surely=True).rows is None


def test_nothing_measured_passes_nothing():
    assert ruling([]).status is Status.INCOMPLETE
    unknown = Metric(name="gap", label="Gap", value=None, note="one group only", safer="lower")
    found = ruling([Limit(unknown, 0.1)])
    assert found.status is Status.INCOMPLETE and "one group only" in found.sentence
    assert found.notes == ("What settles it: gap is not known (one group only; at most 0.1 is accepted): measure it.",)
    few = unknown.model_copy(update={"n": 0, "note": "no rows to measure it on"})
    assert Limit(few, 0.1).settling.endswith(": more rows might tell"), "who has no rows cannot measure it"
    assert ruling([Limit(measured(0.01, 0.0, 0.05), 0.1)]).notes == ()


@pytest.mark.parametrize(("low", "high", "shown"), [(-0.2, -0.01, True), (-0.2, 0.0, False), (-0.2, 0.1, False), (0.1, 0.2, False)])
def test_an_effect_is_shown_by_its_whole_interval(low, high, shown):
    effect = Effect(measured((low + high) / 2, low, high))
    assert effect.shown is shown
    ruled = ruling([Limit(measured(0.01, 0.0, 0.05), 0.1)], effects=[effect])
    assert ruled.status is (Status.PASSED if shown else Status.INCOMPLETE)
    assert ("no effect" in ruled.sentence) is not shown


def test_a_model_at_chance_passes_nothing():
    y = np.repeat([0, 1], 100)
    coin = Skill.of(y, np.arange(200) % 2 == 0, ("no", "yes"))
    ruled = ruling([Limit(measured(0.01, 0.0, 0.05), 0.1)], skill=coin)
    assert ruled.status is Status.INCOMPLETE
    assert "always saying" in ruled.sentence
