"""The pieces of a federation in processes, without the processes: folders, credentials, messages. The real thing: benchmarks/federation.py."""

import contextlib
import ssl
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization

from tiltyard.errors import Problem
from tiltyard.federated.aggregation import combine
from tiltyard.federated.deployed.credentials import node_key, tls
from tiltyard.federated.training import Training
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.samples.catalog import load

if TYPE_CHECKING:
    from tiltyard.federated.deployed.home import Home


STEP = Training(clients=3, rounds=2, rows=200, attackers=1, attack="label_flip")


@pytest.fixture(scope="module")
def start():
    census = load("census")
    return STEP.setting(census.target, census.data)


def test_a_client_s_folder_holds_its_rows_alone_and_the_server_s_none(start, tmp_path: Path):
    from tiltyard.federated.deployed.home import written
    from tiltyard.federated.rounds.weights import flat, put

    server, *clients = written(start, tmp_path)
    for home, shard in zip(clients, start.shards, strict=True):
        np.testing.assert_array_equal(home.shard().x, shard.x)
        np.testing.assert_array_equal(home.shard().y, shard.y)
        assert home.plan == start.plan
        assert sorted(path.name for path in home.folder.iterdir()) == ["architecture.json", "plan.json", "tensors.safetensors"]
        assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    np.testing.assert_array_equal(server.held().x, start.held.x)
    module = server.module()
    put(module, server.tensors()["start"])
    np.testing.assert_array_equal(flat(module), flat(start.start))


def test_a_broken_plan_is_one_line(start, tmp_path: Path):
    from tiltyard.federated.deployed.home import NODES, written

    server, *_ = written(start, tmp_path)
    (server.folder / "plan.json").write_text("{}")
    with pytest.raises(Problem, match="a federation's plan in"):
        _ = server.plan
    with pytest.raises(Problem, match=r"nodes\.txt"):
        server.nodes()
    (server.folder / NODES).write_text("0 17\n1 18")
    assert server.nodes() == {0: 17, 1: 18}


def test_the_certificate_is_for_loopback_and_its_authority_is_trusted(tmp_path: Path):
    made = tls(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.certificate, made.key)
    client = ssl.create_default_context(cafile=str(made.authority))
    shaken = _handshake(server, client, "127.0.0.1")
    assert shaken["issuer"] != shaken["subject"]
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(server, client, "elsewhere.example")
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> dict[str, object]:
    pipes = [ssl.MemoryBIO() for _ in range(4)]
    ends = [
        client.wrap_bio(pipes[0], pipes[1], server_hostname=name),
        server.wrap_bio(pipes[2], pipes[3], server_side=True),
    ]
    for _ in range(6):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
            pipes[2].write(pipes[1].read())
            pipes[0].write(pipes[3].read())
    return dict(ends[0].getpeercert() or {})


def test_a_node_s_key_is_its_own(tmp_path: Path):
    keys = [node_key(tmp_path, name) for name in ("one", "two")]
    public = [serialization.load_ssh_public_key(key.public.read_bytes()) for key in keys]
    private = [serialization.load_ssh_private_key(key.private.read_bytes(), None) for key in keys]
    assert private[0].public_key() == public[0] != public[1]
    assert stat.S_IMODE(keys[0].private.stat().st_mode) == 0o600
    with pytest.raises(Problem, match="a name not in use"):
        node_key(tmp_path, "one")


@dataclass
class Grid:
    """Flower's grid as `Remote` uses it, its clients in this process; ``dead`` ones say nothing, ``liars`` send another's name."""

    homes: "list[Home]"
    dead: set[int]

    def get_node_ids(self):
        return [100 + i for i in range(len(self.homes))]

    def send_and_receive(self, messages, timeout):
        from flwr.app import Context, RecordDict

        from tiltyard.federated.deployed.client_app import app

        for message in messages:
            client = message.metadata.dst_node_id - 100
            if client in self.dead:
                continue
            told = {"client": client, "home": str(self.homes[client].folder)}
            message.metadata._message_id = "1"
            reply = app(message, Context(1, 100 + client, told, RecordDict(), {}))
            yield reply


def test_flower_s_apps_give_the_numbers_of_one_process(start, tmp_path: Path, monkeypatch):
    from tiltyard.federated.deployed.home import written
    from tiltyard.federated.rounds.client import ClientUpdate
    from tiltyard.federated.rounds.weights import flat

    identity = pytest.importorskip("flwr.supercore.task_identity").TaskIdentity
    for name in ("_run_id", "_node_id", "_task_id"):
        monkeypatch.setattr(identity, name, 1)
    from tiltyard.federated.deployed.server_app import Remote
    from tiltyard.federated.rounds.local import Local

    _, *clients = written(start, tmp_path)
    weights = flat(start.start)
    remote = Remote(Grid(clients, {1}), {0: 100, 1: 101, 2: 102}, 1.0)
    there: list[ClientUpdate] = remote(1, weights, (0, 1, 2), Progress())
    here = Local(start.start, start.plan, start.shards)(1, weights, (0, 1, 2), Progress())
    assert [a.client for a in there] == [0, 2]
    for far, near in zip(there, [here[0], here[2]], strict=True):
        np.testing.assert_array_equal(far.weights, near.weights)
        assert far.rows == near.rows
    assert combine("fedavg", [a.weights for a in there], [a.rows for a in there]).shape == weights.shape


def test_without_flower_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "flwr", None)
    census = load("census")
    result = Training(clients=2, rounds=1, rows=50, processes=True)(census.target, census.data).record.result
    assert result.status is Status.NOT_APPLICABLE
    assert "pip install 'tiltyard[federated]'" in result.summary


class Killed(BaseException):
    """The server's process ends here: nothing after it is written."""


@dataclass
class Mortal(Grid):
    """A grid whose server dies while it waits for the answers of round ``last``."""

    last: int

    def send_and_receive(self, messages, timeout):
        if int(messages[0].content.config_records["round"]["number"]) == self.last:
            raise Killed
        return super().send_and_receive(messages, timeout)


def test_a_killed_server_with_fedadam_goes_on_to_the_same_bits(tmp_path: Path, monkeypatch):
    identity = pytest.importorskip("flwr.supercore.task_identity").TaskIdentity
    for name in ("_run_id", "_node_id", "_task_id"):
        monkeypatch.setattr(identity, name, 1)
    from flwr.app import Context, RecordDict

    from tiltyard.federated.deployed import server_app
    from tiltyard.federated.deployed.home import NODES, written

    census = load("census")
    begun = Training(clients=3, rounds=4, rows=200, server_rate=0.05).setting(census.target, census.data)

    def served(name: str, *last: int) -> "Home":
        (tmp_path / name).mkdir()
        server, *clients = written(begun, tmp_path / name)
        (server.folder / NODES).write_text("0 100\n1 101\n2 102\n")
        told = {"home": str(server.folder), "classes": 2, "patience": 1.0, "rows": 200}
        for end in last:
            with pytest.raises(Killed):
                server_app.main(Mortal(clients, set(), end), Context(1, 1, {}, RecordDict(), told))
        server_app.main(Grid(clients, set()), Context(1, 1, {}, RecordDict(), told))
        return server

    whole, killed = served("whole"), served("killed", 3, 4)
    (weights, rounds, memory), (again, gone_on, moments) = whole.checkpoint.read(), killed.checkpoint.read()
    assert [r.number for r in gone_on] == [r.number for r in rounds] == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(again, weights)
    assert set(memory) == set(moments) and memory
    for key, tensor in memory.items():
        np.testing.assert_array_equal(moments[key], tensor)
