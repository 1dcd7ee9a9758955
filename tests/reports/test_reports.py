"""The report: whole, closed to the network, safe from what users name things, and true to its schema."""

import errno
import json
import os
import re
import shlex
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image
from tests.sarif_fields import sarif_faults

from tiltyard.catalogue import checks, defenses, titles
from tiltyard.errors import Problem
from tiltyard.reports.bundle import Bundle, make, read
from tiltyard.reports.defended import moves
from tiltyard.reports.html import documents, repeat
from tiltyard.reports.overview import unasked, worst
from tiltyard.reports.writing import encode, render, write
from tiltyard.result import (
    Axis,
    Chart,
    CheckResult,
    Column,
    Finding,
    Gallery,
    Identity,
    Metric,
    Picture,
    Record,
    Series,
    Severity,
    Status,
    Table,
)
from tiltyard.statistics.intervals import rate

NASTY = "<img src=x onerror=alert(1)>"


def _chart(kind: str) -> Chart:
    names = ("a", NASTY, "c $x$")
    x = Axis(label="x", categories=names if kind in ("bar", "dot") else ())
    y = Axis(label="y", unit="share", categories=names if kind == "hbar" else (), scale="linear")
    points = (0.1, 0.5, 0.9)
    places = (0.0, 1.0, 2.0)
    flat = kind == "hbar"
    series = Series(name=NASTY, x=points if flat else places, y=places if flat else points, low=(0.0, 0.4, 0.8), high=(0.2, 0.6, 1.0))
    return Chart(name=kind, title="A chart", kind=kind, x=x, y=y, series=(series,), alt="three points", reference=(("half", 0.5),))


def _record(status: Status = Status.FINDING, check: str = "evasion.pgd") -> Record:
    finding = Finding(
        title=NASTY, severity=Severity.HIGH, evidence="metric robust", advice="Train.", standards=("OWASP ML01:2023", "made up")
    )
    picture = Picture(caption=NASTY, png="iVBORw0KGgo=", alt="a digit")
    result = CheckResult(
        status=status,
        summary="Falls from 95 % to 41 %.",
        metrics=(rate("robust", "Robust accuracy", 41, 100, "higher"), Metric(name="gone", label="Gone", value=None, note="too few rows")),
        findings=(finding,) if status is Status.FINDING else (),
        tables=(
            Table(
                name="t",
                title="T",
                columns=(Column(name=NASTY), Column(name="p", kind="percent")),
                rows=((NASTY, 0.5),),
                marked=((0, 1),),
                total=9,
            ),
        ),
        charts=tuple(_chart(kind) for kind in ("line", "step", "bar", "hbar", "dot", "scatter")),
        galleries=(Gallery(name="g", title="G", heads=("original",), rows=((picture,),)),),
    )
    who = Identity(name=NASTY, fingerprint="ab" * 32)
    start = datetime(2026, 11, 24, tzinfo=UTC)
    return Record(
        id=os.urandom(16).hex(), check=check, title="PGD", result=result, given={}, effective={"seed": 0, "budget": 0.1}, seed=0,
        target=who, data=who, versions={"python": "3.11"}, started=start, seconds=1.0, queries=7,
    )  # fmt: skip


@pytest.fixture
def bundle() -> Bundle:
    return make(
        [_record(), _record(Status.PASSED, "theft.extraction"), _record(Status.INCOMPLETE, "fairness.groups")], command="tiltyard demo"
    )


def test_a_pdf_has_pages_and_fetches_nothing(bundle, monkeypatch, tmp_path):
    try:
        import weasyprint  # noqa: F401
    except OSError as error:
        pytest.skip(f"no Pango here: {error}")
    asked = []
    monkeypatch.setattr("socket.socket.connect", lambda *given: asked.append(given))
    plain = encode(bundle, "pdf")
    Image.new("RGB", (9, 9), "red").save(tmp_path / "secret.png")
    outside = f'<img src="http://127.0.0.1:9/x.png"><img src="{(tmp_path / "secret.png").as_uri()}">'
    page = render(bundle, "html").replace("</body>", f"{outside}</body>")
    monkeypatch.setattr("tiltyard.reports.html.render", lambda _, paper: page)
    assert outside in page
    pdf = encode(bundle, "pdf")
    assert plain.startswith(b"%PDF-")
    assert asked == [] and pdf.count(b"/Image") == plain.count(b"/Image")


