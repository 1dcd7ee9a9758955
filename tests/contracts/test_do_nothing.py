"""A defense that changes nothing, or as good as nothing, does not pass: whatever it claims, no effect is shown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiltyard.catalogue import defenses, find
from tiltyard.result import CheckResult, Status
from tiltyard.samples.catalog import Sample, load

NOTHING: dict[str, dict[str, Any]] = {
    "evasion.adversarial_training": {"eps": 1e-6, "epochs": 1, "steps": 1, "rate": 1e-9, "rows": 60, "flips": 0},
    "evasion.randomized_smoothing": {"sigma": 1e-4, "eps": 1e-4, "draws": 10, "counted": 100, "chosen": 10, "rows": 20},
    "privacy.dp_sgd": {"epsilon": 1000.0, "epochs": 1, "clip": 1000.0},
    "theft.output_policy": {"kind": "round", "digits": 6},
    "theft.watermark": {"count": 32, "epochs": 1, "key_file": "none.key"},
    "fairness.correlation_remover": {"strength": 0.0},
    "fairness.exponentiated_gradient": {"tolerance": 1.0, "iterations": 1},
    "fairness.threshold_optimizer": {"tolerance": 1.0},
    "validation.guard": {"allowed": 1e-9, "rows": 50},
    "poisoning.filter": {"rounds": 1, "alarm": 0.999},
}
# Without an effect of its own to show: a federation is held against the central model, and rounds that train nothing lose to it.
HELD_OTHERWISE = {"federated.training": {"rounds": 1, "clients": 2, "noise_multiplier": 50.0}}
WITH_PICTURES = {"evasion.randomized_smoothing"}


@pytest.fixture(scope="module")
def small() -> Callable[[str], Sample]:
    def of(name: str) -> Sample:
        sample = load(name)
        member = np.asarray(sample.data.member)
        rows = np.concatenate([np.flatnonzero(member)[:600], np.flatnonzero(~member)[:300]])
        return Sample(sample.target, sample.data.take(rows), sample.datasheet, sample.card)

    return of


def test_every_defense_of_ours_is_tried() -> None:
    ours = {id for id, cls in defenses().items() if cls.__module__.startswith("tiltyard.")}
    assert {*NOTHING, *HELD_OTHERWISE} == ours


@pytest.mark.parametrize(("id", "settings"), [*NOTHING.items(), *HELD_OTHERWISE.items()], ids=[*NOTHING, *HELD_OTHERWISE])
def test_doing_nothing_is_no_pass(
    small: Callable[[str], Sample], id: str, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    sample = small("digits" if id in WITH_PICTURES else "census")
    result: CheckResult = find(id).model_validate(settings)(sample.target, sample.data).record.result
    assert result.status in (Status.INCOMPLETE, Status.FINDING), result.summary
