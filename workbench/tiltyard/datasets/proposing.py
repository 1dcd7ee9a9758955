"""A schema proposed from the data itself: what was assumed is noted, and each assumption can be corrected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from ..errors import Problem
from ..result import Frozen
from . import onehots, people
from .arrays import Arrays
from .building import Member, build, read_rows
from .columns import Guess, guess, guess_text, likely_text
from .dataset import Dataset
from .feature import Feature
from .labels import classes_of, likely_label
from .pixels import image_feature, pixel_feature
from .relations import fitting
from .schema import Rows, Schema
from .written_numbers import as_meant

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Proposal:
    """What the columns of ``table`` most likely mean.

    Attributes
    ----------
    schema
        Kinds, bounds, label, classes and likely sensitive columns.
    assumptions
        Sentences for a person: what was guessed and why.
    warnings
        Sentences on what needs a look: constant columns, missing numbers.
    left_out
        Columns that are no features (ids, free text, dates).
    skip
        Columns that were declared to be no features.
    corrections
        What was corrected of features, by name; see `correcting`.
    dropped, restored
        Columns that a person left out, or took back in.
    wanted
        Columns that a model takes, which are then the features; () where no model is known.
    """

    table: "pd.DataFrame | Arrays"
    schema: Schema
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    corrections: Mapping[str, Frozen] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()

    def _with(self, features: Sequence[Feature]) -> "Proposal":
        if not features:
            raise Problem("at least one feature", "none left", "Keep a column")
        try:
            kept = fitting(self.schema.relations, tuple(features))
            schema = Schema(**{**dict(self.schema), "features": tuple(features), "relations": kept})
        except ValidationError as error:
            raise Problem("features with names of their own", error.errors()[0]["msg"], "Rename one") from None
        return replace(self, schema=schema)

    def replace(self, feature: Feature) -> "Proposal":
        """With ``feature`` instead of the one of the same name."""
        self.schema.feature(feature.name)
        return self._with([feature if f.name == feature.name else f for f in self.schema.features])

    def drop(self, column: str) -> "Proposal":
        """Without the feature ``column``; it is left out."""
        self.schema.feature(column)
        rest = self._with([f for f in self.schema.features if f.name != column])
        corrections = {name: c for name, c in self.corrections.items() if name != column}
        dropped, restored = _moved(column, self.dropped, self.restored)
        return replace(rest, left_out=(*self.left_out, column), corrections=corrections, dropped=dropped, restored=restored)

    def take(self, column: str) -> "Proposal":
        """With a column that was left out as a feature, at the end."""
        if column not in self.left_out or isinstance(self.table, Arrays):
            raise Problem(f"a column that was left out ({', '.join(self.left_out) or 'there is none'})", repr(column), "Correct the name")
        found = guess(self.table, column, always=True)
        if found.feature is None:
            raise Problem("a column of numbers or categories", f"{column!r}: {found.why}", "Leave it out")
        more = self._with([*self.schema.features, found.feature])
        restored, dropped = _moved(column, self.restored, self.dropped)
        return replace(more, left_out=tuple(c for c in self.left_out if c != column), dropped=dropped, restored=restored)

    def relabel(self, column: str) -> "Proposal":
        """A new proposal with ``column`` as the label."""
        return propose(self.table, column, self.skip, wanted=tuple(c for c in self.wanted if c != column))

    def mark(self, columns: Sequence[str]) -> "Proposal":
        """With exactly ``columns`` as the sensitive ones; they need not be features."""
        known = list(self.table.sensitive) if isinstance(self.table, Arrays) else [str(c) for c in self.table.columns]
        if lost := [c for c in columns if c not in known and (isinstance(self.table, Arrays) or not onehots.family(self.table, c))]:
            raise Problem(f"columns among {', '.join(known[:20])}", ", ".join(map(repr, lost)), "Correct the name")
        return replace(self, schema=self.schema.model_copy(update={"sensitive": tuple(columns)}))

    def freeze(self, columns: Sequence[str]) -> "Proposal":
        """An attacker may change every feature but exactly ``columns``."""
        for column in columns:
            self.schema.feature(column)
        return self._with([f.model_copy(update={"mutable": f.name not in columns}) for f in self.schema.features])

    @property
    def x(self) -> Rows:
        """The rows as this schema reads them, (n, columns)."""
        return read_rows(self.table.frame if isinstance(self.table, Arrays) else self.table, self.schema)

    def relate(self, relations: Sequence[str]) -> "Proposal":
        """With exactly these relations between columns; a `Problem` for one that cannot be read, or that the rows break often."""
        schema = self.schema.stating(relations)
        if schema.relations:
            schema.related.refuse(self.x)
        return replace(self, schema=schema)

    def build(self, *, member: Member = None, name: str = "", source: str = "") -> Dataset:
        """The data set by this schema."""
        return build(self.table, self.schema, member=member, name=name, source=source)


def propose(
    table: "pd.DataFrame | Arrays",
    label: str | None = None,
    skip: Sequence[str] = (),
    classes: Sequence[str] = (),
    wanted: Sequence[str] = (),
    texts: bool = False,
) -> Proposal:
    """Kinds, bounds, label, classes, sensitive columns, one-hot groups and images, from the data itself.

    Parameters
    ----------
    label
        The label column; None to find a likely one.
    skip
        Columns that are no features, such as the one that says which rows were trained on.
    classes
        The classes of the model that is to be asked: the label is then the column whose values they are.
    wanted
        The columns that this model takes. They are then the features, whatever they look like, in this order, and no others are.
    texts
        This model takes one column of text: that is then the feature, and no other column is.

    Raises
    ------
    Problem
        When there is no likely label, a single class, one row, no column left to learn from, or a column that the model takes is not there.
    """
    if len(table) < 2:
        raise Problem("at least two rows", f"{len(table)}", "Give data with rows of every class")
    if isinstance(table, Arrays):
        return _from_arrays(table, label or "label", tuple(skip))
    notes = list(table.attrs.get("assumptions", ()))
    names = [str(c) for c in table.columns]
    if lost := [c for c in wanted if c not in names]:
        raise Problem(
            f"the columns that the model takes ({_some(wanted)})", f"none called {_some(lost)} among {_some(names)}", "Rename them"
        )
    if label is None:
        label, why = likely_label(table.drop(columns=[c for c in skip if c in names]), classes, wanted)
        notes.append(f"{label!r} is the label ({why}).")
    elif label not in names:
        raise Problem(f"the label column {label!r}", f"the columns {_some(names)}", "Name one of them")
    table, more = as_meant(table, (label, *skip))
    notes += more
    found = classes_of(table[label], label)
    if texts:
        return _worded(table, label, found, notes, tuple(skip))
    kept = [c for c in wanted if c != label] or [c for c in names if c != label and c not in skip]
    if (image := pixel_feature(table[kept])) is not None:
        schema = Schema(features=(image,), label=label, classes=found)
        return Proposal(table, schema, (*notes, _about(image)), skip=tuple(skip), wanted=tuple(wanted))
    return replace(_tabular(table, table[kept], label, found, notes, tuple(skip), bool(wanted)), wanted=tuple(wanted))


def _worded(table: "pd.DataFrame", label: str, classes: tuple[str, ...], notes: list[str], skip: tuple[str, ...]) -> Proposal:
    """One column of text as the only feature."""
    rest = table[[c for c in map(str, table.columns) if c != label and c not in skip]]
    name, why = likely_text(rest)
    notes.append(f"{name!r} is the text ({why}).")
    found = _tabular(table, rest[[name]], label, classes, notes, skip, texts=True)
    return replace(found, wanted=(name,))


def _some(names: Sequence[str]) -> str:
    return f"{', '.join(names[:8])}{' …' if len(names) > 8 else ''}"


def _moved(column: str, here: tuple[str, ...], there: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """``here`` with a column that a person put there, ``there`` without it; one that is back where it was is in neither."""
    if column in there:
        return here, tuple(c for c in there if c != column)
    return (*here, column), there


def _about(image: Feature) -> str:
    size = "×".join(map(str, image.shape))
    return f"The columns are the pixels of images of {size}, {_pixels_as(image)}."


def _pixels_as(image: Feature) -> str:
    """How the pixels of somebody's images are taken."""
    if image.divide != 1:
        return f"divided by {image.divide:g}"
    if image.low == 0 and image.high in (1, 16, 255):
        return f"from 0 to {image.high:g}, as they are"
    return f"as they are, between {image.low:g} and {image.high:g}, the smallest and the largest seen"


