from .advisories import Advisories as Advisories
from .age import Age as Age
from .materials import Materials as Materials
from .scan import Scan as Scan
from .trained_with import Versions as Versions
