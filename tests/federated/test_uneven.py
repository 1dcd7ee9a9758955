"""FedProx, SCAFFOLD, FedAdam and FLTrust: equal to FedAvg where they have to be, by hand, and against what they are for."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.federated.test_federated import data, recipe, target, weights_of

from tiltyard.check import named
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.federated.aggregation import Trusted, combine, fltrust
from tiltyard.federated.training import Training
from tiltyard.progress import Progress

if TYPE_CHECKING:
    from tiltyard.targets.torch_target import TorchTarget

__all__ = ["data", "target"]
FACTS: dict[str, Any] = {"clients": 3, "rounds": 2, "rows": 300, "alpha": 0.3}


def made(target: "TorchTarget", data: Dataset, **facts: Any) -> np.ndarray:
    outcome = named(Training, {**FACTS, **facts})(target, data)
    assert outcome.target is not None, outcome.record.result.summary
    return weights_of(outcome.target)


def test_no_pull_is_fedavg_bit_for_bit_and_a_strong_one_holds_clients(target, data):
    from tiltyard.federated.rounds.weights import flat

    plain = made(target, data)
    np.testing.assert_array_equal(made(target, data, mu=0.0), plain)
    start = flat(named(Training, FACTS).setting(target, data).start)
    far = [np.linalg.norm(made(target, data, mu=mu) - start) for mu in (0.0, 1.0, 1000.0)]
    assert far[0] > far[1] > far[2]


def test_the_pull_is_the_gradient_of_the_proximal_term():
    import torch

    from tiltyard.federated.rounds.correcting import proximal

    module = torch.nn.Linear(2, 1, bias=False)
    module.weight.data = torch.tensor([[1.0, 2.0]])
    pull = proximal(module, 0.5)
    module.weight.data = torch.tensor([[3.0, 1.0]])
    module.weight.grad = torch.zeros(1, 2)
    assert pull is not None
    pull(module)
    assert module.weight.grad.tolist() == [[1.0, -0.5]]


def test_scaffold_with_zero_variates_is_fedavg(target, data):
    """In the first round all variates are zero; with one client the common one is its own in every round."""
    np.testing.assert_array_equal(made(target, data, rounds=1, scaffold=True), made(target, data, rounds=1))
    np.testing.assert_array_equal(made(target, data, clients=1, rounds=3, scaffold=True), made(target, data, clients=1, rounds=3))
    assert not np.array_equal(made(target, data, rounds=2, scaffold=True), made(target, data, rounds=2))


def test_variates_by_hand():
    import torch

    from tiltyard.federated.rounds.correcting import Scaffold, gradient

    module = torch.nn.Linear(1, 2, bias=False)
    module.weight.data.zero_()
    x, y = np.array([[1.0], [3.0]], np.float32), np.array([0, 1])
    # at zero weights each class has a half: d loss / d w = mean of (p - onehot) x
    np.testing.assert_allclose(gradient(module, x, y)[0].numpy(), [[0.5], [-0.5]])
    held = Scaffold(4)
    held.correction(module, 0, x, y)
    held.correction(module, 1, -x, y)
    held.end([0])
    assert held.common is not None
    np.testing.assert_allclose(held.common[0].numpy(), [[0.125], [-0.125]])  # a quarter of the change of the one that answered
    assert set(held.own) == {0}
    again = held.correction(module, 0, x, y)
    module.weight.grad = torch.zeros(2, 1)
    again(module)
    np.testing.assert_allclose(module.weight.grad.numpy(), [[0.125 - 0.5], [-0.125 + 0.5]])


def test_fedadam_by_hand_and_where_it_is_fedavg():
    from tiltyard.federated.rounds.server_optimizer import FedAdam

    adam = FedAdam(0.1, tau=0.01)
    zero = np.zeros(2, np.float32)
    one = adam.step(zero, np.array([1.0, -2.0], np.float32))
    wanted = [0.1 * 0.1 * g / (math.sqrt(0.99 * 1e-4 + 0.01 * g * g) + 0.01) for g in (1.0, -2.0)]
    np.testing.assert_allclose(one, wanted, rtol=1e-6)
    two = adam.step(one, one + np.array([1.0, 0.0], np.float32))
    m, v = 0.9 * 0.1 + 0.1, 0.99 * (0.99 * 1e-4 + 0.01) + 0.01
    assert two[0] == pytest.approx(one[0] + 0.1 * m / (math.sqrt(v) + 0.01), rel=1e-5)
    plain = FedAdam(2e6, tau=1e6, first=0.0)  # all changes are small beside tau: root of v is tau, and the step the change itself
    np.testing.assert_allclose(plain.step(zero, np.array([1.0, -2.0], np.float32)), [1.0, -2.0], rtol=1e-2)


def test_fltrust_by_hand_on_three_vectors():
    """The server's update is (2, 0). One along it, one across, one against: lengths do not count, and only the first is trusted."""
    before = np.array([1.0, 1.0], np.float32)
    trusted = Trusted(before, before + np.array([2.0, 0.0], np.float32))
    along, across, against = (before + np.array(v, np.float32) for v in ([50, 0], [0, 3], [-4, 0]))
    np.testing.assert_allclose(fltrust([along, across, against], trusted), [3, 1])
    leaning = before + np.array([1.0, 1.0], np.float32)  # cosine 1/sqrt(2), rescaled to (sqrt 2, sqrt 2)
    share = 1 / math.sqrt(2)
    wanted = (np.array([2.0, 0.0]) + share * np.array([math.sqrt(2), math.sqrt(2)])) / (1 + share)
    np.testing.assert_allclose(fltrust([along, leaning], trusted) - before, wanted, rtol=1e-6)
    np.testing.assert_array_equal(fltrust([across, against], trusted), before)
    with pytest.raises(Problem, match="training of the server's own"):
        combine("fltrust", [along], [1])


