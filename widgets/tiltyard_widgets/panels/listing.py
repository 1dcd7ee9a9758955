"""The workbench's panels, one row each and in the order of its rail. Needs no ipywidgets, so that the Jupyter server can read it."""

from dataclasses import dataclass

from tiltyard.catalogue import TOPICS

LOOKING, RISKS, TOGETHER = "Looking into the model", "Risks", "All together"
GROUPS = ("", LOOKING, RISKS, TOGETHER)


@dataclass(frozen=True)
class PanelRow:
    """``id`` opens it, ``label`` names it on the rail and in the palette; ``panel`` is its class in ``module``, imported when it is first shown.

    ``group`` is the heading on the rail under which it stands.
    """

    id: str
    label: str
    module: str
    panel: str
    group: str = RISKS


PANELS = (
    PanelRow("load", "Model and data", "load", "LoadPanel", group=""),
    PanelRow("performance", "Performance", "performance", "PerformancePanel", group=LOOKING),
    PanelRow("data", "Data", "explorer", "ExplorerPanel", group=LOOKING),
    PanelRow("cohorts", "Cohorts", "cohorts", "CohortsPanel", group=LOOKING),
    PanelRow("evasion", TOPICS["evasion"], "attack", "AttackPanel"),
    PanelRow("privacy", TOPICS["privacy"], "privacy", "PrivacyPanel"),
    PanelRow("fairness", TOPICS["fairness"], "fairness", "FairnessPanel"),
    PanelRow("explanation", TOPICS["explanation"], "topics", "ExplainPanel", group=LOOKING),
    PanelRow("rows", "One row", "rows", "RowsPanel", group=LOOKING),
    PanelRow("theft", TOPICS["theft"], "topics", "TheftPanel"),
    PanelRow("federated", "Federation", "federation", "FederationPanel"),
    PanelRow("validation", TOPICS["validation"], "topics", "ValidationPanel"),
    PanelRow("poisoning", TOPICS["poisoning"], "topics", "PoisoningPanel"),
    PanelRow("supply_chain", "Supply chain", "supply_chain", "SupplyChainPanel"),
    PanelRow("endpoint", "Endpoint", "endpoint", "EndpointPanel"),
    PanelRow("monitor", "Monitor", "monitor", "MonitorPanel"),
    PanelRow("redteam", "Red teaming", "red_team", "RedTeamPanel", group=TOGETHER),
    PanelRow("ethics", "Ethical guidelines", "ethics", "EthicsPanel", group=TOGETHER),
    PanelRow("report", "Report", "report", "ReportPanel", group=TOGETHER),
    PanelRow("history", "History", "history", "HistoryPanel", group=TOGETHER),
    PanelRow("access", "Access", "access", "AccessPanel", group=TOGETHER),
)

ROWS = tuple(sorted(PANELS, key=lambda row: GROUPS.index(row.group)))
"""In the order of the rail: group by group, and within one as they stand above."""
