"""The workbench's panels, one row each and in the order of its rail. Needs no ipywidgets, so that the Jupyter server can read it."""

from dataclasses import dataclass

from tiltyard.catalogue import TOPICS


@dataclass(frozen=True)
class PanelRow:
    """``id`` opens it, ``label`` names it on the rail and in the palette; ``panel`` is its class in ``module``, imported when it is first shown."""

    id: str
    label: str
    module: str
    panel: str


ROWS = (
    PanelRow("load", "Model and data", "load", "LoadPanel"),
    PanelRow("evasion", TOPICS["evasion"], "attack", "AttackPanel"),
    PanelRow("privacy", TOPICS["privacy"], "privacy", "PrivacyPanel"),
    PanelRow("fairness", TOPICS["fairness"], "topics", "FairnessPanel"),
    PanelRow("explanation", TOPICS["explanation"], "topics", "ExplainPanel"),
    PanelRow("theft", TOPICS["theft"], "topics", "TheftPanel"),
    PanelRow("federated", "Federation", "federation", "FederationPanel"),
    PanelRow("validation", TOPICS["validation"], "topics", "ValidationPanel"),
    PanelRow("poisoning", TOPICS["poisoning"], "topics", "PoisoningPanel"),
    PanelRow("supply_chain", "Supply chain", "supply_chain", "SupplyChainPanel"),
    PanelRow("endpoint", "Endpoint", "endpoint", "EndpointPanel"),
    PanelRow("monitor", "Monitor", "monitor", "MonitorPanel"),
    PanelRow("redteam", "Red teaming", "red_team", "RedTeamPanel"),
    PanelRow("ethics", "Ethical guidelines", "ethics", "EthicsPanel"),
    PanelRow("report", "Report", "report", "ReportPanel"),
    PanelRow("history", "History", "history", "HistoryPanel"),
    PanelRow("access", "Access", "access", "AccessPanel"),
)
