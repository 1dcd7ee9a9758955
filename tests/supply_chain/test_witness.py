"""A service is heard only where it truly answers: it is asked through a proxy of ours that answers right, wrong, in part or not at all."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.result import CheckResult, Status
from tiltyard.supply_chain import advisories
from tiltyard.supply_chain.advisories import Advisories
from tiltyard.supply_chain.environment import Package
from tiltyard.supply_chain.service_answers import NoAnswer
from tiltyard.supply_chain.witness import Witness
from tiltyard.targets.estimators import FunctionTarget

from .fake_service import Answer, Asked, Fake, said, serving

HERE = [Package("left-pad", "1.0"), Package("torch", "2.13.0+cpu")]
SCHEMA = Schema(features=(Feature(name="a", kind="continuous", low=0, high=1),), label="y", classes=("no", "yes"))
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "ALL_PROXY", "all_proxy")
HTML = 200, {"Content-Type": "text/html"}, b"<html>Log in to go on"
Ask = Callable[..., CheckResult]
Lead = Callable[..., list[Asked]]


def pypi(asked: Asked, *vulnerabilities: dict[str, Any]) -> Answer:
    """PyPI's answer about what was asked, with what is known of the control."""
    known = [{"id": "PYSEC-2014-8", "aliases": ["CVE-2014-1402"], "fixed_in": ["2.7.2"], "summary": "Of old."}]
    listed = known if asked.package == "jinja2" else list(vulnerabilities)
    return said({"info": {"name": asked.package, "version": asked.version}, "vulnerabilities": listed})


def record(name: str, id: str = "PYSEC-1", **more: Any) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0"}]}]
    return {"id": id, "summary": "It leaks.", "affected": [{"package": {"ecosystem": "PyPI", "name": name}, "ranges": ranges}], **more}


def osv(asked: Asked, known: tuple[str, ...] | None = None, *found: dict[str, Any]) -> Answer:
    """OSV's answer: the control has a record, those ``known`` (None for all) have one about another version, and these were ``found``."""
    if asked.package == "jinja2":
        return said({"vulns": [record("jinja2")]})
    if not asked.version:
        return said({"vulns": [record(asked.package)]} if known is None or asked.package in known else {})
    mine = [r for r in found if r["affected"][0]["package"]["name"] == asked.package]
    return said({"vulns": mine} if mine else {})


RIGHT: dict[str, Callable[[Asked], Answer]] = {"pypi": pypi, "osv": lambda asked: osv(asked, known=None)}


