"""Scanning beside picklescan, fickling, modelscan and modelaudit, in one run: start-up, throughput, and what each says of a corpus.

``python benchmarks/bench_scan.py [--peers FOLDER] [--corpus FOLDER]``. FOLDER holds the peers' commands (the ``bin`` of an environment of their
own); a peer that is not there is left out and said so. The corpus has two folders, ``malicious`` and ``benign``; without one a small
one is made. Times are seconds of computing, the median of several runs by turns, each in a process of its own; nothing scanned is loaded.
"""

import argparse
import pickle
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

RUNS = 3
LARGE = 1 << 28


@dataclass(frozen=True)
class Scanner:
    """A command, and the exit codes with which it lets a file pass."""

    name: str
    command: Callable[[Path], list[str]]
    passes: frozenset[int] = frozenset({0})


def scanners(peers: Path | None) -> list[Scanner]:
    """Ours and the peers that are there."""

    def at(name: str) -> str:
        return str(peers / name) if peers else shutil.which(name) or name

    here = [sys.executable, "-m", "tiltyard", "scan"]
    known = [
        Scanner("picklescan", lambda path: [at("picklescan"), "--path", str(path)]),
        Scanner("fickling", lambda path: [at("fickling"), "--check-safety", str(path)]),
        Scanner("modelscan", lambda path: [at("modelscan"), "--path", str(path)], frozenset({0, 3})),
        Scanner("modelaudit", lambda path: [at("modelaudit"), "scan", str(path)]),
    ]
    there = [one for one in known if shutil.which(one.command(Path("x"))[0])]
    for one in known:
        if one not in there:
            print(f"{one.name} is not there and left out")
    return [Scanner("tiltyard", lambda path: [*here, "--no-cache", str(path)]), *there]


def timed(command: list[str]) -> tuple[float, int]:
    """Seconds and exit code of a command."""
    start = time.perf_counter()
    code = subprocess.run(command, capture_output=True, check=False, timeout=600).returncode
    return time.perf_counter() - start, code


def seconds(command: list[str]) -> float:
    """Seconds of computing of a command, in its own process: what other programs on the machine take does not count."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    timed(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def starts_of(found: list[Scanner], small: Path, runs: int = RUNS) -> dict[str, float]:
    """Median seconds of each on a small file, by turns, so that all meet the same machine; one run before that counts for none."""
    measured: dict[str, list[float]] = {one.name: [] for one in found}
    for turn in range(runs + 1):
        for one in found:
            spent = seconds(one.command(small))
            measured[one.name] += [spent] if turn else []
    return {name: statistics.median(values) for name, values in measured.items()}


def safetensors(path: Path, size: int) -> None:
    """Zeros that lie on the disk as holes where it can, after a header that accounts for all of them."""
    head = f'{{"w":{{"dtype":"U8","shape":[{size}],"data_offsets":[0,{size}]}}}}'.encode()
    with path.open("wb") as target:
        target.write(struct.pack("<Q", len(head)) + head)
        target.truncate(8 + len(head) + size)


def hostile(module: str, name: str) -> bytes:
    """A pickle that calls ``module.name`` with a text."""
    return f"c{module}\n{name}\n(S'canary'\ntR.".encode()


def small_corpus(folder: Path) -> None:
    """A few files of each kind, written by hand."""
    names = "os.system builtins.eval torch.utils.collect_env.run pip.main bdb.Bdb.run lib2to3.pgen2.grammar.Grammar.loads"
    (folder / "malicious").mkdir(parents=True)
    (folder / "benign").mkdir()
    for text in names.split():
        module, _, name = text.rpartition(".")
        (folder / "malicious" / f"{text}.pkl").write_bytes(hostile(module, name))
    for i, value in enumerate(({"a": 1}, [1.0] * 100, {"nested": {"deep": [None, True]}})):
        (folder / "benign" / f"{i}.pkl").write_bytes(pickle.dumps(value))
    safetensors(folder / "benign" / "w.safetensors", 1 << 16)


def passed(scanner: Scanner, folder: Path) -> str:
    """How many files of a folder a scanner lets pass, each asked alone."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    count = sum(timed(scanner.command(path))[1] in scanner.passes for path in files)
    return f"{count} of {len(files)}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--large", type=int, default=LARGE, help="bytes of the plain safetensors")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        corpus = asked.corpus or folder / "corpus"
        if asked.corpus is None:
            small_corpus(corpus)
        small = folder / "small.pkl"
        small.write_bytes(pickle.dumps({"a": 1}))
        large = folder / "large.safetensors"
        safetensors(large, asked.large)
        found = scanners(asked.peers)
        starts = starts_of(found, small)
        print(f"{'scanner':<12}{'start, s':>10}{'x picklescan':>14}{'GB/s':>8}{'malicious passed':>18}{'benign passed':>15}")
        for one in found:
            ratio = starts[one.name] / starts["picklescan"] if "picklescan" in starts else float("nan")
            speed = asked.large / max(seconds(one.command(large)), 1e-9) / 1e9
            bad, good = passed(one, corpus / "malicious"), passed(one, corpus / "benign")
            print(f"{one.name:<12}{starts[one.name]:>10.2f}{ratio:>14.2f}{speed:>8.2f}{bad:>18}{good:>15}", flush=True)


if __name__ == "__main__":
    main()
