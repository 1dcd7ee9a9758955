"""Where an endpoint may listen: beyond this machine only with TLS and keys."""

import socket
import ssl
from contextlib import closing

from ..errors import Problem
from .keys import KeyStore
from .settings import Settings

BACKLOG = 2048
OWN_FILES = 300  # model, log, keys, and connections on their way in and out
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def check_binding(settings: Settings, keys: KeyStore) -> None:
    """Raise a `Problem` where the endpoint must not be served: no valid key, or reachable from elsewhere without TLS."""
    if not settings.loopback and not settings.secure:
        do = "Give certificate and private_key, or serve on 127.0.0.1 behind a proxy that has them"
        raise Problem(f"TLS to serve on {settings.host}", "no certificate", do)
    if not any(k.state(keys.clock()) == "valid" for k in keys.all()):
        place = f" in {keys.path}" if keys.path else ""
        raise Problem("at least one valid key", f"none{place}", "Make one with `tiltyard key new NAME`")


def context(settings: Settings) -> ssl.SSLContext | None:
    """TLS 1.2 and later with forward secrecy and AEAD ciphers; None without a certificate."""
    certificate, private = settings.path(settings.certificate), settings.path(settings.private_key)
    if certificate is None or private is None:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(CIPHERS)
    made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    try:
        made.load_cert_chain(certificate, private, password=_no_password)
    except (OSError, ssl.SSLError) as error:
        text = getattr(error, "reason", None) or getattr(error, "strerror", None) or "another form"
        raise Problem(
            "a PEM certificate with its private key", f"{certificate}, {private}: {text}", "Correct them in the settings"
        ) from None
    return made


def enough_files(connections: int) -> None:
    """Let this process open as many files as its connections need; a `Problem` where the system does not."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = connections + OWN_FILES
    if hard != resource.RLIM_INFINITY and hard < need:
        raise Problem(f"leave to open {need:,} files", f"{hard:,}", "Raise it (ulimit -Hn), or lower limits.connections")
    if soft != resource.RLIM_INFINITY and soft < need:
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))


def _no_password() -> str:
    raise Problem("a private key without a passphrase", "one under a passphrase", "Give a plain PEM readable by this account alone")


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections on host and port (0: a free one); they wait until it is served."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(BACKLOG)
    except OSError as error:
        with closing(made):
            raise Problem(f"port {port} free on {host}", error.strerror or str(error), "Choose another port") from None
    return made
