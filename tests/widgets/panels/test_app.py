"""The window as the app opens it: the shipped model is loaded by itself, unless a person was quicker."""

from tiltyard_widgets.panels.app import begin, shipped

from .waiting import until


def test_the_shipped_model_is_loaded_by_itself() -> None:
    bench = shipped()
    begin(bench)
    until(lambda: bench.session.target is not None)
    until(lambda: not bench.session.busy)
    assert bench.session.target.name == "Census income MLP"


def test_who_was_quicker_is_not_loaded_over() -> None:
    bench = shipped()
    panel = bench.go("load")
    panel.source.value = "files"
    begin(bench)
    assert not bench.session.busy and panel.message.text == "" and bench.session.target is None
