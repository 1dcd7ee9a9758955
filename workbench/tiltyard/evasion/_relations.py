"""What an evasion check does about relations between columns: which rows it attacks, the line that proves they were kept, and notes."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ._evaluation import Line
from .outcome import held_out

if TYPE_CHECKING:
    from ..attacks.perturbation_space import PerturbationSpace


def keeping(data: Dataset, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of the indices ``rows`` those whose rows keep every relation; a row that breaks one as it is says nothing of valid rows."""
    return rows[~data.schema.related.broken(data.x[rows])] if data.schema.relations else rows


def kept_relations(sample: Dataset, x: Rows, fooled: NDArray[np.bool_]) -> tuple[Line, ...]:
    """Do all fooling rows keep the relations between columns? No line where none is stated."""
    if not sample.schema.relations:
        return ()
    name = "Fooling rows keep the relations between columns"
    if not fooled.any():
        return (Line(name, None, "no row was fooled"),)
    count = int(sample.schema.related.broken(x[fooled]).sum())
    return (Line(name, count == 0, f"{count} of {int(fooled.sum())} rows break one", "Report this: an attack of ours left the relations"),)


def related_notes(data: Dataset, space: "PerturbationSpace") -> tuple[str, ...]:
    """What a reader has to know of directions and relations, in sentences."""
    ways = {way: [f.name for f in data.schema.features if f.direction == way and f.mutable] for way in ("up", "down")}
    oneway = tuple(f"Moved {way} only: {', '.join(names)}." for way, names in ways.items() if names)
    return (*oneway, *_of_relations(data, space))


def _of_relations(data: Dataset, space: "PerturbationSpace") -> tuple[str, ...]:
    if not data.schema.relations or space.repair is None:
        return ()
    rows = held_out(data)
    aside = len(rows) - len(keeping(data, rows))
    tally = space.repair.tally
    notes = [f"Kept in every row: {'; '.join(data.schema.relations)}. Recomputed columns are not counted in eps."]
    if aside:
        notes.append(f"{aside:,} of {len(rows):,} rows break a relation as they are and were not attacked.")
    if tally.repaired:
        back = f"{tally.put_back:,} of them could not be within eps and stayed as they were"
        notes.append(f"Of the points tried {tally.repaired:,} broke a relation and were repaired; {back}.")
    return tuple(notes)
