"""Poisoning: rows, labels and triggers that were slipped into the training data."""

from ..topic import steps_of

_names = steps_of(__name__)
__getattr__, __dir__ = _names.get, _names.list