@pytest.fixture
def lead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lead]:
    """Leads all that goes out of this process to a service that answers as given; what it was asked is handed back."""
    for name in ("NO_PROXY", "no_proxy", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as stack:

        def led(answer: Callable[[Asked], Answer | None], trusted: bool = True) -> list[Asked]:
            fake = Fake(answer)
            address, certificate = stack.enter_context(serving(fake, tmp_path))
            for name in PROXIES:
                monkeypatch.setenv(name, address)
            if trusted:
                monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
            return fake.asked

        yield led


@pytest.fixture
def ask(lead: Lead, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Runs the check with the service at the other end answering as given; ``ask.asked`` then says what it was asked."""
    monkeypatch.setattr(advisories, "packages", lambda: tuple(HERE))
    monkeypatch.setattr(advisories, "nameless", lambda: ())

    def run(service: str, answer: Callable[[Asked], Answer | None], trusted: bool = True, wait: int = 60) -> CheckResult:
        run.asked = lead(answer, trusted)  # type: ignore[attr-defined]
        target = FunctionTarget(lambda rows: np.zeros(len(rows), np.int64), SCHEMA.classes, SCHEMA, "a function", outputs="labels")
        data = Dataset(np.zeros((4, 1), np.float32), np.zeros(4, np.int64), SCHEMA, "four rows")
        return Advisories(service=service, wait=wait)(target, data).result

    return run


def share(result: CheckResult) -> float | None:
    return next(m.value for m in result.metrics if m.name == "asked")


def unheard(result: CheckResult) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for table in result.tables if table.name == "unanswered" for row in table.rows}


@pytest.mark.parametrize("service", ["pypi", "osv", "both"])
def test_a_service_that_answers_for_each_package_gives_a_pass(ask: Ask, service: str) -> None:
    def answer(asked: Asked) -> Answer:
        return osv(asked) if "osv" in asked.host else pypi(asked)

    result = ask(service, answer)
    assert (result.status, share(result), unheard(result)) == (Status.PASSED, 1.0, {})
    asked = {(a.package, a.version) for a in ask.asked if a.version}  # type: ignore[attr-defined]
    assert asked == {("jinja2", "2.4.1"), ("left-pad", "1.0"), ("torch", "2.13.0")}  # and nothing else leaves the machine
    assert any("names and versions of at most 2 packages were sent" in note for note in result.notes)


def test_what_a_service_knows_is_a_finding(ask: Ask) -> None:
    known = {"id": "PYSEC-2", "aliases": ["CVE-2"], "fixed_in": ["0.9", "1.2", "1.10"], "details": "It leaks.\nMuch."}
    result = ask("pypi", lambda asked: pypi(asked, *([known] if asked.package == "left-pad" else [])))
    assert (result.status, share(result)) == (Status.FINDING, 1.0)
    assert [(f.title, f.advice) for f in result.findings] == [("left-pad 1.0: PYSEC-2", "Upgrade left-pad to 1.2 or later.")]
    result = ask("osv", lambda asked: osv(asked, ("left-pad",), record("left-pad", database_specific={"severity": "LOW"})))
    assert (result.status, result.findings[0].severity.value, set(unheard(result))) == (Status.FINDING, "low", {"torch"})


def every(answer: Answer | None) -> Callable[[Asked], Answer | None]:
    return lambda asked: answer


WRONG: list[tuple[str, Answer]] = [
    ("a portal's page", HTML),
    ("a portal's page that says it is JSON", (200, {"Content-Type": "application/json"}, b"<html>")),
    ("an empty object", said({})),
    ("an empty list", said([])),
    ("null", said(None)),
    ("a proxy's own JSON", said({"status": "ok", "vulnerabilities": []})),
    ("no body", (200, {}, b"")),
    ("half a body", (200, {}, b'{"info": {"name"')),
    ("nested without end", (200, {}, b'{"a":' * 100_000)),
    ("about another package", said({"info": {"name": "other", "version": "1"}, "vulnerabilities": []})),
    ("vulnerabilities that are none", said({"info": {"name": "left-pad", "version": "1.0"}, "vulnerabilities": {"none": 0}})),
    ("records of another package", said({"vulns": [record("other")]})),
    ("records of another ecosystem", said({"vulns": [{"id": "A", "affected": [{"package": {"ecosystem": "npm", "name": "left-pad"}}]}]})),
    ("a redirect to a portal", (302, {"Location": "https://portal.invalid/login"}, b"")),
    ("a redirect out of TLS", (301, {"Location": "http://portal.invalid/"}, b"")),
    ("not there", said({"message": "Not Found"}, 404)),
    ("forbidden", said({}, 403)),
    ("too many", said({}, 429)),
    ("broken", said({}, 500)),
]


@pytest.mark.parametrize("service", ["pypi", "osv"])
def test_whoever_answers_everything_alike_is_no_service(ask: Ask, service: str) -> None:
    result = ask(service, every(HTML))
    assert (result.status, share(result), set(unheard(result))) == (Status.INCOMPLETE, 0.0, {"left-pad", "torch"})
    assert any(note.startswith("What settles it") for note in result.notes)
    assert {a.package for a in ask.asked} == {"jinja2"}  # type: ignore[attr-defined]  # so that nothing of this machine was told


@pytest.mark.parametrize("service", ["pypi", "osv"])
@pytest.mark.parametrize("answer", [a for _, a in WRONG], ids=[name for name, _ in WRONG])
def test_a_wrong_answer_about_the_control_is_no_service(tmp_path: Path, lead: Lead, service: str, answer: Answer) -> None:
    lead(every(answer))
    witness = Witness(service, tmp_path)
    with closing(witness.service.session), pytest.raises(NoAnswer):
        witness.control()


@pytest.mark.parametrize("service", ["pypi", "osv"])
def test_a_wrong_answer_about_a_package_leaves_it_unanswered(ask: Ask, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {f"p{i:02}": answer for i, (_, answer) in enumerate(WRONG)}
    good = {f"p{i:02}-good" for i in range(len(WRONG))}
    monkeypatch.setattr(advisories, "packages", lambda: tuple(Package(name, "1.0") for name in sorted({*wrong, *good})))
    result = ask(service, lambda asked: wrong[asked.package] if asked.package in wrong else RIGHT[service](asked))
    assert result.status is Status.INCOMPLETE
    assert set(unheard(result)) == set(wrong)


def test_a_service_that_breaks_off_is_not_asked_on(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advisories, "packages", lambda: tuple(Package(f"p{i:02}", "1.0") for i in range(20)))
    result = ask("pypi", lambda asked: said({}, 503) if asked.package > "p03" else pypi(asked))
    assert (result.status, len(unheard(result)), len({a.package for a in ask.asked})) == (Status.INCOMPLETE, 16, 1 + 4 + 5)  # type: ignore[attr-defined]


def test_a_package_that_the_service_does_not_know_is_unanswered(ask: Ask) -> None:
    result = ask("pypi", lambda asked: said({}, 404) if asked.package == "torch" else pypi(asked))
    assert (result.status, unheard(result)) == (Status.INCOMPLETE, {"torch": "it does not know this version"})
    result = ask("osv", lambda asked: osv(asked, ("left-pad",)))
    assert (result.status, set(unheard(result))) == (Status.INCOMPLETE, {"torch"})


def test_a_first_page_is_a_part(ask: Ask) -> None:
    page = said({"vulns": [record("torch", withdrawn="2026-01-01T00:00:00Z")], "next_page_token": "more"})
    result = ask("osv", lambda asked: page if asked.package == "torch" else osv(asked))
    assert (result.status, unheard(result)) == (Status.INCOMPLETE, {"torch": "it gave its first page only"})


@pytest.mark.slow
@pytest.mark.parametrize("service", ["pypi", "osv"])
def test_a_service_that_hangs_is_given_up(ask: Ask, service: str) -> None:
    result = ask(service, every(None), wait=1)
    assert (result.status, share(result), unheard(result)["torch"]) == (Status.INCOMPLETE, 0.0, "no answer within 1 s")
    result = ask(service, lambda asked: None if asked.package == "torch" else RIGHT[service](asked), wait=3)
    assert (result.status, unheard(result)["torch"]) == (Status.INCOMPLETE, "no answer within 3 s")


def test_a_certificate_that_nobody_trusts_is_no_service(ask: Ask) -> None:
    result = ask("pypi", pypi, trusted=False)
    assert (result.status, share(result)) == (Status.INCOMPLETE, 0.0)
    assert ask.asked == []  # type: ignore[attr-defined]


def test_nothing_is_asked_unless_a_person_says_so(ask: Ask) -> None:
    result = ask("none", pypi)
    assert (result.status, ask.asked) == (Status.INCOMPLETE, [])  # type: ignore[attr-defined]


def test_what_came_from_a_folder_is_not_told_and_not_passed(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = (*HERE, Package("our-secret", "1.0", own=True), Package("tiltyard", "0.1", own=True), Package("odd", "not a version"))
    monkeypatch.setattr(advisories, "packages", lambda: ours)
    monkeypatch.setattr(advisories, "nameless", lambda: ("broken.dist-info",))
    result = ask("pypi", pypi)
    assert (result.status, set(unheard(result))) == (Status.INCOMPLETE, {"our-secret", "odd", "broken.dist-info"})
    assert {a.package for a in ask.asked} == {"jinja2", "left-pad", "torch"}  # type: ignore[attr-defined]
