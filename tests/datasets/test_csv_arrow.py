"""What pyarrow reads is what pandas reads, dtypes and all; where it might not be, pandas reads it."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiltyard.datasets.csv_arrow import read_plain
from tiltyard.datasets.csv_file import ABSENT

whole = st.integers(-(10**6), 10**6).map(str)
broken = st.floats(-1e6, 1e6).map(repr)
truth = st.sampled_from(["True", "False", "true", "FALSE"])
words = st.one_of(st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n"), max_size=4), st.sampled_from(["Lyon", "Oslo"]))
odd = st.sampled_from(
    ["+5", "007", "0x1F", "1e400", "inf", "-Infinity", "NAN", "nan", "1_000", " 5", "5 ", "2026-01-31", "12:30:00", "2026-01-31 10:00:00", "1,5", "5.", ".5",
     "1d5", str(2**53 + 1), "-0", "tRue", "1e5", "--1", "''", "٣", " ", "\t7", "3\t"]
)  # fmt: skip
absent = st.sampled_from(["", "NA", "?", "null"])


@st.composite
def columns(draw: st.DrawFn, n: int) -> list[str]:
    kind = draw(st.sampled_from([whole, broken, truth, words, odd, st.one_of(whole, broken), st.one_of(whole, odd), st.one_of(truth, odd)]))
    cells = st.one_of(kind, kind, absent) if draw(st.booleans()) else kind
    return draw(st.lists(cells, min_size=n, max_size=n))


def pandas_reads(content: bytes, names: tuple[str, ...], separator: str) -> Any:
    import pandas as pd

    return pd.read_csv(
        io.BytesIO(content), sep=separator, names=list(names), header=0, index_col=False, na_values=list(ABSENT), keep_default_na=False,
        skipinitialspace=True, low_memory=False,
    )  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_it_reads_as_pandas_does(data: st.DataObject) -> None:
    import csv

    import pandas as pd

    n = data.draw(st.integers(1, 6))
    table = [data.draw(columns(n)) for _ in range(data.draw(st.integers(2, 4)))]
    separator = data.draw(st.sampled_from(",;\t"))
    names = tuple(f"c{i}" for i in range(len(table)))
    out = io.StringIO()
    style = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    csv.writer(out, delimiter=separator, quoting=style, lineterminator=data.draw(st.sampled_from(["\n", "\r\n"]))).writerows(
        [names, *zip(*table, strict=True)]
    )
    content = out.getvalue().encode("utf-8")
    found = read_plain(io.BytesIO(content), names, True, separator, ABSENT)
    if found is not None:
        pd.testing.assert_frame_equal(found, pandas_reads(content, names, separator), check_exact=True)


PLAIN = b"a,b,c,d\n1,1.5,Lyon,True\n2,,Oslo,False\n3,-2e3,,True\n"


@pytest.mark.parametrize("blocks", [1, 3])
def test_plain_tables_are_read_by_it(blocks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    monkeypatch.setattr("tiltyard.datasets.csv_arrow.BLOCK", 2**20 // blocks)
    content = PLAIN + b"4,0.1,Oslo,False\n" * 90_000
    names = ("a", "b", "c", "d")
    found = read_plain(io.BytesIO(content), names, True, ",", ABSENT)
    assert found is not None
    pd.testing.assert_frame_equal(found, pandas_reads(content, names, ","), check_exact=True)


def test_values_that_are_lacking_far_down_make_floats_and_objects() -> None:
    import pandas as pd

    content = b"a,b\n" + b"1,True\n" * 400_000 + b",\n" + b"2,False\n" * 9
    found = read_plain(io.BytesIO(content), ("a", "b"), True, ",", ABSENT)
    assert found is not None
    pd.testing.assert_frame_equal(found, pandas_reads(content, ("a", "b"), ","), check_exact=True)


@pytest.mark.parametrize(
    "content",
    [b"a,b\n1,2\n3\n", b"a,b\n1,2\n3,4,5\n", b"a,b\n1, x\n2,y\n", b"a,b\n0x1,x\n2,y\n", b"a,b\n+5,x\n6,y\n", b"a,b\n1e400,x\n6,y\n", b"a,b\n\xff,x\n6,y\n",
     b"\na,b\n1,x\n", b"a,b\n18446744073709551615,x\n1,y\n", b"a,b\nNAN,x\n1.5,y\n", b"a,b\n" + b"1,x\n" * 400_000 + b"1.5,y\n"],
    ids=lambda value: str(value[:24]),
)  # fmt: skip
def test_what_only_pandas_reads_as_pandas_does_is_left_to_it(content: bytes) -> None:
    assert read_plain(io.BytesIO(content), ("a", "b"), True, ",", ABSENT) is None


def test_thousands_of_columns_are_read_in_few_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks of a megabyte 300 rows of 1,500 numbers were nine, and each column cost time in each of them."""
    import pandas as pd

    from tiltyard.datasets import csv_arrow
    from tiltyard.datasets.reading import read_table

    rows = np.random.default_rng(0).normal(size=(300, 1500))
    frame = pd.DataFrame(rows, columns=[f"c{i}" for i in range(1500)])
    frame.to_csv(tmp_path / "wide.csv", index=False)
    asked: list[int] = []
    part = csv_arrow._part
    monkeypatch.setattr(csv_arrow, "_part", lambda column: asked.append(1) or part(column))
    assert read_table(tmp_path / "wide.csv").equals(frame)
    assert 1500 <= len(asked) <= 2 * 1500
