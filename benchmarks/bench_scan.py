"""Scanning beside picklescan, fickling, modelscan and modelaudit, in one run: start-up, throughput, and what each says of a corpus.

``python benchmarks/bench_scan.py [--peers FOLDER] [--corpus FOLDER] [--most N]``. FOLDER holds the peers' commands (the ``bin`` of an
environment of their own, or links to those of several); a peer that is not there is left out and said so. The corpus has two folders,
``malicious`` and ``benign``, of each of which N files are drawn; without one a small one is made, and with ``--own`` that of the tests is
written. Times are seconds of computing, the least of several runs by turns, each in a process of its own; nothing scanned is loaded. A scan
that does not end within ``--patience`` seconds is ended and counts as not passed; how many did so is said.
"""

import argparse
import os
import pickle
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tiltyard.published.scanning import look

RUNS = 3
LARGE = 1 << 28
QUIET = {"DO_NOT_TRACK": "1", "PROMPTFOO_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1"}
"""Without these, modelaudit reports each scan to its makers, and waits where it reaches nobody."""


@dataclass(frozen=True)
class Scanner:
    """A command, and the exit codes with which it lets a file pass; 1 is an alarm to all of them, ours has 2 for what is not proven."""

    name: str
    command: Callable[[Path], list[str]]
    passes: frozenset[int] = frozenset({0})


def scanners(peers: Path | None) -> list[Scanner]:
    """Ours and the peers that are there."""

    def at(name: str) -> str:
        return str(peers.absolute() / name) if peers else shutil.which(name) or name

    here = [sys.executable, "-m", "tiltyard", "scan"]
    known = [
        Scanner("picklescan", lambda path: [at("picklescan"), "--path", str(path.absolute())]),
        Scanner("fickling", lambda path: [at("fickling"), "--check-safety", str(path.absolute())]),
        Scanner("modelscan", lambda path: [at("modelscan"), "--path", str(path.absolute())], frozenset({0, 3})),
        Scanner("modelaudit", lambda path: [at("modelaudit"), "scan", str(path.absolute())]),
    ]
    there = [one for one in known if shutil.which(one.command(Path("x"))[0])]
    for one in known:
        if one not in there:
            print(f"{one.name} is not there and left out")
    return [Scanner("tiltyard", lambda path: [*here, "--no-cache", str(path.absolute())]), *there]


def exit_code(command: list[str], patience: float) -> int | None:
    """Exit code of a command; None where it had to be ended, with all that it had started."""
    process = subprocess.Popen(
        command,
        cwd=tempfile.gettempdir(),  # fickling leaves a file where it stands
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | QUIET,
    )
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


def seconds(command: list[str], patience: float) -> float:
    """Seconds of computing of a command, in its own process: what other programs on the machine take does not count; NaN where it did not end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if exit_code(command, patience) is None:
        return float("nan")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def starts_of(found: list[Scanner], small: Path, patience: float, runs: int = RUNS) -> dict[str, float]:
    """Least seconds of each on a small file, by turns, so that all meet the same machine; one run before that counts for none."""
    measured: dict[str, list[float]] = {one.name: [] for one in found}
    for turn in range(runs + 1):
        for one in found:
            spent = seconds(one.command(small), patience)
            measured[one.name] += [spent] if turn else []
    return {name: min(values) for name, values in measured.items()}


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


def drawn(folder: Path, most: int) -> list[Path]:
    """At most so many files of a folder, the same each time."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return sorted(random.Random(0).sample(files, most)) if len(files) > most else files


def passed(scanner: Scanner, files: list[Path], patience: float) -> tuple[str, int]:
    """How many files a scanner lets pass, each asked alone, and of how many it gives alarm."""
    codes = [exit_code(scanner.command(path), patience) for path in files]
    endless = f", {codes.count(None)} endless" if None in codes else ""
    return f"{sum(code in scanner.passes for code in codes)} of {len(files)}{endless}", codes.count(1)


def by_verdict(files: list[Path]) -> str:
    """Our own verdicts on files, counted."""
    counts = Counter(found.verdict.verdict if found.verdict else "unread" for found in map(look, files))
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())


def own_corpus(folder: Path) -> None:
    """The files of the tests' corpora, to be found on Python's path: nothing of them runs."""
    from tests.artifacts.more_techniques import ways as more_ways
    from tests.artifacts.techniques import ways

    (folder / "malicious").mkdir(parents=True, exist_ok=True)
    (folder / "benign").mkdir(exist_ok=True)
    every = [(name, data) for _, name, data in ways("never")] + list(more_ways("never").items())
    for number, (name, data) in enumerate(every):
        (folder / "malicious" / f"{number:03}-{name}").write_bytes(data)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--own", action="store_true", help="write the malicious files of the tests' corpora into --corpus first")
    parser.add_argument("--most", type=int, default=10_000, help="files of each kind")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds of wall clock for one scan")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--large", type=int, default=LARGE, help="bytes of the plain safetensors")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        corpus = asked.corpus or folder / "corpus"
        if asked.corpus is None:
            small_corpus(corpus)
        elif asked.own:
            own_corpus(corpus)
        malicious, benign = drawn(corpus / "malicious", asked.most), drawn(corpus / "benign", asked.most)
        small = folder / "small.pkl"
        small.write_bytes(pickle.dumps({"a": 1}))
        large = folder / "large.safetensors"
        safetensors(large, asked.large)
        found = scanners(asked.peers)
        starts = starts_of(found, small, asked.patience, asked.runs)
        print(
            f"{'scanner':<12}{'start, s':>10}{'x picklescan':>14}{'GB/s':>8}{'malicious passed':>18}{'alarms':>11}{'benign passed':>15}{'alarms':>8}",
            flush=True,
        )
        for one in found:
            ratio = starts[one.name] / starts["picklescan"] if "picklescan" in starts else float("nan")
            speed = asked.large / max(seconds(one.command(large), asked.patience), 1e-9) / 1e9
            (bad, caught), (good, alarms) = passed(one, malicious, asked.patience), passed(one, benign, asked.patience)
            print(
                f"{one.name:<12}{starts[one.name]:>10.2f}{ratio:>14.2f}{speed:>8.2f}{bad:>18}{caught:>11}{good:>15}{alarms:>8}", flush=True
            )
        print(f"tiltyard says: malicious files {by_verdict(malicious)}; benign files {by_verdict(benign)}")


if __name__ == "__main__":
    main()
