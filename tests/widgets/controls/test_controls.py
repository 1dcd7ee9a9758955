"""Progress, rail, slider, choice, drawing pad and layout, through their traits and messages as the browser sends them."""

import subprocess
import sys
import threading
import time

import ipywidgets
import numpy as np
import pytest
import traitlets

from tiltyard.errors import Problem
from tiltyard.progress import Progress, Report
from tiltyard_widgets.controls.draw import DrawPad
from tiltyard_widgets.controls.picker import Choice
from tiltyard_widgets.controls.progress_bar import ProgressView
from tiltyard_widgets.controls.slider import Slider
from tiltyard_widgets.theme import look
from tiltyard_widgets.theme.block import HERE, SCRIPTS, esm
from tiltyard_widgets.views.rail import Rail


def test_blocks_of_a_kind_are_of_one_class_which_says_what_draws_them() -> None:
    first, second, other = Rail(), Rail(), Slider("size", 0.5, 0.0, 1.0)
    assert type(first) is type(second) and isinstance(first, Rail) and not isinstance(other, Rail)
    state = first.get_state()
    assert (state["_esm"], state["_anywidget_id"]) == (esm("rail.js"), "tiltyard_widgets.views.rail.Rail")
    assert other.get_state(["_esm"]) == {"_esm": esm("field.js", "slider.js")} and {"_esm", "_anywidget_id"} <= set(first.keys)


def cancel(view: ProgressView) -> None:
    view._handle_msg({"content": {"data": {"method": "custom", "content": {"event": "cancel"}}}, "buffers": []})


def test_progress_from_a_thread_ends_where_the_work_ended() -> None:
    view = ProgressView()
    view.start("loading")
    assert view.active and view.value < 0

    def work() -> None:
        progress = Progress(listener=view.report)
        for i in range(2001):
            progress.step(i / 2000, f"row {i}")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert view.value == 1.0 and view.message == "row 2000"
    view.finish("done")
    assert not view.active and view.message == "done" and view.left is None


def test_reports_are_thinned_to_ten_a_second() -> None:
    view = ProgressView()
    view.start()
    sent: list[float] = []
    view.observe(lambda change: sent.append(change["new"]), "value")
    begin = time.monotonic()
    for i in range(5000):
        view.report(Report(i / 5000, "", None, 0.0))
    assert len(sent) <= (time.monotonic() - begin) / view.EVERY + 2


def test_cancel_calls_once_and_only_while_active() -> None:
    view, calls = ProgressView(), []
    view.on_cancel(lambda: calls.append(1))
    cancel(view)
    assert calls == []
    view.start()
    cancel(view)
    cancel(view)
    assert calls == [1] and view.cancelling
    view.finish()
    view.start()
    cancel(view)
    assert calls == [1, 1]


def test_late_reports_do_not_reopen_a_finished_bar() -> None:
    view = ProgressView()
    view.start()
    view.finish("cancelled")
    view.report(Report(1.0, "late", None, 1.0))
    assert view.message == "cancelled" and not view.active


def test_cost_is_said_before_but_does_not_disturb_a_run() -> None:
    view = ProgressView()
    view.cost("about 20 s")
    assert view.message == "about 20 s"
    view.start("loading")
    view.cost("about 30 s")
    assert view.message == "loading"


def test_rail_selects_and_changes_states() -> None:
    rail = Rail([{"id": "a", "label": "A", "state": "not_run"}, {"id": "b", "label": "B", "state": "passed"}])
    assert rail.selected == "a"
    chosen: list[str] = []
    rail.observe(lambda change: chosen.append(change["new"]), "selected")
    rail.set_state({"selected": "b"})
    assert chosen == ["b"]
    rail.mark("a", "finding")
    assert [item["state"] for item in rail.items] == ["finding", "passed"]
    with pytest.raises(traitlets.TraitError, match="expected a state"):
        rail.mark("a", "fine")


def test_slider_keeps_its_bounds() -> None:
    slider = Slider("Epsilon", 3.0, 0.1, 100, log=True)
    slider.set_state({"value": 1e9})
    assert slider.value == 100
    slider.set_state({"value": 0.0})
    assert slider.value == 0.1
    with pytest.raises(ValueError, match="min > 0"):
        Slider("Epsilon", 1, 0, 10, log=True)


def test_choice_offers_and_falls_back() -> None:
    choice = Choice("Attack", [("PGD", "pgd"), ("FGSM", "fgsm")], value="fgsm")
    choice.offer(["pgd"])
    assert choice.value == "pgd"
    with pytest.raises(traitlets.TraitError, match="expected one of"):
        choice.value = "fgsm"


def test_pad_round_trip_and_bounds() -> None:
    pad = DrawPad()
    drawn = [0.0] * 784
    drawn[29] = 1.0
    pad.set_state({"pixels": drawn})
    assert pad.image()[1, 1] == 1.0 and pad.image().shape == (28, 28) and pad.image().dtype == np.float32
    pad.preset(np.full((28, 28), 1.5))
    assert set(pad.pixels) == {1.0}
    pad.clear()
    assert sum(pad.pixels) == 0
    with pytest.raises(Problem, match="28, 28"):
        pad.preset(np.zeros((8, 8)))
    with pytest.raises(traitlets.TraitError, match="784"):
        pad.pixels = [0.0] * 3


def test_layout_holds_its_widgets_and_hides_them() -> None:
    inside = look.button("Run", kind="primary", title="Start it")
    page = look.frame(look.text("header"), look.text("rail"), look.split([inside], [look.text("results")]))
    assert "tiltyard-page" in page._dom_classes and isinstance(inside, ipywidgets.Button) and inside.tooltip == "Start it"
    look.show(inside, False)
    assert inside.layout.display == "none"
    look.show(inside, True)
    assert inside.layout.display is None


def test_scripts_and_style_need_no_network() -> None:
    scripts = [path for path in SCRIPTS.values() if path.name != "dom.js"]
    assert scripts
    for source in [*(esm(path.name) for path in scripts), (HERE / "look.css").read_text()]:
        shown = source.replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in shown and "https:" not in shown and "@import" not in shown
        assert "innerHTML" not in shown and "insertAdjacentHTML" not in shown


def test_blocks_import_nothing_heavy() -> None:
    heavy = "{'torch', 'shap', 'pandas', 'matplotlib', 'sklearn', 'opacus', 'scipy'}"
    blocks = "theme.look views.chart views.cards views.table views.gallery controls.progress_bar views.rail controls.form controls.slider"
    blocks += " controls.picker views.code views.message controls.draw"
    names = ", ".join(f"tiltyard_widgets.{name}" for name in blocks.split())
    code = f"import sys\nimport {names}\nprint(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_slider_whose_box_holds_no_value_refuses_to_be_read() -> None:
    slider = Slider("Epsilon", value=4, min=0.1, max=50)
    assert slider.right() == 4
    slider.wrong = "-3"  # as the page tells it
    with pytest.raises(Problem, match=r"from 0.1 to 50 in “Epsilon”; found '-3'"):
        slider.right()
    slider.wrong = ""
    assert slider.right() == 4
