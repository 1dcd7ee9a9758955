"""A person's own table comes back exactly: dtypes, categories, empty cells, dates; or the column is left out and it is said."""

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiltyard.datasets.columns import guess
from tiltyard.datasets.schema import Schema

if TYPE_CHECKING:
    import pandas as pd

MANY = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WHOLE = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
NULLABLE = [w.replace("int", "Int").replace("uI", "UI") for w in WHOLE]
FLOATS = ["float16", "float32", "float64", "Float32", "Float64", "double[pyarrow]", "float[pyarrow]"]
DATES = [f"datetime64[{u}{z}]" for u in ("s", "ms", "us", "ns") for z in ("", ", UTC", ", Europe/Paris", ", UTC+05:30")]
SPANS = [f"timedelta64[{u}]" for u in ("s", "ms", "us", "ns")]
texts = st.one_of(
    st.text(max_size=4).filter(lambda t: "\x00" not in t),
    st.sampled_from(["", " ", "?", " a", "a", "a ", "(missing)", "(none)", "(empty)", "nan", "None", "1", "1.0", "True", "()"]),
)
objects = st.one_of(
    texts, st.integers(-5, 5), st.integers(2**53, 2**64), st.floats(-3, 3), st.booleans(), st.none(), st.just(float("nan")),
    st.sampled_from([0, 1, 0.0, 1.0, True, False, "0", "1"]),
)  # fmt: skip


@st.composite
def columns(draw: st.DrawFn, n: int) -> "pd.Series":
    import pandas as pd

    kind = draw(st.sampled_from(["whole", "nullable", "float", "bool", "boolean", "text", "objects", "category", "date", "span"]))
    gaps = draw(st.booleans())

    def cells(of: st.SearchStrategy[Any], lost: Any) -> list[Any]:
        return draw(st.lists(st.one_of(of, st.just(lost)) if gaps else of, min_size=n, max_size=n))

    if kind in ("whole", "nullable"):
        dtype = draw(st.sampled_from(WHOLE if kind == "whole" else [*NULLABLE, "int64[pyarrow]", "uint8[pyarrow]"]))
        plain = dtype.lower().split("[")[0]
        of = st.integers(int(np.iinfo(plain).min), int(np.iinfo(plain).max))
        return pd.Series(draw(st.lists(of, min_size=n, max_size=n)) if kind == "whole" else cells(of, None), dtype=dtype)
    if kind == "float":
        dtype = draw(st.sampled_from(FLOATS))
        of = st.one_of(st.floats(-1e4, 1e4, width=16), st.integers(-100, 100).map(float))
        return pd.Series(cells(of, None if dtype[0] in "Fd" or "pyarrow" in dtype else float("nan")), dtype=dtype)
    if kind == "bool":
        return pd.Series(draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype="bool")
    if kind == "boolean":
        return pd.Series(cells(st.booleans(), None), dtype=draw(st.sampled_from(["boolean", "bool[pyarrow]"])))
    if kind == "text":
        dtype = draw(st.sampled_from(["object", "str", pd.StringDtype("python"), pd.StringDtype("pyarrow")]))
        return pd.Series(cells(texts, draw(st.sampled_from([None, float("nan")])) if dtype == "object" else None), dtype=dtype)
    if kind == "objects":
        return pd.Series(cells(objects, None), dtype="object")
    if kind == "category":
        return draw(categories(n, gaps))
    dtype = draw(st.sampled_from(DATES if kind == "date" else SPANS))
    of = st.one_of(st.integers(0, 2 * 10**9), st.integers(-(2**40), 2**40))
    held = np.array(cells(of, np.iinfo(np.int64).min), np.int64)
    plain = dtype.split(",")[0].rstrip("]") + "]"
    dates = pd.Series(held.view(plain))
    return dates.dt.tz_localize("UTC").dt.tz_convert(dtype[:-1].split(", ")[1]) if "," in dtype else dates


@st.composite
def categories(draw: st.DrawFn, n: int, gaps: bool) -> "pd.Series":
    import pandas as pd

    levels = draw(
        st.one_of(
            st.lists(texts, min_size=1, max_size=5, unique=True).map(pd.Index),
            st.lists(texts, min_size=1, max_size=5, unique=True).map(lambda v: pd.Index(v, dtype=object)),
            st.lists(st.integers(-100, 100), min_size=1, max_size=5, unique=True).map(lambda v: pd.Index(v, dtype="int8")),
            st.lists(st.floats(-9, 9, width=16), min_size=1, max_size=5, unique=True).map(pd.Index),
            st.just(pd.Index([False, True])),
            st.just(pd.DatetimeIndex(["2026-01-01", "2026-01-02", "2026-02-05"])),
        )
    )
    codes = draw(st.lists(st.integers(-1 if gaps else 0, len(levels) - 1), min_size=n, max_size=n))
    return pd.Series(pd.Categorical.from_codes(codes, levels, ordered=draw(st.booleans())))


def comes_back(frame: "pd.DataFrame") -> None:
    import pandas as pd

    features = [f for f in (guess(frame, str(c), always=True).feature for c in frame.columns) if f is not None]
    if not features:
        return
    schema = Schema(features=tuple(features), label="y", classes=("a", "b"))
    stored = Schema.model_validate_json(schema.model_dump_json())
    assert stored == schema
    assert [list(map(type, f.written)) for f in stored.features] == [list(map(type, f.written)) for f in schema.features]
    for meaning in (schema, stored):
        x = meaning.encode(frame)
        back = meaning.decode(x)
        wanted = frame[list(meaning.columns)]
        pd.testing.assert_frame_equal(back, wanted, check_exact=True, check_column_type=True)
        for name in wanted:
            mixed = pd.api.types.infer_dtype(wanted[name]) == "mixed-integer-float"  # 0 and 0.5 come back as 0.0 and 0.5
            assert mixed or [type(v) for v in back[name]] == [type(v) for v in wanted[name]], name
        np.testing.assert_array_equal(meaning.encode(back), x)
        one = meaning.decode(x[:1])
        pd.testing.assert_frame_equal(one, wanted.iloc[:1], check_exact=True)


@MANY
@given(st.data())
def test_any_table_comes_back_exactly(data: st.DataObject) -> None:
    import pandas as pd

    n = data.draw(st.integers(1, 8))
    comes_back(pd.DataFrame({f"c{i}": data.draw(columns(n)) for i in range(data.draw(st.integers(1, 3)))}))


def test_a_level_that_no_row_has_is_no_category_but_stays_a_level() -> None:
    import pandas as pd

    from tiltyard.datasets.reading import read

    grade = pd.Categorical(["lo", "hi", None, "lo"] * 5, categories=["lo", "mid", "hi", "top"], ordered=True)
    frame = pd.DataFrame({"grade": grade, "own": [1, 0, 1, 1] * 5})
    data = read(frame, label="own")
    assert data.schema.feature("grade").categories == ("lo", "hi", "(missing)")
    pd.testing.assert_series_equal(data.frame["grade"], frame["grade"])