def test_html_shows_text_as_text_and_names_no_address(bundle):
    page = render(bundle, "html")
    assert NASTY not in page
    assert "&lt;img src=x" in page
    assert "<script" not in page
    outside = [u for u in re.findall(r'(?:src|href|url\()\s*=?\s*["\']?(https?:[^"\'> )]+)', page) if "www.w3.org" not in u]
    assert outside == []
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


def test_html_says_what_was_not_run_with_interval_and_n(bundle):
    page = render(bundle, "html")
    done = {record.check for record in bundle.records}
    for id, check in checks().items():
        assert id in done or escape(check.title) in page, id
    assert "41.0 % [31.3, 51.3] at 95 %, n = 100" in page
    assert "not measured: too few rows" in page


def test_json_round_trip_and_schema(bundle):
    import jsonschema

    text = render(bundle, "json")
    assert read(text) == bundle
    schema = json.loads((Path(__file__).parents[2] / "workbench/tiltyard/reports/schemas/report.schema.json").read_text())
    jsonschema.validate(json.loads(text), schema)
    assert schema == Bundle.model_json_schema(), "run the line in CONTRIBUTING that writes the schema"


def test_a_newer_format_is_refused_in_one_line(bundle):
    data = json.loads(render(bundle, "json")) | {"format": 99}
    for later in (data, data | {"what_came_later": 1}):
        with pytest.raises(Problem, match="newer than this Tiltyard reads") as caught:
            read(json.dumps(later))
        assert "\n" not in str(caught.value) and caught.value.do == "Upgrade Tiltyard"


def test_junit_counts(bundle):
    suite = ET.fromstring(render(bundle, "junit")).find("testsuite")
    assert suite.get("failures") == "1"
    assert suite.get("errors") == "1"
    assert int(suite.get("skipped")) == len(bundle.not_run)


def test_sarif_has_the_finding_and_says_it_was_not_whole(bundle):
    run = json.loads(render(bundle, "sarif"))["runs"][0]
    assert [r["ruleId"] for r in run["results"]] == ["evasion.pgd"]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert sarif_faults(json.loads(render(bundle, "sarif"))) == []


def test_sarif_names_the_stored_run(bundle):
    run = json.loads(render(bundle.model_copy(update={"run_id": "0123456789abcdef"}), "sarif"))["runs"][0]
    assert run["automationDetails"] == {"id": "tiltyard/0123456789abcdef"}
    assert "automationDetails" not in json.loads(render(bundle.model_copy(update={"run_id": ""}), "sarif"))["runs"][0]


def _moved(name: str, verdicts: dict[str, str]) -> Record:
    columns = tuple(Column(name=n) for n in ("Risk", "Check", "Measure", "Before", "After", "Difference", "Verdict"))
    rows = tuple((risk.split("#")[0], "c", "m", "1", "2", "+1", verdict) for risk, verdict in verdicts.items())
    table = Table(name="cross_risk", title="T", columns=columns, rows=rows)
    result = CheckResult(status=Status.PASSED, summary="So it went.", tables=(table,))
    changed = {"title": f"What {name} does to the other risks", "result": result, "effective": {"defense": name}}
    return _record(check="cross_risk.after").model_copy(update=changed)


def test_what_each_defense_does_stands_in_one_table():
    a = _moved("theft.output_policy", {"Robustness": "↑ safer", "Robustness#2": "↓ less safe", "Leakage": "= same"})
    b = _moved("of.a_plugin", {"Leakage": "↑ safer", "Cost": "↓ less safe"})
    seen = moves([_record(), a, b])
    assert seen is not None
    assert seen.risks == ("Robustness", "Leakage", "Cost")
    assert [(row.title, [m.words for m in row.moves], [m.tone for m in row.moves]) for row in seen.rows] == [
        (titles()["theft.output_policy"], ["↑ 1 ↓ 1", "=", "–"], ["mixed", "same", "same"]),
        ("of.a_plugin", ["–", "↑ 1", "↓ 1"], ["same", "better", "worse"]),
    ]
    assert moves([_record()]) is None
    assert "Numbers that got safer" in render(make([_record(), a, b]), "html")


def test_the_gravest_findings_come_first_and_none_twice():
    low = Finding(title="Low", severity=Severity.LOW, evidence="m", advice="Wait.")
    worse = Finding(title="Worse", severity=Severity.CRITICAL, evidence="m", advice="Act.")
    first = _record()
    second = _record(check="theft.extraction")
    second = second.model_copy(update={"result": second.result.model_copy(update={"findings": (low, worse, *first.result.findings)})})
    assert [(g.finding.severity, g.record.id) for g in worst(make([first, second]))] == [
        (Severity.CRITICAL, second.id),
        (Severity.HIGH, first.id),
        (Severity.HIGH, second.id),
    ]
    assert len(worst(make([_record() for _ in range(9)]))) == 1
    derived = [_record(check=id) for id in ("campaign.matrix", "cross_risk.after", "guidelines.checklist")]
    assert worst(make(derived)) == []


