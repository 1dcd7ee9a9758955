"""Two models by the same checks on the same rows: differences that are known, and one truth in API, shell and panel."""

from pathlib import Path

import numpy as np
import pytest
from tests.tiny import tiny_data

import tiltyard as ty
from tiltyard.assessment.two_models import compare_models, measure_models
from tiltyard.cli import main
from tiltyard.comparison.comparison import Comparison, MetricChange, difference
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.execution.runner import Runner
from tiltyard.store.store import Store
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target
from tiltyard.validation.performance import Performance

N, WRONG = 60, 9


def rows() -> Dataset:
    return tiny_data()


def model(data: Dataset, wrong: int, name: str = "threshold") -> Target:
    """Right about every row but the ``wrong`` ones whose first feature is nearest to the threshold of 0.5."""
    order = np.argsort(abs(data.x[:, 0] - 0.5))
    turned = data.x[order[:wrong], 0]

    def answer(x: np.ndarray) -> np.ndarray:
        first = np.asarray(x)[:, 0]
        return ((first > 0.5) ^ np.isin(first, turned)).astype(np.float32)

    return FunctionTarget(answer, data.schema.classes, data.schema, name)


def accuracy(found: Comparison) -> MetricChange:
    return next(m for m in found.metrics if (m.check, m.name) == (Performance.id, "accuracy"))


def test_a_difference_over_the_same_rows_is_exact_and_paired() -> None:
    """Of sixty rows the one model errs on twelve and the other on three of these: 15 points, and an interval that only pairs give."""
    data = rows()
    found, (one, other) = measure_models(model(data, 3 + WRONG, "old"), model(data, 3, "new"), data, [Performance()], Runner())
    assert (found.before, found.after) == ("old", "new") and len(one.records) == len(other.records) == 1
    moved = accuracy(found)
    assert moved.difference == pytest.approx(WRONG / N) and moved.paired and moved.verdict == "better"
    assert moved.before is not None and moved.after is not None and moved.low is not None and moved.high is not None
    _, low, high = difference(moved.before.model_copy(update={"outcomes": None}), moved.after)
    assert low is not None and high is not None and low < moved.low and moved.high < high


def test_one_truth_in_api_shell_and_panel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TILTYARD_STORE", str(tmp_path / "runs.sqlite"))
    store, data = Store(), rows()
    old, new = model(data, WRONG, "old"), model(data, 0, "new")
    said = ty.compare(old, new, store, data=data, picked=[Performance()])
    b, a = (line.id for line in store.runs())
    known = ty.compare(a, b, models=True)
    assert known.metrics == said.metrics == compare_models(store, store.run(a), store.run(b)).metrics
    capsys.readouterr()
    assert main(["compare", a[:8], b[:8], "--models", "--json"]) == 0
    assert Comparison.model_validate_json(capsys.readouterr().out) == known
    from tiltyard_widgets.panels.history import MODELS, HistoryPanel, metrics_of
    from tiltyard_widgets.panels.session import Session

    panel = HistoryPanel(session=Session(None, None, store))
    panel.what.value = MODELS
    panel.before.value, panel.after.value = a, b
    panel.compare()
    assert panel.metrics.table == metrics_of(known) and "models=True" in panel.code.code


def test_checks_with_other_parameters_are_not_held_against_each_other(tmp_path: Path) -> None:
    store, data = Store(tmp_path / "runs.sqlite"), rows()
    for target, step in ((model(data, 3, "old"), Performance(rows=40)), (model(data, 0, "new"), Performance(rows=50))):
        ty.assess(target, data, [step], store=store)
    b, a = store.runs()
    found = compare_models(store, a, b)
    assert found.metrics == () and found.only_before == found.only_after == (Performance.id,)
    assert ("40", "50") in {(c.before, c.after) for c in found.changed if c.what == f"{Performance.id} rows"}
    seeds = [
        ty.assess(target, data, [Performance(rows=40, seed=i)], store=store) for i, target in enumerate((model(data, 3), model(data, 0)))
    ]
    assert all(one.run is not None for one in seeds)
    found = compare_models(store, seeds[0].run, seeds[1].run)  # type: ignore[arg-type]
    assert not accuracy(found).paired and found.before.startswith("threshold (") and found.before != found.after


def test_one_model_twice_or_other_data_are_refused() -> None:
    data = rows()
    one, other = model(data, 0), model(data, 2)
    with pytest.raises(Problem, match="two models"):
        ty.compare(one, one, data=data)
    with pytest.raises(Problem, match="label, sensitive and member columns with a table"):
        ty.compare(one, other, data=data, label="y")


def test_two_model_files_are_measured_on_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import pandas as pd
    import skops.io
    from sklearn.linear_model import LogisticRegression

    monkeypatch.setenv("TILTYARD_STORE", str(tmp_path / "runs.sqlite"))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
    frame["label"] = np.where(frame.a + frame.b > 0, "yes", "no")
    for name, labels in (("good", frame.label), ("weak", np.where(frame.a > 0, "yes", "no"))):
        skops.io.dump(LogisticRegression().fit(frame[["a", "b"]], labels), f"{name}.skops")
    frame.to_csv("rows.csv", index=False)
    words = ["compare", "weak.skops", "good.skops", "--data", "rows.csv", "--label", "label", "--checks", Performance.id]
    assert main([*words, "--json"]) == 0
    said = capsys.readouterr()
    moved = accuracy(Comparison.model_validate_json(said.out))
    right = [np.asarray(skops.io.load(f"{name}.skops").predict(frame[["a", "b"]])) == frame.label for name in ("weak", "good")]
    assert moved.difference == pytest.approx(right[1].mean() - right[0].mean()) and moved.paired
    assert said.err.count("Kept as run") == 2
    assert main(["compare", "good.skops", "good.skops", *words[3:]]) == 2 and "two models" in capsys.readouterr().err
    assert len(Store().runs()) == 2
