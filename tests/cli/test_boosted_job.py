"""The main job in a shell with a file of XGBoost and a CSV: the numbers are XGBoost's own."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.targets import boosted

from .conftest import Said


def accuracies(part: Any) -> Iterator[float]:
    """The values of the metric accuracy, wherever they stand in a report."""
    if isinstance(part, dict) and part.get("name") == "accuracy" and "value" in part:
        yield part["value"]
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    for one in inner:
        yield from accuracies(one)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["xgboost.json", "lightgbm.txt"])
def test_accuracy_and_groups_are_the_library_s_own(place: Path, tiltyard: Callable[..., Said], name: str) -> None:
    from sklearn.metrics import accuracy_score, balanced_accuracy_score

    table = boosted.frame()
    boosted.saved(Path(), name)
    table.to_csv("people.csv", index=False)
    made = boosted.xgboost_classifier if name.startswith("xgboost") else boosted.lightgbm_classifier
    own = np.asarray(made().predict(table.drop(columns="hired")))
    own = own if own.dtype.kind == "i" else (own == "yes").astype(int)
    truth = boosted.places(table).to_numpy()
    given = ["--model", name, "--data", "people.csv", "--label", "hired", "--classes", "no,yes"]
    said = tiltyard("check", "validation.performance", *given, "--json")
    metrics = {m["name"]: m["value"] for m in json.loads(said.out)["result"]["metrics"]}
    assert metrics["accuracy"] == pytest.approx(accuracy_score(truth, own), abs=1e-12)
    assert metrics["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, own), abs=1e-12)
    Path("job.toml").write_text(
        f"[target]\nfile = '{name}'\nclasses = ['no', 'yes']\n[data]\nfile = 'people.csv'\nlabel = 'hired'\n"
        "[[check]]\nid = 'validation.performance'\n"
    )
    assert tiltyard("assess", "job.toml").code == 0
    report = json.loads(tiltyard("report", "last", "--format", "json").out)
    assert pytest.approx(accuracy_score(truth, own), abs=1e-12) in list(accuracies(report))


def test_what_is_no_model_that_is_opened_names_two_ways(place: Path, tiltyard: Callable[..., Said]) -> None:
    import joblib
    from sklearn.linear_model import LogisticRegression

    boosted.frame().to_csv("people.csv", index=False)
    joblib.dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), "m.joblib")
    line = tiltyard("check", "validation.performance", "--model", "m.joblib", "--data", "people.csv", "--label", "hired").line
    assert "skops.io.dump(model, 'model.skops')" in line and "open_target(model, data=data)" in line
