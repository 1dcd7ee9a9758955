"""SecAgg+ with its server's and its clients' code in one process: sums alone leave it. In processes: benchmarks/federation_secagg.py."""

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("flwr")

from tiltyard.errors import Problem
from tiltyard.federated.deployed import masks
from tiltyard.federated.deployed.quantizing import error
from tiltyard.federated.training import Training
from tiltyard.progress import Progress
from tiltyard.samples.catalog import load

if TYPE_CHECKING:
    from flwr.app import Message

    from tiltyard.federated.deployed.home import Home


CLIENTS = 4
NODES = {client: 100 + client for client in range(CLIENTS)}


@pytest.fixture(scope="module")
def start():
    census = load("census")
    return Training(clients=CLIENTS, rounds=2, rows=200, processes=True, secure=True).setting(census.target, census.data)


@pytest.fixture(scope="module")
def before(start):
    from tiltyard.federated.rounds.weights import flat

    return flat(start.start)


@pytest.fixture(scope="module")
def homes(start, tmp_path_factory):
    from tiltyard.federated.deployed.home import written

    return written(start, tmp_path_factory.mktemp("homes"))[1:]


@pytest.fixture(autouse=True)
def identity(monkeypatch):
    from flwr.supercore.task_identity import TaskIdentity

    for name in ("_run_id", "_node_id", "_task_id"):
        monkeypatch.setattr(TaskIdentity, name, 1)


@dataclass
class Grid:
    """Flower's grid with its clients in this process; ``silent`` says from which stage on a client answers no more."""

    homes: "list[Home]"
    silent: dict[int, str] = field(default_factory=dict)
    replies: "list[Message]" = field(default_factory=list)

    def __post_init__(self) -> None:
        from flwr.app import Context, RecordDict

        told = [{"client": i, "home": str(home.folder)} for i, home in enumerate(self.homes)]
        self.contexts = [Context(1, 100 + i, each, RecordDict(), {}) for i, each in enumerate(told)]

    def get_node_ids(self):
        return list(NODES.values())

    def send_and_receive(self, messages, timeout=None):
        return [reply for message in messages if (reply := self._reply(message)) is not None]

    def _reply(self, message: "Message") -> "Message | None":
        from flwr.app import Message
        from flwr.common.secure_aggregation.secaggplus_constants import RECORD_KEY_CONFIGS, Key, Stage

        from tiltyard.federated.deployed.client_app import app

        client, stage = message.metadata.dst_node_id - 100, str(message.content.config_records[RECORD_KEY_CONFIGS][Key.STAGE])
        if client in self.silent and Stage.all().index(stage) >= Stage.all().index(self.silent[client]):
            return None
        message.metadata._message_id = "1"
        wire = Message(copy.deepcopy(message.content), dst_node_id=100 + client, message_type="train", group_id="1")
        wire.metadata._message_id = "1"
        self.replies.append(app(wire, self.contexts[client]))
        return self.replies[-1]


def asked(start, before, grid: Grid):
    from flwr.app import Context, RecordDict

    from tiltyard.federated.deployed.summing import Summed

    ask = Summed(grid, Context(1, 1, {}, RecordDict(), {}), NODES, 1.0, start.rows)
    return ask(1, before, tuple(range(CLIENTS)), Progress())


def plain(start, before, clients):
    """What the same clients give without SecAgg+."""
    from tiltyard.federated.rounds.local import Local
    from tiltyard.federated.rounds.server import combined

    found = Local(start.start, start.plan, start.shards)(1, before, clients, Progress())
    return found, combined(start.plan, before, found, 1)[0]


def test_the_sum_is_fedavg_s_up_to_rounding(start, before, homes):
    from tiltyard.federated.rounds.server import combined

    _, expected = plain(start, before, range(CLIENTS))
    found = asked(start, before, Grid(homes))
    assert [a.client for a in found] == [0, 1, 2, 3]
    after, _ = combined(start.plan, before, found, 1)
    assert 0 < np.abs(after - expected).max() <= error(CLIENTS) + 1e-6


def test_what_leaves_a_client_tells_neither_its_update_nor_its_rows(start, before, homes):
    from flwr.common import bytes_to_ndarray
    from flwr.common.secure_aggregation.secaggplus_constants import RECORD_KEY_CONFIGS, Key

    honest, _ = plain(start, before, range(CLIENTS))
    grid = Grid(homes)
    asked(start, before, grid)
    sent = [r for r in grid.replies if Key.MASKED_PARAMETERS in r.content.config_records[RECORD_KEY_CONFIGS]]
    assert len(sent) == CLIENTS
    for reply, client in zip(sent, honest, strict=True):
        factor, numbers = (bytes_to_ndarray(raw) for raw in reply.content.config_records[RECORD_KEY_CONFIGS][Key.MASKED_PARAMETERS])
        share = numbers.astype(float) / 2**32
        assert abs(share.mean() - 0.5) < 5 / np.sqrt(12 * len(share))
        assert abs(np.corrcoef(share, client.weights)[0, 1]) < 5 / np.sqrt(len(share))
        assert int(factor[0]) != round(client.rows / start.rows * 2**22)
        assert all(not list(arrays) for arrays in reply.content.array_records.values())
        assert {value for record in reply.content.metric_records.values() for value in record.values()} == {1}


