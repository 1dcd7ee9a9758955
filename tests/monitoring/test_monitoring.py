"""Drift: known answers of the tests and of the whole, bad input, and an endpoint that is watched."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.monitoring.conftest import drawn, scored

from tiltyard.cli import main
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.monitoring import journal
from tiltyard.monitoring.columns import MISSING, of_frame
from tiltyard.monitoring.columns import words as as_words
from tiltyard.monitoring.judged import Judged
from tiltyard.monitoring.monitor import Monitor
from tiltyard.monitoring.reference import ANOMALIES, JOINT, PERFORMANCE, Truth, controlled, reference
from tiltyard.monitoring.two_sample import chi_square, smirnov
from tiltyard.monitoring.watching import drift_chart, overall, share_chart, table_of, watched, window_table
from tiltyard.monitoring.window import Drift, Window
from tiltyard.targets.estimators import FunctionTarget

if TYPE_CHECKING:
    import pandas as pd

Rows = Callable[..., "pd.DataFrame"]


def rows(n: int, seed: int = 0, **more: Any) -> "pd.DataFrame":
    """``n`` rows of numbers, words and a constant; ``more`` replaces columns."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    made = {f"number {i}": rng.normal(10 * i, 1 + i, n) for i in range(6)}
    made |= {"color": rng.choice(["red", "green", "blue"], n, p=[0.6, 0.3, 0.1]), "fixed": np.full(n, 7)}
    return pd.DataFrame({**made, **more})


@pytest.fixture(scope="module")
def held() -> Any:
    return reference(of_frame(rows(10_000)), Truth(9_000, 10_000))


def test_long_numbers_are_as_many_words() -> None:
    import pandas as pd

    ids = [10_000_001 + i for i in range(9)]
    for column in (pd.Series(ids), pd.Series(ids, dtype=float), pd.Series([*ids, None], dtype="Int64")):
        assert as_words(column).tolist()[:9] == [str(i) for i in ids]
        assert as_words(column).tolist()[9:] in ([], [MISSING])
    assert as_words(pd.Series([0.1], dtype="float32")).tolist() == as_words(pd.Series([0.1])).tolist() == ["0.1"]


def test_without_drift_few_windows_alarm(held: Any) -> None:
    level = 0.05
    alarms = sum(held.window(of_frame(rows(300, seed), held.columns), seed, level).state == "alarm" for seed in range(1, 41))
    assert alarms <= 8  # 2 expected at most; more than 8 of 40 has a chance below 0.001 at 5 %


def test_half_a_standard_deviation_in_one_column_is_found_and_named(held: Any) -> None:
    named = 0
    for seed in range(200, 220):
        frame = rows(500, seed)
        frame["number 3"] += 0.5 * 4
        window = held.window(of_frame(frame, held.columns), seed, 0.01)
        assert window.state == "alarm"
        named += window.drifting[0].what == "number 3" and "number 3" in window.summary
    assert named >= 19


def test_a_turned_correlation_is_seen_jointly_and_in_no_column() -> None:
    import pandas as pd

    def pair(n: int, seed: int, slope: float) -> "pd.DataFrame":
        a, b = np.random.default_rng(seed).normal(size=(2, n))
        return pd.DataFrame({"a": a, "b": slope * a + np.sqrt(1 - slope**2) * b})

    held = reference(of_frame(pair(5000, 0, 0.8)))
    window = held.window(of_frame(pair(500, 1, -0.8), held.columns), 0, 0.01)
    found = {d.what for d in window.drifting}
    assert JOINT in found
    assert not found & {"a", "b"}
    assert held.window(of_frame(pair(500, 2, 0.8), held.columns), 0, 0.01).state == "quiet"


def test_rows_far_from_all_others_are_anomalies(held: Any) -> None:
    frame = rows(400, 5)
    places = np.random.default_rng(1).permutation(400)[:60]  # here and there: sixty in a row are one client's
    frame.iloc[places, :6] += 40.0
    window = held.window(of_frame(frame, held.columns), 0, 0.01)
    assert window.anomalies is not None
    assert window.anomalies.value is not None
    assert window.anomalies.value >= 60 / 400
    assert ANOMALIES in {d.what for d in window.drifting}


