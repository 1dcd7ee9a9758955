"""A table of numbers with a text beside them: attacks move the numbers, and the text stays what it is."""

import io
from typing import Any

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.reading import read
from tiltyard.evasion.hop_skip_jump import HopSkipJump
from tiltyard.evasion.square import Square
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.targets.opening import open_target
from tiltyard.targets.target import Target

ATTACKS: tuple[Any, ...] = (
    Square(rows=60, eps=0.1, query_budget=60, curve=False),
    HopSkipJump(rows=60, eps=0.1, query_budget=120, curve=False),
)


def line(frame: Any) -> Any:
    """'yes' where a passes 0.5, or 0.7 where the text says so."""
    return (frame["a"] - np.where(frame["text"].str.contains("strict"), 0.7, 0.5)).to_numpy()


def decided(frame: Any) -> Any:
    """The probability of 'yes', steep around the line."""
    return 1 / (1 + np.exp(-20 * line(frame)))


def mixed(n: int = 200) -> tuple[Target, Dataset, Any]:
    import pandas as pd

    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(60)]
    says = rng.choice(["strict", "mild"], n)
    frame = pd.DataFrame({"a": rng.random(n), "b": rng.random(n), "text": [" ".join([*rng.choice(words, 5), s]) for s in says]})
    frame["y"] = np.where(line(frame) > 0, "yes", "no")
    data = read(frame, label="y", wanted=("a", "b", "text"))
    return open_target(decided, data=data, feeds="frame", classes=("no", "yes")), data, frame


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.id)
def test_numbers_are_moved_and_the_text_is_held(attack: Any) -> None:
    target, data, frame = mixed()
    progress = Progress()
    record = attack(target, data, progress)
    result = record.result
    within = (np.abs(line(frame)) < 0.1 * np.ptp(frame["a"])).mean()
    assert result.status is Status.FINDING
    assert 0.6 * within < result.metric("success_rate").value < 1.6 * within + 0.02
    rows = np.load(io.BytesIO(progress.handed()["adversarial.npz"]))
    assert np.array_equal(rows["x"][:, 2], rows["natural"][:, 2]) and (rows["x"][:, 0] != rows["natural"][:, 0]).any()
    assert "Never changed: text" in " ".join(result.notes)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.id)
def test_text_alone_does_not_apply(attack: Any) -> None:
    _, _, frame = mixed()
    data = read(frame[["text", "y"]], label="y", texts=True)
    target = open_target(lambda f: decided(f.assign(a=0.6)), data=data, feeds="frame", classes=("no", "yes"))
    record = attack(target, data)
    assert record.result.status is Status.NOT_APPLICABLE and "beside the text" in record.result.summary


def test_encoded_columns_of_text_are_given_to_no_model() -> None:
    from tiltyard.datasets.encoding import encoding_of
    from tiltyard.errors import Problem

    _, data, _ = mixed()
    for dtype in (np.float32, np.float64):
        with pytest.raises(Problem, match="free text"):
            encoding_of(data.schema).encode(data.x, dtype)
