"""What the package of a topic is: its checks and defenses by class name, found when one is asked for (``ty.evasion.PGD``)."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Names:
    """The ``__getattr__`` and ``__dir__`` of a topic's package (PEP 562)."""

    get: Callable[[str], Any]
    list: Callable[[], list[str]]


def steps_of(package: str) -> Names:
    """The names of the topic whose package is called ``package`` (its ``__name__``); each topic's ``__init__`` calls this."""
    topic = package.rpartition(".")[2]

    def get(name: str) -> Any:
        # Submodules are looked for here too while the topic is being imported, and their names are in lower case.
        if name[:1].isupper() and (step := _catalogue().step_called(topic, name)) is not None:
            return step
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def listed() -> list[str]:
        return sorted(_catalogue().steps_by_class(topic))

    return Names(get, listed)


def _catalogue() -> Any:
    """By name: the catalogue stands above the topics that it walks."""
    return importlib.import_module("tiltyard.catalogue")
