"""A wire format: how rows are written for an endpoint and how its answer is read. One file each beside this."""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...datasets.schema import Schema
from ...errors import Problem
from .address import Address

if TYPE_CHECKING:
    import pandas as pd

    from ..estimators import Feeds

WIDEST = 1_000_000


@dataclass(frozen=True)
class About:
    """What an endpoint says of its model; each may be unknown. ``model`` tells one model from the next.

    ``schema`` is there where it tells its features with their bounds; the label's name is not among what it tells.
    ``example`` is an encoded row (1, *shape) that it says it answers, ``decision`` its rule in its own words.
    """

    name: str = ""
    classes: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()
    batch: int | None = None
    model: str = ""
    schema: Schema | None = None
    example: NDArray[np.float64] | None = field(default=None, compare=False)
    decision: str = ""


@dataclass(frozen=True)
class EndpointAnswer:
    """What an endpoint answered to n rows.

    ``scores`` float64 (n, m) as it gave them, or None; ``labels`` (n,) names or indices, what it decided, or None; ``note`` is what a
    person should know of how the scores were read.
    """

    scores: NDArray[np.float64] | None = None
    labels: NDArray[Any] | None = None
    note: str = ""


class Wire(ABC):
    """One wire format at one address.

    Attributes
    ----------
    ask
        URL that rows are posted to.
    about
        URL that describes the model; empty where the format has none.
    """

    title: ClassVar[str]
    feeds: "ClassVar[tuple[Feeds, ...]]" = ("encoded", "frame")

    def __init__(self, address: Address) -> None:
        self.address = address
        self.ask = address.at(address.path)
        self.about = ""

    @abstractmethod
    def body(self, rows: "pd.DataFrame | NDArray[Any]") -> Any:
        """The request for these rows, ready for JSON."""

    @abstractmethod
    def answer(self, found: Any, n: int, classes: tuple[str, ...]) -> EndpointAnswer:
        """The answer to ``n`` rows; ``classes`` in the model's order. What is no answer raises KeyError, TypeError or ValueError."""

    def described(self, found: Any) -> About:
        """The model as the answer of ``about`` describes it."""
        return About()

    def formed(self) -> Any:
        """The request for one row as the description that was read has it, ready for JSON; None where it does not say."""
        return None

    def repeated(self, body: Any, n: int) -> Any:
        """The request for ``n`` times the first row of ``body``; raises KeyError, TypeError or ValueError where it has none."""
        raise ValueError("rows")


def shown(name: object, most: int = 120) -> str:
    """A name that an endpoint gave, in one printable line."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in str(name)[: 4 * most]).split())[:most]


def written(value: Any) -> bytes:
    """JSON as bytes, numbers of NumPy included."""
    return json.dumps(value, separators=(",", ":"), default=lambda number: number.item()).encode()


def parsed(body: bytes, what: str) -> Any:
    """JSON from an endpoint; one line where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        beginning = body[:60].decode("utf-8", "replace")
        raise Problem(f"JSON from {what}", f"{beginning!r}" if body else "an empty answer", "Check the address") from None


def cells(frame: "pd.DataFrame") -> list[list[Any]]:
    """The rows of a table as lists of values that JSON has: null where there is none, dates as ISO 8601."""
    columns = [plain(frame[name]) for name in frame.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def plain(column: "pd.Series") -> list[Any]:
    """The values of a column as JSON has them."""
    lost = column.isna().tolist()
    return [None if gone else _plain(value) for value, gone in zip(column.tolist(), lost, strict=True)]


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value


def listed(rows: NDArray[Any]) -> list[Any]:
    """Rows of numbers as nested lists; null where there is no number. A float64 is written with all its digits."""
    if rows.dtype.kind != "f" or not np.isnan(rows).any():
        return list(rows.tolist())
    return list(np.where(np.isnan(rows), None, rows.astype(object)).tolist())  # type: ignore[call-overload]


def numbers(values: Any, n: int) -> NDArray[np.float64]:
    """float64 (n, …) from nested lists of numbers."""
    out = np.asarray(values)
    if out.dtype.kind not in "buif" or len(out) != n:
        raise ValueError(f"{n} rows of numbers")
    return out.astype(np.float64)


def single(values: NDArray[Any], k: int) -> EndpointAnswer:
    """One value a row (n,): a class's name or index, or the probability of the last of two classes."""
    if values.dtype.kind in "iubO":
        return EndpointAnswer(labels=values)
    if values.dtype.kind == "f" and k == 2 and (values >= 0).all() and (values <= 1).all():
        return EndpointAnswer(scores=values.astype(np.float64))
    if values.dtype.kind == "f" and (values == np.round(values)).all():
        return EndpointAnswer(labels=values)
    raise ValueError(f"labels, or scores of {k} classes")


def fits(shape: tuple[int, ...], mine: tuple[int, ...]) -> bool:
    """May rows of shape ``mine`` be sent to a model that says it takes ``shape``? Sizes below 1 stand for any."""
    return not shape or (len(shape) == len(mine) and all(a < 1 or a == b for a, b in zip(shape, mine, strict=True)))