def test_labels_that_come_show_a_loss(held: Any) -> None:
    same = held.window(of_frame(rows(300, 6), held.columns), 0, 0.01, Truth(268, 300))
    worse = held.window(of_frame(rows(300, 6), held.columns), 0, 0.01, Truth(200, 300))
    assert (same.state, worse.state) == ("quiet", "alarm")
    assert [d.what for d in worse.drifting] == [PERFORMANCE]
    assert worse.performance is not None
    assert (worse.performance.value, worse.performance.n) == (pytest.approx(2 / 3), 300)


def test_the_tests_are_those_of_the_books() -> None:
    from scipy.stats import chi2

    a = np.arange(100, dtype=np.float64)
    assert smirnov(a, a).size == 0.0
    assert smirnov(a, a + 50).size == pytest.approx(0.5)
    words = np.repeat(["x", "y"], [50, 50])
    answer = chi_square(words, np.repeat(["x", "y"], [80, 20]))
    yates = 200 * (50 * 80 - 50 * 20 - 100) ** 2 / (130 * 70 * 100 * 100)
    assert answer.p == pytest.approx(float(chi2.sf(yates, 1)))
    assert chi_square(words, words).p == pytest.approx(1.0)


def test_false_discoveries_are_controlled() -> None:
    drifts = [Drift(what=str(i), test="t", p=p) for i, p in enumerate([0.01, 0.04, None, 0.03, 0.005])]
    q = [d.q for d in controlled(drifts, 0.03)]
    assert q == [pytest.approx(0.02), pytest.approx(0.04), None, pytest.approx(0.04), pytest.approx(0.02)]
    assert [d.drifting for d in controlled(drifts, 0.03)] == [True, False, False, False, True]
    assert controlled([], 0.05) == ()


@pytest.mark.parametrize("n", [0, 1, 29])
def test_too_few_rows_are_no_pass(held: Any, n: int) -> None:
    window = held.window(of_frame(rows(40)[:n], held.columns), 0, 0.01)
    assert (window.state, window.n, window.drifts, window.anomalies) == ("incomplete", n, (), None)
    assert overall([window]) == "incomplete"


def test_odd_columns_are_told_and_nothing_is_lost(held: Any) -> None:
    frame = rows(300, 9, color="violet", fixed=7)
    frame["number 1"] = np.nan
    frame["number 2"] = "text"
    window = held.window(of_frame(frame, held.columns), 0, 0.01)
    found = {d.what: d for d in window.drifts}
    assert {"color", "number 1", "number 2"} <= {d.what for d in window.drifting}
    assert "1 new value, such as 'violet'" in found["color"].note
    assert "100.0% missing" in found["number 1"].note
    assert (found["fixed"].p, found["fixed"].note) == (1.0, "one value only")


def test_a_reference_without_values_is_no_crash() -> None:
    import pandas as pd

    frame = pd.DataFrame({"gone": [None] * 100, "same": np.ones(100), "x": np.random.default_rng(0).permutation(100).astype(float)})
    held = reference(of_frame(frame))
    window = held.window(of_frame(frame, held.columns), 0, 0.01)
    assert {d.what: d.drifting for d in window.drifts}["gone"] is False
    assert set(held.columns.words["gone"]) == {MISSING}


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (lambda pd: rows(50).drop(columns="color"), "no 'color'"),
        (lambda pd: pd.DataFrame(), "found 0"),
        (lambda pd: pd.DataFrame(np.ones((3, 2)), columns=["a", "a"]), "twice"),
    ],
)
def test_a_table_of_other_columns_is_one_line(held: Any, table: Callable[[Any], Any], says: str) -> None:
    import pandas

    frame = table(pandas)
    with pytest.raises(Problem, match=says):
        of_frame(frame, held.columns)


def test_a_reference_of_few_rows_is_refused() -> None:
    with pytest.raises(Problem, match="at least 60 rows"):
        reference(of_frame(rows(20)))


def test_a_table_is_watched_in_windows_and_shown() -> None:
    import pandas as pd

    after = pd.concat([rows(400, 1), rows(450, 2, **{"number 0": np.random.default_rng(2).normal(1, 1, 450)})])
    windows = watched(rows(3000), after, rows=200)
    assert [w.n for w in windows] == [200, 200, 200, 250]
    assert [w.state for w in windows][2:] == ["alarm", "alarm"]
    assert overall(windows) == "alarm"
    assert "number 0" in [s.name for s in drift_chart(windows).series]
    assert window_table(windows).rows[0][0] == 3
    assert table_of(windows[-1]).rows[0][0] == "number 0"
    assert share_chart(windows, "performance") is None
    shown = share_chart(windows, "anomalies")
    assert shown is not None
    assert len(shown.series[0].low) == 4


