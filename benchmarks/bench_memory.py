"""Memory of an assessment beyond the data itself, at 10,000, 100,000 and 1,000,000 census-like rows: ``python benchmarks/bench_memory.py``.

Each size has a process of its own. Every check runs with the quick profile; its peak is the kernel's (VmHWM, reset before each; Linux only)
less what stood in memory before it. Prints the peaks in MB and the ratio of the largest size to the smallest.
"""

import argparse
import ctypes
import gc
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tiltyard.datasets.dataset import Dataset
from tiltyard.execution.profiles import steps
from tiltyard.samples.catalog import load

SIZES = (10_000, 100_000, 1_000_000)
GROWS = 1.25
SLACK = 32


def memory(name: str) -> float:
    """``VmRSS`` or ``VmHWM`` in MB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def forget_peak() -> None:
    """Give free memory back, and let the kernel's peak begin anew."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def grown(data: Dataset, n: int) -> Dataset:
    """``n`` rows drawn from ``data``, half of them said to be trained on."""
    rows = np.random.default_rng(0).integers(0, len(data), n)
    big = data.take(rows)
    return replace(big, member=np.arange(n) % 2 == 0)


def measure(n: int, only: Sequence[str]) -> dict[str, object]:
    """Peaks in MB by check, beyond what stood there before it; each is run once on few rows first, so that no import counts."""
    sample = load("census")
    data = grown(sample.data, n)
    size = (data.x.nbytes + data.y.nbytes + sum(c.nbytes for c in data.sensitive.values())) / 2**20
    sample.target.scores(data.x[:256])
    few = grown(sample.data, 3000)
    chosen = [s for s in steps("quick", 0, sample.target, data) if not only or s.id in only]
    name = data.fingerprint
    peaks: dict[str, float] = {}
    for step in chosen:
        step(sample.target, few)  # type: ignore[operator]
        forget_peak()
        before = memory("VmRSS")
        start = time.perf_counter()
        record = step(sample.target, data)  # type: ignore[operator]
        peaks[step.id] = memory("VmHWM") - before
        print(f"{n:>9,} {step.id:34} {peaks[step.id]:8.0f} MB {time.perf_counter() - start:6.1f} s {record.result.status}", file=sys.stderr)
    return {"rows": n, "data": size, "peaks": peaks, "fingerprint": name}


def child(n: int, only: Sequence[str]) -> dict[str, object]:
    """`measure` in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--child", str(n), *only], stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help="ids of checks; all by default")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--child", type=int, default=0)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measure(given.child, given.only)))
        return
    found = [child(n, given.only) for n in given.sizes]
    print(f"{'MB beyond the data':36}" + "".join(f"{f['rows']:>12,}" for f in found) + f"{'ratio':>8}")
    for id in found[0]["peaks"]:  # type: ignore[attr-defined]
        print(line(id, [float(f["peaks"][id]) for f in found]))  # type: ignore[index]
    print(line("whole assessment", [max(f["peaks"].values()) for f in found]))  # type: ignore[attr-defined]
    print(f"{'the data itself':36}" + "".join(f"{f['data']:12.0f}" for f in found))


def line(name: str, peaks: Sequence[float]) -> str:
    """One row of the table, marked where it grows with the rows."""
    grows = peaks[-1] > GROWS * max(peaks[0], 1) and peaks[-1] - peaks[0] > SLACK
    return f"{name:36}" + "".join(f"{p:12.0f}" for p in peaks) + f"{peaks[-1] / max(peaks[0], 1):8.2f}" + ("  grows" if grows else "")


if __name__ == "__main__":
    main()
