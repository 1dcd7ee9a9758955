"""The blocks drawn by a real Chromium from their own traits: text stays text, charts move in place, keys work, axe finds nothing serious."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tiltyard.check import parameter
from tiltyard.reports.findings import Described
from tiltyard.result import Axis, Chart, Column, Frozen, Gallery, Identity, Metric, Picture, Series, Severity, Table
from tiltyard_widgets.controls.draw import DrawPad
from tiltyard_widgets.controls.form import form_for
from tiltyard_widgets.controls.key_field import KeyField
from tiltyard_widgets.controls.picker import Choice
from tiltyard_widgets.controls.progress_bar import ProgressView
from tiltyard_widgets.controls.slider import Slider
from tiltyard_widgets.controls.word_field import WordField
from tiltyard_widgets.theme.block import CSS, Block
from tiltyard_widgets.views import cards
from tiltyard_widgets.views.chart import ChartView, plain
from tiltyard_widgets.views.code import CodeView
from tiltyard_widgets.views.gallery import gallery_view
from tiltyard_widgets.views.message import Message
from tiltyard_widgets.views.rail import Rail, header
from tiltyard_widgets.views.table import TableView

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.ui
EVIL = "<img src=x onerror='window.harmed=1'>"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
STAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Blocks</title></head>
<body data-voila="voila"><main><h1>Blocks</h1><h2>All</h2></main><script type="module">
window.models = []; window.faults = [];
window.addEventListener("error", (e) => window.faults.push(e.message));
window.addEventListener("unhandledrejection", (e) => window.faults.push(String(e.reason)));
class Model {
  constructor(state) { this.state = state; this.calls = {}; this.sent = []; this.saved = 0; }
  get(k) { return this.state[k]; }
  set(k, v) { const old = this.state[k]; this.state[k] = v; if (old !== v) for (const f of this.calls["change:" + k] ?? []) f(); }
  on(e, f) { (this.calls[e] ??= []).push(f); }
  off(e, f) { this.calls[e] = (this.calls[e] ?? []).filter((g) => g !== f); }
  save_changes() { this.saved++; }
  send(content) { this.sent.push(content); }
}
window.mount = async (state) => {
  const el = document.createElement("div");
  document.querySelector("main").append(el);
  if (state._css) { const style = document.createElement("style"); style.textContent = state._css; document.head.append(style); }
  const block = (await import(URL.createObjectURL(new Blob([state._esm], { type: "text/javascript" })))).default;
  const model = new Model(state);
  models.push({ model, el, end: await block.render({ model, el }) });
};
</script></body></html>""".replace("</head>", f"<style>{CSS}</style></head>")


class Probe(Frozen):
    budget: float = parameter(0.1, EVIL, unit="pixel value", ge=0, le=1)
    steps: int = parameter(40, "Gradient steps", ge=1, le=1000)
    norm: Literal["linf", "l2"] = parameter("linf", "How change is measured")
    targeted: bool = parameter(False, "Aim at one class")
    column: str = parameter("", "Sensitive column", source="sensitive")
    keys: tuple[str, ...] = parameter((), "Quasi-identifiers", source="features")
    limit: int | None = parameter(None, "At most so many rows", ge=1)
    seed: int = parameter(0, "Seed", ge=0)


Show = Callable[..., "Page"]


@pytest.fixture
def show(browser: "Browser") -> Iterator[Show]:
    """Draws blocks in a fresh page and, at the end, fails on any fault or on markup that came alive."""
    pages: list[Page] = []

    def mount(*blocks: Block, width: int = 900, dark: bool = False) -> "Page":
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light")
        page.set_content(STAGE)
        page.wait_for_function("() => !!window.mount")
        for block in blocks:
            state = {k: v for k, v in block.get_state().items() if k not in ("layout", "tabbable", "tooltip")}
            page.evaluate("(state) => mount(state)", json.loads(json.dumps(state)))
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30))))")
        pages.append(page)
        return page

    yield mount
    for page in pages:
        assert page.evaluate("window.faults") == []
        assert page.evaluate("window.harmed") is None and page.locator("main img[onerror]").count() == 0
        page.close()


