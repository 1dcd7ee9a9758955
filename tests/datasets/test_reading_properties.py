"""Properties of reading: valid rows survive encoding and decoding; no bytes raise anything but a Problem."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tiltyard.datasets.building import build
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.proposing import propose
from tiltyard.datasets.reading import read
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=8)


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    features: list[Feature] = []
    for i, kind in enumerate(draw(st.lists(st.sampled_from(["continuous", "integer", "categorical", "onehot"]), min_size=1, max_size=5))):
        name = f"{i}{draw(names)}"
        if kind in ("continuous", "integer"):
            ends = st.integers(-(10**6), 10**6) if kind == "integer" else st.floats(-1e6, 1e6, allow_nan=False)
            low, high = sorted((draw(ends), draw(ends)))
            features.append(Feature(name=name, kind=kind, low=low, high=high))
        else:
            values = tuple(sorted(draw(st.sets(names.filter(lambda v: v != "?"), min_size=2, max_size=5))))
            group = {"categories": values} if kind == "categorical" else {"columns": tuple(f"{name}={v}" for v in values)}
            features.append(Feature(name=name, kind=kind, **group))  # type: ignore[arg-type]
    return Schema(features=tuple(features), label="the label", classes=("no", "yes"))


def valid_rows(schema: Schema, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.uniform(schema.low, schema.high, (n, *schema.shape))
    x[0], x[1] = schema.low, schema.high
    whole = schema.integer
    x[:, whole] = np.round(x[:, whole])
    for feature in schema.features:
        if feature.kind == "onehot":
            x[:, schema.slices[feature.name]] = np.eye(feature.width)[rng.integers(0, feature.width, n)]
    return x


@QUICK
@given(schemas(), st.integers(0, 2**32 - 1))
def test_valid_rows_survive_decoding_and_encoding(schema: Schema, seed: int) -> None:
    x = valid_rows(schema, 8, seed)
    np.testing.assert_array_equal(schema.encode(schema.decode(x)), x)


@QUICK
@given(schemas(), st.integers(0, 2**32 - 1))
def test_valid_rows_survive_a_csv(tmp_path: Path, schema: Schema, seed: int) -> None:
    x = valid_rows(schema, 8, seed)
    frame = schema.decode(x).assign(**{"the label": ["no", "yes"] * 4})
    assume(not {c.strip().lower() for c in frame.columns} & {"nan", "null"})
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    text = {v for f in schema.features for v in f.categories}
    assume(all(v not in ("NA", "N/A", "NaN", "nan", "null", "NULL", "#N/A", "<NA>") and v == v.strip() and not _number(v) for v in text))
    np.testing.assert_array_equal(read(path, schema=schema).x, x)


def _number(text: str) -> bool:
    try:
        float(text.replace("_", ""))
    except ValueError:
        return text.lower() in ("true", "false")
    return True


CSV = b"age,town,sex,score,pay\n" + b"".join(
    b"%d,%s,%s,%.3f,%s\n" % (i % 60 + 20, [b"Lyon", b"Oslo"][i % 2], [b"f", b"m"][i % 3 % 2], i / 7, [b"low", b"high"][i * 7 % 3 % 2])
    for i in range(40)
)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(0, 255), st.sampled_from(["set", "insert", "delete", "cut", "repeat"])),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_csv_gives_data_or_one_line(tmp_path: Path, packed: bool, changes: list[tuple[int, int, str]]) -> None:
    content = bytearray(gzip.compress(CSV, mtime=0) if packed else CSV)
    for at, byte, how in changes:
        at %= max(len(content), 1)
        if how == "set" and content:
            content[at] = byte
        elif how == "insert":
            content[at:at] = bytes([byte])
        elif how == "delete":
            del content[at : at + 1]
        elif how == "cut":
            del content[len(content) - at // 3 :]
        else:
            content[at:at] = content[at : at + byte]
    reads_or_refuses(tmp_path, bytes(content))


@given(st.binary(max_size=300))
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_data_or_one_line(tmp_path: Path, content: bytes) -> None:
    reads_or_refuses(tmp_path, content)


cells = st.one_of(
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.text(max_size=5),
    st.sampled_from(["", "NA", "?", "1e400", "inf", "-0", "0x1", "1,5", '"', "9" * 40]),
)


@given(st.lists(st.lists(cells, min_size=1, max_size=4), min_size=1, max_size=12), st.sampled_from(",;\t|"))
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_table_gives_data_or_one_line(tmp_path: Path, rows: list[list[object]], separator: str) -> None:
    reads_or_refuses(tmp_path, "\n".join(separator.join(map(str, row)) for row in rows).encode("utf-8", "replace"))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_frame_gives_data_or_one_line(data: st.DataObject) -> None:
    import pandas as pd

    n = data.draw(st.integers(1, 12))
    columns = {}
    for i in range(data.draw(st.integers(1, 4))):
        kind = data.draw(st.sampled_from(["f4", "i8", "u8", "?", "M8[ns]", "c8", "object"]))
        columns[f"c{i}"] = data.draw(st.lists(cells, min_size=n, max_size=n)) if kind == "object" else data.draw(hnp.arrays(kind, n))
    try:
        found = read(pd.DataFrame(columns))
    except Problem as problem:
        assert "\n" not in str(problem)  # noqa: PT017
    else:
        finite_or_empty(found)


def finite_or_empty(data: Dataset) -> None:
    empty = data.schema.spread({f.name: float(f.missing) for f in data.schema.features}) > 0
    assert np.isfinite(data.x[:, ~empty] if data.x.ndim == 2 else data.x).all()
    assert not np.isinf(data.x).any()


def reads_or_refuses(folder: Path, content: bytes) -> None:
    path = folder / "t.csv"
    path.write_bytes(content)
    try:
        found = read(path)
    except Problem as problem:
        assert "\n" not in str(problem)  # noqa: PT017
    else:
        assert isinstance(found, Dataset)
        finite_or_empty(found)
        np.testing.assert_array_equal(found.schema.encode(found.frame), found.x)


def test_a_million_rows_need_little_beyond_themselves() -> None:
    """The peak while encoding, beyond the table and the result, is that of one chunk whatever the number of rows."""
    import tracemalloc

    import pandas as pd

    def beyond(n: int) -> float:
        rng = np.random.default_rng(0)
        groups = {f"g{i}": pd.Categorical.from_codes(rng.integers(0, 20, n), [f"v{j}" for j in range(20)]) for i in range(4)}
        frame = pd.DataFrame(
            {**groups, "a": rng.random(n).astype(np.float32), "y": pd.Categorical.from_codes(np.arange(n) % 2, ["no", "yes"])}
        )
        schema = propose(frame.head(1000), "y").schema
        wide = schema.model_copy(
            update={"features": tuple(f.model_copy(update={"high": 1.0}) if f.name == "a" else f for f in schema.features)}
        )
        tracemalloc.start()
        made = build(frame, wide, sensitive=())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(made) == n
        return (peak - made.x.nbytes) / 2**20

    small, large = beyond(100_000), beyond(1_000_000)
    assert large < small + 40, f"{small:.0f} MiB beyond the data at 100,000 rows, {large:.0f} MiB at 1,000,000"
