"""Adversarial attacks: does the model hold when a row is changed a little, and what makes it hold better."""

from ..topic import steps_of

_names = steps_of(__name__)
__getattr__, __dir__ = _names.get, _names.list