def chart(kind: str = "line", **changes: Any) -> Chart:
    x = (0.0, 1.0, 2.0)
    y = (0.9, 0.5, 0.2)
    low, high = (0.85, 0.45, 0.15), (0.95, 0.55, 0.25)
    names = ("undefended", "defended")
    axes = {"x": Axis(label="Group"), "y": Axis(label="Rate", unit="share")}
    if kind in ("bar", "hbar"):
        axes["y" if kind == "hbar" else "x"] = Axis(label="Group", categories=("a", EVIL, "c"))
        axes["x" if kind == "hbar" else "y"] = Axis(label="Rate", unit="share")
    part = {"x": y, "y": x} if kind == "hbar" else {"x": x, "y": y}
    series = tuple(Series(name=name, low=low, high=high, **part) for name in names)
    base = {
        "name": "c",
        "title": EVIL,
        "kind": kind,
        "series": series,
        "alt": f"Rates fall, {EVIL}",
        "reference": (("chance", 0.1),),
        **axes,
    }
    return Chart.model_validate(base | changes)


def everything() -> list[Block]:
    metric = Metric(name="a", label=EVIL, value=0.4, low=0.37, high=0.43, level=0.95, n=1000, safer="higher", interval="Clopper-Pearson")
    finding = Described(title=EVIL, severity=Severity.HIGH, evidence=EVIL, advice=EVIL, standards=(EVIL,), defense=EVIL)
    table = Table(name="t", title=EVIL, columns=(Column(name=EVIL), Column(name="n", kind="number")), rows=((EVIL, 1.5),), marked=((0, 0),))
    message, bar, top = Message(), ProgressView(), header()
    message.say(EVIL)
    bar.start(EVIL)
    top.show(Identity(name=EVIL, fingerprint="ab" * 32), None, "finding", EVIL)
    outcome = cards.outcome()
    outcome.say("incomplete", EVIL)
    picture = Picture(caption=EVIL, png=PNG, alt=EVIL)
    form = form_for(Probe, choices={"sensitive": [EVIL], "features": [EVIL, "age"]})
    form.set({"budget": EVIL})
    return [
        top,
        Rail([{"id": "a", "label": EVIL, "state": "passed"}, {"id": "b", "label": "B", "state": "finding"}]),
        message,
        outcome,
        cards.metric_cards([metric]),
        cards.findings([finding]),
        *(ChartView(chart(kind)) for kind in ("line", "step", "bar", "hbar", "scatter", "dot")),
        TableView(table),
        gallery_view(Gallery(name="g", title=EVIL, heads=(EVIL,), rows=((picture,),))),
        CodeView(EVIL, open=True),
        bar,
        Slider("Epsilon", 3, 0.1, 100, log=True, help=EVIL),
        Choice("Attack", [(EVIL, "a"), ("B", "b")]),
        Choice("Metric", ["x", EVIL], kind="segments"),
        DrawPad(),
        form,
    ]


