"""Checkpoints of a federated training: gone on with to the bit, files of their own, and what is none is said."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.federated.test_federated import data, target, weights_of

from tiltyard.check import named
from tiltyard.errors import Problem
from tiltyard.federated.training import Training
from tiltyard.progress import Progress
from tiltyard.result import Status

__all__ = ["data", "target"]


def test_cancelled_and_gone_on_with_is_the_same_run(tmp_path: Path, target, data):
    file = tmp_path / "run.safetensors"
    facts = {"clients": 4, "rounds": 4, "noise_multiplier": 0.5, "share": 0.7, "rows": 300}
    whole = named(Training, facts)(target, data)
    progress = Progress()
    progress.listener = lambda report: progress.cancel() if "round 3" in report.message else None
    cut = named(Training, {**facts, "resume": str(file)})(target, data, progress)
    assert (cut.record.result.status, cut.target) == (Status.CANCELLED, None)
    assert file.exists()
    on = named(Training, {**facts, "resume": str(file)})(target, data)
    np.testing.assert_array_equal(weights_of(on.target), weights_of(whole.target))
    assert json.loads(on.record.result.model_dump_json()) == json.loads(whole.record.result.model_dump_json())
    other = named(Training, {**facts, "seed": 1, "resume": str(file)})(target, data)
    assert other.record.result.status is Status.FAILED
    assert "another's" in other.record.result.summary


def test_a_file_that_is_no_checkpoint_is_said(tmp_path: Path, target, data):
    file = tmp_path / "run.safetensors"
    file.write_bytes(b"not this")
    result = Training(clients=2, rounds=1, resume=str(file))(target, data).record.result
    assert result.status is Status.FAILED
    assert "a checkpoint in" in result.summary
    assert file.read_bytes() == b"not this"


def test_bare_names_are_files_of_their_own_whatever_follows_their_dot(tmp_path: Path, monkeypatch, target, data):
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path)
    for seed, name in enumerate(("run.v1", "run.v2")):
        made = named(Training, {"clients": 2, "rounds": 1, "rows": 100, "seed": seed, "resume": name})(target, data)
        assert made.target is not None, made.record.result.summary
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["run.v1", "run.v2"]


ROUND = {"number": 0, "asked": 0, "answered": 0, "right": 1, "rows": 2}


@pytest.mark.parametrize(
    ("name", "facts"),
    [("other", {"rounds": [ROUND]}), ("weights", {}), ("weights", {"rounds": None}), ("weights", {"rounds": [{**ROUND, "right": "all"}]})],
)
def test_a_checkpoint_of_this_run_without_its_weights_or_rounds_is_said(tmp_path: Path, name: str, facts: dict[str, object]):
    import torch

    from tiltyard.federated.rounds.checkpoint import Checkpoint
    from tiltyard.federated.rounds.server import Round
    from tiltyard.targets.checkpoints import store

    checkpoint = Checkpoint(tmp_path / "run.safetensors", "key")
    assert checkpoint.read() == (None, (), {})
    store(checkpoint.path, "key", {name: torch.ones(3)}, facts)
    with pytest.raises(Problem, match="weights and rounds in"):
        checkpoint.read()
    checkpoint.write(np.arange(3, dtype=np.float32), [Round.model_validate(ROUND)], {})
    weights, rounds, _ = checkpoint.read()
    np.testing.assert_array_equal(weights, np.arange(3, dtype=np.float32))
    assert rounds == (Round.model_validate(ROUND),)
