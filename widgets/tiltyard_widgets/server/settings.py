"""The extension's settings as the rest of the server reads them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Seconds and bytes that one piece of work may take."""

    seconds: float
    memory: int


@dataclass(frozen=True)
class Settings:
    """The settings of `TiltyardExtension`, as they stand when the server starts."""

    store_place: str
    scan: Limits
    report: Limits
    processes: int
    streams_each: int
    streams_most: int
    trusted_keys: tuple[str, ...]