def answered(n: int, seed: int, wrong: float, known: float = 1.0) -> "pd.DataFrame":
    """Rows with an answer 0 or 1 and a true label, of which a share ``wrong`` differs and a share ``known`` has come."""
    rng = np.random.default_rng([seed, 1])
    answer = rng.integers(0, 2, n)
    label = np.where(rng.random(n) < wrong, 1 - answer, answer).astype(float)
    return rows(n, seed, answer=answer, label=np.where(rng.random(n) < known, label, np.nan))


def test_labels_in_two_tables_give_each_window_its_accuracy() -> None:
    import pandas as pd

    after = pd.concat([answered(400, 1, 0.1), answered(400, 2, 0.4, known=0.5)], ignore_index=True)
    windows = watched(answered(3000, 0, 0.1), after, rows=400, judged=Judged("label", "answer"))
    for window, part in zip(windows, (after[:400], after[400:]), strict=True):
        came = part[part.label.notna()]
        assert window.performance is not None
        assert (window.performance.value, window.performance.n) == ((came.label == came.answer).mean(), len(came))
    assert [w.state for w in windows] == ["quiet", "alarm"]
    assert windows[1].drifting[0].what == PERFORMANCE
    assert "label" not in {d.what for d in windows[1].drifts} and "answer" in {d.what for d in windows[1].drifts}
    assert share_chart(windows, "performance") is not None


def test_labels_the_reference_lacks_give_an_accuracy_and_no_test() -> None:
    (window,) = watched(rows(3000), answered(400, 1, 0.9), rows=400, judged=Judged("label", "answer"))
    assert window.performance is not None and window.performance.value is not None and window.performance.value < 0.2
    assert PERFORMANCE not in {d.what for d in window.drifts} and window.state == "quiet"


def test_no_label_yet_is_no_accuracy() -> None:
    (window,) = watched(answered(3000, 0, 0.1), answered(400, 1, 0.1, known=0), rows=400, judged=Judged("label", "answer"))
    assert (window.performance, window.state) == (None, "quiet")


def test_words_and_numbers_of_a_label_are_the_same_however_they_are_written() -> None:
    import pandas as pd

    frame = pd.DataFrame({"label": [1.0, 0.0, None, 1.0, 2.0], "answer": [1, 0, 1, None, 1]}, dtype=object)
    found = Judged("label", "answer").right(frame)
    assert (found.right.tolist(), found.known.tolist()) == ([True, True, False, False, False], [True, True, False, False, True])


def test_answers_that_are_named_otherwise_are_no_errors() -> None:
    import pandas as pd

    frame = pd.DataFrame({"label": [True, False, True], "answer": [1, 0, 1]})
    with pytest.raises(Problem, match="Expected answers in 'answer' named as the labels"):
        Judged("label", "answer").right(frame)


