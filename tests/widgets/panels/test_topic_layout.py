"""A topic's panel: it opens on a step that can run, its list says why others cannot, its settings fold after a run, its details are remembered."""

import pytest

from tiltyard.testing.grounds import Ground, grounds
from tiltyard_widgets.panels.attack import AttackPanel
from tiltyard_widgets.panels.session import Session
from tiltyard_widgets.panels.topics import TheftPanel

from .waiting import until


@pytest.fixture(scope="module")
def ground() -> Ground:
    return grounds()["table"]


def listed(panel: AttackPanel) -> dict[str, str]:
    return {option["value"]: f"{option['group']}: {option['label']}" for option in panel.choice.options}


def test_it_opens_on_a_step_that_can_run_and_says_of_others_why_not(ground: Ground) -> None:
    bare = ground.labels_only()
    panel = AttackPanel(session=Session(bare.target, bare.data))
    assert not panel.runner(panel.choice.value).button.disabled and panel.choice.value != "evasion.pgd"
    names = listed(panel)
    assert names["evasion.pgd"] == "Checks: Projected gradient descent (PGD) · cannot run: needs gradients (a torch module or linear model)"
    assert names["evasion.adversarial_training"].startswith("Defenses: ")
    panel.choice.value = "evasion.pgd"  # selectable, to read why
    runner = panel.runner("evasion.pgd")
    assert "Needs gradients" in runner.view._sentence.plain_text() and runner.settings.folded and runner.button.disabled


def test_another_target_moves_it_on_where_the_step_cannot_run(ground: Ground) -> None:
    session = Session(ground.target, ground.data)
    panel = AttackPanel(session=session)
    assert panel.choice.value == "evasion.strong"
    bare = ground.labels_only()
    session.adopt(bare.target, bare.data)
    assert panel.choice.value != "evasion.strong" and not panel.runner(panel.choice.value).button.disabled


def test_settings_fold_after_a_run_and_can_be_opened(ground: Ground) -> None:
    session = Session(ground.target, ground.data)
    panel = AttackPanel(session=session)
    panel.choice.value = "evasion.pgd"
    runner = panel.runner("evasion.pgd")
    assert not runner.settings.folded and runner.settings.change.layout.display == "none"
    assert [spec["name"] for spec in runner.form.specs if not spec["advanced"]] == list(runner.step.main)
    runner.form.set({"rows": 4, "steps": 2, "curve": False})
    runner.run()
    until(lambda: not session.busy)
    assert runner.settings.folded and runner.settings.layout.display == "none" and "ty-folded" in panel.bench._dom_classes
    assert runner.settings.change.description == "Change settings" and runner.form.given["rows"] == 4
    runner.settings.change.click()
    assert runner.settings.layout.display is None and "ty-folded" not in panel.bench._dom_classes
    state = session.latest["evasion.pgd"].result.status.value
    assert listed(panel)["evasion.pgd"] == f"Checks: Projected gradient descent (PGD) · {state.replace('_', ' ')}"


def test_details_stay_as_they_were_left_in_this_window(ground: Ground) -> None:
    session = Session(ground.target, ground.data)
    panel = AttackPanel(session=session)
    panel.runner("evasion.pgd").view.details.turn()
    assert session.details
    panel.choice.value = "evasion.fgsm"
    assert panel.runner("evasion.fgsm").view.unfolded


def test_verification_goes_on_with_the_model_just_marked(ground: Ground, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    session = Session(ground.target, ground.data)
    panel = TheftPanel(session=session)
    panel.choice.value = "theft.watermark"
    marking = panel.runner("theft.watermark")
    marking.form.set({"count": 32, "epochs": 2})
    marking.run()
    until(lambda: not session.busy)
    panel.choice.value = "theft.watermark_verify"
    assert panel.results.children[0] is panel.marked and panel.runner("theft.watermark_verify").button.disabled
    panel.go_on.click()
    assert session.target is not ground.target and panel.choice.value == "theft.watermark_verify"
    assert not panel.runner("theft.watermark_verify").button.disabled and panel.marked not in panel.results.children
    assert "its key was found" in panel.message.text
