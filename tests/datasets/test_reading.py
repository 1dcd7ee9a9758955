"""Files, frames and arrays that are read, and each that is refused, in one line."""

import gzip
import io
import os
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiltyard.datasets import building, limits
from tiltyard.datasets.reading import read, read_table
from tiltyard.errors import Problem
from tiltyard.samples.datasheet import FOLDER

TABLE = "age,town,pay\n30,Kyoto,low\n40,Lyon,high\n50,Quito,low\n35,Lyon,high\n"


def write(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(source: Any, **given: Any) -> str:
    with pytest.raises(Problem) as caught:
        read(source, **given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_csv(tmp_path: Path) -> None:
    data = read(write(tmp_path, TABLE))
    assert data.name == "t"
    assert data.source.endswith("t.csv")
    assert data.schema.label == "pay"
    assert data.schema.classes == ("high", "low")
    assert data.y.tolist() == [1, 0, 1, 0]
    assert data.x.dtype == np.float64
    assert data.x.tolist()[0] == [30, 0]
    assert sorted(data.sensitive) == ["age"]


@pytest.mark.parametrize("nothing", ["", "nan", "NA", "?"])
def test_a_number_that_is_not_there_stays_empty(tmp_path: Path, nothing: str) -> None:
    data = read(write(tmp_path, f"age,town,pay\n1,a,low\n{nothing},b,high\n3,c,low\n"))
    np.testing.assert_array_equal(data.x[:, 0], [1, np.nan, 3])
    assert data.schema.missing == ("age",)
    assert not data.schema.feature("age").optional
    assert any("'age' lacks a number in 1 rows" in said for said in data.assumed)
    assert data.frame["age"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("packed", [False, True])
def test_other_separators_encodings_and_gzip(tmp_path: Path, separator: str, encoding: str, packed: bool) -> None:
    content = TABLE.replace(",", separator).replace("Kyoto", "Kyōto" if encoding.startswith("utf") else "Orléans").encode(encoding)
    path = write(tmp_path, gzip.compress(content) if packed else content, "t.anything")
    data = read(path)
    assert len(data) == 4
    assert data.schema.feature("town").categories == (
        ("Kyōto" if encoding.startswith("utf") else "Lyon"),
        *data.schema.feature("town").categories[1:],
    )
    assert data.y.tolist() == [1, 0, 1, 0]


def test_quotes_decimal_text_and_windows_line_ends(tmp_path: Path) -> None:
    data = read(write(tmp_path, 'note,size,label\r\n"a, b",1.5,x\r\n"c ""d""",2.5,y\r\n"a, b",3,x\r\n'))
    assert data.schema.feature("note").categories == ("a, b", 'c "d"')
    assert data.schema.feature("size").kind == "continuous"


def test_a_csv_without_a_header(tmp_path: Path) -> None:
    import pandas as pd

    table = read_table(write(tmp_path, "1,2.5,0\n2,3.5,1\n3,4.5,0\n"))
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == ["column 1", "column 2", "column 3"]
    assert len(table) == 3


def test_an_index_column_is_left_out(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"age": [30, 40, 50], "pay": ["low", "high", "low"]})
    frame.to_csv(tmp_path / "t.csv")
    assert [f.name for f in read(tmp_path / "t.csv").schema.features] == ["age"]


def test_a_small_parquet_of_very_many_equal_rows_is_refused_before_it_is_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    one = pa.table({"a": np.zeros(5_000_000, np.int64), "y": np.zeros(5_000_000, np.int64)})
    with pq.ParquetWriter(tmp_path / "bomb.parquet", one.schema, compression="zstd") as writer:
        for _ in range(5):
            writer.write_table(one)
    assert (tmp_path / "bomb.parquet").stat().st_size < 1_000_000
    with pytest.raises(Problem, match="unpacks to at most 200 times"):
        read_table(tmp_path / "bomb.parquet")


def test_parquet_and_frames_agree_with_csv(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.read_csv(io.StringIO(TABLE))
    frame.to_parquet(tmp_path / "t.parquet")
    wanted = read(write(tmp_path, TABLE))
    for source in (tmp_path / "t.parquet", frame, frame.set_index(np.array([3, 1, 2, 9])), (frame.drop(columns="pay"), frame["pay"])):
        data = read(source)
        np.testing.assert_array_equal(data.x, wanted.x)
        np.testing.assert_array_equal(data.y, wanted.y)
        assert data.schema == wanted.schema


def test_npz_table_images_and_splits(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), np.arange(20) % 2
    np.savez(
        tmp_path / "a.npz", x=x, y=y, feature_names=["a", "b", "c"], classes=["no", "yes"], member=y == 0, sensitive_sex=["f", "m"] * 10
    )
    data = read(tmp_path / "a.npz")
    np.testing.assert_array_equal(data.x, x)
    assert [f.name for f in data.schema.features] == ["a", "b", "c"]
    assert data.schema.classes == ("no", "yes")
    assert data.member is not None
    assert data.member.sum() == 10
    assert data.sensitive["sex"].tolist() == ["f", "m"] * 10
    pixels = rng.integers(0, 256, (6, 8, 8)).astype(np.uint8)
    np.savez_compressed(tmp_path / "b.npz", images=pixels, labels=[0, 1, 2] * 2)
    images = read(tmp_path / "b.npz")
    assert images.x.shape == (6, 1, 8, 8)
    np.testing.assert_allclose(images.x[:, 0], pixels / 255, atol=1e-7)
    np.savez(tmp_path / "c.npz", x_train=pixels[:4], y_train=[0, 1, 2, 0], x_test=pixels[4:], y_test=[1, 2])
    split = read(tmp_path / "c.npz")
    assert split.member is not None
    assert split.member.tolist() == [True] * 4 + [False] * 2


def test_arrays_channels_last_and_one_hot_labels() -> None:
    rng = np.random.default_rng(0)
    color = rng.random((6, 8, 9, 3)).astype(np.float32)
    data = read((color, np.eye(3)[[0, 1, 2, 0, 1, 2]]))
    assert data.x.shape == (6, 3, 8, 9)
    np.testing.assert_array_equal(data.x[2, 1], color[2, :, :, 1])
    assert data.y.tolist() == [0, 1, 2, 0, 1, 2]
    flat = read((rng.integers(0, 256, (6, 784)), [0, 1] * 3))
    assert flat.schema.images
    assert flat.x.shape == (6, 1, 28, 28)


def test_a_tables_pixels_become_images() -> None:
    import pandas as pd

    data = read(FOLDER / "data" / "digits.npz")
    assert data.x.shape[1:] == (1, 28, 28)
    frame = pd.DataFrame(np.round(data.x[:50].reshape(50, -1) * 255).astype(int), columns=[f"pixel{i}" for i in range(784)])
    again = read(frame.assign(label=data.y[:50]))
    np.testing.assert_array_equal(again.x, data.x[:50])
    decoded = again.schema.encode(again.schema.decode(again.x))
    np.testing.assert_array_equal(decoded, again.x)


def test_the_models_schema_decides_when_given(tmp_path: Path) -> None:
    data = read(write(tmp_path, TABLE))
    later = write(tmp_path, "town,pay,more,age\nLyon,high,7,44\nLyon,low,8,31\n", "later.csv")
    again = read(later, schema=data.schema)
    assert again.x.tolist() == [[44, 1], [31, 1]]
    assert again.y.tolist() == [0, 1]
    unknown = write(tmp_path, "town,pay,age\nOslo,high,44\nLyon,low,31\n", "unknown.csv")
    assert "'Oslo' in row 0" in refused(unknown, schema=data.schema)
    assert "none called town" in refused(write(tmp_path, "pay,age\nhigh,44\nlow,31\n", "f.csv"), schema=data.schema)
    assert "between 30 and 50" in refused(write(tmp_path, "town,pay,age\nLyon,high,444\nLyon,low,31\n", "g.csv"), schema=data.schema)
    assert "'none' in row 1" in refused(write(tmp_path, "town,pay,age\nLyon,high,44\nLyon,none,31\n", "h.csv"), schema=data.schema)
    renamed = write(tmp_path, "town,wage,age\nLyon,high,44\nLyon,low,31\n", "i.csv")
    assert "label column 'pay'" in refused(renamed, schema=data.schema)
    assert read(renamed, schema=data.schema, label="wage").y.tolist() == [0, 1]


def test_the_row_is_counted_from_the_beginning_of_the_table() -> None:
    import pandas as pd

    n = 70_000
    frame = pd.DataFrame({"age": np.arange(n) % 50, "label": np.arange(n) % 2})
    schema = read(frame).schema
    frame.loc[69_000, "age"] = 51
    assert "51 in row 69000 (1 such rows)" in refused(frame, schema=schema)
    frame.loc[69_000, "age"] = 20_230_101
    assert "20230101 in row 69000" in refused(frame, schema=schema)  # to the last digit
    assert "the label 'label'" in refused(frame, sensitive=["label"])


def test_members_and_sensitive_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "age,sex,split,label\n30,f,train,a\n40,m,test,b\n50,f,train,a\n61,m,test,b\n")
    data = read(path, member="split")
    assert [f.name for f in data.schema.features] == ["age", "sex"]
    assert data.member is not None
    assert data.member.tolist() == [True, False, True, False]
    assert set(data.sensitive) == {"age", "sex"}
    assert read(path, member="split", sensitive=()).sensitive == {}
    assert set(read(path, member=[True, False, False, False], sensitive=["sex"]).sensitive) == {"sex"}
    assert "none called race" in refused(path, sensitive=["race"])
    assert "'f' in row 0" in refused(path, member="sex")
    assert "membership column" in refused(path, member="nothing")
    assert "a mask of 4" in refused(path, member=[True])


def test_ages_become_bands() -> None:
    import pandas as pd

    frame = pd.DataFrame({"age": np.arange(20, 80), "x": np.arange(60) * 0.7, "label": np.arange(60) % 2})
    assert set(read(frame).sensitive["age"].tolist()) == {"under 25", "25 to under 40", "40 to under 60", "60 and over"}


def test_places_that_are_no_data_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nothing at" in refused(tmp_path / "none.csv")
    assert "folder" in refused(tmp_path)
    assert "empty" in refused(write(tmp_path, b""))
    os.mkfifo(tmp_path / "pipe")
    assert "regular" in refused(tmp_path / "pipe")
    assert "a path, a DataFrame" in refused(3)
    path = write(tmp_path, TABLE)
    monkeypatch.setattr(
        "tiltyard.files.reading.os.open", lambda *given, **more: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
    )
    assert "permission" in refused(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("age,pay\n", "rows below the header"),
        ("\n\n  \n", "nothing"),
        ("age,pay\n30,low\n", "at least two rows"),
        ("age,pay\n1,low\n2,high,3,4\n", "line 3"),
        ("age,pay\n1,low\n2,low\n", "only 'low'"),
        ("age,pay\n1,low\n2,\n3,high\n", "a label in every row"),
        ("age,town,pay\n1,a,low\ninf,b,high\n3,c,low\n", "row 1 (1 such rows)"),
        ("pay\nlow\nhigh\n", "at least one column"),
        (b"\x00\x01\x02\x03" * 100, "no text"),
        (pickle.dumps({"a": 1}), "a pickle"),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "HDF5"),
        (b"PAR1" + bytes(50), "Parquet"),
        (b"PK\x03\x04" + bytes(50), "npz"),
        (gzip.compress(TABLE.encode(), mtime=0)[:30], "gzip"),
        (b"\x1f\x8b" + bytes(40), "gzip"),
    ],
    ids=lambda value: str(value)[:18],
)
def test_bad_content_is_one_line(tmp_path: Path, content: str | bytes, said: str) -> None:
    assert said in refused(write(tmp_path, content))


