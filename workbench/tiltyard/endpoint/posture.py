"""The posture of an endpoint: thirteen probes, a number of requests that is stated before, and findings with their evidence."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ..check import Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..errors import Problem, Unavailable
from ..progress import Progress
from ..result import CheckResult, Column, Metric, Status, Table
from ..statistics.ruling import status_of
from ..targets.http.address import Address
from ..targets.http.line import Unreached
from ..targets.http.target import HttpTarget
from ..targets.target import Target
from . import authentication, banner, cors, exposure, headers, malformed, methods, precision, query_key, rate, size, transport, verbose
from .drafting import DRAFTS, SEVERAL
from .outcome import Outcome, unsure
from .site import Site, site_of

STANDARDS = (
    "AML.T0040",
    "AML.T0029",
    "AML.T0034.000",
    "AML.T0049",
    "AML.T0055",
    "AITG-INF-02",
    "AI RMF MEASURE 2.7",
    "EU AI Act Art. 15(5)",
)
FIRST = 3 + 2 * DRAFTS  # what it says of itself, and the requests that should be valid, each perhaps twice


@dataclass(frozen=True)
class Probe:
    """One question: its name, how many requests it may take, and how it is asked."""

    title: str
    most: int
    ask: Callable[[Site], Outcome]


class Posture(Check):
    """Sends an endpoint what a stranger might, and reports what it allowed. Only ever probe what is yours.

    The probes are read-only questions to the inference path, some malformed or oversized on purpose; the key is sent in the
    query too, so that replace it where your server logs addresses.
    """

    id: ClassVar[str] = "endpoint.posture"
    title: ClassVar[str] = "Endpoint posture"
    question: ClassVar[str] = "What does the endpoint let a stranger do?"
    needs: ClassVar[frozenset[str]] = frozenset({"url"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("OWASP API Security Top 10, 2023", "Tramer et al. 2016, arXiv 1609.02943")
    cost: ClassVar[str] = "seconds, and as many requests as it says"
    main: ClassVar[tuple[str, ...]] = ("rows", "burst")
    quick: ClassVar[Mapping[str, Any]] = {"burst": 100}
    headline: ClassVar[str] = "probes_with_findings"
    core: ClassVar[bool] = True

    consent: bool = parameter(False, "The endpoint is mine to probe, or I am asked to; needed where it is not on this machine")
    burst: int = parameter(700, "Requests sent at once to find a rate limit; 0 leaves that out", "requests", ge=0, le=10_000)
    oversize: int = parameter(8, "Size of the oversized request", "MB", ge=1, le=256)
    rows: int = parameter(5000, "Rows in one request, to find a limit of the batch", "rows", ge=2, le=1_000_000)

    @property
    def probes(self) -> tuple[Probe, ...]:
        """The probes in the order they are sent."""
        return (
            Probe("TLS", transport.MOST, transport.probe),
            Probe("Authentication", authentication.MOST, authentication.probe),
            Probe("Key in the address", query_key.MOST, query_key.probe),
            Probe("Precision of scores", precision.MOST, precision.probe),
            Probe("Malformed input", malformed.MOST, malformed.probe),
            Probe("Size of a request", size.MOST, lambda site: size.probe(site, self.oversize, self.rows)),
            Probe("Methods", methods.MOST, methods.probe),
            Probe("Other web pages (CORS)", cors.MOST, cors.probe),
            Probe("Open pages", exposure.MOST, exposure.probe),
            Probe("Errors", verbose.MOST, verbose.probe),
            Probe("Security headers", headers.MOST, headers.probe),
            Probe("Banner", banner.MOST, banner.probe),
            Probe("Rate limit", self.burst, lambda site: rate.probe(site, self.burst)),
        )

    @property
    def most(self) -> int:
        """Requests that are sent at most."""
        return FIRST + sum(probe.most for probe in self.probes)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        return Estimate(queries=self.most + self.rows + SEVERAL, note=f"at most {self.most:,} requests")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        if not isinstance(target, HttpTarget):
            raise Unavailable("an endpoint itself", f"{target.name}, which stands before one", "Open its address")
        rows = data.unseen.sample(SEVERAL, np.random.default_rng(self.seed)).x
        return self.examine(site_of(target, rows, self.most), progress)

    def examine(self, site: Site, progress: Progress) -> CheckResult:
        """Send the probes to ``site``."""
        if not self.allowed(site.line.address):
            return self.refused(site.line.address)
        progress.step(0.01, "a valid request")
        lost = self._first(site)
        outcomes: dict[str, Outcome] = {}
        for probe in self.probes:
            site.on_request = partial(_tell, progress, site, probe.title)
            site.on_request("")
            outcomes[probe.title] = unsure(lost) if lost and probe.title != "TLS" else _asked(probe, site)
        return result(site, outcomes, lost)

    def allowed(self, address: Address) -> bool:
        """May it be probed: is it this machine, or was consent given?"""
        return address.loopback or self.consent

    def refused(self, address: Address) -> CheckResult:
        """The result where nobody gave consent."""
        summary = f"Not probed: {address.host} is not this machine, and nobody said it may be probed (consent)."
        return CheckResult(status=Status.INCOMPLETE, summary=summary)

    def _first(self, site: Site) -> str:
        """The valid request; why nothing can be asked, or an empty string."""
        try:
            site.first()
        except Unreached as problem:
            return f"Not reached: {problem.found}."
        except Problem as problem:
            return f"Not asked: {problem.found}."
        return ""


def _tell(progress: Progress, site: Site, title: str, what: str) -> None:
    """How many of the requests are sent, and what for."""
    progress.step(site.sent / site.most, f"{title}: {what}" if what else title)


def _asked(probe: Probe, site: Site) -> Outcome:
    """A probe that cannot be sent is incomplete, never passed."""
    try:
        return probe.ask(site)
    except Problem as problem:
        return unsure(f"Not asked: {problem.found}.")


def result(site: Site, outcomes: dict[str, Outcome], lost: str) -> CheckResult:
    """What the probes found together."""
    findings = tuple(finding for outcome in outcomes.values() for finding in outcome.findings)
    count = {state: sum(o.state == state for o in outcomes.values()) for state in ("passed", "finding", "incomplete", "not_applicable")}
    status = status_of(bool(findings), count["incomplete"] > 0)
    words = (
        f"{count['passed']} of {len(outcomes)} probes passed, {count['finding']} found something, {count['incomplete']} could not be asked"
    )
    columns = (Column(name="Probe"), Column(name="Outcome"), Column(name="What was seen"))
    rows = tuple((title, outcome.state.replace("_", " "), outcome.text) for title, outcome in outcomes.items())
    marked = tuple((i, 1) for i, outcome in enumerate(outcomes.values()) if outcome.state == "finding")
    return CheckResult(
        status=status,
        summary=lost or f"{site.line.address}: {words}.",
        metrics=(
            _count("probes_with_findings", "Probes that found something", count["finding"], "lower"),
            _count("probes_incomplete", "Probes that could not be asked", count["incomplete"], "lower"),
            _count("requests", "Requests sent", site.sent, "none"),
        ),
        findings=findings,
        tables=(Table(name="probes", title="Probe by probe", columns=columns, rows=rows, marked=marked),),
        notes=(
            f"At most {site.most:,} requests were announced.",
            *(("The key was also sent in the query: replace it where addresses are logged.",) if site.line.key else ()),
        ),
    )


def _count(name: str, label: str, value: int, safer: Any) -> Metric:
    return Metric(name=name, label=label, value=float(value), unit="requests" if name == "requests" else "probes", safer=safer)
