"""The app's page in a real Chromium: only its own scripts run, it says when it ends, and its button logs out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .appserver import TOKEN, Server, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.ui
WIDGET = """
import anywidget, ipywidgets, traitlets
class Own(anywidget.AnyWidget):
    _esm = "export default { render({ el }) { el.textContent = 'drawn'; } }"
ipywidgets.VBox([ipywidgets.Button(description='go'), Own()])
"""
GROWING = """
import ipywidgets
button, box, label = ipywidgets.Button(description='go'), ipywidgets.VBox(), ipywidgets.Button(description='label')
def grow(_):
    out = ipywidgets.Output()
    out.append_stdout(f'the {len(box.children)}. output')
    box.children += (out,)
button.on_click(grow)
def marked(_):
    box.children += (ipywidgets.Checkbox(description='with <b>markup</b>', description_allow_html=True),)
label.on_click(marked)
ipywidgets.VBox([button, label, box])
"""
VOILAS = "() => [...document.scripts].some((one) => one.src.endsWith('/voila/static/voila.js'))"
LOOK = "document.dispatchEvent(new Event('visibilitychange'))"
NOTICE = "#tiltyard-page-notice"
ENDED = """async () => {
  const { kernelId } = JSON.parse(document.getElementById('jupyter-config-data').textContent);
  await fetch(`/api/kernels/${kernelId}`, { method: 'DELETE', headers: { 'X-XSRFToken': document.cookie.match(/_xsrf=([^;]+)/)[1] } });
}"""
INJECTED = """() => {
  window.harmed = [];
  const box = document.createElement('div');
  box.innerHTML = '<img src=x onerror="window.harmed.push(1)">';
  document.body.append(box);
  const script = document.createElement('script');
  script.textContent = 'window.harmed.push(2)';
  document.body.append(script);
  const far = document.createElement('script');
  far.src = 'data:text/javascript,window.harmed.push(3)';
  document.body.append(far);
  try { window.setTimeout('window.harmed.push(4)'); } catch {}
  const link = document.createElement('a');
  link.href = 'javascript:window.harmed.push(5)';
  document.body.append(link);
  link.click();
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("browser"), "token", code=WIDGET, most=12) as found:
        yield found


@contextmanager
def shown(browser: "Browser", server: Server, theme: str = "light") -> Iterator[tuple["Page", list[str]]]:
    """The page once its button is there, and what the browser complained of."""
    context = browser.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{server.url}/?token={TOKEN}&theme={theme}")
    page.get_by_role("button", name="go").wait_for(timeout=120_000)
    yield page, said
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_widgets_are_drawn_and_nothing_is_complained_of(browser: "Browser", server: Server, theme: str) -> None:
    with shown(browser, server, theme) as (page, said):
        page.get_by_text("drawn").wait_for()
        assert said == []
        assert "token" not in page.url


def test_a_widget_that_the_pages_script_does_not_know_is_shown_by_voilas(browser: "Browser", tmp_path: Path) -> None:
    with serving(tmp_path, "token", code=GROWING) as server:
        with shown(browser, server) as (page, said):
            assert not page.evaluate(VOILAS)
            button = page.get_by_role("button", name="go")
            button.click()
            page.get_by_text("the 0. output").wait_for()
            assert page.evaluate(VOILAS)
            button.click()
            page.get_by_text("the 1. output").wait_for()
            assert page.get_by_text("the 0. output").is_visible() and said == []
        with shown(browser, server) as (page, said):
            page.get_by_role("button", name="label").click()
            page.locator("b", has_text="markup").wait_for()  # HTML in a label, for which the page's script has no parser
            assert (page.evaluate(VOILAS), said) == (True, [])


def test_a_script_that_got_into_the_page_does_not_run(browser: "Browser", server: Server) -> None:
    with shown(browser, server) as (page, said):
        page.evaluate(INJECTED)
        page.get_by_role("button", name="go").click()
        page.wait_for_function("() => performance.now() > 0")
        assert page.evaluate("window.harmed") == []
        assert sum("Content Security Policy" in one for one in said) >= 4


def test_a_page_that_nobody_uses_says_so_and_a_click_keeps_it(browser: "Browser", tmp_path: Path) -> None:
    more = ["--OwnedKernels.idle=600", "--OwnedKernels.warning=599"]
    with serving(tmp_path, "token", code=WIDGET, more=more) as server, shown(browser, server) as (page, _):
        assert page.locator(NOTICE).is_hidden()
        page.wait_for_timeout(2000)  # it ends in less than `warning` seconds now
        page.evaluate(LOOK)
        page.get_by_text("It ends in 10 minutes.").wait_for()
        page.get_by_role("button", name="Keep it open").click()
        page.locator(NOTICE).wait_for(state="hidden")


def test_a_page_whose_kernel_is_gone_says_so(browser: "Browser", server: Server) -> None:
    with shown(browser, server) as (page, _):
        page.evaluate(ENDED)
        page.evaluate(LOOK)
        page.get_by_text("This page has ended").wait_for()
        page.get_by_role("button", name="Open it anew").click()
        page.get_by_role("button", name="go").wait_for(timeout=120_000)


def test_a_page_that_is_left_before_it_is_shown_says_so(browser: "Browser", tmp_path: Path) -> None:
    """So that it holds up nobody: what others load waits for pages that are on their way to the eye."""
    with serving(tmp_path, "token", code="nothing = 'to be seen'") as server:
        context = browser.new_context()
        context.add_init_script("navigator.sendBeacon = (place, said) => { localStorage.left = `${place} ${said}`; return true }")
        page = context.new_page()
        page.goto(f"{server.url}/?token={TOKEN}")
        page.wait_for_function("document.readyState === 'complete'")
        page.goto(f"{server.url}/voila/static/no-such-file")
        left = page.evaluate("localStorage.left")
        assert "/tiltyard/page/" in left and "said=left" in left
        context.close()


def test_the_button_logs_out(browser: "Browser", server: Server) -> None:
    with shown(browser, server) as (page, _):
        page.get_by_role("button", name="Log out").click()
        page.get_by_text("Paste the token").wait_for()
        page.goto(server.url)
        page.get_by_text("Paste the token").wait_for()


def test_a_page_that_breaks_tries_again_by_itself(browser: "Browser", tmp_path: Path) -> None:
    """The first kernel dies; the second is well."""
    code = f"import os, pathlib\nmark = pathlib.Path({str(tmp_path / 'died')!r})\nif not mark.exists():\n    mark.touch()\n    os._exit(1)\n{WIDGET}"
    with serving(tmp_path, "token", code=code) as server, shown(browser, server) as (page, _):
        assert (tmp_path / "died").exists()
        assert page.locator(NOTICE).is_hidden()
