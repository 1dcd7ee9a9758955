"""Supply chain and patching: the model file, its packages and their known vulnerabilities."""

from ..topic import steps_of

_names = steps_of(__name__)
__getattr__, __dir__ = _names.get, _names.list
