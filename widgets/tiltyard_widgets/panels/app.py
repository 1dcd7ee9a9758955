"""The workbench as the Voila app opens it: the skeleton at once, the shipped model and data right after."""

from .load import LoadPanel
from .workbench import Workbench


def shipped(sample: str = "census") -> Workbench:
    """A window on a shipped model and its data, which `begin` loads."""
    bench = Workbench()
    panel = bench.go("load")
    if isinstance(panel, LoadPanel):
        panel.sample.value = sample
    return bench


def begin(bench: Workbench) -> None:
    """Load what the window is on. A cell of its own, so that the app's server can have every page shown before any kernel loads torch."""
    panel = bench.go("load")
    if isinstance(panel, LoadPanel):
        bench.session.on_main(lambda: _load_unless_begun(panel))


def _load_unless_begun(panel: LoadPanel) -> None:
    """A person may have been quicker, and want another model than the shipped one."""
    if panel.source.value == "sample" and not panel.session.busy and panel.session.target is None:
        panel.load()
