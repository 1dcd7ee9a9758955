"""One line to an endpoint: sends a request and waits for its answer, and a cancel ends the waiting at once.

No redirect is followed, TLS certificates are verified, the key goes into its header and nowhere else, and an answer is
read up to a limit. ``httpx`` does the talking, on an event loop of its own thread, so that a request under way can be given up.
"""

import asyncio
import logging
import os
import ssl
import threading
import time
import weakref
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import Problem
from ...progress import check_present
from .address import Address, refuse_own

if TYPE_CHECKING:
    import httpx

Out = TypeVar("Out")
LARGEST = 16 * 2**20
TIMEOUT = 30.0
WHOLE = 4  # a whole answer may take this many timeouts, however it drips
POLL = 0.1
THREAD = "tiltyard line"


@dataclass(frozen=True)
class Reply:
    """What came back. ``headers`` by lower-case name; ``cut`` says that ``body`` is only its beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    cut: bool = False

    @property
    def good(self) -> bool:
        """Was it answered as asked (2xx)?"""
        return 200 <= self.status < 300


class Unreached(Problem):
    """No answer came. ``sent``: the request may have reached the endpoint all the same. ``late``: it took too long."""

    code = "TY-REACH"

    def __init__(self, expected: str, found: str, do: str, sent: bool = True, late: bool = False) -> None:
        super().__init__(expected, found, do)
        self.sent = sent
        self.late = late

    def __reduce__(self) -> tuple[type["Problem"], tuple[Any, ...]]:
        return Unreached, (self.expected, self.found, self.do, self.sent, self.late)


def _unlogged(record: logging.LogRecord) -> bool:
    """httpx logs whole addresses, in which a key may be tried: what our own thread asks is not logged."""
    return record.threadName != THREAD


class Key:
    """A secret that no representation shows."""

    def __init__(self, text: str) -> None:
        text = text.strip()
        if any(not 33 <= ord(sign) <= 126 for sign in text):
            raise Problem("a key of printable ASCII signs without spaces", "others in it", "Copy it again")
        self._text = text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Key(…)"

    def __reduce__(self) -> Any:
        raise Problem("a key that stays in this process", "an attempt to copy it elsewhere", "Give the key anew where it is needed")

    @property
    def secret(self) -> str:
        """The key itself, for a header."""
        return self._text

    def hidden_in(self, text: str) -> str:
        """``text`` with the key blotted out, where an endpoint gave it back."""
        return text.replace(self._text, "…") if self._text else text


def key_in(variable: str) -> str:
    """The key in the environment variable ``variable``; none where no variable is named."""
    if not variable:
        return ""
    if not os.environ.get(variable):
        raise Problem(f"a key in the environment variable {variable}", "none", f"Set it: export {variable}=…")
    return os.environ[variable]


class Line:
    """Sends requests to one address; safe from any thread.

    Parameters
    ----------
    key
        Sent as ``Authorization: Bearer``.
    timeout
        Seconds without a byte after which an answer is given up.
    largest
        Bytes of an answer that are read.
    """

    def __init__(self, address: Address, key: Key, timeout: float = TIMEOUT, largest: int = LARGEST) -> None:
        if key and not address.secure and not address.loopback:
            raise Problem("https for an address beyond this machine", f"{address.origin}, where anyone could read the key", "Use https")
        refuse_own(address)
        self.address, self.key, self.timeout, self.largest = address, key, timeout, largest
        self._client = client(address, timeout)
        self._end = weakref.finalize(self, _closed, self._client)

    def send(self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, keyed: bool = True) -> Reply:
        """One request; `Unreached` where no answer comes, `Cancelled` as soon as the step that asks is cancelled."""
        given = {"Accept": "application/json", "User-Agent": "tiltyard", **(headers or {})}
        if keyed and self.key:
            given["Authorization"] = f"Bearer {self.key.secret}"
        return waited(self._sent(method, url, body, given))

    def close(self) -> None:
        """Close its connections."""
        self._end()

    async def _sent(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        import httpx

        began = time.perf_counter()
        try:
            async with asyncio.timeout(WHOLE * self.timeout), self._client.stream(method, url, content=body, headers=headers) as got:
                content, cut = await _read(got, self.largest)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ssl.SSLError) as error:
            raise unreached(error, self.address, self.timeout) from None
        return Reply(got.status_code, dict(got.headers.items()), content, time.perf_counter() - began, cut)


async def _read(got: "httpx.Response", largest: int) -> tuple[bytes, bool]:
    """The answer's first ``largest`` bytes and whether there were more; nothing is unpacked, for a small answer could unfold into a huge one."""
    parts, size = [], 0
    async for part in got.aiter_raw(65536):
        parts.append(part[: largest - size])
        size += len(part)
        if size > largest:
            return b"".join(parts), True
    return b"".join(parts), False


def client(address: Address, timeout: float) -> "httpx.AsyncClient":
    """The client; one line says what to install where httpx is missing. Proxies are not used for this machine."""
    try:
        import httpx
    except ImportError:
        raise Problem("httpx, to talk to an endpoint", "it is not installed", "pip install 'tiltyard[serve]'") from None
    logging.getLogger("httpx").addFilter(_unlogged)
    tls: ssl.SSLContext | bool = httpx.create_ssl_context() if address.secure else False
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=16)
    return httpx.AsyncClient(
        verify=tls,
        timeout=timeout,
        follow_redirects=False,
        trust_env=not address.loopback,
        limits=limits,
        headers={"Accept-Encoding": "identity"},
    )


def unreached(error: Exception, address: Address, timeout: float) -> Unreached:
    """What went wrong on the way, in one line."""
    import httpx

    expected = f"an answer from {address.origin}"
    text = " ".join(str(error).split())
    if "CERTIFICATE_VERIFY_FAILED" in text:
        why = text.split("verify failed:")[-1].split("(_ssl")[0].strip() or "not trusted"
        return Unreached(f"a certificate of {address.host} that this machine trusts", why, "Fix it, or set SSL_CERT_FILE to its CA", False)
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError | httpx.PoolTimeout):
        return Unreached(expected, f"no connection ({text or type(error).__name__})", "Check that it runs and the address", False)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return Unreached(f"{expected} within {timeout:.0f} s", "none", "Ask for fewer rows, or see why it is slow", late=True)
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol | httpx.InvalidURL):
        return Unreached("a request that can be sent", type(error).__name__, "Correct address and key", False)
    return Unreached(expected, f"a connection that broke off ({type(error).__name__})", "Try again, or see the endpoint's log")


_loops: dict[int, asyncio.AbstractEventLoop] = {}
_lock = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    """The event loop of this process's own thread for endpoints; a forked child starts its own."""
    with _lock:
        if os.getpid() not in _loops:
            _loops.clear()
            loop = _loops[os.getpid()] = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name=THREAD, daemon=True).start()
        return _loops[os.getpid()]


def waited(work: Coroutine[Any, Any, Out]) -> Out:
    """What ``work`` returns; given up as soon as the step that waits is cancelled, or on Ctrl-C."""
    future: Future[Out] = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        while not wait([future], POLL).done:
            check_present()
        check_present()
        return future.result()
    except BaseException:
        future.cancel()
        raise


def rested(seconds: float) -> None:
    """Wait ``seconds``; a cancel ends it."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        check_present()
        time.sleep(min(left, POLL))


def _closed(client: "httpx.AsyncClient") -> None:
    loop = _loops.get(os.getpid())
    if loop is not None and loop.is_running():
        asyncio.run_coroutine_threadsafe(client.aclose(), loop)
