"""The Jupyter server extension: scans, runs, reports and events as a small REST API under ``/tiltyard/api``."""

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """What Jupyter asks of a server extension: the module and its application."""
    from .extension import TiltyardExtension

    return [{"module": "tiltyard_widgets.server", "app": TiltyardExtension}]
