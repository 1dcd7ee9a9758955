"""Which Dask schedulers may be used: those on this machine's loopback, or behind certificates; judged by addresses, for a name says nothing."""

import socket
from collections.abc import Iterable
from importlib import import_module
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ..errors import Problem

HERE, SEALED = "tcp", "tls"
USE_TLS = "Use tls:// with certificates, or a scheduler and workers that were started on this machine with --host 127.0.0.1"
FILES = {"ca-file": "tls_ca_file", "client.cert": "tls_client_cert"}
SET = (
    "Set DASK_DISTRIBUTED__COMM__TLS__CA_FILE, DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY "
    "to PEM files; the authority must be your cluster's own, for whoever has a certificate of it may run code there"
)


def sealed(address: str) -> bool:
    """Does it ask who is there, and encrypt?"""
    return address.lower().startswith(f"{SEALED}://")


def settled(address: str) -> str:
    """The address to connect to; over ``tcp://`` a number on loopback, so that what was judged is what is reached.

    Raises
    ------
    Problem
        It is no address of a scheduler, its host cannot be found, or it is beyond loopback and not ``tls://``.
    """
    parts = _parts(address)
    if parts.scheme == SEALED:
        return f"{SEALED}://{_bracketed(str(parts.hostname))}:{parts.port}"
    try:
        known = {str(one[4][0]) for one in socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise Problem(f"a Dask scheduler at {address}", f"no such host ({error})", "Correct the address") from None
    if beyond := [one for one in known if not loopback(one)]:
        allowed = "tcp:// on this machine's loopback alone, for it asks nobody who he is and encrypts nothing"
        raise Problem(allowed, f"{address}, which is {beyond[0]}", USE_TLS)
    return f"{HERE}://{_bracketed(min(known, key=lambda one: ':' in one))}:{parts.port}"


def _parts(address: str) -> SplitResult:
    wrong = Problem("local, tcp://HOST:PORT or tls://HOST:PORT", repr(address), "Give a Dask scheduler's address")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise wrong from None
    more = "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in (HERE, SEALED) or not parts.hostname or not port or more:
        raise wrong
    return parts


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def loopback(host: str) -> bool:
    """Is it a number that never leaves this machine? A name is none."""
    try:
        found = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def refuse_exposed(address: str, parties: Iterable[str]) -> None:
    """Raise `Problem` where the scheduler, or a worker of it, says that it listens where ``address`` would not be let in.

    A scheduler that listens everywhere is reached over loopback too, and by every machine of its network.
    """
    for party in parties:
        if not sealed(party) and (sealed(address) or not loopback(urlsplit(party).hostname or "")):
            raise Problem("a scheduler and workers that listen on loopback alone, or all by tls://", f"{party}", USE_TLS)


def security() -> Any:
    """Dask's own configuration of certificates, with nothing unencrypted.

    Raises
    ------
    Problem
        The authority's or this side's certificate is not named there.
    """
    made = import_module("distributed").Security(require_encryption=True)
    if missing := [name for name, field in FILES.items() if not getattr(made, field)]:
        raise Problem("certificates for tls:// in Dask's configuration", f"no distributed.comm.tls.{missing[0]}", SET)
    return made