def test_labels_named_wrongly_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = tmp_path / "before.csv", tmp_path / "after.csv"
    answered(1000, 0, 0.1).to_csv(before, index=False)
    answered(400, 1, 0.6).to_csv(after, index=False)
    tables = ["monitor", str(before), str(after)]
    assert main([*tables, "--label", "label", "--answer", "answer", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["windows"][0]["performance"]["n"] == 400
    for words, said in (
        (["--label", "label"], "label alone"),
        (["--answer", "answer"], "answer alone"),
        (["--label", "none", "--answer", "answer"], "a column 'none'"),
        (["--label", "label", "--answer", "label"], "'label' twice"),
    ):
        assert main([*tables, *words]) == 2
        assert said in capsys.readouterr().err
    assert main(["monitor", str(before), "--label", "label", "--answer", "answer"]) == 2
    assert "tiltyard labels" in capsys.readouterr().err


def test_an_endpoint_is_watched_and_only_summaries_are_kept(model: tuple[FunctionTarget, Dataset], tmp_path: Path) -> None:
    target, data = model
    path = tmp_path / "deep" / "windows.jsonl"
    monitor = Monitor(target, data, rows=100, keep=lambda window: journal.append(window, path))
    for i in range(5):
        x = drawn(60, 10 + i, shift=1.0 if i > 2 else 0.0)
        monitor(x, scored(x).astype(np.float32), scored(x).argmax(1), "key")
    assert [w.n for w in monitor.windows] == [100, 100, 100]
    last = monitor.flush()
    assert last is None
    found = journal.read(path)
    assert found == monitor.windows
    assert found[-1].state == "alarm"
    assert sum(found[0].answers.values()) == 100
    assert path.stat().st_mode & 0o077 == 0
    assert not any(f"{value:.4f}" in path.read_text() for value in drawn(60, 10)[:, 0])


def test_labels_that_come_later_count_for_the_open_window(model: tuple[FunctionTarget, Dataset]) -> None:
    monitor = Monitor(*model, rows=1000)
    x = drawn(100, 3)
    monitor(x, scored(x).astype(np.float32), scored(x).argmax(1), "key")
    monitor.learned(50, 100)
    window = monitor.flush()
    assert window is not None
    assert PERFORMANCE in {d.what for d in window.drifting}


def plain(number: int) -> Window:
    now = datetime.now(UTC)
    return Window(number=number, started=now, ended=now, n=3, level=0.01, state="incomplete", summary="Few.")


def test_a_line_that_was_cut_off_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "w.jsonl"
    journal.append(plain(0), path)
    journal.append(plain(1), path)
    path.write_bytes(path.read_bytes()[:-40])
    assert [w.number for w in journal.read(path)] == [0]
    journal.append(plain(2), path)
    assert [w.number for w in journal.read(path)] == [0, 2]


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\xff\xfe\n", b"[1]\n", b"[" * 5000 + b"\n"])
def test_a_file_that_holds_no_windows_is_one_line(tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "w.jsonl"
    path.write_bytes(content)
    assert main(["monitor", str(path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_the_command_says_what_drifts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, same, after = (tmp_path / name for name in ("before.csv", "same.csv", "after.csv"))
    rows(2000).to_csv(before, index=False)
    rows(600, 1).to_csv(same, index=False)
    frame = rows(600, 2)
    frame["number 4"] += 2.5
    frame.to_csv(after, index=False)
    assert main(["monitor", str(before), str(same), "--rows", "300"]) == 0
    assert main(["monitor", str(before), str(after), "--rows", "300"]) == 1
    assert "number 4" in capsys.readouterr().out
    assert main(["monitor", str(before), str(after), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["windows"][0]["state"] == "alarm"
    frame.drop(columns="color").to_csv(after, index=False)
    assert main(["monitor", str(before), str(after)]) == 2
    assert "no 'color'" in capsys.readouterr().err


def test_a_served_model_is_watched_over_http(model: tuple[FunctionTarget, Dataset]) -> None:
    import httpx

    from tiltyard.serving.keys import KeyStore
    from tiltyard.serving.server import Served
    from tiltyard.serving.settings import Settings

    target, data = model
    keys, monitor = KeyStore(), Monitor(target, data, rows=100)
    secret = keys.new("me").secret
    with Served(target, Settings(port=0), keys, (monitor,)) as served:
        for i in range(4):
            asked = {"instances": drawn(50, 30 + i, shift=0.0 if i < 2 else 1.5).tolist()}
            found = httpx.post(served.url + "/v1/predict", json=asked, headers={"Authorization": f"Bearer {secret}"}, timeout=60)
            assert found.status_code == 200
        served.guarded.settle()
    assert [(w.n, w.state) for w in monitor.windows] == [(100, "quiet"), (100, "alarm")]
    assert "a" in {d.what for d in monitor.windows[1].drifting}


def test_serving_goes_on_with_the_windows_there_are(
    model: tuple[FunctionTarget, Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiltyard.cli.commands import serve
    from tiltyard.serving.keys import KeyStore

    path = tmp_path / "w.jsonl"
    journal.append(plain(4), path)
    monitor = serve.watched(*model, path, 100)
    x = drawn(100, 3)
    monitor(x, scored(x).astype(np.float32), scored(x).argmax(1), "key")
    assert [w.number for w in journal.read(path)] == [4, 5]
    monkeypatch.setattr(serve, "opened", lambda *_: (model[0], None))
    KeyStore(tmp_path / "keys").new("me")
    with pytest.raises(Problem, match="leave --monitor out"):
        serve.run("model.safetensors", None, "", 0, tmp_path / "keys", path)
