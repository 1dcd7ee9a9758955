"""Our own guarded endpoint under the probe: nothing is found that it guards against, and what is switched off is found."""

import logging

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets.schema import Feature, Schema
from tiltyard.endpoint.posture import Posture
from tiltyard.endpoint.probing import probe
from tiltyard.result import Record, Status
from tiltyard.serving.keys import KeyStore
from tiltyard.serving.server import Served
from tiltyard.serving.settings import LimitSettings, OutputSettings, RateSettings, Settings
from tiltyard.targets.estimators import FunctionTarget

SCHEMA = Schema(features=(Feature(name="size", kind="continuous", low=-4, high=4),), label="y", classes=("no", "yes"))
QUICK = Posture(burst=120, megabytes=2, rows=2000)


def answered(x: NDArray[np.float32]) -> NDArray[np.float32]:
    p = 1 / (1 + np.exp(-x[:, 0]))
    return np.column_stack([1 - p, p])


def probed(settings: Settings, posture: Posture = QUICK) -> Record:
    keys = KeyStore()
    key = keys.new("prober").secret
    with Served(FunctionTarget(answered, SCHEMA.classes, SCHEMA), settings, keys) as served:
        record = probe(served.url, key, posture)
    assert key not in record.model_dump_json()
    return record


def test_the_guarded_endpoint_is_found_guarded(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    record = probed(Settings(port=0, rate=RateSettings(requests="100/minute")))
    assert record.result.status is Status.PASSED, record.result.tables[0].rows
    assert record.result.findings == ()
    states = [row[1] for row in record.result.tables[0].rows]
    assert (states.count("passed"), states.count("not applicable")) == (12, 1)
    assert "ty_" not in caplog.text
    assert "?key=" not in caplog.text


def test_a_guard_that_is_loosened_is_found_loose() -> None:
    loose = Settings(
        port=0,
        rate=RateSettings(requests=""),
        output=OutputSettings(kind="scores"),
        limits=LimitSettings(body=2**25, rows=100_000, seconds=60, body_seconds=60),
    )
    titles = {finding.title for finding in probed(loose).result.findings}
    assert titles == {
        "No rate limit",
        "Scores in full precision",
        "No limit on the size of a request",
        "No limit on the rows of a request",
    }
