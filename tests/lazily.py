"""Heavy packages for tests that use them all over: imported at first use, so that collecting the tests loads none."""

import importlib
from typing import Any


class Lazily:
    """A module that is imported once something of it is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_", "pytest", "is_hypothesis")):  # what pytest asks of every name of a test's file
            raise AttributeError(name)
        return getattr(importlib.import_module(self._name), name)
