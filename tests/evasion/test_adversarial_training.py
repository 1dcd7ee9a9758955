"""Adversarial training makes a model more robust, can be resumed to the same weights, and says what it cannot train."""

from pathlib import Path

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.defense import Outcome
from tiltyard.evasion.adversarial_training import AdversarialTraining
from tiltyard.evasion.pgd import PGD
from tiltyard.progress import Progress, Report
from tiltyard.result import Status
from tiltyard.samples.catalog import Sample, load
from tiltyard.targets.estimators import FunctionTarget


@pytest.fixture(scope="module")
def census() -> Sample:
    sample = load("census")
    rows = np.concatenate([np.flatnonzero(sample.data.member)[:3000], np.flatnonzero(~sample.data.member)[:400]])  # type: ignore[arg-type, operator]
    return Sample(sample.target, sample.data.take(rows), sample.datasheet, sample.card)


@pytest.fixture(scope="module")
def trained(census: Sample) -> Outcome:
    return AdversarialTraining(eps=0.02, epochs=3, batch_size=256, steps=3, rows=400, loss=0.15)(census.target, census.data)


def test_the_model_withstands_more_and_the_one_given_is_left_as_it_was(census: Sample, trained: Outcome) -> None:
    result = trained.record.result
    assert result.status is Status.PASSED, result.summary
    after, before = result.metric("robust_accuracy"), result.metric("robust_accuracy_before")
    assert (after.low or 0) > (before.value or 1)
    assert trained.target is not None
    assert trained.target.parent is census.target
    assert trained.target.fingerprint != census.target.fingerprint
    assert load("census").target.fingerprint == census.target.fingerprint
    (chart,) = result.charts
    assert chart.series[0].x == (0.0, 1.0, 2.0, 3.0)


def test_the_check_measures_what_the_defense_says(census: Sample, trained: Outcome) -> None:
    assert trained.target is not None
    check = PGD(eps=0.02, rows=400, curve=False)(trained.target, census.data).result
    said = trained.record.result.metric("robust_accuracy").value
    assert check.metric("robust_accuracy").value == pytest.approx(said, abs=0.02)


def test_a_model_that_collapsed_to_the_commonest_class_is_no_pass(census: Sample) -> None:
    result = AdversarialTraining(eps=0.5, epochs=2, batch_size=256, steps=3, rows=100)(census.target, census.data).record.result
    assert (result.metric("robust_accuracy").low or 0) > 0.3 > (result.metric("robust_accuracy_before").high or 1)
    assert result.status is Status.INCOMPLETE, "it withstands more only because it says the same of all rows"
    assert "always saying '<=50K'" in result.summary


class StopsAfter(Progress):
    """Cancels once so many epochs are done."""

    def __init__(self, epochs: int) -> None:
        self.said: list[str] = []
        self.epochs = epochs
        super().__init__(listener=self._listen)

    def _listen(self, report: Report) -> None:
        self.said.append(report.message)
        if report.message.startswith(f"epoch {self.epochs} of") and "right" in report.message:
            self.cancel()


def test_a_resumed_run_ends_with_the_weights_of_one_that_was_not_cut_off(census: Sample, trained: Outcome, tmp_path: Path) -> None:
    file = tmp_path / "run.safetensors"
    training = AdversarialTraining(eps=0.02, epochs=3, batch_size=256, steps=3, rows=400, loss=0.15, resume=str(file))
    cut = training(census.target, census.data, StopsAfter(1))
    assert cut.record.result.status is Status.CANCELLED
    assert cut.target is None
    assert file.exists()
    going_on = StopsAfter(99)
    again = training(census.target, census.data, going_on)
    assert any("from epoch 2 of 3" in said for said in going_on.said)
    assert again.target is not None
    assert trained.target is not None
    assert again.target.fingerprint == trained.target.fingerprint
    assert again.record.result.charts == trained.record.result.charts


def test_a_checkpoint_of_another_run_or_a_broken_one_is_refused(census: Sample, tmp_path: Path) -> None:
    file = tmp_path / "run.safetensors"
    small = Dataset(census.data.x[:200], census.data.y[:200], census.data.schema)
    assert AdversarialTraining(epochs=1, steps=1, rows=20, resume=str(file))(census.target, small).target is not None
    other = AdversarialTraining(epochs=2, steps=1, rows=20, resume=str(file))(census.target, small)
    assert other.record.result.status is Status.FAILED
    assert "very run" in other.record.result.summary
    file.write_bytes(file.read_bytes()[:100])
    broken = AdversarialTraining(epochs=1, steps=1, rows=20, resume=str(file))(census.target, small)
    assert broken.record.result.status is Status.FAILED
    assert "checkpoint" in broken.record.result.summary


def test_a_bare_checkpoint_name_stands_in_the_data_folder() -> None:
    from tiltyard.targets.checkpoints import place

    path = place("mine.safetensors")
    assert path is not None
    assert path.parent.name == "checkpoints"
    assert place("") is None
    assert place("there/mine.safetensors") == Path("there/mine.safetensors")


def test_what_cannot_be_trained_is_said(census: Sample) -> None:
    import torch

    from tiltyard.targets.torch_target import TorchTarget

    inner = census.target
    box = FunctionTarget(lambda t: inner.scores(inner.schema.encode(t)), inner.classes, inner.schema, "box", feeds="frame")  # type: ignore[arg-type]
    assert AdversarialTraining()(box, census.data).record.result.status is Status.NOT_APPLICABLE
    probabilities = torch.nn.Sequential(inner.inner, torch.nn.Softmax(1))
    softmax = TorchTarget(probabilities, inner.classes, inner.schema, "softmax", outputs="probabilities")
    record = AdversarialTraining()(softmax, census.data).record
    assert record.result.status is Status.NOT_APPLICABLE
    assert "logits" in record.result.summary


def test_images_are_shifted_by_whole_pixels() -> None:
    import torch

    from tiltyard.evasion._adversarial_training import shifted

    x = torch.zeros(50, 1, 9, 9)
    x[:, 0, 4, 4] = 1.0
    moved = shifted(x, 2, torch.Generator().manual_seed(0))
    assert bool((moved.sum((1, 2, 3)) == 1).all())
    places = {tuple(int(i) for i in place) for place in moved[:, 0].nonzero()[:, 1:]}
    assert len(places) > 10
    assert all(2 <= i <= 6 and 2 <= j <= 6 for i, j in places)


@pytest.mark.slow
def test_digits_gain_from_one_epoch() -> None:
    sample = load("digits")
    data = sample.data.take(np.arange(2000))
    outcome = AdversarialTraining(eps=0.1, epochs=1, steps=3, rows=100)(sample.target, data)
    result = outcome.record.result
    assert (result.metric("robust_accuracy").value or 0) > (result.metric("robust_accuracy_before").value or 1)
