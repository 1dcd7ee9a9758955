"""Files of the scanner's corpora, changed at random and scanned: ``PYTHONPATH=. python benchmarks/bench_mutations.py --count 1000000 --state FILE.json``.

None may end the process, take over 5 s of its computing, or over 1 GB of memory; and of what is called safe as a pickle, Python's own unpickler
(given names that do nothing) must ask for nothing but tensors. Each mutation is made from the seed and its number alone, so that a run that
was cut off goes on where it was, and one that fails can be made again: ``--show NUMBER OUT``. It lowers its own priority.
"""

import argparse
import io
import json
import os
import pickle
import random
import resource
import signal
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from unittest.mock import patch

from tests.artifacts.more_folders import folders
from tests.artifacts.more_functions import functions as more_functions
from tests.artifacts.more_techniques import ways as more_ways
from tests.artifacts.techniques import functions, npy, safetensors, torch_zip, ways

from tiltyard.artifacts.formats import Format
from tiltyard.artifacts.judges.trust import TENSORS
from tiltyard.artifacts.verdict import scan_content

SECONDS, MEMORY = 5.0, 1 << 30
MOST_BYTES = 128 << 10
A_TIME = 5_000
TOKENS = (
    b"PK\x03\x04", b"PK\x05\x06", b"\x80\x04", b"\x80\x02", b"cos\nsystem\n", b"\x93", b"R.", b"\x89HDF\r\n\x1a\n", b"\x93NUMPY\x01\x00", b"\x1f\x8b", b"GGUF",
    b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff\xff\xff\xff\xff", b"\0\0\0\0\0\0\0\0", b"}", b'{"', b"\n", b".", b"\x8c\x02os\x8c\x06system\x93)R", b"gASV", b"%80%04",
)  # fmt: skip


@dataclass
class State:
    """How far a run is, and what it found: by kind, the numbers of the mutations."""

    seed: int
    done: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    most_memory: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)
    failed: dict[str, list[int]] = field(default_factory=dict)


Files = list[tuple[str, bytes]]


def corpus() -> list[Files]:
    """Name and content of every file that is changed, by where it is from, the same each time; single functions are many and small."""
    with patch("time.time", return_value=1.7e9):  # which archives write down
        return _corpus("tiltyard-never")


def _corpus(never: str) -> list[Files]:
    plain = pickle.dumps({"a": [1, 2.5, "text"], "b": (None, True, b"bytes"), "c": {1, 2}}, 4)
    found: list[Files] = [
        [*functions(never), *((f"{name}.pkl", data) for name, data in more_functions(never))],
        [(name, data) for _, name, data in ways(never)],
        list(more_ways(never).items()),
        [(file.rpartition("/")[2], data) for files in folders().values() for file, data in files.items()],
        [
            ("p.pkl", plain),
            ("w.safetensors", safetensors()),
            ("w.npy", npy()),
            ("w.pt", torch_zip(plain)),
            ("t.csv", b"a,b\n1,2\n3,4\n" * 50),
        ],
    ]
    return [sorted((name, data) for name, data in group if len(data) <= MOST_BYTES) for group in found]


def mutated(files: list[Files], seed: int, number: int) -> tuple[str, bytes]:
    """The mutation with this number: one to four changes of a file."""
    r = random.Random(f"{seed} {number}")
    name, data = r.choice(r.choice(files))
    content = bytearray(data)
    for _ in range(r.choice((1, 1, 1, 2, 2, 3, 4))):
        at, end = sorted((r.randrange(len(content) + 1), r.randrange(len(content) + 1)))
        end = min(end, at + r.choice((1, 4, 16, 256, 4096)))
        kind = r.randrange(8)
        if kind == 0:
            for _ in range(r.choice((1, 1, 2, 4, 8))):
                if content:
                    content[r.randrange(len(content))] = r.randrange(256)
        elif kind == 1:
            del content[at:end]
        elif kind == 2:
            content[at:at] = r.randbytes(r.choice((1, 2, 4, 8, 64)))
        elif kind == 3:
            content[at:at] = content[at:end] * r.choice((1, 2, 10))
        elif kind == 4:
            other = r.choice(r.choice(files))[1]
            begin = r.randrange(len(other) + 1)
            content[at:end] = other[begin : begin + r.choice((8, 64, 1024, 1 << 16))]
        elif kind == 5:
            del content[at:]
        elif kind == 6:
            token = r.choice(TOKENS)
            content[at : at + r.choice((0, len(token)))] = token
        else:
            content[at : at + 4] = r.choice((0, 1, 255, 1 << 16, (1 << 31) - 1, (1 << 32) - 1)).to_bytes(4, r.choice(("little", "big")))
        del content[2 * MOST_BYTES :]
    return name, bytes(content)


