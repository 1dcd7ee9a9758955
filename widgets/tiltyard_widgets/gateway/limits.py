"""What one page may take of the machine, where its kernel is confined."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """``memory`` and ``file`` in bytes, ``cores`` a number; 0 is no bound. See `tiltyard.access.confined.Confines`."""

    memory: int = 0
    file: int = 0
    cores: int = 0