def _from_arrays(table: Arrays, label: str, skip: tuple[str, ...]) -> Proposal:
    classes = table.classes or classes_of(table.y)
    notes = list(table.assumptions)
    if not table.images:
        frame = table.frame
        while label in table.names:
            label += "_"
        if (image := pixel_feature(frame)) is None:
            found = _tabular(frame, frame, label, classes, notes, skip)
            marked = found.schema.model_copy(update={"sensitive": (*found.schema.sensitive, *table.sensitive)})
            return replace(found, table=table, schema=marked)
        table = replace(table, x=table.x.reshape(-1, *image.shape), names=())
    feature = image_feature(table.x, table.x.shape[1:])
    if feature is None:
        low, high = float(np.min(table.x)), float(np.max(table.x))
        raise Problem("finite pixels that differ", f"{low:g} to {high:g}", "Correct the images")
    schema = Schema(features=(feature,), label=label, classes=classes, sensitive=tuple(table.sensitive))
    notes.append(f"x holds images of {'×'.join(map(str, feature.shape))}, {_pixels_as(feature)}.")
    return Proposal(table, schema, tuple(notes), skip=skip)


def _tabular(
    table: "pd.DataFrame",
    rest: "pd.DataFrame",
    label: str,
    classes: tuple[str, ...],
    notes: list[str],
    skip: tuple[str, ...],
    always: bool = False,
    texts: bool = False,
) -> Proposal:
    guesses = [guess_text(rest, str(c)) for c in rest.columns] if texts else _guesses(rest, always)
    if all(g.feature is None for g in guesses):
        guesses = [guess(rest, g.name, always=True) if g.texts else g for g in guesses]
    features = [g.feature for g in guesses if g.feature is not None]
    if not features:
        left = "; ".join(f"{g.name!r}: {g.why}" for g in guesses[:3])
        found = f"only {label!r} and what was left out{f' ({left})' * bool(left)}"
        raise Problem("at least one column to learn from", found, "Give columns of numbers or categories")
    out = [g for g in guesses if g.feature is None]
    if always and out:
        raise Problem("columns that can be read as the model takes them", f"{out[0].name!r}: {out[0].why}", "Change it, and the model")
    beside = [c for c in map(str, table.columns) if c not in rest.columns and c != label and c not in skip]
    sensitive = people.likely_sensitive(table[[c for c in map(str, table.columns) if c != label and c not in skip]], label)
    notes.append(f"The classes of {label!r} are {', '.join(map(repr, classes[:10]))}{' …' if len(classes) > 10 else ''}.")
    notes += [g.note for g in guesses if g.note]
    if any(f.numeric for f in features):
        notes.append("The bounds of numbers are the smallest and largest value seen, rounded outward where they are not whole.")
    notes += [f"{g.name!r} was left out: {g.why}." for g in out]
    if beside:
        so = "it is no feature" if len(beside) == 1 else "they are no features"
        notes.append(f"The model does not take {_some([repr(c) for c in beside])}, so {so}.")
    if sensitive:
        notes.append(f"Likely sensitive: {', '.join(map(repr, sensitive))} (by name or by what they hold).")
    if fixed := [f.name for f in features if not f.mutable]:
        notes.append(f"An attacker may not change {', '.join(map(repr, fixed))}: nobody can change that about themselves.")
    warned = tuple(g.warned for g in guesses if g.warned)
    schema = Schema(features=tuple(features), label=label, classes=classes, sensitive=tuple(sensitive))
    return Proposal(table, schema, tuple(notes), warned, (*(g.name for g in out), *beside), skip)


def _guesses(frame: "pd.DataFrame", always: bool) -> list[Guess]:
    groups = onehots.groups(frame)
    first = {columns[0]: (name, columns) for name, columns in groups.items()}
    inside = {column for columns in groups.values() for column in columns}
    found: list[Guess] = []
    for column in map(str, frame.columns):
        if column in first:
            name, columns = first[column]
            fixed = people.fixed_at_birth(name)
            assumed = f"{len(columns)} columns, one 1 a row" + ("; nobody can change it" if fixed else "")
            dtype = str(frame[column].dtype)
            feature = Feature(name=name, kind="onehot", columns=columns, dtype=dtype, mutable=not fixed, assumed=assumed)
            found.append(Guess(name, feature, note=f"{len(columns)} columns are one group {name!r}: exactly one of them is 1 in each row."))
        elif column not in inside:
            found.append(guess(frame, column, always))
    return found
