"""Input validation: accuracy and calibration, and guards against rows that are none."""

from ..topic import steps_of

_names = steps_of(__name__)
__getattr__, __dir__ = _names.get, _names.list
