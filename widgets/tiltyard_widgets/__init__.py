"""Panels of Tiltyard for Jupyter and Voila, and the blocks they are built from.

``from tiltyard_widgets import AttackPanel``; ``AttackPanel(model, frame, label="y")`` in a cell takes what ``ty.check`` takes.
The names and their types are in ``__init__.pyi``; each panel is imported when it is first used.
"""

import importlib
from typing import Any

_PANELS = {
    "AttackPanel": "attack",
    "CohortsPanel": "cohorts",
    "EndpointPanel": "endpoint",
    "EthicsPanel": "ethics",
    "ExplainPanel": "topics",
    "ExplorerPanel": "explorer",
    "FairnessPanel": "fairness",
    "FederationPanel": "federation",
    "HistoryPanel": "history",
    "LoadPanel": "load",
    "MonitorPanel": "monitor",
    "PerformancePanel": "performance",
    "PoisoningPanel": "topics",
    "PrivacyPanel": "privacy",
    "RedTeamPanel": "red_team",
    "ReportPanel": "report",
    "SupplyChainPanel": "supply_chain",
    "TheftPanel": "topics",
    "ValidationPanel": "topics",
    "Workbench": "workbench",
}


def __getattr__(name: str) -> Any:
    if name in _PANELS:
        return getattr(importlib.import_module(f"{__name__}.panels.{_PANELS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_PANELS)
