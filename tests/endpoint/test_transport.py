"""Certificates and versions of TLS, against servers on loopback whose certificates are good, ending, over or strange."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tiltyard.endpoint.outcome import Outcome
from tiltyard.endpoint.site import Site
from tiltyard.endpoint.transport import probe
from tiltyard.targets.http.address import address_of
from tiltyard.targets.http.line import Key, Line
from tiltyard.targets.http.tiltyard_wire import TiltyardWire


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[[int], Path]:
    def make(days: int) -> Path:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=100))
            .not_valid_after(now + datetime.timedelta(days=days, hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path = tmp_path / f"{days}.pem"
        path.write_bytes(secret + made.public_bytes(pem))
        return path

    return make


@pytest.fixture
def tls() -> Iterator[Callable[[Path, bool], int]]:
    """``tls(certificate, old)`` starts a server that shakes hands and says no more; gives its port."""
    listeners: list[socket.socket] = []

    def start(path: Path, old: bool) -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        if old:
            import warnings

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                context.minimum_version = ssl.TLSVersion.TLSv1
            context.set_ciphers("ALL:@SECLEVEL=0")
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=accept, args=(listener, context), daemon=True).start()
        return int(listener.getsockname()[1])

    def accept(listener: socket.socket, context: ssl.SSLContext) -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(raw, server_side=True) as secure:
                    secure.settimeout(10)
                    secure.recv(1)
            except OSError:
                raw.close()

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def shaken(port: int) -> Outcome:
    address = address_of(f"https://127.0.0.1:{port}/")
    return probe(Site(Line(address, Key("")), TiltyardWire(address)))


def test_certificates_and_protocols(
    certificate: Callable[[int], Path], tls: Callable[[Path, bool], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    good, soon, over = certificate(90), certificate(5), certificate(-2)
    strange = shaken(tls(good, False))
    assert [f.title for f in strange.findings] == ["Its certificate does not hold"]
    monkeypatch.setenv("SSL_CERT_FILE", str(good))
    sound = shaken(tls(good, False))
    assert (sound.state, sound.findings) == ("passed", ())
    assert "holds for 90 days" in sound.text
    monkeypatch.setenv("SSL_CERT_FILE", str(soon))
    assert [f.title for f in shaken(tls(soon, False)).findings] == ["Its certificate ends soon"]
    monkeypatch.setenv("SSL_CERT_FILE", str(over))
    assert "expired" in shaken(tls(over, False)).text
    monkeypatch.setenv("SSL_CERT_FILE", str(good))
    old = shaken(tls(good, True))
    assert old.state in {"finding", "incomplete", "passed"}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert shaken(port).state == "incomplete"
