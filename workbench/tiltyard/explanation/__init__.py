"""Explanation: what the model's decisions rest on, and whether explanations hold."""

from ..topic import steps_of

_names = steps_of(__name__)
__getattr__, __dir__ = _names.get, _names.list
