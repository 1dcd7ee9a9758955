"""A report in a run of MLflow (extra ``mlflow``): its numbers as metrics, how each check ended as tags, the report as an artifact."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..assessment.assessment import Assessment
from ..errors import Problem
from ..reports.bundle import make
from ..reports.writing import write
from ..result import Record
from .numbers import finite, named, numbered, plain

MISSING = 'pip install "tiltyard[mlflow]"'


def log_mlflow(report: Assessment | Sequence[Record], run_id: str | None = None, *, prefix: str = "") -> str:
    """Log a report to a run of MLflow: ``run_id``, else the active run, else a new one; the id of the run.

    A metric is called ``evasion.pgd/robust_accuracy``, the ends of its interval and its n ``…/robust_accuracy_low``, ``_high`` and ``_n``.
    What was not measured is no metric. Each check's status is a tag ``tiltyard.evasion.pgd``; the artifacts are ``tiltyard/report.html``
    and ``tiltyard/report.json``, from which rows of single people are withheld.

    Raises
    ------
    Problem
        MLflow is not installed, or there is nothing to log.
    """
    records = report.records if isinstance(report, Assessment) else tuple(report)
    if not records:
        raise Problem("at least one record to log", "none", "Run a check first")
    client, id = _client(run_id)
    for number in numbered(records):
        for part, found in finite(number.metric).items():
            name = f"{prefix}{number.check}/{plain(number.metric.name)}" + ("" if part == "value" else f"_{part}")
            client.log_metric(id, name, found)
    for name, record in named(records):
        client.set_tag(id, f"tiltyard.{prefix}{name}", record.result.status.value)
    first = records[0]
    for name, text in (("model", first.target.fingerprint), ("data", first.data.fingerprint)):
        client.set_tag(id, f"tiltyard.{name}.sha256", text)
    _log_report(client, id, records)
    return id


def _client(run_id: str | None) -> tuple[Any, str]:
    try:
        import mlflow
    except ImportError:
        raise Problem("MLflow, to log to it", "none installed", MISSING) from None
    if run_id is None:
        active = mlflow.active_run() or mlflow.start_run()
        run_id = str(active.info.run_id)
    return mlflow.MlflowClient(), run_id


def _log_report(client: Any, id: str, records: Sequence[Record]) -> None:
    bundle = make(records)
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("html", "json"):
            client.log_artifact(id, str(write(bundle, Path(folder) / f"report.{ending}", None, False)), "tiltyard")
