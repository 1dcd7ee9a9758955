"""Data whose columns have a meaning. Wrong shapes and ranges are refused on entry."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from ..result import Identity
from ..showing import Shown
from .class_places import place_of
from .cohorts import Answering, Cohort
from .conditions import Mask
from .encoding import encoding_of
from .mapped import rows_at_once
from .schema import Rows, Schema
from .texts import Texts, text_columns

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Original:
    """Some rows as the person's table had them: ``frame`` with all of its columns, and which ``rows`` (n,) of the data set they are."""

    frame: "pd.DataFrame"
    rows: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Selection:
    """Where a cohort's rows come from: the whole ``parent``, the ``cohort``, and which of the parent's rows (n,) belong to it."""

    parent: "Dataset"
    cohort: Cohort
    rows: Mask


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Shown):
    """Rows, labels and what they mean.

    Parameters
    ----------
    x : float64 (n, columns), or float32 (n, channels, height, width) of images
        The table's own columns, as `Schema.encode` reads them: numbers in their own unit, NaN where a row has none, categories by place.
    y : int64 (n,)
        Class indices, 0 to k - 1, into ``schema.classes``.
    schema
        The meaning of each column.
    sensitive : dict of str arrays (n,)
        Sensitive columns by name, as text; they need not be features.
    member : bool (n,) or None
        Was the row trained on? None where nobody knows.
    merged
        Of each sensitive column in which different ways of writing became one group, which and of how many rows; as a clause.
    assumed
        Sentences on what was guessed of the file, where a schema was proposed from it.
    original
        Some of the rows as the person's table had them, on which opening a model compares what it answers with what it answers without us.
    selection
        Of the rows of a cohort: the data set they were taken from, and the cohort.
    """

    x: Rows
    y: NDArray[np.int64]
    schema: Schema
    name: str = "data"
    sensitive: dict[str, NDArray[np.str_]] = field(default_factory=dict)
    member: NDArray[np.bool_] | None = None
    source: str = ""
    license: str = ""
    merged: tuple[tuple[str, str], ...] = ()
    assumed: tuple[str, ...] = ()
    original: "Original | None" = None
    selection: Selection | None = None

    def __post_init__(self) -> None:
        self._check_shape()
        self._check_values()

    def _check_shape(self) -> None:
        n = len(self.x)
        if n == 0:
            raise Problem("at least one row", "none", "Give data with rows")
        if self.x.shape[1:] != self.schema.shape:
            expected = f"rows of shape {self.schema.shape} as the schema says"
            raise Problem(expected, f"{self.x.shape[1:]}", "Give the columns the model was trained on")
        for name, part in {"y": self.y, **self.sensitive, **({} if self.member is None else {"member": self.member})}.items():
            if len(part) != n:
                raise Problem(f"{n} values in {name}, one per row", f"{len(part)}", "Give one value per row")

    def _check_values(self) -> None:
        k = len(self.schema.classes)
        outside = (self.y < 0) | (self.y >= k)
        if outside.any():
            row = int(outside.argmax())
            raise Problem(
                f"labels 0 to {k - 1} for {k} classes", f"{int(self.y[row])} in row {row}", "Correct the labels or name the classes"
            )
        if self.x.dtype != self.schema.dtype:
            object.__setattr__(self, "x", self.x.astype(self.schema.dtype))
        low, high = self.schema.low, self.schema.high
        slack = 1e-4 * np.maximum(high - low, 1e-6)
        empty = self.schema.spread({f.name: float(f.missing or f.optional) for f in self.schema.features}) > 0
        step = rows_at_once(self.schema.shape)
        for start in range(0, len(self.x), step):
            part = self.x[start : start + step]
            bad = ~((part >= low - slack) & (part <= high + slack)) & ~(empty & np.isnan(part))
            if bad.any():
                row, *rest = (int(i) for i in np.argwhere(bad)[0])
                column = int(np.ravel_multi_index(tuple(rest), self.schema.shape))
                name = self.schema.columns[column]
                span = f"{low.flat[column]:g} to {high.flat[column]:g}"
                raise Problem(f"{name!r} within {span}", f"{part[(row, *rest)]:g} in row {row + start}", "Correct the value or the schema")

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of schema, rows, labels, sensitive columns and membership."""
        digest = hashlib.sha256(self.schema.model_dump_json().encode())
        digest.update(np.ascontiguousarray(self.x).data)
        digest.update(np.ascontiguousarray(self.y).data)
        for feature in self.schema.features:
            if feature.kind == "text":
                digest.update(Texts(feature).digest(self.x[:, self.schema.slices[feature.name].start]))
        for name, column in sorted(self.sensitive.items()):
            digest.update(name.encode())
            digest.update("\x1f".join(map(str, column)).encode())
        if self.member is not None:
            digest.update(np.ascontiguousarray(self.member).data)
        return digest.hexdigest()

    @property
    def identity(self) -> Identity:
        n = len(self.schema.features)
        of = f" of {len(self.selection.parent):,}" if self.selection is not None else ""
        detail = f"{len(self):,}{of} rows, {n} feature{'s' * (n != 1)}, {len(self.schema.classes)} classes"
        return Identity(name=self.name, fingerprint=self.fingerprint, detail=detail)

    def lacks(self, need: str) -> str:
        """Why the data does not meet ``need`` (table, images, text, sensitive, member), or an empty string."""
        if need == "text" and not self.texts:
            return "needs a column of free text; this data set has none"
        if need == "table" and self.schema.images:
            return "needs a table; this data set holds images"
        if need == "images" and not self.schema.images:
            return "needs images; this data set is a table"
        if need == "sensitive" and not self.sensitive:
            return "needs a sensitive column; none is named in this data set"
        if need == "member" and (self.member is None or self.member.all() or not self.member.any()):
            return "needs rows marked as trained on and rows marked as not; this data set does not say which"
        return ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The features that are free text."""
        return text_columns(self.schema.features)

    @property
    def beside_text(self) -> bool:
        """Is there a number or a category that an attacker may change?"""
        return any(f.mutable and f.kind != "text" for f in self.schema.features)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Dataset":
        """The rows at ``rows`` (indices or a mask), in that order."""
        return replace(
            self,
            x=self.x[rows],
            y=self.y[rows],
            sensitive={name: column[rows] for name, column in self.sensitive.items()},
            member=None if self.member is None else self.member[rows],
            original=None,
            selection=None,
        )

    def cohort(self, cohort: Cohort, target: Answering | None = None) -> "Dataset":
        """The rows of ``cohort`` as a data set of their own, for every check and panel: same schema, bounds and classes, another fingerprint.

        Parameters
        ----------
        target
            Whose answers the conditions are about, where they are (predicted class, right or wrong, score).

        Raises
        ------
        Problem
            No row belongs to it, a condition names what is not there, or needs a target and none is given.
        """
        answers = cohort.answers(self, target) if target is not None else None
        return self.selected(cohort, cohort.mask(self, answers))

    def selected(self, cohort: Cohort, mask: Mask) -> "Dataset":
        """As `cohort`, where it is known which rows (n,) belong to it."""
        count = int(mask.sum())
        if not count:
            raise Problem(f"rows in the cohort {cohort.name!r}", f"none of {len(self):,}", "Loosen or remove a condition")
        note = f"Cohort {cohort.name!r}: {cohort.words}; {count:,} of {len(self):,} rows of {self.name}."
        rows = self.take(np.flatnonzero(mask))
        return replace(rows, name=f"{self.name}: {cohort.name}", assumed=(*self.assumed, note), selection=Selection(self, cohort, mask))

    def classed(self, classes: tuple[str, ...]) -> "Dataset":
        """The same rows for a model of ``classes``: each label as its place among them, found by name, never by order.

        Raises
        ------
        Problem
            For rows of a class that is none of them, with their number.
        """
        own = self.schema.classes
        if classes == own:
            return self
        places = np.array([place_of(name, classes) for name in own], np.int64)
        count = np.bincount(self.y, minlength=len(own))
        if (lost := np.flatnonzero((places < 0) & (count > 0))).size:
            some = ", ".join(f"{count[i]:,} of class {own[i]!r}" for i in lost[:5]) + (" …" if lost.size > 5 else "")
            known = ", ".join(classes[:8]) + (" …" if len(classes) > 8 else "")
            raise Problem(f"rows of the model's classes {known}", f"{some} among {len(self):,} rows", "Leave these rows out")
        if len(set(places[count > 0].tolist())) < int((count > 0).sum()):
            raise Problem(
                f"classes that differ for the model's {', '.join(classes[:8])}", ", ".join(own[:8]), "Write each class in one way"
            )
        return replace(self, y=places[self.y], schema=self.schema.model_copy(update={"classes": classes}))

    def part(self, rows: NDArray[np.intp]) -> "Part":
        """The rows at the indices ``rows``, in that order, as `take` without copying them until they are read."""
        return Part.of(self, rows)

    def sample(self, n: int, rng: np.random.Generator) -> "Dataset":
        """``n`` rows without replacement in random order; all rows where there are fewer."""
        return self.take(rng.permutation(len(self))[:n])

    def at_most(self, n: int, rng: np.random.Generator) -> "Dataset":
        """All rows where there are no more than ``n``, else a sample of ``n``; for what is judged well enough by so many."""
        return self if len(self) <= n else self.sample(n, rng)

    def hoping(self, favorable: str) -> "Dataset":
        """The same rows with the class that people hope for named; as they are where it is empty.

        Raises
        ------
        Problem
            It is no class.
        """
        if not favorable:
            return self
        if favorable not in self.schema.classes:
            raise Problem(f"a favorable class among {', '.join(self.schema.classes[:8])}", repr(favorable), "Correct its name")
        return replace(self, schema=self.schema.model_copy(update={"favorable": favorable}))

    def relating(self, relations: Sequence[str]) -> "Dataset":
        """The same rows with exactly these relations between columns, as `relation_kinds` has them written.

        Raises
        ------
        Problem
            One cannot be read, does not fit the columns, or is broken by more than 1 % of the rows.
        """
        schema = self.schema.stating(relations)
        schema.related.refuse(self.x)
        return replace(self, schema=schema)

    @property
    def unseen(self) -> "Dataset":
        """The rows known not to be trained on; all rows where nobody knows. Copied only where they are read as a whole."""
        return self if self.member is None or self.member.all() else self.part(np.flatnonzero(~self.member))

    @property
    def seen(self) -> "Dataset":
        """The rows known to be trained on; all rows where nobody knows. Copied only where they are read as a whole."""
        return self if self.member is None or not self.member.any() else self.part(np.flatnonzero(self.member))

    @property
    def frame(self) -> "pd.DataFrame":
        """The rows as a person's table, without the label."""
        return self.schema.decode(self.x)

    @property
    def encoded(self) -> NDArray[np.float32]:
        """The rows as a torch module eats them, float32 (n, width), one-hot groups for categories; made anew at each call."""
        encoded: NDArray[np.float32] = encoding_of(self.schema).encode(self.x)
        return encoded

    @property
    def known(self) -> str:
        """What a sentence may call the rows that `unseen` gives: held-out rows where it is known which were trained on, else rows."""
        return "rows" if self.member is None or self.member.all() else "held-out rows"