@pytest.mark.parametrize(("width", "dark"), [(1100, False), (1100, True), (500, False)])
def test_all_blocks_draw_escape_and_pass_axe(show: Show, width: int, dark: bool) -> None:
    import axe_core_python

    page = show(*everything(), width=width, dark=dark)
    for details in page.locator("details").all():
        details.evaluate("(d) => { d.open = true; }")
    page.wait_for_timeout(50)
    assert page.get_by_text(EVIL).count() > 15
    page.evaluate((Path(axe_core_python.__file__).parent / "axe.min.js").read_text())
    found = page.evaluate("async () => (await axe.run(document, { resultTypes: ['violations'] })).violations")
    worst = [(v["impact"], v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found if v["impact"] in ("serious", "critical")]
    assert worst == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_chart_has_its_sentence_its_table_and_its_intervals(show: Show) -> None:
    page = show(ChartView(chart("bar")))
    assert page.get_by_role("img", name="Rates fall").count() == 1
    assert page.locator("table").count() == 0
    page.get_by_text("Show as table").click()
    page.locator("tbody tr").nth(1).wait_for()
    cells = page.locator("tbody tr").nth(1).locator("th, td").all_inner_texts()
    assert cells == [EVIL, "50.0 %", "45.0 % to 55.0 %", "50.0 %", "45.0 % to 55.0 %"]
    assert "chance" in page.locator(".ty-legend").inner_text()


def test_chart_moves_in_place_and_keeps_the_table_open(show: Show) -> None:
    page = show(ChartView(chart()))
    page.get_by_text("Show as table").click()
    before = page.locator("svg.ty-svg").inner_html()
    moved = chart(series=(Series(name="one", x=(0.0, 1.0), y=(0.1, None)),))
    page.evaluate("(c) => models[0].model.set('chart', c)", plain(moved))
    page.wait_for_timeout(60)
    assert page.locator("svg.ty-svg").count() == 1 and page.locator("svg.ty-svg").inner_html() != before
    assert page.locator("tbody tr").nth(1).inner_text().split("\t")[-1].strip() == "–"
    page.evaluate("models[0].model.set('chart', {})")
    page.wait_for_timeout(60)
    assert not page.locator("figure").is_visible()


def test_bar_heights_are_the_values(show: Show) -> None:
    """A half as high a rate is a half as high a bar; the axis begins at zero."""
    alone = chart("bar", series=(Series(name="s", x=(0.0, 1.0, 2.0), y=(0.8, 0.4, 0.2)),), reference=())
    page = show(ChartView(alone))
    heights = [float(r.get_attribute("height") or 0) for r in page.locator("svg.ty-svg > g rect").all()]
    assert heights[1] / heights[0] == pytest.approx(0.5, abs=0.01) and heights[2] / heights[0] == pytest.approx(0.25, abs=0.01)


def test_log_axes_space_decades_evenly_and_zero_does_no_harm(show: Show) -> None:
    axis = Axis(label="FPR", scale="log", low=1e-3, high=1.0)
    line = Series(name="s", x=(0.0, 0.01, 0.1, 1.0), y=(0.0, 0.01, 0.1, 1.0))
    page = show(ChartView(chart(x=axis, y=axis, series=(line,), reference=())))
    path = page.locator("svg.ty-svg path[style*='stroke:var(--ty-1)']").first.get_attribute("d") or ""
    points = [tuple(map(float, p.split(","))) for p in path[1:].split("L")]
    assert points[0] == (points[0][0], points[0][1]) and "NaN" not in path
    assert points[2][0] - points[1][0] == pytest.approx(points[3][0] - points[2][0], abs=0.3)


@pytest.mark.parametrize(
    "series",
    [(), (Series(name="s", x=(), y=()),), (Series(name="s", x=(1.0,), y=(None,)),), (Series(name="s", x=(1.0,), y=(float("nan"),)),)],
)
def test_chart_without_data_still_stands(show: Show, series: tuple[Series, ...]) -> None:
    page = show(ChartView(chart(series=series, reference=())))
    assert page.get_by_role("img").count() == 1 and "NaN" not in page.locator("svg.ty-svg").inner_html()
    page.get_by_text("Show as table").click()


def test_hover_says_value_and_interval(show: Show) -> None:
    page = show(ChartView(chart()))
    box = page.locator(".ty-plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + box["height"] / 2)
    said = page.locator(".ty-tip").inner_text()
    assert "undefended: 50.0 % (45.0 % to 55.0 %)" in said


def test_rail_by_keyboard(show: Show) -> None:
    page = show(Rail([{"id": c, "label": c.upper(), "state": "not_run"} for c in "abc"]))
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    assert page.evaluate("models[0].model.get('selected')") == "a"
    page.keyboard.press("Enter")
    assert page.evaluate("models[0].model.get('selected')") == "c"
    assert page.locator("[aria-current]").inner_text().startswith("C")
    page.evaluate("models[0].model.set('items', [{id: 'c', label: 'C', state: 'passed'}])")
    assert page.evaluate("document.activeElement.dataset.id") == "c" and "passed" in page.locator("nav").inner_text()


def test_a_click_on_the_rail_is_not_lost_while_states_come_in(show: Show) -> None:
    page = show(Rail([{"id": c, "label": c.upper(), "state": "not_run"} for c in "abc"]))
    for spot, id in ((".ty-item", "b"), (".ty-state", "c")):
        box = page.locator(f"button[data-id={id}] {spot}").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        states = "finding" if id == "b" else "passed"
        page.evaluate("state => models[0].model.set('items', [...'abc'].map((c) => ({id: c, label: c.toUpperCase(), state})))", states)
        page.mouse.up()
        assert page.evaluate("models[0].model.get('selected')") == id
    assert page.locator("nav li").count() == 3 and "passed" in page.locator("nav").inner_text()


def test_a_click_on_the_rail_is_not_lost_where_it_moves(show: Show) -> None:
    page = show(Rail([{"id": c, "label": c.upper(), "state": "not_run"} for c in "abc"]))
    box = page.locator("button[data-id=b]").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.evaluate("document.querySelector('nav').style.marginTop = '40px'")
    page.mouse.up()
    assert page.evaluate("models[0].model.get('selected')") == "b"
    page.locator("button[data-id=c]").click(button="right")
    assert page.evaluate("models[0].model.get('selected')") == "b"


def test_slider_has_a_name_moves_and_refuses_what_is_out_of_bounds(show: Show) -> None:
    page = show(Slider("Epsilon", 1.0, 0.1, 10, log=True, unit="nats"))
    handle = page.get_by_role("slider", name="Epsilon")
    assert handle.get_attribute("aria-valuetext") == "1 nats" and float(handle.input_value()) == 500
    handle.focus()
    page.keyboard.press("End")
    page.wait_for_timeout(40)
    assert page.evaluate("models[0].model.get('value')") == 10 and page.evaluate("models[0].model.saved") >= 1
    box = page.get_by_role("textbox", name="Epsilon")
    box.fill("99")
    assert page.evaluate("models[0].model.get('value')") == 10 and "Expected a number" in page.locator(".ty-wrong").inner_text()
    assert page.evaluate("models[0].model.get('wrong')") == "99"
    box.fill("")
    assert page.evaluate("models[0].model.get('wrong')") == "nothing"
    box.fill("2.5")
    assert page.evaluate("models[0].model.get('wrong')") == ""
    assert page.evaluate("models[0].model.get('value')") == 2.5 and page.locator(".ty-wrong").inner_text() == ""


def test_form_sends_what_is_typed_and_resets(show: Show) -> None:
    page = show(form_for(Probe, choices={"features": ["age", "zip"]}))
    assert not page.get_by_role("textbox", name="Seed").is_visible()
    page.get_by_text("More settings").click()
    page.get_by_role("textbox", name="Budget").fill("0,5x")
    page.get_by_role("textbox", name="Limit").fill("1,000")
    page.get_by_role("combobox", name="Norm").select_option("l2")
    page.get_by_role("checkbox", name="Targeted").check()
    page.get_by_role("group", name="Keys").get_by_label("zip").check()
    given = page.evaluate("models[0].model.get('given')")
    assert (given["budget"], given["limit"], given["norm"], given["targeted"], given["keys"]) == ("0,5x", 1000, "l2", True, ["zip"])
    page.evaluate("models[0].model.set('errors', {budget: 'Expected a number'})")
    assert page.get_by_role("textbox", name="Budget").get_attribute("aria-invalid") == "true"
    page.get_by_role("button", name="Reset Budget").click()
    page.get_by_role("textbox", name="Limit").fill("")
    given = page.evaluate("models[0].model.get('given')")
    assert given["budget"] == 0.1 and given["limit"] is None
    page.get_by_role("button", name="Reset to defaults").click()
    given = page.evaluate("models[0].model.get('given')")
    assert (given["norm"], given["targeted"], given["keys"]) == ("linf", False, [])
    assert not page.get_by_role("button", name="Reset to defaults").is_visible()


def test_help_opens_on_demand_and_is_heard_with_the_field(show: Show) -> None:
    page = show(form_for(Probe))
    box, sign = page.get_by_role("textbox", name="Steps"), page.get_by_role("button", name="Help: Steps")
    help = page.locator(".ty-help", has_text="Gradient steps")
    assert not help.is_visible() and help.get_attribute("id") in (box.get_attribute("aria-describedby") or "")
    sign.focus()
    page.keyboard.press("Enter")
    assert help.is_visible() and sign.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Escape")
    assert not help.is_visible()


def test_a_number_is_copied_whole_and_stays_on_one_line(show: Show) -> None:
    metric = Metric(name="a", label="Robust accuracy", value=0.848, low=0.824, high=0.87, level=0.95, n=1000, interval="Wilson")
    page = show(cards.metric_cards([metric]), width=260)
    number = page.locator("button.ty-number")
    assert number.get_attribute("data-copy") == "84.8 % (95 % CI 82.4 to 87.0 %, n = 1,000)"
    heights = page.evaluate("[...document.querySelectorAll('.ty-value, .ty-between')].map((e) => e.getClientRects().length)")
    assert heights == [1, 1]
    assert "n\u00a0=\u00a01,000" in (page.locator(".ty-fine").first.text_content() or "")
    number.click()
    page.get_by_text("Copied", exact=True).wait_for()
    tip = page.locator(".ty-termtip")
    assert not tip.is_visible()
    page.get_by_role("button", name="Robust accuracy", exact=True).focus()
    assert tip.is_visible() and "stay right under the attack" in tip.inner_text()
    page.keyboard.press("Escape")
    assert not tip.is_visible()


def test_an_error_in_a_folded_field_unfolds_it(show: Show) -> None:
    page = show(form_for(Probe))
    page.evaluate("models[0].model.set('given', {...models[0].model.get('given'), seed: -1})")
    assert page.locator("summary").inner_text() == "More settings (1 changed)"
    page.evaluate("models[0].model.set('errors', {seed: 'Expected a number'})")
    assert page.get_by_role("textbox", name="Seed").is_visible() and "Expected a number" in page.locator("details").inner_text()


def test_pad_by_pointer_and_by_keyboard(show: Show) -> None:
    page = show(DrawPad())
    ink = "models[0].model.get('pixels').reduce((a, b) => a + b, 0)"
    box = page.locator("canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 180, box["y"] + 100, steps=4)
    page.mouse.up()
    drawn = page.evaluate(ink)
    assert drawn > 8
    page.locator("canvas").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert page.evaluate(ink) > drawn
    page.keyboard.press("z")
    assert page.evaluate(ink) == pytest.approx(drawn)
    page.get_by_role("button", name="Clear").click()
    assert page.evaluate(ink) == 0
    page.get_by_role("button", name="Undo").click()
    assert page.evaluate(ink) == pytest.approx(drawn)


def test_progress_is_told_to_a_screen_reader_and_cancels_once(show: Show) -> None:
    view = ProgressView()
    view.start("attacking")
    page = show(view)
    bar = page.get_by_role("progressbar")
    assert bar.get_attribute("aria-valuenow") is None and "attacking" in (bar.get_attribute("aria-valuetext") or "")
    page.evaluate("models[0].model.set('value', 0.42)")
    assert bar.get_attribute("aria-valuenow") == "42"
    page.get_by_role("button", name="Cancel").click()
    assert page.evaluate("models[0].model.sent") == [{"event": "cancel"}]
    assert page.get_by_role("button", name="Cancel").is_disabled()


def test_message_and_finding_buttons_send_their_event(show: Show) -> None:
    message = Message()
    message.say("Expected a; found b. Do c.")
    finding = Described(title="t", severity=Severity.LOW, evidence="e", advice="a", defense="adv")
    page = show(message, cards.findings([finding], {"adv": "Adversarial training"}))
    page.get_by_role("button", name="Dismiss").click()
    page.get_by_role("button", name="Go to the defense").click()
    assert page.evaluate("models.map((m) => m.model.sent)") == [[{"event": "dismiss", "value": ""}], [{"event": "defense", "value": "adv"}]]


@pytest.mark.parametrize("kind", ["line", "bar", "hbar", "dot"])
@pytest.mark.parametrize("width", [420, 700, 1100])
def test_no_label_of_a_chart_runs_out_of_its_drawing(show: Show, kind: str, width: int) -> None:
    axis = {"y": Axis(label="Rate", low=0.0, high=1.0)} if kind == "line" else {}
    page = show(ChartView(chart(kind, **axis)), width=width)
    outside = page.evaluate(
        """() => { const box = document.querySelector("svg.ty-svg").getBoundingClientRect();
        return [...document.querySelectorAll("svg.ty-svg text")].filter((t) => t.textContent).map((t) => [t.textContent, t.getBoundingClientRect()])
          .filter(([, r]) => r.left < box.left - 1 || r.right > box.right + 8 || r.bottom > box.bottom + 1).map(([words]) => words); }"""
    )
    assert outside == []


def test_a_held_secret_is_called_by_its_label_and_leaves_the_page(show: Show) -> None:
    password = WordField("Passphrase")
    password.put("correct horse")
    page = show(KeyField(), password)
    key, word = page.get_by_label("Key", exact=True), page.get_by_label("Passphrase", exact=True)
    assert (key.get_attribute("placeholder"), word.get_attribute("placeholder")) == ("none", "Passphrase held; type another to replace it")
    key.fill("abc")
    key.blur()
    assert key.input_value() == ""
    assert page.evaluate("models[0].model.sent") == [{"event": "key", "value": "abc"}]
    page.evaluate("models[0].model.set('held', true)")
    assert key.get_attribute("placeholder") == "Key held; type another to replace it"
    page.get_by_role("button", name="Forget the passphrase").click()
    assert page.evaluate("models[1].model.sent") == [{"event": "forget"}]
