from . import endpoint, evasion, explanation, fairness, federated, labs, poisoning, privacy, supply_chain, theft, validation
from .api import assess, check, checks, compare, defend, report
from .datasets.reading import read
from .samples.catalog import load
from .scoring import scorer
from .targets.opening import open_target as open

__version__: str

__all__ = [
    "assess",
    "check",
    "checks",
    "compare",
    "defend",
    "endpoint",
    "evasion",
    "explanation",
    "fairness",
    "federated",
    "labs",
    "load",
    "open",
    "poisoning",
    "privacy",
    "read",
    "report",
    "scorer",
    "supply_chain",
    "theft",
    "validation",
]
