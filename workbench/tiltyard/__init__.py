"""Tiltyard: the yard where models train for the attack. ``import tiltyard as ty`` loads nothing; each public name is imported when it is first used.

==========================================  ==================================================================================
``ty.assess(model, frame, label="y")``      every check of a profile; shows itself in a cell, ``.frame`` has its numbers
``ty.check("evasion.pgd", model, frame)``   one check, its parameters by name
``ty.checks()``, ``ty.checks("fairness")``  what there is; ``help(ty.evasion.PGD)`` has the parameters of one
``ty.defend(id, model, frame)``             a defense, and every number before and after; ``.made`` is the defended model
``ty.compare(before, after)``               two results or two stored runs
``ty.report(found, "report.html")``         a file: HTML, PDF, Markdown, Word, JSON, SARIF, JUnit
``ty.scorer("evasion.fgsm")``               for ``cross_validate`` and ``GridSearchCV``
``ty.open``, ``ty.read``, ``ty.load``       a model, a table, a shipped sample
==========================================  ==================================================================================

Beside the door: ``from tiltyard_widgets import AttackPanel, Workbench`` (panels in a cell), ``from tiltyard.testing.assertions import
assert_robust`` (assertions, which are fixtures under pytest), ``from tiltyard.tracking import log_mlflow, write_dvc``. The names and
their types are in ``__init__.pyi``; the documentation has a page for each.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

from .version import __version__ as __version__

_FUNCTIONS = {
    "open": "tiltyard.targets.opening:open_target",
    "read": "tiltyard.datasets.reading:read",
    "load": "tiltyard.samples.catalog:load",
    "check": "tiltyard.api:check",
    "checks": "tiltyard.api:checks",
    "assess": "tiltyard.api:assess",
    "defend": "tiltyard.api:defend",
    "compare": "tiltyard.api:compare",
    "report": "tiltyard.api:report",
    "scorer": "tiltyard.scoring:scorer",
}
_TOPICS = "evasion privacy theft fairness explanation validation poisoning supply_chain endpoint federated".split()
_ROOMS = ["labs"]


def __getattr__(name: str) -> Any:
    if name in _TOPICS or name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _FUNCTIONS:
        module, _, function = _FUNCTIONS[name].partition(":")
        return getattr(importlib.import_module(module), function)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*_FUNCTIONS, *_TOPICS, *_ROOMS])


class _Door(ModuleType):
    """This package. Importing the module ``tiltyard.check`` must not put it in the place of the function ``check``."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _FUNCTIONS or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Door
