"""The files of a run: adversarial rows are handed out as they are, as CSV and as pictures; what does not fit is said in one line."""

import base64
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.evasion.rows_file import ROWS, as_csv, packed
from tiltyard.samples.catalog import load_data
from tiltyard.store.downloads import Download
from tiltyard_widgets.panels.kept_files import KeptFiles
from tiltyard_widgets.views.code import CodeView
from tiltyard_widgets.views.message import Message


def test_adversarial_rows_are_handed_out_as_csv_too(monkeypatch: pytest.MonkeyPatch) -> None:
    data = Dataset.take(load_data("census"), np.arange(3))
    content = packed(data, data.x, data.y)
    rows = SimpleNamespace(name=ROWS, step="evasion.tabular", sha256="ab" * 32, size=len(content), kept=True)
    other = SimpleNamespace(name="guard.bin", step="validation.guard", sha256="cd" * 32, size=1, kept=True)
    store: Any = SimpleNamespace(artifacts=SimpleNamespace(of_run=lambda run: [rows, other]))
    asked: list[str] = []

    def download(store: Any, run: str, which: str) -> Download:
        asked.append(which)
        return Download(rows, content, "")  # type: ignore[arg-type]

    monkeypatch.setattr("tiltyard.store.downloads.download", download)
    session: Any = SimpleNamespace(denied=lambda what: "")
    message, code = Message(), CodeView()
    files = KeptFiles(session, message, code, lambda: store)
    files.show("run")
    values = {option["label"]: option["value"] for option in files.choice.options}
    assert [label.split(" · ")[0] for label in values] == [
        ROWS,
        f"{ROWS} as CSV, each value before and after",
        f"{ROWS} as pictures, before and after",
        "guard.bin",
    ]
    as_kept, csv, pictures, _ = values.values()
    for value, name, wanted in ((csv, "adversarial.csv", as_csv(content)), (as_kept, ROWS, content)):
        files.choice.value = value
        files.download()
        assert (files.link.name, base64.b64decode(files.link.content)) == (name, wanted)
        assert name in code.code
    assert asked == [rows.sha256] * 2
    files.choice.value = pictures
    files.download()
    assert ".csv" in str(message.text)
