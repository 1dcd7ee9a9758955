"""Accuracy and calibration against models whose answers are known."""

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.result import Status
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.validation.performance import Performance, calibration_error

SCHEMA = Schema(features=(Feature(name="p", kind="continuous"),), label="y", classes=("no", "yes"))


def _data(n: int = 4000) -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (n, 1)).astype(np.float32)
    return Dataset(x=x, y=(rng.uniform(0, 1, n) < x[:, 0]).astype(np.int64), schema=SCHEMA)


def test_a_calibrated_model_passes():
    target = FunctionTarget(lambda x: x[:, 0], SCHEMA.classes, SCHEMA)
    result = Performance()(target, _data()).result
    assert result.status is Status.PASSED
    assert result.metric("accuracy").value == pytest.approx(0.75, abs=0.02)
    assert result.metric("calibration_error").value < 0.03


def test_a_model_too_sure_is_a_finding():
    target = FunctionTarget(lambda x: (x[:, 0] > 0.5).astype(np.float32), SCHEMA.classes, SCHEMA)
    result = Performance()(target, _data()).result
    assert result.status is Status.FINDING
    assert result.metric("calibration_error").value == pytest.approx(0.25, abs=0.02)
    assert "too sure" in result.summary


def test_calibration_error_by_hand():
    confidence = np.array([0.9, 0.9, 0.6, 0.6], np.float32)
    right = np.array([True, False, True, True])
    assert calibration_error(confidence, right, 10) == pytest.approx((2 * 0.4 + 2 * 0.4) / 4, abs=1e-6)
