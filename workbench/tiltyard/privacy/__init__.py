"""Data privacy: what the model gives away about the rows it was trained on."""

from ..topic import steps_of

_names = steps_of(__name__)
__getattr__, __dir__ = _names.get, _names.list
