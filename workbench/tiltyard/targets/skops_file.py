"""skops files: opened with nothing trusted beyond what skops itself trusts, a NumPy dtype, parts that are Python alone, and trees and splines shown safe when it was looked at."""

import warnings
from typing import Any

from ..artifacts.formats import FORMATS, Format
from ..artifacts.skops.schema import DTYPE
from ..artifacts.skops.shown import SHOWN
from ..artifacts.skops.types import PURE
from ..errors import Problem
from .model_file import ModelFile

_TRUSTED = [DTYPE, *(f"{module}.{name}" for _, module, name in sorted(SHOWN)), *sorted(n for names in PURE.values() for n in names)]


def estimator_in(file: ModelFile) -> Any:
    """The scikit-learn estimator in a skops file.

    Raises
    ------
    Problem
        When it holds types that skops does not trust (they are listed), or breaks off.
    """
    import skops.io

    try:
        if untrusted := [t for t in skops.io.get_untrusted_types(data=file.content) if t not in _TRUSTED]:
            listed = ", ".join(untrusted[:5]) + (f" and {len(untrusted) - 5} more" if len(untrusted) > 5 else "")
            do = FORMATS[Format.SKOPS].advice
            raise Problem("only types that skops trusts by itself", f"{listed} in {file.path.name}", do)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return skops.io.loads(file.content, trusted=_TRUSTED)
    except Problem:
        raise
    except Exception as error:  # a damaged archive can fail in any constructor that skops calls
        found = (str(error).strip().splitlines() or [""])[0][:120]
        raise Problem(
            "a whole skops file", f"{file.path.name}, which cannot be read ({type(error).__name__}: {found})", "Save it again"
        ) from None
