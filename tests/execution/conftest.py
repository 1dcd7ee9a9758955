"""The tiny table, target and checks."""

from tests.tiny import broken, data, place, share, slow, store, target

__all__ = ["broken", "data", "place", "share", "slow", "store", "target"]
