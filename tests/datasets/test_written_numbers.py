"""Numbers and dates as people write them in files are read as such, and it is said; a frame that a person made stays as it is."""

from pathlib import Path

import numpy as np
import pytest

from tiltyard.datasets.proposing import propose
from tiltyard.datasets.reading import read

FIXED = [0, 1, 0, 1]


def write(folder: Path, cells: list[str], separator: str = ",") -> Path:
    path = folder / "t.csv"
    rows = [separator.join((f'"{cell}"', str(i * 7 % 5), "no yes".split()[i % 2])) for i, cell in enumerate(cells)]
    path.write_text("\n".join([separator.join(("it", "size", "label")), *rows]), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("cells", "separator", "values", "said"),
    [
        (["1,234", "12,345,678", "7", "-1,000"], ",", [1234, 12345678, 7, -1000], "thousands separators: '12,345,678' is 12345678."),
        (["$1,234.50", "$7", "-$3.25", "$ 12"], ",", [1234.5, 7, -3.25, 12], "currency signs ($), thousands separators"),
        (["1.234,5 €", "7 €", "3,25 €", "0,5 €"], ";", [1234.5, 7, 3.25, 0.5], "currency signs (€), thousands separators, decimal commas"),
        (["0,5", "1,25", "3", "12,0"], ",", [0.5, 1.25, 3, 12], "decimal commas"),
        (["1,234", "2,500", "3,125", "4,000"], ";", [1.234, 2.5, 3.125, 4], "decimal commas"),
        (["12.5%", "7%", "0 %", "100%"], ",", [12.5, 7, 0, 100], "percent signs"),
        (["1 234", "1\u00a0234\u00a0567", "7", "12"], ",", [1234, 1234567, 7, 12], "thousands separators"),
        (["1'234.5", "7", "12", "3"], ",", [1234.5, 7, 12, 3], "thousands separators"),
        (["(1,000)", "1,000", "(3)", "7"], ",", [-1000, 1000, -3, 7], "thousands separators"),
        (["EUR 5", "EUR 7", "EUR 9", "EUR 11"], ",", [5, 7, 9, 11], "currency signs (EUR)"),
    ],
    ids=lambda value: str(value)[:14],
)  # fmt: skip
def test_written_numbers(tmp_path: Path, cells: list[str], separator: str, values: list[float], said: str) -> None:
    data = read(write(tmp_path, cells, separator))
    assert data.schema.features[0].numeric
    assert data.frame["it"].tolist() == values
    assert any(s.startswith("'it' was read as numbers written with ") and said in s for s in data.assumed)
    wanted = "int64" if all(v == round(v) for v in values) else "float64"
    assert data.frame["it"].dtype == wanted


@pytest.mark.parametrize(
    "cells",
    [["1,234", "12,34", "x", "7"], ["$5", "€5", "$7", "$9"], ["5%", "7", "9%", "1%"], ["1,2,3", "4,5", "6,7", "8"], ["1-2", "3-4", "5-6", "7-8"], ["1.2.3", "1.2.4", "2.0.0", "1.0.0"]],
    ids=str,
)  # fmt: skip
def test_where_one_cell_is_otherwise_the_column_stays_text(tmp_path: Path, cells: list[str]) -> None:
    data = read(write(tmp_path, cells))
    assert data.schema.features[0].kind == "categorical"
    assert data.frame["it"].tolist() == cells


def test_empty_cells_stay_empty(tmp_path: Path) -> None:
    data = read(write(tmp_path, ["1,234", "", "?", "5"]))
    np.testing.assert_array_equal(data.x[:, 0], [1234, np.nan, np.nan, 5])


@pytest.mark.parametrize(
    "cells",
    [["2026-01-31", "2025-12-01", "", "1969-07-20"], ["2026-01-31T10:20:30Z", "2025-12-01 00:00:00.5+02:00", "", "1969-07-20T20:17:00Z"]],
)
def test_iso_dates(tmp_path: Path, cells: list[str]) -> None:
    import pandas as pd

    data = read(write(tmp_path, cells))
    wanted = pd.to_datetime(pd.Series(cells).replace("", None), format="ISO8601", utc=len(cells[0]) > 10)
    assert data.frame["it"].tolist()[0] == wanted[0]
    assert (data.frame["it"] == wanted).tolist() == [True, True, False, True]
    assert "'it' was read as dates." in data.assumed


def test_the_label_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("size,label\n1,10%\n2,20%\n3,10%\n4,20%\n")
    assert read(path).schema.classes == ("10%", "20%")


def test_a_frame_that_a_person_made_stays_as_it_is() -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {"it": ["1,234", "5", "7,000", "5"], "when": ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-01"], "label": FIXED}
    )
    data = read(frame)
    pd.testing.assert_frame_equal(data.frame, frame[["it", "when"]])
    assert "'it' holds numbers written as text" in " ".join(data.assumed)
    assert "'when' holds dates written as text" in " ".join(data.assumed)


def test_text_that_only_tells_people_apart_is_banded_by_its_numbers() -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {
            "size": np.arange(40) % 7,
            "age": [str(v) for v in range(20, 60)],
            "pay": [f"${v},000" for v in range(1, 41)],
            "label": np.arange(40) % 2,
        }
    )
    data = read(frame, sensitive=("age", "pay"))
    assert set(data.sensitive["age"]) == {"under 25", "25 to under 40", "40 to under 60", "60 and over"} - {"60 and over"}
    assert len(set(data.sensitive["pay"])) == 4


def test_a_schema_that_is_given_decides(tmp_path: Path) -> None:
    import pandas as pd

    path = write(tmp_path, ["$1,234", "$5", "$7", "$9"])
    numbers = read(path)
    assert read(path, schema=numbers.schema).frame["it"].tolist() == [1234, 5, 7, 9]
    text = propose(pd.DataFrame({"it": ["$1,234", "$5", "$7", "$9"], "label": FIXED})).schema
    assert text.feature("it").kind == "categorical"
    assert read(path, schema=text.model_copy(update={"classes": ("no", "yes")})).frame["it"].tolist() == ["$1,234", "$5", "$7", "$9"]


def test_dates_of_a_file_are_those_of_the_schema_whatever_their_unit(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"when": pd.date_range("2026-01-01", periods=4).astype("datetime64[s]"), "label": FIXED})
    schema = propose(frame).schema
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = read(tmp_path / "t.csv", schema=schema)
    pd.testing.assert_frame_equal(data.frame, frame[["when"]])
    finer = frame.assign(when=frame["when"].astype("datetime64[ns]"))
    np.testing.assert_array_equal(schema.encode(finer), data.x)
