"""The guarded endpoint under load, against the same model bare: ``nice python benchmarks/bench_serving.py``.

Two processes on loopback serve the shipped census model: ``tiltyard serve`` with a rate, a budget, the detector and a log on, and a FastAPI
application on uvicorn without any guard, which answers full scores. One loader keeps a bounded number of connections busy with one valid
row a request, in turns between the two, so that noise of the machine meets both. Then requests without a valid key, of many kinds: none
may be answered. Prints medians, p99 and their ratio, and the endpoint's memory; never a timed test.
"""

import argparse
import asyncio
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tiltyard.samples.catalog import load
from tiltyard.serving.keys import KeyStore
from tiltyard.statistics.intervals import clopper_pearson

BARE = """
import sys

import numpy as np
import uvicorn
from fastapi import FastAPI, Request
from tiltyard.samples.catalog import load
from tiltyard.serving.binding import listening

target = load(sys.argv[1]).target
target.scores(np.zeros((1, *target.input_shape), np.float32))
app = FastAPI()


@app.post("/v1/predict")
async def predict(request: Request):
    from starlette.concurrency import run_in_threadpool

    body = await request.json()
    scores = await run_in_threadpool(target.scores, np.asarray(body["instances"], np.float32))
    return {"scores": scores.tolist()}


place = listening("127.0.0.1", 0)
print(f"http://127.0.0.1:{place.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, http="h11")).run([place])
"""
GUARD = """
log = "log.jsonl"
[rate]
requests = "100000000/minute"
budget = 100000000
"""


@contextmanager
def process(*command: str, folder: Path) -> Iterator[tuple[str, int]]:
    """Address and process id of a server, ended with the block."""
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder) as server:
        try:
            assert server.stdout is not None
            for line in server.stdout:
                if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                    yield found[1], server.pid
                    return
            raise SystemExit(f"{command} did not start")
        finally:
            server.terminate()


def memory(pid: int) -> float:
    """MiB resident."""
    return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0]) / 1024


@dataclass
class Seen:
    """What came back: statuses, seconds of each, and answers that hold a prediction."""

    statuses: Counter[int]
    seconds: list[float]
    predictions: int = 0


def posted(port: str, body: bytes, head: str) -> bytes:
    """A request."""
    lines = f"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{head}\r\n"
    return lines.encode() + body


async def load_with(port: str, requests: Iterator[bytes], connections: int) -> Seen:
    """Send all requests over a bounded number of connections, each after the answer to the last."""
    seen = Seen(Counter(), [])

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        for request in requests:
            begun = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            content = await reader.readexactly(int(re.findall(rb"(?i)content-length: (\d+)", head)[0]))
            seen.seconds.append(time.perf_counter() - begun)
            seen.statuses[int(head[9:12])] += 1
            seen.predictions += b'"classes"' in content or b'"scores"' in content
            if b"connection: close" in head.lower():
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return seen


def keyless(port: str, body: bytes, secret: str, n: int) -> Iterator[bytes]:
    """Requests without a valid key, each of another kind in turn."""
    rng = np.random.default_rng(0)
    alphabet = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"))
    kinds: list[Callable[[], str]] = [
        lambda: "",
        lambda: f"Authorization: Bearer ty_{''.join(rng.choice(alphabet, 43))}\r\n",
        lambda: f"Authorization: Bearer {secret[:-1]}{rng.choice(alphabet[alphabet != secret[-1]])}\r\n",
        lambda: f"Authorization: Bearer {secret[:-1]}\r\n",
        lambda: f"Authorization: Bearer {secret.swapcase()}\r\n",
        lambda: f"Authorization: Basic {secret}\r\n",
        lambda: f"X-Api-Key: {secret}\r\n",
        lambda: f"Cookie: key={secret}\r\n",
        lambda: "Authorization: Bearer null\r\n",
        lambda: f"Authorization: Bearer {'A' * 2000}\r\n",
    ]
    for kind in itertools.islice(itertools.cycle(kinds), n):
        yield posted(port, body, kind())


def told(name: str, seconds: list[float]) -> None:
    """One line."""
    p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1000
    print(f"{name:12s} median {p50:7.2f} ms   p99 {p99:7.2f} ms   n {len(seconds):,}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="to each server, in rounds")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--keyless", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--sample", default="census")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    (folder / "guard.toml").write_text(GUARD)
    (folder / "bare.py").write_text(BARE)
    secret = KeyStore(folder / "keys.json").new("loader").secret
    rows = load(given.sample).data.unseen.x
    with ExitStack() as stack:
        served = ("-m", "tiltyard", "serve", f"sample:{given.sample}", "--config", "guard.toml", "--port", "0", "--keys", "keys.json")
        guarded, pid = stack.enter_context(process(*served, folder=folder))
        bare, bare_pid = stack.enter_context(process("bare.py", given.sample, folder=folder))
        bodies = [json.dumps({"instances": [row.tolist()]}).encode() for row in rows[:500]]
        head = f"Authorization: Bearer {secret}\r\n"
        before, ratios = memory(pid), []
        found: dict[str, list[float]] = {"bare": [], "guarded": []}
        for turn in range(given.rounds + 1):
            for name, port in (("bare", bare), ("guarded", guarded)):
                n = given.requests // given.rounds
                requests = (posted(port, body, head) for body in itertools.islice(itertools.cycle(bodies), n))
                seen = asyncio.run(load_with(port, requests, given.connections))
                assert set(seen.statuses) == {200}, seen.statuses
                if turn:
                    found[name] += seen.seconds
                    ratios.append(float(np.quantile(seen.seconds, 0.99)))
        for name, seconds in found.items():
            told(name, seconds)
        pairs = [g / b for b, g in zip(ratios[::2], ratios[1::2], strict=True)]
        all_p99 = np.quantile(found["guarded"], 0.99) / np.quantile(found["bare"], 0.99)
        print(f"p99 guarded / bare: {all_p99:.2f} over all; by round, median {np.median(pairs):.2f} ({min(pairs):.2f} to {max(pairs):.2f})")
        print(f"memory of the endpoint: {before:.0f} MiB before, {memory(pid):.0f} MiB after; bare {memory(bare_pid):.0f} MiB")
        seen = asyncio.run(load_with(guarded, keyless(guarded, bodies[0], secret, given.keyless), given.connections))
        n = sum(seen.statuses.values())
        upper = clopper_pearson(seen.predictions, n)[1]
        print(
            f"without a valid key: {seen.predictions} predictions in {n:,} requests (95 % upper bound {upper:.5%}), {dict(seen.statuses)}"
        )
        told("refused", seen.seconds)
        print(f"memory of the endpoint: {memory(pid):.0f} MiB; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