def asked_for(data: bytes) -> set[tuple[str, str]]:
    """What Python's unpickler would import of the pickles in a row; nothing is imported, and what is made does nothing."""
    seen: set[tuple[str, str]] = set()

    class Inert:
        def __new__(cls, *_: object, **__: object) -> "Inert":
            return object.__new__(cls)

        def __call__(self, *_: object) -> "Inert":
            return Inert()

        def __setitem__(self, key: object, value: object) -> None:
            pass

        def append(self, value: object) -> None:
            pass

        extend = add = __setstate__ = append

    class Recorder(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> type:
            seen.add((module, name))
            return Inert

        def persistent_load(self, pid: object) -> Inert:
            return Inert()

    stream = io.BytesIO(data)
    for _ in range(10):
        try:
            Recorder(stream).load()
        except Exception:
            break
    return seen


class TooSlow(BaseException):
    """A scan took all its seconds."""


def _too_slow(signum: int, frame: FrameType | None) -> None:
    raise TooSlow


def one(name: str, data: bytes) -> tuple[str, str, float]:
    """Verdict, what is wrong with it (or nothing), and the seconds of computing that it took."""
    begun = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        found = scan_content(name, data)
        signal.setitimer(signal.ITIMER_PROF, 0)
    except TooSlow:
        return "none", "slow", SECONDS
    except Exception as error:
        signal.setitimer(signal.ITIMER_PROF, 0)
        return "none", f"raised {type(error).__name__}", time.process_time() - begun
    took = time.process_time() - begun
    wrong = found.verdict == "safe" and found.format in (Format.PICKLE, Format.JOBLIB) and not asked_for(data) <= TENSORS
    return found.verdict, "called safe" if wrong else "", took


def work(files: list[Files], state: State, until: int, to: int, at_once: bool) -> None:
    """In a child: scan mutations up to ``until``, each told by a line on the pipe ``to``, ``at_once`` or when there are many."""
    signal.signal(signal.SIGPROF, _too_slow)
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with os.fdopen(to, "w") as pipe:
        for number in range(state.done, until):
            verdict, wrong, took = one(*mutated(files, state.seed, number))
            grew = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
            pipe.write(json.dumps([number, verdict, "memory" if grew > MEMORY else wrong, took, grew]) + "\n")
            if at_once:
                pipe.flush()
            if grew > MEMORY:
                return


def batch(files: list[Files], state: State, until: int) -> None:
    """Scan up to ``until`` in a child, however often it ends before, and take down what it tells."""
    at_once = False
    while state.done < until:
        come, go = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(come)
            work(files, state, until, go, at_once)
            os._exit(0)
        os.close(go)
        counts = Counter(state.verdicts)
        with os.fdopen(come) as pipe:
            for line in pipe:
                number, verdict, wrong, took, grew = json.loads(line)
                counts[verdict] += 1
                state.done, state.seconds = number + 1, state.seconds + took
                state.slowest, state.most_memory = max(state.slowest, took), max(state.most_memory, grew)
                if wrong:
                    state.failed.setdefault(wrong, []).append(number)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if ended and not at_once:
            at_once = True  # what it had not told yet is done again, to see which one it was
        elif ended:
            at_once = False
            state.failed.setdefault(f"ended the process ({ended})", []).append(state.done)
            counts["none"] += 1
            state.done += 1
        state.verdicts = dict(counts)


def told(state: State) -> str:
    """One line."""
    failed = ", ".join(f"{len(numbers)} {kind} ({numbers[:5]})" for kind, numbers in state.failed.items()) or "none failed"
    shown = ", ".join(f"{count:,} {word}" for word, count in sorted(state.verdicts.items()))
    return (
        f"{state.done:,} mutations: {failed}; {shown}; slowest {state.slowest:.2f} s, most memory {state.most_memory / 1e6:.0f} MB, "
        f"{1000 * state.seconds / max(state.done, 1):.2f} ms each"
    )


def main() -> int:
    """Run, or go on; 1 where any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end after so many of wall clock")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", type=Path, help="where it is kept how far the run is")
    parser.add_argument("--show", nargs=2, metavar=("NUMBER", "OUT"), help="write one mutation to a file")
    asked = parser.parse_args()
    files = corpus()
    if asked.show:
        Path(asked.show[1]).write_bytes(mutated(files, asked.seed, int(asked.show[0]))[1])
        return 0
    os.nice(19)
    state = State(asked.seed)
    if asked.state and asked.state.exists():
        state = State(**json.loads(asked.state.read_text(encoding="utf-8")))
    begun = time.monotonic()
    while state.done < asked.count and time.monotonic() - begun < asked.seconds:
        batch(files, state, min(asked.count, state.done + A_TIME))
        if asked.state:
            part = asked.state.with_suffix(".part")
            part.write_text(json.dumps(asdict(state)), encoding="utf-8")
            part.replace(asked.state)
        print(told(state), flush=True)
    return 1 if state.failed else 0


if __name__ == "__main__":
    sys.exit(main())
