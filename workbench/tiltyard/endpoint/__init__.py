"""The posture of an endpoint: what it lets a stranger do. One file a probe, and the check that sends them."""

from ..topic import steps_of

_names = steps_of(__name__)
__getattr__, __dir__ = _names.get, _names.list
