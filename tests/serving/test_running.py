"""While it runs: TLS, keys that change, and a stop that loses no answer; each with a real process or a real handshake."""

import datetime
import ipaddress
import json
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tiltyard.cli import main
from tiltyard.errors import Problem
from tiltyard.serving.binding import check_binding
from tiltyard.serving.keys import KeyStore
from tiltyard.serving.settings import Settings

from .conftest import GOOD, until
from .processes import Process

ROW = json.dumps({"instances": [GOOD]})
PLAIN = 'port = 0\nlog = "log.jsonl"\n[rate]\nrequests = ""\n'
EXTREME = ("age", "capital-gain", "capital-loss", "hours-per-week")
Start = Callable[..., Process]
Told = Callable[..., tuple[int, str]]


def certified(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1 and its key, as PEM files in the folder."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    (folder / "cert.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return folder / "cert.pem"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a process; it is ended with the test."""
    started: list[Process] = []

    def begin(settings: str = PLAIN, seconds: float = 0.0, verify: Any = True) -> Process:
        started.append(Process(tmp_path, settings, seconds, verify))
        return started[-1]

    yield begin
    for process in started:
        process.close()


def test_tls_is_spoken_and_nothing_else(start: Start, tmp_path: Path) -> None:
    trusted = ssl.create_default_context(cafile=str(certified(tmp_path)))
    server = start('certificate = "cert.pem"\nprivate_key = "key.pem"\n' + PLAIN, verify=trusted)
    assert server.url.startswith("https://")
    answer = server.sent(ROW)
    assert answer.status_code == 200 and "max-age" in answer.headers["strict-transport-security"]
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(server.url + "/healthz")
    with pytest.raises(httpx.TransportError):
        httpx.get(server.url.replace("https", "http") + "/healthz")
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain, trusted.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
        assert tls.version() == "TLSv1.3"
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        old.wrap_socket(plain)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_beyond_loopback_only_with_tls_and_keys(host: str, tmp_path: Path) -> None:
    keys = KeyStore()
    keys.new("a")
    with pytest.raises(Problem, match="TLS"):
        check_binding(Settings(host=host), keys)
    certified(tmp_path)
    secure = Settings(host=host, certificate=str(tmp_path / "cert.pem"), private_key=str(tmp_path / "key.pem"))
    check_binding(secure, keys)
    with pytest.raises(Problem, match="valid key"):
        check_binding(secure, KeyStore())
    keys.revoke("a")
    with pytest.raises(Problem, match="valid key"):
        check_binding(secure, keys)


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Run a command of tiltyard on the test's file of keys; its exit code and all it said."""

    def tell(*words: str) -> tuple[int, str]:
        code = main([*words, "--keys", str(tmp_path / "keys.json")])
        said = capsys.readouterr()
        return code, said.out + said.err

    return tell


def shown(text: str) -> str:
    """The key in what a command said."""
    return next(word for word in text.split() if word.startswith("ty_"))


def test_the_command_refuses_in_one_line(told: Told) -> None:
    code, said = told("serve", "sample:census", "--port", "0")
    assert code and "tiltyard key new" in said and said.count("\n") == 1
    assert told("key", "new", "me")[0] == 0
    code, said = told("serve", "sample:census", "--host", "0.0.0.0", "--port", "0")
    assert code and "TLS" in said and said.count("\n") == 1


def test_a_key_made_by_the_command_is_shown_once(told: Told, tmp_path: Path) -> None:
    secret = shown(told("key", "new", "me")[1])
    assert secret not in told("key", "list")[1] + told("key", "list", "--json")[1] + (tmp_path / "keys.json").read_text()
    assert KeyStore(tmp_path / "keys.json").find(secret)


def test_a_guard_from_the_defense_is_served_end_to_end(tmp_path: Path) -> None:
    """Saved by the Input-validation defense, named in guard.toml, and the strange row is refused with its column."""
    import numpy as np

    from tiltyard.samples.catalog import load
    from tiltyard.serving.server import Served
    from tiltyard.serving.settings import read_settings
    from tiltyard.validation.guard import load as load_guard
    from tiltyard.validation.input_guard import Guard

    sample = load("census")
    assert Guard(rows=1000, save_as=str(tmp_path / "guard.safetensors"))(sample.target, sample.data).target is not None
    guard = load_guard(tmp_path / "guard.safetensors")
    (tmp_path / "guard.toml").write_text('guard = "guard.safetensors"\nport = 0\n[rate]\nrequests = ""\n')
    keys = KeyStore()
    head = {"Authorization": f"Bearer {keys.new('me').secret}"}
    usual = sample.data.seen.x[:200]
    usual = usual[~guard.refused(usual)][:20]
    strange = usual[:1].copy()
    for name in EXTREME:  # each is valid alone; nobody has all of them
        place = sample.data.schema.slices[name]
        strange[0, place] = sample.data.schema.high[place]
    assert guard.refused(strange).all()
    encode = sample.target.encoding.encode
    with (
        Served(sample.target, read_settings(tmp_path / "guard.toml"), keys) as served,
        httpx.Client(base_url=served.url, headers=head) as client,
    ):
        assert client.post("/v1/predict", json={"instances": encode(usual).tolist()}, timeout=60).status_code == 200
        answer = client.post("/v1/predict", json={"instances": encode(np.concatenate([usual[:3], strange])).tolist()}, timeout=60)
        assert served.guarded.detector is not None
    error = answer.json()["error"]
    assert (answer.status_code, error["row"], error["column"] in EXTREME) == (422, 3, True) and "unlike" in error["found"]


def test_keys_change_while_it_runs(start: Start, told: Told) -> None:
    server = start()

    def asks(secret: str) -> int:
        return server.sent(ROW, Authorization=f"Bearer {secret}").status_code

    old = server.head["Authorization"].removeprefix("Bearer ")
    assert asks(old) == 200
    fresh = shown(told("key", "rotate", "tester")[1])
    assert (asks(old), asks(fresh)) == (401, 200)
    short = server.keys.new("short", lasts=timedelta(seconds=2)).secret
    assert until(lambda: asks(short) == 401)
    assert told("key", "revoke", "tester")[0] == 0
    assert asks(fresh) == 401
    assert "expired" in server.sent(ROW, Authorization=f"Bearer {short}").text


def test_a_stop_under_load_loses_no_answer(start: Start) -> None:
    """Twenty requests are under way when SIGTERM comes; each gets its answer, and then nobody new is let in."""
    server = start(seconds=0.1)
    clients = [httpx.Client(base_url=server.url, headers=server.head, timeout=120) for _ in range(20)]
    try:
        for client in clients:  # its connection is taken
            assert client.get("/healthz").status_code == 200
        with ThreadPoolExecutor(20) as pool:
            asked = [pool.submit(client.post, "/v1/predict", content=ROW) for client in clients]
            until(lambda: any(a.done() for a in asked))
            server.process.send_signal(signal.SIGTERM)
            answers = [a.result(120) for a in asked]
    finally:
        for client in clients:
            client.close()
    assert [a.status_code for a in answers] == [200] * 20
    assert server.process.wait(60) in (0, -signal.SIGTERM)
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url + "/healthz")
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert sum(line.get("rows", 0) for line in lines) == 20
