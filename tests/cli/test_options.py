"""What is typed after an option becomes what its parameter takes."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel

from tiltyard.parameters import model_facts


class Given(BaseModel):
    """A field of each kind that is read in its own way."""

    norm: Literal["linf", "l2"] = "linf"
    maybe: Literal[1, 2] | None = None
    columns: tuple[str, ...] = ()
    free: dict[str, int] = {}


FIELDS = {field.name: field for field in model_facts(Given)}


@pytest.mark.filterwarnings("ignore:.*will be removed in Click:DeprecationWarning")  # typer's own
@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("maybe", "2", 2),
        ("maybe", "none", None),
        ("norm", "none", "none"),
        ("columns", "a, b,", ["a", "b"]),
        ("free", '{"a": 1}', {"a": 1}),
    ],
)
def test_an_option_is_read_as_its_field_wants_it(name: str, text: str, value: Any) -> None:
    from tiltyard.cli.commands.step import parsed

    assert parsed(FIELDS[name], text) == value