def test_labels_outside_the_classes() -> None:
    schema = read((np.arange(8.0).reshape(4, 2), [0, 1, 2, 0])).schema
    assert "'3' in row 2" in refused((np.arange(8.0).reshape(4, 2), [0, 1, 3, 0]), schema=schema)
    assert "'-1' in row 1" in refused((np.arange(8.0).reshape(4, 2), [0, -1, 1, 0]), schema=schema)


def test_a_label_that_is_a_number_to_predict() -> None:
    import pandas as pd

    x = np.arange(600.0).reshape(300, 2)
    assert "2 to 100 classes" in refused((x, np.arange(300) * 0.37))
    assert "a label column" in refused(pd.DataFrame({"a": x[:, 0] * 1.1, "b": x[:, 1] * 1.3}))


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (np.zeros((4, 2, 2, 2, 2)), [0, 1] * 2, "shape"),
        (np.zeros(4), [0, 1] * 2, "shape"),
        (np.zeros((0, 3)), [], "one row"),
        (np.zeros((4, 0)), [0, 1] * 2, "one row"),
        (np.zeros((4, 2)), [0, 1], "4 labels"),
        (np.full((4, 2), "a"), [0, 1] * 2, "numbers"),
        (np.full((4, 2), 1j), [0, 1] * 2, "numbers"),
        ([[1, 2], [3]], [0, 1], "one array"),
        (np.full((4, 8, 8), np.nan), [0, 1] * 2, "pixels"),
        (np.full((4, 8, 8), -3.0), [0, 1] * 2, "pixels"),
    ],
)
def test_arrays_that_are_refused(x: Any, y: Any, said: str) -> None:
    assert said in refused((x, y))