class Part(Dataset):
    """Some rows of another data set, copied when ``x`` or another column is read; `take` and `sample` copy no more than they give.

    Made by `Dataset.part`. Its rows were looked at when the other data set was made.
    """

    whole: Dataset
    rows: NDArray[np.intp]

    @classmethod
    def of(cls, whole: Dataset, rows: NDArray[np.intp]) -> "Part":
        """The part; of a part it is one of the same data set."""
        part = object.__new__(cls)
        if isinstance(whole, Part) and "rows" in vars(whole):
            rows = whole.rows[rows]
            whole = whole.whole
        facts = {name: getattr(whole, name) for name in ("schema", "name", "source", "license", "merged")}
        vars(part).update(whole=whole, rows=rows, **{**facts, "original": None})
        return part

    @cached_property
    def x(self) -> Rows:
        return self.whole.x[self.rows]

    @cached_property
    def y(self) -> NDArray[np.int64]:
        return self.whole.y[self.rows]

    @cached_property
    def sensitive(self) -> dict[str, NDArray[np.str_]]:
        return {name: column[self.rows] for name, column in self.whole.sensitive.items()}

    @cached_property
    def member(self) -> NDArray[np.bool_] | None:
        return None if self.whole.member is None else self.whole.member[self.rows]

    def __len__(self) -> int:
        return len(self.rows) if "rows" in vars(self) else len(self.x)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Dataset:
        """The rows at ``rows`` of this part (indices or a mask), in that order."""
        return self.whole.take(self.rows[rows]) if "rows" in vars(self) else super().take(rows)
