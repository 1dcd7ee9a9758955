"""The workbench as the Voila app opens it: the skeleton at once, the shipped model and data right after."""

from .load import LoadPanel
from .workbench import Workbench


def shipped(sample: str = "census") -> Workbench:
    """A window whose model and data are loaded once its cell is done, so that the page does not wait for them."""
    bench = Workbench()
    panel = bench.go("load")
    if isinstance(panel, LoadPanel):
        panel.sample.value = sample
        bench.session.on_main(panel.load)
    return bench
