"""An endpoint in a process of its own, as an operator runs it."""

import os
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from tiltyard.serving.keys import KeyStore

SERVER = """
import sys
import time
from pathlib import Path
from tests.serving.conftest import linear, softmax
from tiltyard.serving.keys import KeyStore
from tiltyard.serving.server import serve
from tiltyard.serving.settings import read_settings


def answer(x):
    time.sleep(float(sys.argv[3]))
    return softmax(x)


serve(linear(answer), read_settings(Path(sys.argv[1])), KeyStore(Path(sys.argv[2])), lambda url: print(url, flush=True))
"""
TREE = Path(__file__).parents[2]


class Process:
    """A server of its own, its client with a key, and its memory. ``seconds`` is how long its model takes for an answer."""

    def __init__(self, folder: Path, settings: str, seconds: float = 0.0, verify: Any = True) -> None:
        (folder / "guard.toml").write_text(settings)
        self.log = folder / "log.jsonl"
        self.errors = folder / "stderr"
        self.keys = KeyStore(folder / "keys.json")
        secret = self.keys.new("tester").secret
        command = [sys.executable, "-c", SERVER, "guard.toml", "keys.json", str(seconds)]
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=folder, env=environment())
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http"), self.errors.read_text()
        self.verify = verify
        self.head = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self.client = httpx.Client(base_url=self.url, headers=self.head, timeout=60, verify=verify)

    @property
    def memory(self) -> float:
        """MiB resident."""
        return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[0]) / 1024

    def sent(self, content: Any, **headers: str) -> httpx.Response:
        return self.client.post("/v1/predict", content=content, headers=headers)

    def raw(self, content: bytes = b"") -> socket.socket:
        """A connection that sent only this."""
        made = socket.create_connection(("127.0.0.1", int(self.url.rpartition(":")[2])), timeout=60)
        made.sendall(content)
        return made

    def close(self) -> None:
        self.client.close()
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(60)
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def environment() -> dict[str, str]:
    """With the tests and the sources on the path."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(TREE), *sys.path])}
