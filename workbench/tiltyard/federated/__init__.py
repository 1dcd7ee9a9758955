"""Federation: training without collecting the data, and what clients can do to it or see of it."""

from ..topic import steps_of

_names = steps_of(__name__)
__getattr__, __dir__ = _names.get, _names.list