@pytest.mark.parametrize("stage", ["setup", "share_keys", "collect_masked_vectors"])
def test_who_falls_silent_costs_its_answer_alone(start, before, homes, stage):
    from tiltyard.federated.rounds.server import combined

    _, expected = plain(start, before, (0, 1, 3))
    found = asked(start, before, Grid(homes, {2: stage}))
    assert [a.client for a in found] == [0, 1, 3]
    rows = sum(len(shard.y) for client, shard in enumerate(start.shards) if client != 2)
    assert np.abs(combined(start.plan, before, found, 1)[0] - expected).max() <= error(CLIENTS) * start.rows / rows + 1e-6


def test_who_falls_silent_after_its_masked_vector_is_counted(start, before, homes):
    from flwr.common.secure_aggregation.secaggplus_constants import Stage

    from tiltyard.federated.rounds.server import combined

    _, expected = plain(start, before, range(CLIENTS))
    found = asked(start, before, Grid(homes, {1: Stage.UNMASK}))
    assert np.abs(combined(start.plan, before, found, 1)[0] - expected).max() <= error(CLIENTS) + 1e-6


def test_too_few_for_the_threshold_is_no_sum(start, before, homes):
    from flwr.common.secure_aggregation.secaggplus_constants import Stage

    assert asked(start, before, Grid(homes, {1: Stage.UNMASK, 2: Stage.SHARE_KEYS})) == []
    assert asked(start, before, Grid(homes, dict.fromkeys((0, 1, 2), Stage.SETUP))) == []


def test_a_client_gives_nothing_to_a_server_that_asks_without_secagg(start, before, homes):
    from tiltyard.federated.deployed.client_app import app
    from tiltyard.federated.deployed.server_app import Remote

    message = Remote(Grid(homes), NODES, 1.0)._message(1, before, 100)
    message.metadata._message_id = "1"
    with pytest.raises(KeyError):
        app(message, Grid(homes).contexts[0])


def test_a_client_refuses_what_would_open_a_mask():
    from flwr.common.secure_aggregation.secaggplus_constants import Key, Stage

    from tiltyard.federated.deployed.summing import refuse_unfair, update

    with pytest.raises(ValueError, match="below a majority"):
        refuse_unfair({Key.STAGE: Stage.SETUP, Key.THRESHOLD: 2, Key.SAMPLE_NUMBER: 4})
    with pytest.raises(ValueError, match="both secrets"):
        refuse_unfair({Key.STAGE: Stage.UNMASK, Key.ACTIVE_NODE_ID_LIST: [1, 2], Key.DEAD_NODE_ID_LIST: [2]})
    refuse_unfair({Key.STAGE: Stage.UNMASK, Key.ACTIVE_NODE_ID_LIST: [1, 2, 3], Key.DEAD_NODE_ID_LIST: [4]})
    with pytest.raises(ValueError, match="not finite"):
        update(np.zeros(2, np.float32), np.array([1, np.inf], np.float32))


def test_masks_hang_on_the_whole_secret_and_are_uniform():
    one, other = (bytes([*first, *bytes(28)]) for first in ((1, 2, 3, 4), (4, 3, 2, 1)))
    shapes = [(1,), (30, 100)]
    drawn = masks.masks(one, 2**32, shapes)
    assert [part.shape for part in drawn] == shapes
    np.testing.assert_array_equal(drawn[1], masks.masks(one, 2**32, shapes)[1])
    assert (masks.masks(one[::-1], 2**32, shapes)[1] != drawn[1]).any()
    assert (masks.masks(other, 2**32, shapes)[1] != drawn[1]).any()
    counts = np.bincount(drawn[1].ravel() >> 28, minlength=16)
    assert ((counts - 187.5) ** 2 / 187.5).sum() < 50
    assert max(part.max() for part in masks.masks(one, 16, shapes)) < 16
    with pytest.raises(Problem, match="power of 2"):
        masks.masks(one, 1000, shapes)


