"""A small model behind an endpoint of each format, for the tests of what asks it."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema

Said = tuple[int, Mapping[str, str], bytes]
KEY = "ty_0123456789abcdef0123456789abcdef"
SCHEMA = Schema(
    features=(
        Feature(name="size", kind="continuous", low=-4, high=4),
        Feature(name="color", kind="categorical", categories=("red", "blue")),
    ),
    label="kind",
    classes=("a", "b", "c"),
)
WEIGHTS = np.array([[2.0, -1.0, -1.0], [0.5, 0.0, 0.2], [0.0, 0.9, -0.1]])


def model(x: np.ndarray) -> np.ndarray:
    logits = np.exp(np.asarray(x, np.float64) @ WEIGHTS)
    return logits / logits.sum(1, keepdims=True)


def eaten(x: np.ndarray) -> np.ndarray:
    """Rows as the model eats them, one-hot."""
    return np.column_stack([x[:, 0], np.eye(2)[x[:, 1].astype(int)]])


def shapes() -> Dataset:
    """900 rows that the model itself labeled."""
    rng = np.random.default_rng(0)
    n = 900
    x = np.column_stack([rng.uniform(-4, 4, n), rng.integers(0, 2, n)])
    return Dataset(x, model(eaten(x)).argmax(1).astype(np.int64), SCHEMA, "shapes", member=np.arange(n) < n // 2)


def reply(value: Any, status: int = 200, **headers: str) -> Said:
    return status, {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}, json.dumps(value).encode()


class Endpoint:
    """The model behind each of the three formats; counts the rows it answered and what it was asked."""

    def __init__(self, scores: str = "scores", limit: int = 10**9, key: str = "") -> None:
        self.scores, self.limit, self.key = scores, limit, key
        self.rows = 0
        self.asked: list[tuple[str, Mapping[str, str], int]] = []
        self.refuse: list[Said] = []
        self.lock = threading.Lock()

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Said:
        if self.key and headers.get("authorization") != f"Bearer {self.key}":
            return reply({"error": {"expected": "a key", "found": f"{headers.get('authorization')}", "do": "Give one"}}, 401)
        if method == "GET":
            return self.about(path)
        given = json.loads(body)
        x = self.read(given)
        with self.lock:
            self.asked.append((path, headers, len(x)))
            if self.refuse:
                return self.refuse.pop(0)
            if len(x) > self.limit:
                return reply({"error": {"expected": f"at most {self.limit} rows", "found": f"{len(x)}", "do": "Ask for fewer"}}, 413)
            self.rows += len(x)
        return reply(self.answer(path, model(x)))

    def about(self, path: str) -> Said:
        if path == "/v1/model":
            features = [f.model_dump(mode="json") for f in SCHEMA.features]
            limits = {"rows": min(self.limit, 10**6)}
            return reply(
                {
                    "name": "shapes",
                    "classes": list("abc"),
                    "input_shape": [3],
                    "columns": ["size", "color"],
                    "features": features,
                    "limits": limits,
                }
            )
        if path == "/v2/models/shapes":
            return reply({"name": "shapes", "versions": ["7"], "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}]})
        return reply({"error": "no such page"}, 404)

    def read(self, given: Any) -> np.ndarray:
        if "dataframe_split" in given:
            rows = [dict(zip(given["dataframe_split"]["columns"], row, strict=True)) for row in given["dataframe_split"]["data"]]
        elif given.get("instances") and isinstance(given["instances"][0], dict):
            rows = given["instances"]
        elif isinstance(given["inputs"] if "inputs" in given else given["instances"], list) and "instances" in given:
            return np.array(given["instances"])
        else:
            tensor = given["inputs"][0]
            return np.array(tensor["data"]).reshape(tensor["shape"]) if isinstance(tensor, dict) else np.array(given["inputs"])
        return np.array([[row["size"], row["color"] == "red", row["color"] == "blue"] for row in rows], float)

    def answer(self, path: str, p: np.ndarray) -> Any:
        names = [str("abc"[i]) for i in p.argmax(1)]
        if path.endswith("/infer"):
            label = {"name": "label", "datatype": "BYTES", "shape": [len(p)], "data": names}
            scores = {"name": "p", "datatype": "FP32", "shape": list(p.shape), "data": p.ravel().tolist()}
            return {"outputs": [label, scores] if self.scores == "scores" else [label]}
        if path.endswith("/invocations"):
            return {"predictions": p.tolist() if self.scores == "scores" else names}
        if self.scores == "label":
            return {"classes": list("abc"), "labels": names}
        if self.scores == "top2":
            top = [{str("abc"[i]): float(row[i]) for i in np.argsort(-row)[:2]} for row in p]
            return {"classes": list("abc"), "labels": names, "scores": top}
        return {"classes": list("abc"), "labels": names, "scores": p.round(2 if self.scores == "rounded" else 9).tolist()}


Serve = Callable[[Any], str]
PATHS = ["", "/v1/predict", "/v2/models/shapes/infer", "/v2/models/shapes", "/invocations"]
