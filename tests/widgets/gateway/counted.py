"""Kernels without processes, for what a gateway counts and ends."""

from types import SimpleNamespace
from typing import Any

from tiltyard_widgets.gateway.kernels import OwnedKernels
from tiltyard_widgets.gateway.lives import Life


class Counted(OwnedKernels):
    """Kernels that are names alone, and a clock that is set by hand."""

    now = 10_000.0

    def __init__(self, lives: dict[str, Life], owners: dict[str, str], **given: Any) -> None:
        super().__init__(**given)
        self.lives, self.owners = lives, owners
        self.ended: list[str] = []

    def clock(self) -> float:
        return self.now

    def pid(self, kernel_id: str) -> int | None:
        return None if kernel_id == "dead" else 2**30

    def get_kernel(self, kernel_id: str) -> Any:
        from datetime import UTC, datetime, timedelta

        return SimpleNamespace(last_activity=datetime.now(UTC) - timedelta(days=1))

    def stop_buffering(self, kernel_id: str) -> None:
        pass

    async def shutdown_kernel(self, kernel_id: str, now: bool = False, restart: bool = False) -> None:
        self.ended.append(kernel_id)
        self.lives.pop(kernel_id)
        self.owners.pop(kernel_id)
