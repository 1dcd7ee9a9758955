"""The address of an endpoint: taken apart once, and without secrets in it."""

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from ...access.person import Person, me
from ...access.roles import Denied
from ...errors import Problem

SECRETS = re.compile(r"key|token|secret|passw|credential|signature|^sig$|^auth", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """``scheme://host:port/path?query`` of an endpoint. ``str`` leaves the query out, so that it can be shown and kept."""

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""

    @property
    def origin(self) -> str:
        """Scheme, host and port; the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port != usual else "")

    @property
    def secure(self) -> bool:
        """Does it speak TLS?"""
        return self.scheme == "https"

    @property
    def loopback(self) -> bool:
        """Is it this very machine? Only by its literal address, or as localhost."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def at(self, path: str) -> str:
        """The whole URL of ``path`` here, with the query it was given."""
        return f"{self.origin}{path}" + (f"?{self.query}" if self.query else "")

    def __str__(self) -> str:
        return self.origin + self.path.rstrip("/")


def refuse_own(address: Address, person: Person | None = None) -> None:
    """Behind a shared login: raise where an address leads to what only this machine's network sees, such as a cloud's metadata.

    A name is looked up once, here; what it leads to a moment later is not.
    """
    if not (person or me()).shared:
        return
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return  # it leads nowhere, which whoever asks it is told
    if any(_own(ipaddress.ip_address(str(one).partition("%")[0])) for one in found):
        raise Denied("the address of an endpoint of yours", f"{address.host}, which leads to the server's own network", "Ask an admin")


def _own(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    plain = getattr(ip, "ipv4_mapped", None) or ip
    return bool(plain.is_link_local or plain.is_multicast or plain.is_unspecified or (plain.is_reserved and not plain.is_loopback))


def is_url(source: object) -> bool:
    """Is it the address of an endpoint and no path?"""
    return isinstance(source, str) and source.strip().lower().startswith(("http://", "https://"))


def address_of(url: str) -> Address:
    """The parts of ``url``.

    Raises
    ------
    Problem
        Where it is no http or https address, or carries a name, password or key.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except (ValueError, UnicodeError):
        raise Problem("an address like https://host/path", "one that cannot be read", "Correct it") from None
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f]", url.strip()):
        raise Problem("an address like https://host/path", f"{parts.scheme or 'none'}:// with host {host or 'none'}", "Correct it")
    if parts.username is not None or parts.password is not None:
        raise Problem("an address without a name and password", f"one in the address of {host}", "Give the key by key=… or --key-env")
    if secret := next((name for name, _ in parse_qsl(parts.query, keep_blank_values=True) if SECRETS.search(name)), None):
        raise Problem("an address without a key", f"{secret!r} in its query, where logs keep it", "Give the key by key=… or --key-env")
    return Address(parts.scheme, host, port or {"http": 80, "https": 443}[parts.scheme], parts.path or "/", parts.query)
