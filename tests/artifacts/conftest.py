"""Real files of each format, made once; and pickles written by hand, opcode by opcode, never loaded."""

import io
import struct
import warnings

import numpy as np
import pytest


@pytest.fixture(scope="session")
def torch_files() -> dict[str, bytes]:
    """Bytes of: zip, legacy, whole (a pickled module), traced, scripted, files (a script that reads one)."""
    import torch

    class Reader(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.from_file("/etc/hostname", size=4, dtype=torch.uint8)

    class Writer(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch.save(x, "/tmp/never-written")
            return x

    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.ReLU()).eval()
    state = net.state_dict()

    def saved(value: object, legacy: bool = False) -> bytes:
        out = io.BytesIO()
        torch.save(value, out, _use_new_zipfile_serialization=not legacy)
        return out.getvalue()

    def scripted(module: torch.jit.ScriptModule) -> bytes:
        out = io.BytesIO()
        torch.jit.save(module, out)
        return out.getvalue()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "zip": saved(state),
            "legacy": saved(state, legacy=True),
            "whole": saved(net),
            "optimizer": saved({"model": state, "step": 3, "lr": 0.1, "name": "adam", "dtype": torch.float16, "size": net[0].weight.shape}),
            "traced": scripted(torch.jit.trace(net, torch.zeros(2, 4))),
            "scripted": scripted(torch.jit.script(net)),
            "reader": scripted(torch.jit.script(Reader())),
            "writer": scripted(torch.jit.script(Writer())),
        }


@pytest.fixture(scope="session")
def safetensors_bytes() -> bytes:
    from safetensors.numpy import save

    return save({"a": np.ones((2, 3), np.float32), "b": np.arange(4, dtype=np.int64)}, metadata={"made": "by a test"})


@pytest.fixture(scope="session")
def skops_files() -> dict[str, bytes]:
    """A logistic regression, a pipeline, a forest and a boosting, whose trees skops does not trust by itself."""
    import skops.io
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    models = {
        "logistic": LogisticRegression(),
        "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
        "forest": RandomForestClassifier(2, random_state=0),
        "boosting": GradientBoostingClassifier(n_estimators=1, random_state=0),
    }
    return {name: skops.io.dumps(model.fit(x, y)) for name, model in models.items()}


@pytest.fixture(scope="session")
def joblib_files() -> dict[str, bytes]:
    import joblib
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    made = {}
    for name, compress in (("raw", 0), ("zlib", ("zlib", 3)), ("gzip", ("gzip", 3)), ("xz", ("xz", 3)), ("bz2", ("bz2", 3))):
        out = io.BytesIO()
        joblib.dump(model, out, compress=compress)
        made[name] = out.getvalue()
    return made


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


@pytest.fixture(scope="session")
def numpy_files() -> dict[str, bytes]:
    def archive(compressed: bool, array: np.ndarray) -> bytes:
        out = io.BytesIO()
        (np.savez_compressed if compressed else np.savez)(out, x=array, y=np.arange(3))
        return out.getvalue()

    return {
        "npz": archive(False, np.ones((2, 2))),
        "npz_compressed": archive(True, np.ones((2, 2))),
        "npz_objects": archive(False, np.array([{}, None], dtype=object)),
        "npy": npy(np.zeros(3, dtype=[("a", "<f4"), ("b", "<i2", (2,))])),
        "npy_objects": npy(np.array([{}], dtype=object)),
    }


@pytest.fixture(scope="session")
def onnx_bytes() -> bytes:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])],
        [numpy_helper.from_array(np.ones((4, 3), np.float32), "w")],
    )
    model = helper.make_model(graph)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def short(text: str) -> bytes:
    """SHORT_BINUNICODE."""
    return b"\x8c" + struct.pack("B", len(text)) + text.encode()


PROTO4 = b"\x80\x04"
SYSTEM = b"cos\nsystem\n(S'echo never'\ntR."
ATTACKS: dict[str, bytes] = {
    "text reduce": SYSTEM,
    "protocol 2 reduce": b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R.",
    "inst": b"(S'true'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'true'\no.",
    "stack global": PROTO4 + short("os") + short("system") + b"\x93" + short("true") + b"\x85R.",
    "through the memo": PROTO4 + short("system") + b"\x94" + short("os") + b"\x94" + b"00" + b"h\x01h\x00\x93" + short("true") + b"\x85R.",
    "through duplicates": PROTO4 + short("system") + short("os") + b"2" + b"q\x07" + b"00" + b"q\x08" + b"0h\x07h\x08\x93)R.",
    "long opcodes": PROTO4 + b"\x8d" + struct.pack("<Q", 2) + b"os" + b"X\x06\0\0\0system\x93)R.",
    "collect_env": PROTO4 + short("torch.utils.collect_env") + short("run") + b"\x93" + short("id") + b"\x85R.",
    "getattr chain": b"\x80\x02cbuiltins\ngetattr\nc__builtin__\n__import__\nX\x02\0\0\0os\x85RX\x06\0\0\0system\x86RX\x04\0\0\0true\x85R.",
    "dotted name": PROTO4 + short("torch") + short("serialization.os.system") + b"\x93)R.",
    "eval": b"\x80\x03cbuiltins\neval\nX\x03\0\0\x001+1\x85R.",
    "runpy": b"\x80\x02crunpy\nrun_path\nX\x01\0\0\0x\x85R.",
    "pickle in pickle": b"\x80\x03c_pickle\nloads\nC" + bytes([len(SYSTEM)]) + SYSTEM + b"\x85R.",
    "pandas reads a URL": b"\x80\x02cpandas\nread_csv\nX\x01\0\0\0x\x85R.",
    "changes a class": b"\x80\x02ctorch\nFloatStorage\n}X\x01\0\0\0aK\x01sb.",
    "name made at load": PROTO4 + b"c_codecs\nencode\n" + short("os") + short("latin-1") + b"\x86R" + short("system") + b"\x93)R.",
    "extension registry": b"\x80\x02\x82\x01)R.",
    "frame that readers disagree on": PROTO4 + b"\x95\x04" + b"\0" * 7 + b"cxxos\nsystem\n)R.",
}


@pytest.fixture(params=sorted(ATTACKS), ids=lambda name: name.replace(" ", "-"))
def attack(request: pytest.FixtureRequest) -> bytes:
    """One malicious pickle after another."""
    return ATTACKS[request.param]
