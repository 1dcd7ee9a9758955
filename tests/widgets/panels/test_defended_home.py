"""What a defense made is handed to the browser, and a model is loaded behind it again."""

import base64
from pathlib import Path

import numpy as np

from tiltyard.samples.catalog import load
from tiltyard.store.store import Store
from tiltyard_widgets.panels.load import LoadPanel
from tiltyard_widgets.panels.session import Session
from tiltyard_widgets.panels.topics import TheftPanel

from .waiting import until

POLICY = "theft.output_policy"


def test_a_model_is_loaded_behind_the_defense_that_was_handed_over(tmp_path: Path) -> None:
    sample = load("census")
    session = Session(sample.target, sample.data, Store(tmp_path / "runs.sqlite"))
    runner = TheftPanel(session=session).runner(POLICY)
    runner.form.set({"kind": "round", "digits": 1})
    runner.run()
    until(lambda: not session.busy and runner.remeasure.record is not None)
    again = runner.remeasure
    again.hand_over.click()
    assert again.link.name == "defense.safetensors"
    assert "Behind a defense" in again.about.plain_text()
    made = session.made[again.record.id]
    (tmp_path / "policy.safetensors").write_bytes(base64.b64decode(again.link.content))

    (tmp_path / "census.safetensors").write_bytes(sample.target.safetensors())
    rows = sample.data.sample(200, np.random.default_rng(0))
    label = np.array(rows.schema.classes)[rows.y]
    rows.frame.assign(**{rows.schema.label: label}).to_csv(tmp_path / "rows.csv", index=False)
    other = Session(None, None, Store(tmp_path / "again.sqlite"))
    panel = LoadPanel(session=other)
    places = {"model_file": "census.safetensors", "data_file": "rows.csv", "behind": "policy.safetensors"}
    panel.fill({"source": "files", **{field: str(tmp_path / name) for field, name in places.items()}})
    panel.load()
    until(lambda: not other.busy)
    assert other.target is not None, panel.message.text
    assert other.target.fingerprint == made.fingerprint
    assert "behind=" in panel.code.code and panel.more.unfolded
    (kept,) = other.sources.values()
    assert kept["behind"]["path"] == str(tmp_path / "policy.safetensors")  # another window opens the same
