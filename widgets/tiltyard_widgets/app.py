"""The workbench as the Voila app opens it: the skeleton at once, the shipped model and data right after."""

from .load import LoadPanel
from .workbench import Workbench


def shipped(sample: str = "census") -> Workbench:
    """A window whose model and data are being loaded while it is already shown."""
    bench = Workbench()
    panel = bench.go("load")
    if isinstance(panel, LoadPanel):
        panel.sample.value = sample
        panel.load()
    return bench