def test_fltrust_outlives_most_clients_lying(target, data):
    facts = {"clients": 10, "attackers": 6, "attack": "sign_flip", "alpha": 100.0, "rounds": 6, "local_epochs": 3, "rows": 1000}
    right = {}
    for rule in ("fedavg", "median", "fltrust"):
        result = named(Training, {**facts, "rule": rule, "tolerate": 0})(target, data).record.result
        right[rule] = result.metric("accuracy_after").value
    assert max(right["fedavg"], right["median"]) < 0.5 < 0.9 < right["fltrust"]


def test_the_server_s_rows_are_at_no_client(target, data):
    start = Training(rule="fltrust", tolerate=0, root_rows=50, rows=400).setting(target, data)
    assert start.root is not None and len(start.root.y) == 50 and start.rows == 350
    kept = {row.tobytes() for row in start.root.x}
    assert not kept & {row.tobytes() for shard in start.shards for row in shard.x}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"scaffold": True, "processes": True}, "runs in this process alone"),
        ({"rule": "fltrust", "processes": True, "tolerate": 0}, "runs in this process alone"),
        ({"scaffold": True, "noise_multiplier": 1.0}, "give more away"),
    ],
)
def test_what_cannot_be_said_together(facts, said):
    with pytest.raises(Problem, match=said):
        Training(**facts)


def test_all_of_it_runs_and_is_said(target, data):
    facts = {**FACTS, "mu": 0.1, "scaffold": True, "server_rate": 0.05, "rule": "fltrust", "tolerate": 0}
    result = named(Training, facts)(target, data, Progress()).record.result
    assert {"FedProx", "SCAFFOLD", "FedAdam"} <= {note.split(":")[0] for note in result.notes}
    assert any("clean rows of its own" in note for note in result.notes)
    assert recipe().epochs == 4


def test_variates_and_moments_are_gone_on_with_to_the_bit(tmp_path, target, data):
    facts = {"clients": 4, "rounds": 3, "share": 0.6, "rows": 200, "scaffold": True, "server_rate": 0.05}
    whole = named(Training, facts)(target, data, Progress()).target
    progress = Progress()
    progress.listener = lambda report: progress.cancel() if "round 3" in report.message else None
    file = str(tmp_path / "run.safetensors")
    assert named(Training, {**facts, "resume": file})(target, data, progress).target is None
    on = named(Training, {**facts, "resume": file})(target, data, Progress()).target
    np.testing.assert_array_equal(weights_of(on), weights_of(whole))
