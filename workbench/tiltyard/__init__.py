"""Tiltyard: the yard where models train for the attack. ``import tiltyard as ty`` loads nothing; each public name is imported when it is first used.

The names and their types are in ``__init__.pyi``.
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
