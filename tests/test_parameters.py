"""The one reader of what fields say: kinds, bounds in every place where they may stand, choices, and what the shell takes from an option."""

from typing import Annotated, Literal

from annotated_types import Interval
from pydantic import BaseModel, Field

from tiltyard.check import parameter
from tiltyard.parameters import Bounds, model_facts, number_in_words, type_name
from tiltyard.parameters import parameter as shown


class Given(BaseModel):
    """A field of each kind."""

    yes: bool = False
    count: int = parameter(3, "How many", "rows", ge=1, le=9)
    share: float | None = parameter(None, "How much", gt=0, lt=1)
    norm: Literal["linf", "l2"] = "linf"
    maybe: Literal[1, 2] | None = None
    columns: tuple[str, ...] = parameter((), "Which", source="sensitive")
    sizes: tuple[Annotated[int, Field(ge=2, le=5)], ...] = (3,)
    rates: set[Literal["a", "b"]] = set()
    within: Annotated[float, Interval(ge=0, lt=2)] = 1.0
    either: int | str = 1
    free: dict[str, int] = {}


FIELDS = {field.name: field for field in model_facts(Given)}


def test_each_kind_is_told() -> None:
    kinds = {name: type_name(field) for name, field in FIELDS.items()}
    assert kinds == {
        "yes": "yes/no",
        "count": "int",
        "share": "float",
        "norm": "choice",
        "maybe": "choice",
        "columns": "list",
        "sizes": "list",
        "rates": "list",
        "within": "float",
        "either": "int",
        "free": "json",
    }


def test_bounds_are_found_wherever_they_stand() -> None:
    assert FIELDS["count"].bounds == Bounds(least=1, most=9)
    assert FIELDS["share"].bounds == Bounds(above=0, below=1)
    assert FIELDS["sizes"].bounds == Bounds(least=2, most=5)
    assert FIELDS["within"].bounds == Bounds(least=0, below=2)
    assert FIELDS["yes"].bounds == Bounds()


def test_choices_and_none_are_kept_apart() -> None:
    assert (FIELDS["maybe"].choices, FIELDS["maybe"].optional) == ((1, 2), True)
    assert (FIELDS["rates"].choices, FIELDS["rates"].item) == (("a", "b"), Literal["a", "b"])
    assert FIELDS["columns"].source == "sensitive"
    assert shown(FIELDS["sizes"]).default == [3]


def test_a_number_is_described_for_who_gave_a_wrong_one() -> None:
    assert number_in_words(FIELDS["count"]) == "a whole number at least 1, at most 9 (rows)"
    assert number_in_words(FIELDS["within"]) == "a number at least 0, below 2"
    assert [number_in_words(FIELDS[name]) for name in ("share", "sizes", "norm")] == ["", "", ""]
