"""What is seen first of a result, in a real browser without a kernel: one screen under the header, two across where there is room, axe content."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.widgets.staged import page, tree_of

from tiltyard.check import Check
from tiltyard.evasion.fgsm import FGSM
from tiltyard.privacy.membership_gap import MembershipGap
from tiltyard.testing.grounds import grounds
from tiltyard_widgets.panels.session import Session
from tiltyard_widgets.panels.workbench import Workbench

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.ui
RUN: tuple[Check, ...] = (FGSM(rows=60), MembershipGap())
BOX = "(name) => { const r = document.querySelector(name).getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; }"


@pytest.fixture(scope="module")
def bench() -> Workbench:
    """A window over a tiny table in which two checks were run."""
    ground = grounds()["table"]
    session = Session(ground.target, ground.data)
    for step in RUN:
        session.known.add(step(ground.target, ground.data))
    return Workbench(session=session)


def staged(browser: "Browser", bench: Workbench, step: Check, width: int, dark: bool = False) -> "Page":
    topic = bench.go(step.id.partition(".")[0])
    topic.choice.value = step.id  # type: ignore[attr-defined]
    topic.runner(step.id).refresh()  # type: ignore[attr-defined]
    made = browser.new_page(viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light")
    made.set_content(page())
    made.wait_for_function("() => !!window.stage")
    scripts: list[str] = []
    tree: dict[str, Any] = tree_of(bench, scripts)
    made.evaluate("([tree, scripts]) => stage(tree, scripts)", [tree, scripts])
    made.wait_for_timeout(100)
    assert made.evaluate("window.faults") == []
    return made


@pytest.mark.parametrize("step", RUN, ids=lambda step: step.id)
def test_the_first_view_fits_one_screen_and_stands_two_across(browser: "Browser", bench: Workbench, step: Check) -> None:
    shown = staged(browser, bench, step, 1280)
    first, chart, advice = (shown.evaluate(BOX, name) for name in (".ty-first", ".ty-first .ty-plot", ".ty-first .ty-advice"))
    assert first[3] <= 800 and chart[2] <= advice[0] and first[2] <= 1280
    assert shown.locator(".ty-first .ty-card").count() <= 3
    details = shown.locator("button.ty-fold", has_text="Details")
    details.focus()
    shown.keyboard.press("Enter")
    assert {"event": "details", "value": ""} in shown.evaluate("models.flatMap((m) => m.model.sent)")
    shown.close()


def test_a_narrow_window_stacks_it_and_nothing_runs_out_of_it(browser: "Browser", bench: Workbench) -> None:
    shown = staged(browser, bench, RUN[0], 700)
    chart, advice = (shown.evaluate(BOX, name) for name in (".ty-first .ty-plot", ".ty-first .ty-advice"))
    assert advice[1] >= chart[3]
    assert shown.evaluate("document.documentElement.scrollWidth") <= 700
    shown.close()


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious_in_it(browser: "Browser", bench: Workbench, dark: bool) -> None:
    import axe_core_python

    shown = staged(browser, bench, RUN[0], 1280, dark)
    shown.evaluate((Path(axe_core_python.__file__).parent / "axe.min.js").read_text())
    found = shown.evaluate("async () => (await axe.run('.tiltyard-page', { resultTypes: ['violations'] })).violations")
    shown.close()
    worst = [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found if v["impact"] in ("serious", "critical")]
    assert worst == [], json.dumps(worst, indent=1)
