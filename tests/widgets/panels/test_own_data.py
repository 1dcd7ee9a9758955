"""A model and a table of one's own in *Model and data*: proposed, corrected by hand, loaded; the code shown does the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tiltyard_widgets.panels.load import LoadPanel

from .waiting import until

N = 120
ARCHITECTURE = '{"layers": [{"type": "linear", "options": {"in_features": 2, "out_features": 3}}]}'


@pytest.fixture
def panel(tmp_path: Path) -> LoadPanel:
    """The model answers small, medium, large on two of the table's columns; one of them lacks a number."""
    import pandas as pd

    rng = np.random.default_rng(0)
    size, weight = rng.integers(0, 3, N), rng.normal(0, 1, N)
    weight[7] = np.nan
    names, sex = np.array(["large", "medium", "small"]), rng.choice(["f", "m"], N)
    frame = pd.DataFrame({"a": size + 0.0, "b": weight, "kind": names[2 - size], "sex": sex, "seen": rng.integers(0, 2, N)})
    frame.to_csv(tmp_path / "own.csv", index=False)
    slope = np.array([[-10, 0], [0, 0], [10, 0]], np.float32)
    save_file({"0.weight": slope, "0.bias": np.array([5, 0, -15], np.float32)}, tmp_path / "own.safetensors")
    made = LoadPanel()
    made.source.value = "files"
    made.model_file.value, made.data_file.value = str(tmp_path / "own.safetensors"), str(tmp_path / "own.csv")
    made.architecture.value = ARCHITECTURE
    return made


def done(panel: LoadPanel) -> None:
    until(lambda: not panel.opener.disabled)


def read(panel: LoadPanel) -> None:
    panel.read()
    until(lambda: panel.schema.proposal is not None)
    done(panel)


def test_corrected_by_hand_and_loaded_and_the_code_gives_the_same_data(panel: LoadPanel) -> None:
    read(panel)
    view = panel.schema
    view.label.value = "kind"
    view.feature.value = "sex"
    view.drop.click()
    view.sensitive.value = ("sex",)
    view.feature.value = "b"
    assert view.lost.layout.display is None
    view.high.value, view.unit.value = 9, "kg"
    view.apply.click()
    assert view.message.text == ""
    panel.member.value = "seen"  # named after the data were read: no feature all the same
    panel.classes.value = "small, medium, large"
    panel.load()
    done(panel)
    data = panel.session.data
    assert panel.message.text == ""
    assert data is not None
    assert data.name == "own"
    assert [f.name for f in data.schema.features] == ["a", "b"]
    assert data.schema.feature("b").high == 9
    assert set(data.sensitive) == {"sex"}
    assert data.member is not None
    found: dict[str, Any] = {}
    exec(panel.code.code, found)  # noqa: S102 (the code the panel shows)
    assert found["data"].fingerprint == data.fingerprint
    assert found["target"].fingerprint == panel.session.target.fingerprint  # type: ignore[union-attr]
    assert (found["target"].labels(data.x) == data.y).mean() == 1


def test_a_number_becomes_a_category_and_what_was_left_out_comes_back(panel: LoadPanel) -> None:
    read(panel)
    view = panel.schema
    view.feature.value = "a"
    view.kind.value = "categorical"
    view.apply.click()
    assert view.proposal is not None
    assert view.proposal.schema.feature("a").categories == ("0", "1", "2")
    view.drop.click()
    assert "a" not in [f.name for f in view.proposal.schema.features]
    view.out.value = "a"
    view.take.click()
    assert view.proposal.schema.features[-1].name == "a"
    for _ in range(3):
        view.undo.click()
    assert view.proposal.schema.feature("a").kind != "categorical"
    assert view.undo.disabled


def test_a_wrong_value_is_one_line_and_loses_nothing(panel: LoadPanel) -> None:
    read(panel)
    view = panel.schema
    view.feature.value = "b"
    view.missing.value = "none of these"
    view.apply.click()
    assert "a number that stands for the missing ones" in view.message.text
    assert panel.architecture.value == ARCHITECTURE
    view.missing.value = ""
    view.low.value, view.high.value = 3, 2
    view.apply.click()
    assert "lowest value below the highest" in view.message.text
    view.low.value, view.high.value = -9, 9
    view.apply.click()
    assert view.message.text == ""


def test_what_is_read_is_not_yet_what_is_loaded(panel: LoadPanel) -> None:
    read(panel)
    assert "not loaded yet" in str(panel.sentence.tree)


def test_loaded_without_being_read_first_it_shows_its_own_columns(panel: LoadPanel, tmp_path: Path) -> None:
    import pandas as pd

    table = pd.read_csv(tmp_path / "own.csv").dropna().rename(columns={"kind": "label"})
    table[["a", "b", "label"]].to_csv(tmp_path / "own.csv", index=False)
    panel.source.value = "sample"
    panel.load()
    done(panel)
    panel.source.value = "files"
    panel.load()
    done(panel)
    assert panel.message.text == "" and panel.session.data is not None and panel.session.data.name == "own"
    assert panel.schema.proposal is not None and [f.name for f in panel.schema.proposal.schema.features] == ["a", "b"]
    shown = str(panel.schema.table.tree)
    assert "workclass" not in shown and "label label" in shown
    assert "The model brings this schema" not in panel.schema.assumed.plain_text()


def test_where_showing_breaks_nothing_is_loaded_and_the_button_is_free(panel: LoadPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    read(panel)
    panel.schema.label.value = "kind"
    panel.source.value = "sample"
    with monkeypatch.context() as broken:
        broken.setattr(panel.schema, "show", lambda _: 1 / 0)
        panel.load()
        done(panel)
    assert "ZeroDivisionError" in panel.message.text and not panel.progress.active
    assert panel.session.target is None and "Nothing is loaded" in str(panel.sentence.tree)
    panel.load()
    done(panel)
    assert panel.message.text == "" and panel.session.target is not None


def test_a_shipped_sample_is_judged_by_a_threshold_and_the_code_does_the_same() -> None:
    import tiltyard as ty

    panel = LoadPanel()
    panel.threshold.value, panel.positive.value = "0.3", ">50K"
    panel.load()
    done(panel)
    target, data = panel.session.target, panel.session.data
    assert target is not None and data is not None
    assert target.rule == "class '>50K' from 0.3 on"
    own = ty.load("census").target
    assert target.fingerprint != own.fingerprint
    places: dict[str, Any] = {}
    exec(panel.code.code, places)  # noqa: S102 (that it does the same is the point)
    assert places["target"].fingerprint == target.fingerprint
