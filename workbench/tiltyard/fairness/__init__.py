"""Bias and fairness: are groups of people treated alike, and what evens it out."""

from ..topic import steps_of

_names = steps_of(__name__)
__getattr__, __dir__ = _names.get, _names.list
