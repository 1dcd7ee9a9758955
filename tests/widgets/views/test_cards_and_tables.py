"""Cards, outcome, findings, tables, pictures, code and messages: what they say, and that data never becomes markup."""

import ast

import pytest

from tiltyard.errors import Problem
from tiltyard.reports.findings import Described
from tiltyard.result import CheckResult, Column, Gallery, Identity, Metric, Picture, Severity, Status, Table
from tiltyard_widgets.theme import look
from tiltyard_widgets.theme.markup import Markup
from tiltyard_widgets.views import cards
from tiltyard_widgets.views.code import CodeView
from tiltyard_widgets.views.gallery import gallery_view
from tiltyard_widgets.views.message import Message
from tiltyard_widgets.views.rail import header
from tiltyard_widgets.views.states import STATES
from tiltyard_widgets.views.table import TableView

EVIL = "<img src=x onerror=alert(1)>"


def press(widget: Markup, event: str, value: str = "") -> None:
    """A click in the browser, as it arrives over the comm."""
    widget._handle_msg({"content": {"data": {"method": "custom", "content": {"event": event, "value": value}}}, "buffers": []})


def texts(node: object) -> list[str]:
    if isinstance(node, str):
        return [node]
    return [text for child in node[2] for text in texts(child)] if isinstance(node, list) else []


def finding(severity: str, title: str = "A finding", defense: str = "") -> Described:
    return Described(title=title, severity=Severity(severity), evidence="metric a", advice="Do this.", standards=("ML01",), defense=defense)


def test_card_has_value_interval_n_and_direction() -> None:
    rate = Metric(
        name="a", label="Robust accuracy", value=0.4, low=0.37, high=0.43, level=0.95, n=1000, safer="higher", interval="Clopper-Pearson"
    )
    said = cards.metric_cards([rate]).plain_text()
    for part in ("Robust accuracy", "40.0", "37.0 to 43.0 %", "n = 1,000 · 95 % CI", "higher is safer"):
        assert part in said


def test_card_without_value_says_why_and_shows_no_number() -> None:
    said = cards.metric_cards([Metric(name="a", label="TPR", value=None, note="needs 1,000 rows", n=10)]).plain_text()
    assert "not measured" in said and "needs 1,000 rows" in said and "no interval" not in said


def test_measured_with_n_but_without_interval_says_so() -> None:
    assert "no interval" in cards.metric_cards([Metric(name="a", label="Time", value=1.0, n=3)]).plain_text()


@pytest.mark.parametrize("status", list(Status))
def test_outcome_has_sign_and_word_for_every_status(status: Status) -> None:
    found = (finding("low"),) if status is Status.FINDING else ()
    shown = cards.outcome(CheckResult(status=status, summary="So it ended.", findings=found))
    sign, word = STATES[status.value]
    assert {sign, word, "So it ended."} <= set(texts(shown.tree[0]))


def test_signs_and_words_differ_from_one_another() -> None:
    assert len({sign for sign, _ in STATES.values()}) == len({word for _, word in STATES.values()}) == len(STATES)


def test_outcome_without_a_result_is_not_run() -> None:
    assert "not run" in cards.outcome().plain_text()


def test_findings_come_worst_first_and_lead_to_their_defense() -> None:
    block = cards.findings([finding("low"), finding("critical", defense="adv"), finding("medium")], {"adv": "Adversarial training"})
    assert [item[1]["data-severity"] for item in block.tree[0][2]] == ["critical", "medium", "low"]
    wanted: list[str] = []
    block.on_defense(wanted.append)
    press(block, "defense", "adv")
    press(block, "other", "adv")
    assert wanted == ["adv"] and "Go to the defense: Adversarial training" in block.plain_text()


def table(rows: int = 3, total: int | None = None) -> Table:
    columns = (
        Column(name="class"),
        Column(name="share", kind="percent"),
        Column(name="distance", kind="number", unit="l2"),
        Column(name="ok", kind="boolean"),
    )
    made = tuple((EVIL, 0.5, 0.1 * i, i == 0) for i in range(rows))
    return Table(name="t", title="Rows", columns=columns, rows=made, marked=((0, 1),), total=total)


def test_table_writes_each_kind_and_marks_cells_for_eyes_and_ears() -> None:
    said = TableView(table()).plain_text()
    assert "50.0 %" in said and "0.1" in said and "yes" in said and "(marked)" in said
    assert said.count("(marked)") == 1


def test_table_says_how_many_rows_there_are() -> None:
    assert "Showing 2 of 3 rows." in TableView(table(), limit=2).plain_text()
    assert "Showing 3 of 1,024 rows." in TableView(table(total=1024)).plain_text()
    assert "Showing" not in TableView(table()).plain_text()
    assert "No rows." in TableView(table(0)).plain_text()
    empty = TableView(table(0).model_copy(update={"note": "Nothing changed."}))
    assert "Nothing changed." in empty.plain_text() and "No rows." not in empty.plain_text()


def test_gallery_has_a_text_for_every_picture() -> None:
    picture = Picture(caption="7", png="AAAA", alt="a seven")
    view = gallery_view(Gallery(name="g", title="Fooled", heads=("original", "perturbed"), rows=((picture,), (picture, picture))))
    cells = view.tree[0][2][1][2]
    images = [cell[2][0] for cell in cells if cell[0] == "figure"]
    assert len(images) == 3 and all(image[1]["alt"] == "a seven" for image in images)
    assert len(cells) == 2 + 4
    view.show(None)
    assert view.tree == []


def test_code_is_shown_as_given() -> None:
    code = "record = PGD(eps=0.1)(target, data)\nprint('<b>')"
    view = CodeView(code)
    assert code in texts(view.tree[0])
    ast.parse(code)
    view.code = ""
    assert view.tree == []


def test_message_is_one_line_and_can_be_left() -> None:
    message = Message()
    message.say(Problem("a CSV\nfile", "a PNG", "Choose another"))
    assert message.text == "Expected a CSV file; found a PNG. Choose another." and "Error" in message.plain_text()
    press(message, "dismiss")
    assert message.text == "" and message.tree == []
    message.say("Saved.", level="info")
    assert "Note" in message.plain_text()


def test_header_says_what_is_assessed_with_the_full_fingerprint_to_copy() -> None:
    bar = header()
    assert "none yet" in bar.plain_text()
    bar.show(Identity(name=EVIL, fingerprint="ab" * 32), None, "finding", "2 findings")
    assert "ab" * 32 in str(bar.tree) and "ab" * 32 not in bar.plain_text() and "abababababab" in bar.plain_text()


def tags(node: object) -> set[str]:
    return set() if isinstance(node, str) else {node[0]}.union(*map(tags, node[2])) if isinstance(node, list) else set()


def test_text_from_data_stays_a_text_node() -> None:
    evil = finding("high", title=EVIL, defense=EVIL)
    blocks: list[Markup] = [
        cards.findings([evil]),
        cards.outcome(CheckResult(status=Status.FINDING, summary=EVIL, findings=(evil,))),
        cards.metric_cards([Metric(name="a", label=EVIL, value=1.0, unit=EVIL)]),
        TableView(table()),
        CodeView(EVIL),
        look.text(EVIL),
        look.heading(EVIL),
    ]
    for block in blocks:
        assert EVIL in block.plain_text()
        assert not any("<" in tag for root in block.tree for tag in tags(root))
        assert "img" not in {tag for root in block.tree for tag in tags(root)}
