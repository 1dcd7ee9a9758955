"""For tests of checks and defenses, of this package and of others: `check_step` holds the contract that all of them keep."""

from .contract import check_step

__all__ = ["check_step"]
