"""What JupyterLab's menus and palette offer, for its extension to ask once when a page opens."""

from tiltyard.artifacts.formats import OFFERED_FOR_SCAN

from ..panels.listing import ROWS
from .forms import Menus, PanelEntry


def menus() -> Menus:
    """The workbench's panels in their order, and the suffixes for which a scan is offered."""
    panels = tuple(PanelEntry(id=row.id, label=row.label) for row in ROWS)
    return Menus(panels=panels, scanned_suffixes=OFFERED_FOR_SCAN)
