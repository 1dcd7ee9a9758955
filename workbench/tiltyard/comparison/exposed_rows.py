"""The members of a data set that a membership attack ranks highest, by number."""

from ..catalogue import topic_of
from ..datasets.conditions import RowNumbers
from ..datasets.dataset import Dataset
from ..result import Record, Status

TABLE, ROW = "records", "row"


def exposed_rows(record: Record, data: Dataset) -> RowNumbers | None:
    """The members at the highest risk that the record of a membership attack names; None where it names none, or is of other rows.

    An attack always ranks some member highest: where it found no leak, the words say so.
    """
    if topic_of(record.check) != "privacy" or record.data.fingerprint != data.fingerprint:
        return None
    table = next((t for t in record.result.tables if t.name == TABLE and t.columns[0].name == ROW), None)
    numbers = sorted({int(row[0]) for row in table.rows if row[0] is not None}) if table is not None else []
    if not numbers or not 0 <= numbers[0] <= numbers[-1] < len(data):
        return None
    leak = "" if record.result.status is Status.FINDING else ", which found no leak"
    return RowNumbers(numbers=tuple(numbers), data=data.fingerprint, why=f"most exposed to {record.title}{leak}")
