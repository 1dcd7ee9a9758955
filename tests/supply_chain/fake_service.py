"""A service of advisories on the loopback address, reached as a company's proxy is: it takes the place of every host, by certificates of its own."""

import datetime
import ipaddress
import json
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Answer = tuple[int, dict[str, str], bytes]
DAY = datetime.timedelta(days=1)


@dataclass
class Asked:
    """One request: what was asked about which package, and how it was answered."""

    host: str
    package: str
    version: str


@dataclass
class Fake:
    """What the service does, and whom it was asked about. ``answer`` gets the request; ``over`` ends those that hang."""

    answer: Callable[[Asked], Answer | None]
    asked: list[Asked] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


def said(value: Any, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


class Authority:
    """Signs a certificate for whatever host is asked for; ``file`` is what a client must trust."""

    def __init__(self, folder: Path):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a company's proxy")])
        made = self._made(self.name, self.key.public_key()).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.file = folder / "authority.pem"
        self.file.write_bytes(made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _made(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        start = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
        return start.serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + DAY)

    def context(self, host: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            other: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            other = x509.DNSName(host)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "host")])
        made = self._made(subject, key.public_key()).add_extension(x509.SubjectAlternativeName([other]), critical=False)
        form = serialization.PrivateFormat.PKCS8
        pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        pem += made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(pem)
            file.flush()
            context.load_cert_chain(file.name)
        return context


class Handler(BaseHTTPRequestHandler):
    """CONNECT, then TLS, then the questions of either service."""

    protocol_version = "HTTP/1.1"
    fake: Fake
    authority: Authority
    host = ""

    def do_CONNECT(self) -> None:
        self.host = self.path.partition(":")[0]
        self.send_response(200)
        self.end_headers()
        self.wfile.flush()
        self.connection = self.authority.context(self.host).wrap_socket(self.connection, server_side=True)
        self.rfile.close()
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        self.close_connection = False  # though CONNECT came by HTTP/1.0

    def do_GET(self) -> None:
        _, name, version = self.path.strip("/").split("/")[:3]
        self._answered(Asked(self.host, name, version))

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answered(Asked(self.host, question["package"]["name"], question.get("version", "")))

    def _answered(self, asked: Asked) -> None:
        self.fake.asked.append(asked)
        answer = self.fake.answer(asked)
        if answer is None:
            self.fake.over.wait(60)
            self.close_connection = True
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def finish(self) -> None:
        for part in (self.wfile, self.rfile, self.connection):
            try:
                part.close()
            except OSError:
                continue

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what was asked is kept."""


class Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, or does not trust us, is what some tests are about."""


@contextmanager
def serving(fake: Fake, folder: Path) -> Iterator[tuple[str, Path]]:
    """The proxy's address and the authority's certificate, while the service runs."""
    authority = Authority(folder)
    handler = type("Bound", (Handler,), {"fake": fake, "authority": authority})
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", authority.file
        finally:
            fake.over.set()
            server.shutdown()
            thread.join()
