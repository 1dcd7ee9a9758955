"""The endpoint that is probed: sends each request, counts them, and never more than were announced."""

import json
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows
from ..errors import Problem
from ..targets.estimators import Feeds, fed
from ..targets.http.line import Line, Reply, Unreached, rested
from ..targets.http.opening import about
from ..targets.http.target import HttpTarget, retry_after
from ..targets.http.wire import About, Wire, written
from ..targets.query_budget import Meter
from .drafting import Draft, drafts, several

JSON = {"Content-Type": "application/json"}
PATIENCE = 5.0
KEPT = 200_000
PATIENT = 3
MOST_BODY = 2**28
NOTHING = b'{"instances": []}'
UNFIT = (400, 413, 422, 500)
KEY = "give one with --key-env, or --new-key where it is yours."
NO_ROW = "No valid request is known: give one with --request, or open the endpoint with its data."


class Limited(Problem):
    """It refuses for a rate that is used up; what was to be asked was not."""

    code = "TY-REFUSED"


class Silent(Problem):
    """It lets requests wait without an answer; no more are sent."""

    code = "TY-REACH"


class Overdrawn(Problem):
    """All requests that were announced are sent."""

    code = "TY-BUDGET"


@dataclass
class Site:
    """An endpoint and what is known of it.

    Attributes
    ----------
    drafts
        Requests that should be valid, the likeliest first.
    given
        Did the person give the request?
    refused_description
        Why it did not describe itself; empty where it did.
    row
        One valid encoded row (1, …), or None.
    valid
        The body of a valid request, or None where nobody knows one.
    several
        The body of a request about `SEVERAL` different rows, or None.
    most
        Requests that may be sent in all.
    meter
        Counts the rows in them.
    heard
        Every reply, with what was asked.
    plain
        The reply to the valid request with the key; None where there was none.
    limited
        Was 429 heard?
    silent
        Requests in a row that were waited for in vain.
    on_request
        Called with what is asked now, so that a person sees it and a cancel is heard.
    """

    line: Line
    wire: Wire
    about: About = field(default_factory=About)
    drafts: tuple[Draft, ...] = ()
    given: bool = False
    refused_description: str = ""
    row: NDArray[Any] | None = None
    valid: bytes | None = None
    several: bytes | None = None
    feeds: Feeds = "encoded"
    most: int = 1000
    meter: Meter = field(default_factory=Meter)
    sent: int = 0
    heard: list[tuple[str, Reply]] = field(default_factory=list)
    plain: Reply | None = None
    limited: bool = False
    silent: int = 0
    on_request: Callable[[str], None] = field(default=lambda _: None)

    @property
    def answers(self) -> bool:
        """Was the valid request answered?"""
        return self.plain is not None and self.plain.good

    @property
    def why_not(self) -> str:
        """Why nothing can be asked that needs an answer."""
        if self.valid is None:
            return (
                NO_ROW
                if not self.refused_description.startswith(("401", "403"))
                else f"It describes its rows to none without a key ({self.refused_description}): {KEY}"
            )
        if self.plain is None:
            return "The valid request was not answered."
        status = self.plain.status
        if status in UNFIT and not self.given:
            return f"No request made of what it says of itself was taken ({status}): give one with --request."
        return f"A valid request was answered with {status}{': give a key that may ask' if status in (401, 403) else ''}."

    def first(self) -> None:
        """Send the drafts until one is taken; it is the valid request from then on."""
        for draft in self.drafts or (Draft(NOTHING),):
            self.row, self.valid = draft.row, draft.body if self.drafts else None
            self.plain = self.ask("a valid request", body=draft.body)
            if self.plain.status not in UNFIT:
                return

    def ask(
        self,
        what: str,
        method: str = "POST",
        url: str = "",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        keyed: bool = True,
        rows: int = 1,
    ) -> Reply:
        """One request. A 429 that asks for at most 5 s is waited for once; a longer one is `Limited`."""
        for turn in (0, 1):
            self.count(1, rows if body else 0)
            given = {**(JSON if body is not None else {}), **(headers or {})}
            reply = self._sent(method, url or self.wire.ask, body, given, keyed)
            self.heard.append((what, replace(reply, body=reply.body[:KEPT])))
            if reply.status != 429:
                return reply
            self.limited = True
            wait = retry_after(reply)
            if turn or wait is None or wait > PATIENCE:
                break
            rested(wait)
        raise Limited("an answer", "429: the rate that it allows is used up", "Probe again later, or with another key")

    def _sent(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], keyed: bool) -> Reply:
        """The reply; `Silent` at once where the last few requests were waited for in vain."""
        if self.silent >= PATIENT:
            raise Silent("an answer", f"none to {self.silent} requests in a row", "See why it is slow")
        try:
            reply = self.line.send(method, url, body, headers, keyed)
        except Unreached as lost:
            self.silent = self.silent + 1 if lost.late else 0
            raise
        self.silent = 0
        return reply

    def count(self, requests: int, rows: int = 0) -> None:
        """Count requests and the rows in them before they are sent."""
        if self.sent + requests > self.most:
            raise Overdrawn("requests left", f"all {self.most:,} that were announced are used", "Allow more")
        self.meter.take(rows)
        self.sent += requests

    def burst(self, requests: int, lanes: int = 8) -> list[int]:
        """The statuses of ``requests`` valid requests sent ``lanes`` at a time; stops at the first that is refused. 0 is no answer."""
        from concurrent.futures import ThreadPoolExecutor

        statuses: list[int] = []
        with ThreadPoolExecutor(lanes) as pool:
            for start in range(0, requests, lanes):
                part = min(lanes, requests - start)
                self.on_request(f"request {start + 1:,} of {requests:,}")
                self.count(part, part)
                jobs = [pool.submit(copy_context().run, self._status) for _ in range(part)]
                statuses += [job.result() for job in jobs]
                if not all(200 <= status < 300 for status in statuses[start:]):
                    break
        return statuses

    def _status(self) -> int:
        try:
            reply = self.line.send("POST", self.wire.ask, self.valid, JSON)
        except Problem:
            return 0
        self.limited = self.limited or reply.status == 429
        return reply.status

    def many(self, n: int) -> bytes | None:
        """The body of a request about ``n`` times the valid row; None where its rows are not known, or it would be too large to make."""
        if self.valid is None or len(self.valid) * n > MOST_BODY:
            return None
        if self.row is None:
            try:
                return written(self.wire.repeated(json.loads(self.valid), n))
            except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError):
                return None
        rows, schema = np.repeat(self.row, n, axis=0), self.about.schema
        if schema is None or self.feeds == "encoded":
            return written(self.wire.body(rows))
        return written(self.wire.body(fed(encoding_of(schema).decode(rows), schema, self.feeds)))

    def at(self, path: str) -> str:
        """The URL of another path of the same endpoint, without the query."""
        return self.line.address.origin + path


def site_of(target: HttpTarget, rows: Rows, most: int) -> Site:
    """The site behind a target, with a few valid rows of its data."""
    about = About(schema=target.schema, classes=target.classes)
    draft = Draft(target.request(rows[:1]), target.encoding.encode(rows[:1], np.float64))
    several = target.request(rows)
    return Site(target.line, target.wire, about, (draft,), True, several=several, feeds=target.wants, most=most, meter=target.meter)


def site_at(line: Line, wire: Wire, most: int, meter: Meter, body: bytes | None = None) -> Site:
    """The site at an address alone; its own description suggests requests to try. ``meter`` counts the rows sent."""
    site = Site(line, wire, most=most, meter=meter, given=body is not None)
    if body is not None:
        site.drafts = (Draft(body),)
        return site
    try:
        site.about = about(line, wire)
    except Problem as problem:
        site.refused_description = problem.found
    few = several(site.about)
    site.several = None if few is None else written(wire.body(few))
    site.drafts = drafts(line, wire, site.about)
    return site
