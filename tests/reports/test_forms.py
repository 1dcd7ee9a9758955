"""Every written form of the report: hostile names, nothing or much to say, languages, what changed, and the pages' counts."""

import io
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

import tiltyard.reports
from tiltyard.assessment.about import About
from tiltyard.assessment.policy import Rule
from tiltyard.catalogue import TOPICS
from tiltyard.comparison.cross_risk import COST, RISKS
from tiltyard.errors import Problem
from tiltyard.reports.bundle import Bundle, make
from tiltyard.reports.catalog import messages
from tiltyard.reports.difference import difference
from tiltyard.reports.overview import risks, unasked
from tiltyard.reports.scale import marks
from tiltyard.reports.wording import limit, verdict
from tiltyard.reports.writing import encode, render
from tiltyard.result import CheckResult, Column, Finding, Identity, Metric, Record, Severity, Status, Table
from tiltyard.statistics.intervals import rate

HOSTILE = "<script>alert(1)</script>|`x`](javascript:x)\x0b\x00 \\$ {{ b }} # *é*"
ROOT = Path(tiltyard.reports.__file__).parent
SAID = re.compile(r'\bt\(\s*"((?:[^"\\]|\\.)*)"\s*\)')


def record(check: str = "evasion.pgd", hits: int = 41, name: str = "net", id: str = "1", rows: int = 1, found: str = "Bad") -> Record:
    who = Identity(name=name, fingerprint="ab" * 32)
    shown = Table(name="t", title=name, columns=(Column(name=name), Column(name="n", kind="integer")), rows=((name, 1),) * rows)
    finding = Finding(title=f"{found} {name}", key=found, severity=Severity.HIGH, evidence="e", advice=name)
    result = CheckResult(
        status=Status.FINDING if found else Status.PASSED, summary=name, tables=(shown,), findings=(finding,) if found else (),
        metrics=(rate("robust_accuracy", f"Robust accuracy {name}", hits, 100, "higher"),),
    )  # fmt: skip
    return Record(
        id=id * 32, check=check, title=name, result=result, given={}, effective={}, seed=0, target=who, data=who, versions={},
        started=datetime(2026, 11, 24, tzinfo=UTC), seconds=1.0, queries=7,
    )  # fmt: skip


def word_text(bundle: Bundle) -> str:
    pytest.importorskip("docx")
    with zipfile.ZipFile(io.BytesIO(encode(bundle, "word"))) as parts:
        return parts.read("word/document.xml").decode()


def test_hostile_names_are_text_everywhere() -> None:
    bundle = make([record(name=HOSTILE)], about=About(author=HOSTILE, owners={"evasion": HOSTILE}, title=HOSTILE))
    page, text, word = render(bundle, "html"), render(bundle, "markdown"), word_text(bundle)
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "](javascript" not in text and "\x00" not in text
    assert "<script" not in word and "&lt;script&gt;" in word and "\x00" not in word
    from markdown_it import MarkdownIt

    shown = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert not re.findall(r"<(script|a|img|em>é)\b", shown)


def test_one_record_and_many() -> None:
    one = make([record()], whole=False)
    assert "Robust accuracy" in render(one, "html") and "Robust accuracy" in render(one, "markdown")
    many = make([record(rows=20_000, id=f"{i:x}") for i in range(3)])
    assert len(render(many, "markdown")) > 60_000


def test_without_python_docx_one_line_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "docx", None)
    with pytest.raises(Problem, match=r"Install tiltyard\[word\]"):
        encode(make([record()]), "word")


@pytest.mark.parametrize("language", ["de", "fr"])
def test_every_fixed_sentence_stands_in_the_catalog(language: str) -> None:
    files = [*ROOT.glob("*.py"), *(ROOT / "templates").glob("*.j2")]
    said = {text for path in files for text in SAID.findall(path.read_text("utf-8"))} | {*TOPICS.values(), *RISKS.values(), COST}
    known = messages(language)
    assert sorted(said - set(known)) == [] and sorted(set(known) - said) == []
    for english, other in known.items():
        assert other and sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", other)), english


def test_german_has_german_words_and_the_same_numbers() -> None:
    page = render(make([record()], about=About(language="de")), "html")
    assert '<html lang="de">' in page and "Was nicht geprüft wurde" in page and "41.0 %" in page
    assert "What was not asked" not in page


def test_a_limit_is_judged_in_its_own_unit_and_on_the_reports_own_model() -> None:
    rules = (Rule(check="evasion.pgd", metric="robust_accuracy", at_least=0.5),)
    other = record(hits=90, id="2").model_copy(update={"target": Identity(name="other", fingerprint="cd" * 32)})
    bundle = make([record(), other], about=About(limits=rules))
    (risk,) = [r for r in risks(bundle) if r.topic.id == "evasion"]
    assert bundle.verdict == "fail" and verdict(bundle) == "Not within its limits: 1 of 1 are not met."
    assert risk.metric is not None and risk.metric.value == 0.41 and risk.limit is not None and risk.limit.outcome == "fail"
    assert limit(risk, lambda text: text) == "at least 50.0 %"
    assert [(m.kind, m.at) for m in marks(risk)][1:] == [("limit", 50.0), ("value", 41.0)]


def test_only_what_is_chosen_has_a_page() -> None:
    both = [record(), record(check="theft.extraction", id="2", name="copy")]
    page = render(make(both, about=About(topics=("theft",), annex=False)), "html")
    assert 'id="t-theft"' in page and 'id="t-evasion"' not in page and 'id="annex"' not in page
    assert {o.topic for o in unasked(make(both, about=About(topics=("theft",))))} <= {TOPICS["theft"]}


def test_what_changed_since_is_new_settled_and_moved() -> None:
    changed = difference(
        "ab" * 16,
        [record(hits=41, found="Old"), record(check="theft.extraction", found="Gone", id="3")],
        [record(hits=80, found="New", id="2")],
    )
    assert [n.key for n in changed.new] == ["evasion.pgd/New"] and changed.new[0].asked_before
    assert [n.key for n in changed.settled] == ["evasion.pgd/Old"]
    assert [n.key for n in changed.not_asked_again] == ["theft.extraction/Gone"]
    assert [(m.name, m.verdict) for m in changed.moved] == [("robust_accuracy", "better")]
    page = render(make([record(hits=80, found="New", id="2")], since=changed), "html")
    assert "Since the last report" in page and "41.0 % → 80.0 %" in page


def test_a_number_that_is_no_share_is_not_drawn_on_the_scale_of_shares() -> None:
    plain = record()
    count = Metric(name="packages", label="Packages", value=1.0, unit="packages", safer="lower")
    result = plain.result.model_copy(update={"metrics": (count,)})
    (risk,) = [r for r in risks(make([plain.model_copy(update={"result": result})])) if r.topic.id == "evasion"]
    assert risk.metric == count and marks(risk) == []


def test_of_one_measure_at_one_budget_the_least_safe_number_is_first() -> None:
    one, least, wider = record(hits=41), record(check="evasion.square", hits=32, id="2"), record(check="evasion.strong", hits=5, id="3")
    wider = wider.model_copy(update={"effective": {"eps": 0.3}})
    (risk,) = [r for r in risks(make([one, least, wider])) if r.topic.id == "evasion"]
    assert risk.record == least and risk.metric is not None and risk.metric.value == 0.32
