"""Model stealing: can a copy be made from answers, and can a copy be proven."""

from ..topic import steps_of

_names = steps_of(__name__)
__getattr__, __dir__ = _names.get, _names.list