def test_npz_that_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.array([{"a": 1}, None], dtype=object), y=[0, 1])
    assert "unpickling" in refused(path)
    np.savez(path, a=np.zeros(3))
    assert "arrays x and y" in refused(path)
    np.savez(path, x=np.zeros((40, 3)), y=[0, 1] * 20)
    write(tmp_path, path.read_bytes()[:-200], "b.npz")
    assert "npz" in refused(tmp_path / "b.npz")


def claim(path: Path, rows: int) -> Path:
    """An npz whose x claims ``rows`` rows of 100 numbers but holds none."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (rows, 100)})
    labels = io.BytesIO()
    np.save(labels, np.arange(2))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue())
        archive.writestr("y.npy", labels.getvalue())
    return path


def test_a_claim_of_2_gigabytes_allocates_nothing(tmp_path: Path) -> None:
    assert "2,147,484,000 bytes claimed" in refused(claim(tmp_path / "a.npz", 2_684_355))


def test_what_unpacks_to_far_more_than_the_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SMALL", 2**20)
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((2000, 300)), y=np.arange(2000) % 2)
    assert "unpacks to at most 200 times" in refused(tmp_path / "a.npz")
    packed = gzip.compress(TABLE.encode() + b"1,Lyon,low\n" * 300_000)
    assert "unpacks to at most 200 times" in refused(write(tmp_path, packed, "t.csv.gz"))
    monkeypatch.setattr(limits, "LARGEST", 1000)
    assert "GiB" in refused(write(tmp_path, TABLE * 50))


def test_no_file_is_left_open(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for content in (TABLE.encode(), gzip.compress(TABLE.encode())):
            read(write(tmp_path, content))


def test_a_big_table_is_read_a_few_columns_at_a_time_to_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    rng = np.random.default_rng(0)
    n = 300
    frame = pd.DataFrame({"pay": rng.normal(0, 9, n).round(2), "town": rng.choice(["Oslo", "Lyon"], n), "age": rng.integers(18, 80, n)})
    frame = frame.assign(sex=rng.choice(["Male", "Female"], n), seen=rng.choice(["train", "test"], n), label=rng.choice(["no", "yes"], n))
    file = tmp_path / "rows.csv"
    frame.to_csv(file, index=False)
    whole = read(file, label="label", member="seen")
    monkeypatch.setattr(building, "CELLS", 2 * n)
    apart = read(file, label="label", member="seen")
    assert apart.fingerprint == whole.fingerprint
    assert apart.original is not None and whole.original is not None
    pd.testing.assert_frame_equal(apart.original.frame, whole.original.frame)
    pd.testing.assert_frame_equal(apart.frame, frame[["pay", "town", "age", "sex"]], check_dtype=False)
    before = frame.copy()
    assert read(frame, label="label", member="seen").fingerprint == whole.fingerprint
    pd.testing.assert_frame_equal(frame, before)


def test_labels_may_stand_beside_the_table_as_scikit_learn_has_them() -> None:
    import pandas as pd

    import tiltyard as ty

    x = np.random.default_rng(0).normal(size=(40, 3))
    y = np.where(x[:, 0] > 0, "yes", "no")
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    for source in (x, frame):
        for labels in (y, pd.Series(y, name="answer"), y.tolist()):
            data = ty.read(source, label=labels)
            assert [data.schema.classes[i] for i in data.y] == y.tolist()
            assert len(data.schema.features) == 3
    assert "4 labels" in refused(frame[:4], label=y)
