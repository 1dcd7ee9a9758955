"""The Data panel through its traits, without a browser."""

from pathlib import Path

import numpy as np
import pytest

from tiltyard.datasets.cohorts import Cohort
from tiltyard.datasets.conditions import Between
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.kept_cohorts import KeptCohorts
from tiltyard.datasets.schema import Schema
from tiltyard_widgets.panels.explorer import ExplorerPanel
from tiltyard_widgets.panels.session import Session

from .test_cohorts import session
from .waiting import until


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def opened(made: Session) -> ExplorerPanel:
    panel = ExplorerPanel(session=made)
    until(lambda: panel._found is not None)
    return panel


def test_columns_splits_and_gaps_are_shown() -> None:
    panel = opened(session())
    assert "1 of 3 columns have missing values" in panel.more.plain_text()
    assert panel.overview.table is not None
    assert [row[0] for row in panel.overview.table.rows] == ["age", "job", "score"]
    assert "missing in 50 rows" in panel.facts.plain_text()
    options = {option["label"]: option["value"] for option in panel.by.options}
    panel.by.value = options["Group: sex"]
    assert [s["name"] for s in panel.distribution.chart["series"]] == ["F", "M"]
    panel.column.value = "1"
    assert "job" in panel.distribution.chart["title"]
    assert panel.with_label.chart["y"]["labels"][0] == "score"
    assert "nothing to hold against another" in panel.drift_sentence.plain_text()


def test_drift_of_a_cohort_against_the_rest() -> None:
    made = session()
    assert made.data is not None
    old = Cohort(name="old", conditions=(Between(column="age", low=60),))
    KeptCohorts.of(made.data.fingerprint, made.person).keep(old)
    panel = opened(made)
    until(lambda: panel.drift_table.table is not None)
    assert "Cohort “old” against the rest. 1 of 4 columns are distributed otherwise: age." in panel.drift_sentence.plain_text()
    made.adopt(made.target, made.data.cohort(old))
    until(lambda: panel._found is not None and len(panel._found.data) < 1200)
    assert "people: old" in panel.what.plain_text()
    until(lambda: panel.drift_table.table is not None)
    assert "age" in panel.drift_sentence.plain_text()


def test_images_stand_in_a_gallery_by_class() -> None:
    schema = Schema(features=(Feature(name="image", kind="pixels", shape=(1, 6, 6)),), label="half", classes=("top", "bottom"))
    rng = np.random.default_rng(0)
    data = Dataset(rng.random((40, 1, 6, 6)).astype(np.float32), np.arange(40) % 2, schema, "pictures")
    made = Session()
    made.adopt(None, data)
    panel = opened(made)
    assert "Images by class" in panel.gallery.plain_text()
    assert panel.single.layout.display == "none"
    assert panel.classes.chart["title"] == "Classes"
