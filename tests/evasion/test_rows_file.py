"""Adversarial rows as CSV and pictures: what is in the npz and nothing else, pixel by pixel."""

import csv
import io
import zipfile

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.evasion.rows_file import as_csv, as_pictures, exported, packed
from tiltyard.samples.catalog import load_data


def test_a_tables_rows_as_csv_say_what_was_changed() -> None:
    data = Dataset.take(load_data("census"), np.arange(3))
    names = data.schema.columns
    age, x = names.index("age"), data.x.copy()
    x[1, age] += 2
    answered = np.array([data.y[0], 1 - data.y[1], data.y[2]])
    content = packed(data, x, answered)
    lines = list(csv.DictReader(io.StringIO(as_csv(content).decode())))
    assert [line["changed"] for line in lines] == ["", "age", ""]
    assert float(lines[1]["age"]) == float(lines[1]["age before"]) + 2 == x[1, age]
    assert [line["answered"] == line["true class"] for line in lines] == [True, False, True]
    frame = data.frame
    assert [line["occupation"] for line in lines] == [str(v) for v in frame["occupation"]]
    assert exported("adversarial.npz", content, ".csv") == as_csv(content)
    assert exported("adversarial.npz", content, ".npz") == exported("guard.bin", content, ".csv") == content
    with pytest.raises(Problem, match=r"\.csv"):
        as_pictures(content)


def test_pictures_as_a_zip_are_the_rows_before_and_after() -> None:
    from PIL import Image

    data = Dataset.take(load_data("digits"), np.arange(2))
    x = np.clip(data.x + 0.2, 0, 1).astype(np.float32)
    content = packed(data, x, np.array([data.y[0], 7]))
    assert as_pictures(content) == as_pictures(content)
    with zipfile.ZipFile(io.BytesIO(as_pictures(content))) as file:
        names = file.namelist()
        assert names[3] == f"0001_{data.schema.classes[data.y[1]]}_as_{data.schema.classes[7]}.png"
        pixels = np.asarray(Image.open(io.BytesIO(file.read(names[3]))), np.float64) / 255
    assert pixels == pytest.approx(x[1, 0], abs=0.5 / 255 + 1e-6)
    with pytest.raises(Problem, match=r"\.zip"):
        as_csv(content)
