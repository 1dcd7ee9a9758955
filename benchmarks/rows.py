"""What a person's table costs beside itself: reading it, opening it, and giving rows of it back. Prints ratios within one run.

Each measurement is in a process of its own, so that the peak of one is not that of another. Run by hand: ``python benchmarks/rows.py``.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from tiltyard.datasets.feature import Feature
    from tiltyard.datasets.schema import Schema

ROWS = 1_000_000
LEVELS, FEW_ROWS = 10_000, 50_000
WIDE = 5_000


def table(n: int) -> "pd.DataFrame":
    """24 columns: floats, whole numbers, categories, a label."""
    import pandas as pd

    rng = np.random.default_rng(0)
    columns: dict[str, object] = {f"f{i}": rng.normal(0, 100, n).round(3) for i in range(8)}
    columns |= {f"i{i}": rng.integers(0, 100_000, n) for i in range(8)}
    columns |= {f"c{i}": rng.choice(["Lyon", "Oslo", "Kyoto", "Quito", "New-York-City"], n) for i in range(5)}
    columns |= {"sex": rng.choice(["Male", "Female"], n), "age": rng.integers(17, 90, n), "label": rng.choice(["no", "yes"], n)}
    return pd.DataFrame(columns)


def levels(n: int = FEW_ROWS) -> "pd.DataFrame":
    import pandas as pd

    rng = np.random.default_rng(0)
    names = np.array([f"level {i}" for i in range(LEVELS)], object)
    return pd.DataFrame({"it": names[np.arange(n) % LEVELS], "size": rng.random(n), "label": np.arange(n) % 2})


def _status(field: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def measure(what: str, path: str) -> None:
    """Print seconds of processor time, the peak over what was there before in MiB, and the frame's own size."""
    import pandas as pd
    import pyarrow.csv  # type: ignore[import-untyped,unused-ignore]  # noqa: F401

    from tiltyard.datasets.proposing import propose
    from tiltyard.datasets.reading import read, read_table

    frame = levels(int(path)) if what == "levels" else None
    for few, wanted in ((table(50), ()), (levels(100), ("it", "size"))):  # what is imported late is imported
        propose(few, "label", wanted=wanted).build().frame["f0" if not wanted else "it"].equals(few.iloc[:, 0])
    size = 0.0 if frame is None else frame.memory_usage(deep=True).sum() / 2**20
    before, start = _status("VmRSS"), time.process_time()
    if what == "pandas":
        size = pd.read_csv(path).memory_usage(deep=True).sum() / 2**20
    elif what == "table":
        size = read_table(path).memory_usage(deep=True).sum() / 2**20  # type: ignore[union-attr]
    elif what == "read":
        read(path)
    elif frame is not None:
        data = propose(frame, "label", wanted=("it", "size")).build()
        assert data.frame["it"].equals(frame["it"])
    print(time.process_time() - start, _status("VmHWM") - before, size)


def _apart(what: str, path: str = "") -> list[float]:
    found = subprocess.run([sys.executable, __file__, what, path], check=True, capture_output=True, text=True)
    return [float(v) for v in found.stdout.split()]


def decoding() -> None:
    """One row given back: the time for a column is the same however many there are."""
    from tiltyard.datasets.schema import Schema

    mixed = ("float64", "int64", "str", "category")
    for kinds in (("float64",), ("float32", "int64"), mixed):
        for n in (WIDE // 10, WIDE):
            features = tuple(_feature(f"c{i}", kinds[i % len(kinds)]) for i in range(n))
            schema = Schema(features=features, label="y", classes=("no", "yes"))
            x = np.zeros((1, n))
            schema.decode(x)
            best = min(_seconds(schema, x) for _ in range(9))
            print(f"decode 1 row of {n:,} columns ({', '.join(kinds)}): {1e3 * best:.1f} ms, {1e6 * best / n:.1f} µs a column")


def reading() -> None:
    """One row of mixed columns given back and read again, against pandas alone: the frame of those columns, and all cells as objects."""
    import pandas as pd

    from tiltyard.datasets.schema import Schema

    kinds = ("float64", "int64", "str", "category")
    features = tuple(_feature(f"c{i}", kinds[i % len(kinds)]) for i in range(WIDE))
    schema, x = Schema(features=features, label="y", classes=("no", "yes")), np.zeros((1, WIDE))
    frame = schema.decode(x)
    held = {name: frame[name].array for name in frame.columns}
    calls = (lambda: schema.decode(x), lambda: pd.DataFrame(held), lambda: schema.encode(frame), lambda: frame.to_numpy(object))
    best = [np.inf] * len(calls)
    for _ in range(9):  # in turn, so that what else the machine does weighs on all
        for i, call in enumerate(calls):
            start = time.process_time()
            call()
            best[i] = min(best[i], time.process_time() - start)
    print(f"1 row of {WIDE:,} mixed columns: given back {best[0] / best[1]:.2f} x pandas' own, read {best[2] / best[3]:.2f} x")


def _feature(name: str, dtype: str) -> "Feature":
    from tiltyard.datasets.feature import Feature

    if dtype in ("str", "category"):
        return Feature(name=name, kind="categorical", categories=("a", "b", "c"), dtype=dtype)
    return Feature(name=name, kind="integer" if dtype == "int64" else "continuous", dtype=dtype)


def _seconds(schema: "Schema", x: NDArray[np.float64]) -> float:
    start = time.process_time()
    schema.decode(x)
    return time.process_time() - start


def main() -> None:
    decoding()
    reading()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "rows.csv")
        table(ROWS).to_csv(path, index=False)
        pandas, own, opened = _apart("pandas", path), _apart("table", path), _apart("read", path)
    frame = own[2]
    print(f"{ROWS:,} rows of 24 columns, a frame of {frame:.0f} MiB")
    print(
        f"reading: {own[0] / pandas[0]:.2f} x the processor time of pandas.read_csv; peak {own[1] / frame:.2f} x the frame ({pandas[1] / frame:.2f} x by pandas)"
    )
    print(f"reading and opening: peak {opened[1] / frame:.2f} x the frame, {opened[0]:.1f} s")
    for n in (FEW_ROWS, 10 * FEW_ROWS):
        seconds, peak, size = _apart("levels", str(n))
        print(f"{LEVELS:,} levels in {n:,} rows: peak {peak / size:.2f} x the frame of {size:.1f} MiB, {seconds:.1f} s")


if __name__ == "__main__":
    measure(*sys.argv[1:3]) if len(sys.argv) > 2 else main()