def test_another_flower_is_refused(monkeypatch):
    monkeypatch.setattr(masks, "NAME", "another_name")
    with pytest.raises(Problem, match=r"as in Flower 1\.41"):
        masks.use()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"processes": False}, "processes must be on"),
        ({"rule": "krum", "clients": 9}, "rule must be fedavg; found krum"),
        ({"noise_multiplier": 1.0, "least": 11}, "2 to 10, as many as there are clients; found 11"),
        ({"noise_multiplier": 1.0, "least": 1}, "2 to 10"),
        ({"clients": 2}, "needs 3 clients or more"),
    ],
)
def test_what_sums_alone_cannot_do_is_refused_in_one_line(wrong, said):
    with pytest.raises(Problem, match=said):
        Training(**{"processes": True, "secure": True, **wrong})


@pytest.fixture(scope="module")
def noised():
    census = load("census")
    step = Training(clients=CLIENTS, rounds=2, rows=200, processes=True, secure=True, noise_multiplier=0.5, clip=0.8, least=3)
    return step.setting(census.target, census.data)


@pytest.fixture(scope="module")
def noised_homes(noised, tmp_path_factory):
    from tiltyard.federated.deployed.home import written

    return written(noised, tmp_path_factory.mktemp("noised"))[1:]


def asked_with_noise(noised, before, grid):
    from flwr.app import Context, RecordDict

    from tiltyard.federated.deployed.summing import Summed

    ask = Summed(grid, Context(1, 1, {}, RecordDict(), {}), NODES, 1.0, noised.rows, noised.plan.noise_share)
    return ask(1, before, tuple(range(CLIENTS)), Progress())


@pytest.mark.parametrize("silent", [{}, {2: "collect_masked_vectors"}])
def test_the_sum_of_noised_updates_is_that_of_those_who_answered(noised, noised_homes, before, silent):
    """To the step: what each client clips, rounds and adds by its own chance is worked out here without Flower."""
    from tiltyard.federated.rounds.server import combined

    share, plan = noised.plan.noise_share, noised.plan
    there = [client for client in range(CLIENTS) if client not in silent]
    honest = local(noised, before, there)
    total = sum(share.summand(a.weights.astype(float) - before, plan.client_chance(a.client, 1)) for a in honest)
    found = asked_with_noise(noised, before, Grid(noised_homes, silent))
    assert [a.client for a in found] == there
    after, _ = combined(plan, before, found, 1)
    small = np.abs(before) < 1  # float32 of large weights is coarser than a step
    np.testing.assert_allclose((after - before)[small], total[small] * share.step / CLIENTS, rtol=0, atol=1e-6)
    noise = (after - before) * CLIENTS - sum(clipped(a.weights.astype(float) - before, plan.clip) for a in honest)
    assert noise.std() == pytest.approx(0.5 * 0.8 * np.sqrt(len(there) / 3), rel=0.1)


def local(start, before, clients):
    from tiltyard.federated.rounds.local import Local

    return Local(start.start, start.plan, start.shards)(1, before, clients, Progress())


def clipped(update, clip):
    return update * min(1.0, clip / np.linalg.norm(update))


def test_a_sum_whose_noise_falls_short_stays_closed(noised, noised_homes, before):
    from flwr.common.secure_aggregation.secaggplus_constants import Key, Stage

    from tiltyard.federated.deployed.summing import refuse_unfair
    from tiltyard.federated.rounds.server import train

    grid = Grid(noised_homes, dict.fromkeys((0, 2), Stage.COLLECT_MASKED_VECTORS))
    assert asked_with_noise(noised, before, grid) == []
    after, rounds = train(noised.plan, before, lambda *_: [], noised.watch, Progress())
    np.testing.assert_array_equal(after, before)
    assert rounds[1].note == "0 answers, 3 needed: the weights stayed"
    with pytest.raises(ValueError, match="fewer than 4 clients, whose noise falls short"):
        refuse_unfair({Key.STAGE: Stage.SETUP, Key.THRESHOLD: 3, Key.SAMPLE_NUMBER: 4}, 4)
    with pytest.raises(ValueError, match="the sum is of fewer than 3 clients"):
        refuse_unfair({Key.STAGE: Stage.UNMASK, Key.ACTIVE_NODE_ID_LIST: [1, 2], Key.DEAD_NODE_ID_LIST: [4]}, 3)


def test_the_notes_say_what_it_protects_and_what_not(start, before):
    from tiltyard.federated.rounds.outcome import notes
    from tiltyard.federated.rounds.setting import Ran

    step = Training(clients=CLIENTS, rounds=2, rows=200, processes=True, secure=True)
    found = " ".join(notes(start, Ran(before, ()), step.processes))
    assert "neither of one client" in found and "keeps to the protocol" in found and "±8" in found