def test_findings_of_a_plugin_that_is_not_here_are_among_the_gravest():
    theirs = _record(check="evasion.of_a_plugin")
    assert [g.record for g in worst(make([theirs]))] == [theirs]
    assert repeat(theirs).startswith("tiltyard check evasion.of_a_plugin --")


def test_a_report_about_one_check_lists_nothing_that_was_not_done():
    part = make([_record()], whole=False)
    assert part.not_run == part.not_applied == ()
    assert "Defenses that were not applied" not in render(part, "html")
    whole = make([_record()])
    assert {n.id for n in whole.not_run} == set(checks()) - {"evasion.pgd"}
    assert {n.id for n in whole.not_applied} == set(defenses())
    without = make([_record()], unmet={"theft.watermark": "needs weights", "evasion.fgsm": "needs gradients"})
    assert {n.id for n in without.not_applied} == set(defenses()) - {"theft.watermark"}
    assert "fgsm" not in " ".join(title for one in unasked(without) for title in one.titles).lower()


def test_documents_are_shown_as_text_without_markup_of_their_own():
    text = f"# Card\n\n**Name**: {NASTY}\n\n[x](javascript:alert(1)) ![y](https://e.org/z.png)\n\n| A |\n|---|\n| b |\n"
    record = _record().model_copy(update={"effective": {"documents": {"Model card": text}, "seed": 0}})
    shown = documents(record)["Model card"]
    assert "<h4>Card</h4>" in shown
    assert "<strong>Name</strong>" in shown
    assert "<td>b</td>" in shown
    assert not re.findall(r"<(img|a)\b|href|src=", shown.replace("&lt;img src=x", ""))
    page = render(make([record]), "html")
    assert "<summary>Model card</summary>" in page
    assert "documents =" not in page


def test_only_what_can_be_run_again_says_how():
    assert repeat(_record()).startswith("tiltyard check evasion.pgd --")
    assert [repeat(_record(check=id)) for id in ("campaign.matrix", "cross_risk.after", "guidelines.checklist")] == ["", "", ""]


def test_a_full_disk_leaves_the_old_report(bundle, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Problem, match="a name not in use"):
        write(bundle, path)
    with pytest.raises(Problem, match="No space left"):
        write(bundle, path, overwrite=True)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_an_unknown_format_is_said(bundle, tmp_path):
    with pytest.raises(Problem, match="a file name ending in"):
        write(bundle, tmp_path / "report.doc")


def test_nothing_to_report_is_said():
    with pytest.raises(Problem, match="at least one record"):
        make([])


def test_the_answer_stands_before_the_lists_and_a_step_is_repeated_with_its_model(bundle):
    told = bundle.model_copy(
        update={
            "command": "tiltyard assess 'my model.toml' --policy p.toml",
            "verdict": "fail",
            "verdicts": ({"rule": "robust at least 0.5", "outcome": "fail", "reason": "found 0.41"},),
            "assumed": ("It returns logits.",),
        }
    )
    page = render(told, "html")
    places = [page.index(words) for words in ("Not within its limits", "Against the limits", "robust at least 0.5", "It returns logits.")]
    assert places == sorted(places)
    assert places[-1] < page.index('id="annex"') < page.index('<details class="record"')
    assert "tiltyard check evasion.pgd --config &#39;my model.toml&#39; --seed 0" in page
    assert "--model FILE --data FILE" in render(bundle, "html")


def test_a_verdict_without_its_rules_says_so(bundle):
    assert "is not kept with the run" in render(bundle.model_copy(update={"verdict": "fail"}), "html")
    assert "is not kept with the run" not in render(bundle, "html")


def test_the_line_that_repeats_a_step_is_one_command_whatever_the_record_says():
    """A record may be of a kernel that was taken over; its report is read, and its lines are copied, by somebody else."""
    evil = "x;id>$(id)`id`&|\nid #"
    line = repeat(_record(check=evil).model_copy(update={"effective": {evil: 1, "seed": evil, "a b": 2, "--out": "x"}}))
    assert shlex.split(line) == ["tiltyard", "check", evil, "--model", "FILE", "--data", "FILE", "--seed", evil]
