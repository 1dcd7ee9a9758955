from . import endpoint as endpoint
from . import evasion as evasion
from . import explanation as explanation
from . import fairness as fairness
from . import federated as federated
from . import labs as labs
from . import poisoning as poisoning
from . import privacy as privacy
from . import supply_chain as supply_chain
from . import theft as theft
from . import validation as validation
from .api import assess as assess
from .api import check as check
from .api import checks as checks
from .api import compare as compare
from .api import defend as defend
from .api import report as report
from .datasets.reading import read as read
from .samples.catalog import load as load
from .scoring import scorer as scorer
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
