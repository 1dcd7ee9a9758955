"""A small endpoint on a free port: a linear model on a table of five features, and a key to ask it."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.serving.keys import KeyStore
from tiltyard.serving.server import Served
from tiltyard.serving.settings import Settings
from tiltyard.targets.estimators import FunctionTarget

SCHEMA = Schema(
    features=(
        Feature(name="age", kind="integer", low=17, high=90, unit="years"),
        Feature(name="income", kind="continuous", low=0, high=1000),
        Feature(name="color", kind="categorical", categories=("red", "green", "(missing)")),
        Feature(name="side", kind="onehot", columns=("left", "right")),
    ),
    label="y",
    classes=("no", "maybe", "yes"),
)
GOOD = [30.0, 12.5, 1.0, 0.0, 0.0, 0.0, 1.0]
PERSON = {"age": 30, "income": 12.5, "color": "red", "left": 0, "right": 1}
WEIGHTS = np.array(
    [[0.03, -0.02, 0.0], [0.001, 0.0, 0.002], [1.0, 0.3, 0.0], [0.0, 1.0, 0.2], [0.1, 0.1, 0.1], [0.0, 0.5, 0.2], [0.3, 0.0, 0.1]]
)


def softmax(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The model: a softmax regression."""
    logits = np.exp(x @ WEIGHTS - (x @ WEIGHTS).max(1, keepdims=True))
    return (logits / logits.sum(1, keepdims=True)).astype(np.float32)


def linear(answer: Callable[[Any], Any] = softmax) -> FunctionTarget:
    """The target; ``answer`` in the place of its model."""
    return FunctionTarget(answer, SCHEMA.classes, SCHEMA, "linear", fingerprint="0" * 64)


class Asked:
    """A served endpoint with its keys and a client that has one."""

    def __init__(self, served: Served, keys: KeyStore, secret: str) -> None:
        self.served = served
        self.keys = keys
        self.secret = secret
        self.head = {"Authorization": f"Bearer {secret}"}
        self.client = httpx.Client(base_url=served.url, headers=self.head, timeout=60)

    @property
    def port(self) -> int:
        return int(self.served.url.rpartition(":")[2])

    def predict(self, *rows: Any, **more: Any) -> httpx.Response:
        return self.client.post("/v1/predict", json={"instances": list(rows)}, **more)

    def send(self, content: bytes, kind: str = "application/json", **headers: str) -> httpx.Response:
        return self.client.post("/v1/predict", content=content, headers={"Content-Type": kind, **headers})


def started(stack: ExitStack, target: Any, observers: Any, settings: dict[str, Any], honest: Any = None) -> Asked:
    """Serve until the stack ends."""
    keys = KeyStore()
    secret = keys.new("tester").secret
    given = Settings.model_validate({"port": 0, "rate": {"requests": ""}} | settings)
    served = stack.enter_context(Served(target or linear(), given, keys, observers, honest))
    asked = Asked(served, keys, secret)
    stack.callback(asked.client.close)
    return asked


def until(true: Callable[[], Any], seconds: float = 300) -> Any:
    """Wait for a condition and return what it gave."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return found


@pytest.fixture
def serving() -> Iterator[Callable[..., Asked]]:
    """Serve the linear model, or another, with the given settings while the test lasts."""
    with ExitStack() as stack:
        yield lambda target=None, observers=(), honest=None, **settings: started(stack, target, observers, settings, honest)


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    """One endpoint with the safe settings for a module's tests."""
    with ExitStack() as stack:
        yield started(stack, None, (), {})
