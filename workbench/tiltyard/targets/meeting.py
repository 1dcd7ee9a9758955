"""Where a model and its rows meet: whatever a person holds of them becomes a target and the data set that it is asked with."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..datasets.dataset import Dataset
from ..errors import Problem
from .target import Target

if TYPE_CHECKING:
    from ..datasets.building import Label, Member
    from .open_options import SchemaMissing


def meet(
    model: Any, data: Any, label: "Label" = None, sensitive: str | Sequence[str] | None = None, member: "Member" = None
) -> tuple[Target, Dataset]:
    """A target and its data set, labels as places among the model's classes.

    Parameters
    ----------
    model
        A target, or what `open_target` opens: an estimator, a module, a function, the path of a file.
    data
        A data set, or what `read` reads: a DataFrame, ``(x, y)``, the path of a table. Columns that the model was fitted on are then features,
        and no others are.
    label, sensitive
        Of a table: its label column, or the labels themselves, and its sensitive column or columns.
    member
        Of a table: the column, or the mask (n,), that says which rows were trained on.

    Raises
    ------
    Problem
        In one line, where they are none, or not of one another.
    """
    from .open_options import SchemaMissing
    from .opening import open_target
    from .proof import prove

    if isinstance(data, Dataset):
        if label is not None or sensitive is not None or member is not None:
            raise Problem("label, sensitive and member columns with a table", "with a data set, which says them itself", "Leave them out")
        target = open_target(model, data=data)
        if "file" in target.offers:
            prove(target, data)
        return target, data.classed(target.classes)
    if data is None:
        raise Problem("a data set or a table", "None", "Give a DataFrame with its label column")
    try:
        target = open_target(model)
    except SchemaMissing as lacking:
        rows = _read(data, label, sensitive, member, lacking)
        target = open_target(model, data=rows)
    else:
        rows = _read(data, label, sensitive, member, None, target)
        prove(target, rows)
    return target, rows.classed(target.classes)


def _read(
    data: Any,
    label: "Label",
    sensitive: str | Sequence[str] | None,
    member: "Member",
    lacking: "SchemaMissing | None",
    target: Target | None = None,
) -> Dataset:
    from ..datasets.reading import read

    if target is not None:
        return read(data, schema=target.schema, label=label, sensitive=sensitive, member=member)
    if lacking is None:
        return read(data, label=label, sensitive=sensitive, member=member)
    return read(
        data,
        label=label,
        sensitive=sensitive,
        member=member,
        wanted=lacking.columns,
        classes=lacking.classes,
        texts=lacking.texts,
        fit=lacking.size,
    )
