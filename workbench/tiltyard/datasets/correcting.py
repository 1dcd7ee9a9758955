"""What a person knows better than a proposal: columns left out or taken back in, kinds, bounds, units, pixels, missing numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import ValidationError

from ..errors import Problem
from ..result import Given
from .arrays import Arrays
from .categories import category_feature
from .columns import bounds_of
from .feature import Feature
from .proposing import Proposal

if TYPE_CHECKING:
    import pandas as pd

BY_HAND = "corrected by hand"


class Correction(Given):
    """What is known better of one feature; None leaves what was assumed.

    Parameters
    ----------
    kind
        Of a column: a number (``continuous`` or ``integer``) or ``categorical``.
    low, high
        Bounds of a number in its own unit; of pixels after the division.
    mutable
        May an attacker change it?
    direction
        Of a number: which way an attacker may move it.
    cost_per_change, cost_per_unit
        What any change costs an attacker, and of a number each unit that it is moved, in the person's money.
    divide
        Of images: the file's numbers are divided by this. 1 for a model that takes the pixels as they are.
    missing
        Of a number: what stands where the file has none.
    """

    kind: Literal["continuous", "integer", "categorical"] | None = None
    low: float | None = None
    high: float | None = None
    unit: str | None = None
    mutable: bool | None = None
    direction: Literal["any", "up", "down"] | None = None
    cost_per_change: float | None = None
    cost_per_unit: float | None = None
    divide: float | None = None
    missing: float | None = None


def corrected(
    proposal: Proposal,
    leave_out: Sequence[str] = (),
    take: Sequence[str] = (),
    features: "Mapping[str, Correction | Mapping[str, Any]] | None" = None,
) -> Proposal:
    """``proposal`` without the columns ``leave_out``, with those of ``take`` that it had left out, and with ``features`` corrected.

    Raises
    ------
    Problem
        Naming the column that is not there, or the value that does not fit it.
    """
    for column in take:
        proposal = proposal.take(column)
    for column in leave_out:
        proposal = proposal if column in (*proposal.left_out, *proposal.skip) else proposal.drop(column)
    if features is not None and not isinstance(features, Mapping):
        raise Problem('corrections by feature, for instance {"income": {"high": 5e5}}', type(features).__name__, "Give a dict")
    for name, correction in (features or {}).items():
        proposal = correct(proposal, name, correction)
    return proposal


def correct(proposal: Proposal, name: str, correction: "Correction | Mapping[str, Any]") -> Proposal:
    """With one feature corrected; its earlier corrections stay where this one says nothing."""
    known = correction if isinstance(correction, Correction) else _known(name, correction)
    if known.missing is not None:
        proposal = _filled(proposal, name, known.missing)
    before = proposal.schema.feature(name)
    changes = known.model_dump(exclude_none=True, exclude={"missing"})
    after = proposal.replace(_feature(_base(proposal, before, known), changes))
    together = _known(name, {**_known_of(proposal, name), **_given_by(known)})
    kept = tuple(s for s in after.assumptions if not s.startswith(f"Corrected by hand: {name!r} ") and " divided by " not in s)
    listed = ", ".join(f"{key} = {value}" for key, value in _given_by(together).items() if key != "missing")
    notes = (f"Corrected by hand: {name!r} ({listed}).",) if listed else ()
    return replace(after, corrections={**after.corrections, name: together}, assumptions=(*kept, *notes))


def _known_of(proposal: Proposal, name: str) -> dict[str, Any]:
    earlier = proposal.corrections.get(name)
    return _given_by(earlier) if isinstance(earlier, Correction) else {}


def _given_by(correction: Correction) -> dict[str, Any]:
    return correction.model_dump(exclude_none=True)


def _known(name: str, given: "Mapping[str, Any]") -> Correction:
    if not isinstance(given, Mapping):
        raise Problem(f'a correction of {name!r}, for instance {{"high": 5e5}}', repr(given), "Give a dict")
    try:
        return Correction.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        keys = ", ".join(Correction.model_fields)
        reason = f"{first['msg'][0].lower()}{first['msg'][1:]}"
        raise Problem(f"a correction of {name!r} ({keys})", f"{key} = {first['input']!r}, and {reason}", "Correct it") from None


def _base(proposal: Proposal, f: Feature, known: Correction) -> Feature:
    """The feature in its new kind, with what the column itself says of it."""
    if f.kind == "pixels":
        return _pixels(f, known)
    if known.divide is not None:
        raise Problem("divide for images", f"the {f.kind} feature {f.name!r}", "Leave divide out")
    if known.kind in (None, f.kind):
        return f
    if f.kind == "onehot":
        raise Problem("a column whose kind can change", f"{f.name!r}, a group of {len(f.columns)} columns", "Leave its kind as it is")
    column = _column(proposal, f.name)
    if known.kind == "categorical":
        return category_feature(column, f.name, mutable=f.mutable)
    return f if f.kind in ("continuous", "integer") else _number(column, f)


def _pixels(f: Feature, known: Correction) -> Feature:
    if known.kind is not None:
        raise Problem("pixels to stay pixels", f"kind {known.kind!r}", "Leave the kind out")
    if known.divide is None:
        return f
    if not known.divide > 0:
        raise Problem("a number above 0 to divide pixels by", f"{known.divide:g}", "Correct it")
    scale = f.divide / known.divide
    unit = "of full brightness" if known.divide == f.divide else f"of {f.high * scale:g}"
    return f.model_copy(update={"low": f.low * scale, "high": f.high * scale, "unit": unit})


def _number(column: "pd.Series", f: Feature) -> Feature:
    import pandas as pd

    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        raise Problem(f"numbers in {f.name!r}", "none", "Leave it categorical")
    low, high = bounds_of(finite)
    missing = bool(np.isnan(values).any())
    return Feature(name=f.name, kind="continuous", low=low, high=high, dtype=f.dtype, missing=missing, mutable=f.mutable)


def _feature(base: Feature, changes: dict[str, Any]) -> Feature:
    """``base`` with ``changes``, as a whole feature."""
    try:
        return Feature.model_validate({**base.model_dump(), **changes, "assumed": BY_HAND})
    except ValidationError as error:
        first = error.errors()[0]
        which = f"{first['loc'][0]} = {first['input']!r}: " if first["loc"] else ""
        message = which + first["msg"].removeprefix("Value error, ")
        raise Problem(f"values that fit {base.name!r}", message, "Correct them") from None


def _column(proposal: Proposal, name: str) -> "pd.Series":
    table = proposal.table
    return table.frame[name] if isinstance(table, Arrays) else table[name]


def _filled(proposal: Proposal, name: str, value: float) -> Proposal:
    """With ``value`` where the column has no finite number; the bounds grow to hold it."""
    f = proposal.schema.feature(name)
    if f.kind not in ("continuous", "integer") or isinstance(proposal.table, Arrays):
        raise Problem("a column of numbers in a table, to fill its missing ones", f"{name!r}, {f.kind}", "Leave missing out")
    import pandas as pd

    numbers = pd.to_numeric(proposal.table[name], errors="coerce")
    lost = ~np.isfinite(numbers.to_numpy(np.float64, na_value=np.nan))
    table = proposal.table.assign(**{name: numbers.astype(float).mask(lost, value)})
    table.attrs = proposal.table.attrs
    whole = "integer" if f.kind == "integer" and float(value).is_integer() else "continuous"
    wider = f.model_copy(update={"low": min(f.low, value), "high": max(f.high, value), "kind": whole})
    kept = tuple(w for w in proposal.warnings if not w.startswith(f"{name!r} "))
    note = f"{name!r} had no number in {int(lost.sum()):,} rows; there stands {value:.15g}."
    return replace(proposal, table=table, warnings=kept, assumptions=(*proposal.assumptions, note)).replace(wider)


def middle(proposal: Proposal, name: str) -> float:
    """The median of a column's finite numbers, to offer for its missing ones."""
    import pandas as pd

    values = pd.to_numeric(_column(proposal, name), errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return float(np.median(values[np.isfinite(values)]))


def lacking(proposal: Proposal, name: str) -> int:
    """How many rows have no finite number in a column of numbers."""
    import pandas as pd

    if isinstance(proposal.table, Arrays) or proposal.schema.feature(name).kind not in ("continuous", "integer"):
        return 0
    values = pd.to_numeric(_column(proposal, name), errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return int((~np.isfinite(values)).sum())
