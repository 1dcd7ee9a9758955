"""Model extraction and watermarks: can a copy be made from answers, and can its owner prove that it is one."""

from ..topic import steps_of

_names = steps_of(__name__)
__getattr__, __dir__ = _names.get, _names.list
