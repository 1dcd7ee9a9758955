"""The performance page and fairness by hand in the real app: what the slider shows is what the model then decides."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.samples.catalog import load

from .test_main_job import Window, _serious

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
TIMES = """async () => {
  const slider = document.querySelector(".ty-thresholds input[type=range]"), out = [];
  for (let i = 0; i < 30; i++) {
    slider.value = String(250 + 17 * i);
    const start = performance.now();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = done; c.port2.postMessage(0); }));
    out.push(performance.now() - start);
  }
  return out.sort((a, b) => a - b);
}"""


def numbers(page: "Page") -> list[int]:
    """The four counts of the confusion matrix: found, missed, wrongly given, rightly not."""
    return [int(text.replace(",", "")) for text in page.locator(".ty-confusion td b").all_inner_texts()]


def test_the_slider_counts_as_scikit_learn_and_its_threshold_is_put_in_force(
    browser: "Browser", app: str, record_property: "Callable[[str, object], None]"
) -> None:
    from sklearn.metrics import confusion_matrix

    context = browser.new_context(viewport={"width": 1300, "height": 900})
    window = Window(context.new_page(), app)
    page = window.page
    window.go("Performance")
    window.see("Confusion matrix")
    sample = load("census")
    rows = sample.data.unseen.sample(10_000, np.random.default_rng(0))
    score, true = sample.target.scores(rows.x)[:, 1], rows.y == 1
    for typed in (None, "0.3", "0.123456"):
        if typed is not None:
            page.locator(".ty-bar input[type=text]").fill(typed)
            page.keyboard.press("Tab")
            page.wait_for_timeout(300)
        (tn, fp), (fn, tp) = confusion_matrix(true, score >= float(typed or 0.5)).tolist()
        assert numbers(page) == [tp, fn, fp, tn]
    times = page.evaluate(TIMES)
    record_property("slider_to_charts_median_ms", round(times[15], 1))  # measured for real by benchmarks/bench_slider.py
    assert _serious(page) == []
    page.locator(".ty-bar input[type=text]").fill("0.3")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Use this threshold").click()
    window.see("The model decides by class '>50K' from 0.3 on")
    page.get_by_role("button", name=re.compile("Back to Census")).locator("visible=true").first.click()
    window.see("The model decides by the class with the largest score")
    assert window.errors == []
    assert window.outside == []
    context.close()


def test_thresholds_by_hand_move_the_gaps_and_become_a_defense(browser: "Browser", app: str) -> None:
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    window = Window(context.new_page(), app)
    page = window.page
    window.go("Bias and fairness")
    page.get_by_text("Thresholds by hand", exact=True).click()
    window.see("Demographic parity")
    gap = page.locator(".ty-thresholds td b").first
    before = gap.inner_text()
    page.get_by_role("slider", name=re.compile("Threshold of Female")).fill("250")
    page.wait_for_timeout(300)
    assert gap.inner_text() != before
    assert _serious(page) == []
    page.get_by_role("button", name="Use these thresholds").click()
    window.see(re.compile("difference went from"))
    assert window.errors == []
    context.close()
