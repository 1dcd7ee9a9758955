"""The schema's page: what a change costs an attacker is written in the form, shown in the table, undone, and kept by an attack."""

import numpy as np
import pandas as pd
import pytest

from tiltyard.datasets.proposing import propose
from tiltyard_widgets.views.schema import SchemaView, table_of


@pytest.fixture
def view() -> SchemaView:
    """The page of a number, a whole number and a category."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"pay": rng.random(200) * 1000, "hours": rng.integers(0, 60, 200), "job": rng.choice(["clerk", "smith"], 200)})
    view = SchemaView(lambda: None)
    view.offer(propose(table.assign(label=rng.choice(["a", "b"], 200)), "label"))
    return view


def cell(view: SchemaView, name: str) -> str:
    """What the table says of who may change a feature."""
    assert view.proposal is not None
    return next(str(row[3]) for row in table_of(view.proposal.schema).rows if row[0] == name)


def test_costs_are_written_shown_and_undone(view: SchemaView) -> None:
    view.feature.value = "hours"
    view.per_change.value, view.per_unit.value = 5, 20
    view.unit.value = "hour"
    view.apply.click()
    assert view.message.text == ""
    assert cell(view, "hours") == "yes, at 5 a change and 20 for each hour"
    view.feature.value = "job"
    assert view.per_change.value == 0
    assert view.costs.layout.display != "none"
    assert view.per_unit.layout.display == "none"
    view.per_change.value = 300
    view.apply.click()
    assert cell(view, "job") == "yes, at 300 a change"
    view.feature.value = "hours"
    assert (view.per_change.value, view.per_unit.value) == (5, 20)
    assert view.proposal is not None
    schema = view.proposal.build().schema
    assert (schema.feature("hours").cost_per_unit, schema.feature("job").cost_per_change) == (20, 300)
    view.undo.click()
    assert cell(view, "job") == "yes"


def test_a_cost_below_nothing_is_one_line_and_changes_nothing(view: SchemaView) -> None:
    view.feature.value = "hours"
    view.per_change.value = -1
    view.apply.click()
    assert "cost_per_change" in view.message.text
    assert "-1" in view.message.text
    assert cell(view, "hours") == "yes"


def test_the_form_of_an_attack_has_the_limits_that_costs_are_held_against() -> None:
    from tiltyard.evasion.tabular import Tabular
    from tiltyard_widgets.controls.form import form_for

    made = form_for(Tabular)
    made.set({"max_cost": 500.0, "max_changes": 2})
    assert made.values()["max_cost"] == 500
    assert made.values()["max_changes"] == 2
