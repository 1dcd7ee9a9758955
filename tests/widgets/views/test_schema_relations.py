"""The schema's page: a relation is written, proposed, stated, undone and removed; a wrong one is a line and changes nothing."""

import numpy as np
import pandas as pd
import pytest

from tiltyard.datasets.proposing import propose
from tiltyard_widgets.views.schema import SchemaView, table_of


def frame(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    low, high = rng.integers(0, 100, n), rng.integers(0, 100, n)
    return pd.DataFrame({"low": np.minimum(low, high), "high": np.maximum(low, high), "label": rng.choice(["a", "b"], n)})


@pytest.fixture
def view() -> SchemaView:
    view = SchemaView(lambda: None)
    view.offer(propose(frame(), "label"))
    return view


def relations(view: SchemaView) -> tuple[str, ...]:
    assert view.proposal is not None
    return view.proposal.schema.relations


def test_a_written_relation_is_stated_undone_and_removed(view: SchemaView) -> None:
    view.relations.written.value = "low<=high"
    view.relations.state.click()
    assert relations(view) == ("low <= high",)
    assert view.proposal is not None
    assert "low <= high" in table_of(view.proposal.schema).note
    view.undo.click()
    assert relations(view) == ()
    view.relations.state.click()
    view.relations.remove.click()
    assert relations(view) == ()


def test_a_wrong_relation_is_one_line_and_changes_nothing(view: SchemaView) -> None:
    for text, words in (("low <= hihg", "Perhaps 'high'"), ("high <= low", "rows that break it, first 0, 1"), ("low <", "relation")):
        view.relations.written.value = text
        view.relations.state.click()
        assert words in view.message.text
        assert relations(view) == ()


def test_what_the_rows_suggest_is_offered_with_support_and_stated(view: SchemaView) -> None:
    view.relations.look_for.click()
    assert view.relations.offered.options == (("low <= high: 400 rows, none breaks it", "low <= high"),)
    view.relations.offered.value = ["low <= high"]
    view.relations.accept.click()
    assert relations(view) == ("low <= high",)
    assert view.relations.offered.options == ()
    assert view.proposal is not None
    assert view.proposal.build().schema.relations == ("low <= high",)


def test_a_relation_leaves_with_its_column(view: SchemaView) -> None:
    view.relations.written.value = "low <= high"
    view.relations.state.click()
    view.feature.value = "high"
    view.drop.click()
    assert relations(view) == ()
