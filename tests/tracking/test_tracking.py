"""The numbers of a report in a metrics file of DVC and in a run of MLflow, of which a stand-in keeps what it is given."""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tests.display.test_display import PEOPLE, assessment, record

from tiltyard.errors import Problem
from tiltyard.result import Status
from tiltyard.tracking import log_mlflow, write_dvc


class Client:
    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}
        self.tags: dict[str, str] = {}
        self.files: dict[str, str] = {}

    def log_metric(self, run: str, name: str, value: float) -> None:
        self.metrics[name] = value

    def set_tag(self, run: str, name: str, value: str) -> None:
        self.tags[name] = value

    def log_artifact(self, run: str, path: str, folder: str) -> None:
        self.files[f"{folder}/{Path(path).name}"] = Path(path).read_text("utf-8")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    kept: Any = Client()
    module: Any = ModuleType("mlflow")
    module.MlflowClient = lambda: kept
    module.active_run = lambda: None
    module.start_run = lambda: SimpleNamespace(info=SimpleNamespace(run_id="run-1"))
    monkeypatch.setitem(sys.modules, "mlflow", module)
    found: Client = kept
    return found


def test_a_run_has_each_number_with_its_interval_and_how_the_check_ended(client: Client) -> None:
    assert log_mlflow(assessment(record(0.5))) == "run-1"
    assert client.metrics == {
        "validation.performance/accuracy": 0.5,
        "validation.performance/accuracy_low": 0.4,
        "validation.performance/accuracy_high": 0.6,
        "validation.performance/accuracy_n": 100.0,
    }
    assert client.tags["tiltyard.validation.performance"] == "finding" and client.tags["tiltyard.model.sha256"] == "f" * 64
    assert set(client.files) == {"tiltyard/report.html", "tiltyard/report.json"}
    assert all(PEOPLE not in text for text in client.files.values())


def test_what_was_not_measured_is_no_metric(client: Client) -> None:
    log_mlflow([record(None, Status.INCOMPLETE)], "run-2")
    assert not client.metrics and client.tags["tiltyard.validation.performance"] == "incomplete"


def test_without_mlflow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(Problem, match=r"pip install \"tiltyard\[mlflow\]\""):
        log_mlflow([record()])
    with pytest.raises(Problem, match="at least one record"):
        log_mlflow([])


def test_a_metrics_file_is_a_tree_of_numbers(tmp_path: Path) -> None:
    out = write_dvc([record(0.5), record(None, Status.INCOMPLETE)], tmp_path / "metrics.json")
    assert json.loads(out.read_text()) == {
        "validation.performance": {
            "status": "finding",
            "findings": 2,
            "accuracy": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 100.0},
        },
        "validation.performance.2": {"status": "incomplete", "findings": 0},
    }
    write_dvc([record(0.7)], out)
    assert json.loads(out.read_text())["validation.performance"]["accuracy"]["value"] == 0.7
    with pytest.raises(Problem, match=r"\.json"):
        write_dvc([record()], tmp_path / "metrics.yaml")
