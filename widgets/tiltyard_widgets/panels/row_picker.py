"""Which row to look at: by label, by score, by error, by how exposed it is, or by its number."""

from collections.abc import Callable

import numpy as np

from tiltyard.datasets.dataset import Dataset
from tiltyard.explanation.people import People
from tiltyard.result import Column, Record, Table

from ..controls.picker import Choice
from ..theme import look
from ..views.table import TableView

LISTED = 12
ORDERS = [
    ("Nearest to the threshold", "nearest"),
    ("Decided otherwise than labelled", "wrong"),
    ("Highest score", "highest"),
    ("Lowest score", "lowest"),
]
EXPOSED = ("Most exposed to membership inference", "exposed")
ANY = "any label"


class RowPicker(look.Stack):
    """Observe nothing: ``chosen(row)`` is called with the number of the row in the whole data set."""

    def __init__(self, chosen: Callable[[int], None]) -> None:
        super().__init__()
        self.people: People | None = None
        self._chosen, self._quiet = chosen, False
        self.order = Choice("Who", ORDERS)
        self.label = Choice("Labelled", [ANY])
        self.rows = Choice("Row", ["–"])
        self.find = look.entry("Row number, or a value to search for", hint="42, or a word")
        self.remarks = look.text("", kind="help")
        self.table = TableView()
        self._exposed: list[int] = []
        for control in (self.order, self.label):
            control.observe(lambda _: self.listed(), "value")
        self.rows.observe(lambda _: self._picked(), "value")
        self.find.observe(lambda _: self.searched(), "value")
        self.children = (self.order, self.label, self.rows, self.find, self.remarks)

    def offer(self, people: People, membership: Record | None) -> None:
        """Rows of other data, or of the same with another membership record."""
        self.people = people
        self._exposed = exposed(membership)
        self._quiet = True
        self.order.offer([*ORDERS, *([EXPOSED] if self._exposed else [])])
        self.label.offer([ANY, *people.classes])
        self._quiet = False
        self.listed()

    def listed(self) -> None:
        """The rows of the chosen order, the first of them picked."""
        people = self.people
        if people is None or self._quiet:
            return
        label = None if self.label.value == ANY else people.classes.index(self.label.value)
        places = self._places(people, label)[:LISTED]
        self.remarks.say("" if len(places) else "No such row among those looked at.")
        self.table.show(table(people, places))
        self._offer(people, places)

    def _places(self, people: People, label: int | None) -> np.ndarray:
        if self.order.value != "exposed":
            return people.ordered(self.order.value, label)  # type: ignore[arg-type]
        at = {int(row): place for place, row in enumerate(people.index)}
        kept = [at[row] for row in self._exposed if row in at]
        return np.array([p for p in kept if label is None or people.data.y[people.index[p]] == label], np.intp)

    def _offer(self, people: People, places: np.ndarray) -> None:
        if not len(places):
            return
        self._quiet = True
        self.rows.offer([(people.line(int(p)), str(int(people.index[p]))) for p in places])
        self.rows.value = str(int(people.index[places[0]]))
        self._quiet = False
        self._picked()

    def _picked(self) -> None:
        if not self._quiet and self.rows.value.isdigit():
            self._chosen(int(self.rows.value))

    def searched(self) -> None:
        """The row of that number, else those looked at that hold the word."""
        people, text = self.people, self.find.value.strip()
        if people is None or not text:
            return
        if text.isdigit() and int(text) < len(people.data):
            self.remarks.say("")
            self._chosen(int(text))
            return
        places = matching(people, text)
        self.remarks.say(f"{len(places):,} of {len(people.index):,} rows hold {text!r}." if len(places) else f"No row holds {text!r}.")
        self.table.show(table(people, places[:LISTED]))
        self._offer(people, places[:LISTED])


def exposed(membership: Record | None) -> list[int]:
    """Rows at the highest risk that a membership record names."""
    tables = () if membership is None else membership.result.tables
    return [int(row[0] or 0) for found in tables if found.name == "records" for row in found.rows]


def matching(people: People, text: str) -> np.ndarray:
    """Places of rows of which some cell is the text, in whatever case; a number as it is written."""
    frame = people.data.schema.decode(people.data.x[people.index]).astype(str)
    same = frame.apply(lambda column: column.str.casefold() == text.casefold()).any(axis=1)
    return np.flatnonzero(same.to_numpy(bool))


def table(people: People, places: np.ndarray) -> Table:
    """The listed rows with score, decision and label."""
    data: Dataset = people.data
    rows = tuple(
        (
            int(people.index[p]),
            float(people.scores[p]),
            people.classes[int(people.labels[p])],
            people.classes[int(data.y[people.index[p]])],
        )
        for p in places
    )
    columns = (
        Column(name="row", kind="integer"),
        Column(name=f"score of {people.classes[people.of]}", kind="number"),
        Column(name="decision"),
        Column(name="label"),
    )
    return Table(
        name="people", people=True, title="Rows to choose from", columns=columns, rows=rows, note=f"Of {len(people.index):,} rows."
    )
