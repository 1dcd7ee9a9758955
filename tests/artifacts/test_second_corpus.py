"""A second corpus, made to break what the first had shown: none of it may be called safe or known types, none of what is honest malicious."""

import pickle
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from tests.artifacts.more_folders import folders
from tests.artifacts.more_functions import functions
from tests.artifacts.more_techniques import ways
from tests.artifacts.techniques import PROTO, named, text

from tiltyard.artifacts.verdict import scan_content
from tiltyard.cli.commands.scan import exit_code
from tiltyard.published.scanning import look, scanned


def test_no_function_that_reaches_further_is_called_safe() -> None:
    every = dict(functions("never"))
    assert len(every) > 200
    assert {name for name, data in every.items() if scan_content("m.pkl", data).verdict in ("safe", "known types")} == set()


def test_no_file_is_called_safe_and_none_runs(tmp_path: Path) -> None:
    canary = tmp_path / "ran"
    wrong = {}
    for name, data in ways(str(canary)).items():
        (folder := tmp_path / str(len(list(tmp_path.iterdir())))).mkdir()
        (folder / name).write_bytes(data)
        start = time.thread_time()
        found = look(folder / name)
        if found.verdict is None or found.verdict.verdict in ("safe", "known types") or time.thread_time() - start > 5:
            wrong[name] = found.verdict and found.verdict.summary
    assert wrong == {}
    assert not canary.exists()


def test_no_folder_of_them_passes(tmp_path: Path) -> None:
    passed = []
    for name, files in folders().items():
        for file, data in files.items():
            (path := tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        passed += [name] if exit_code(scanned([tmp_path / name])) == 0 else []
    assert passed == []


def array_type(descr: str, flags: int, names: bytes = b"N", fields: bytes = b"N", size: int = -1) -> bytes:
    number = b"J" + struct.pack("<i", size)
    return (
        named("numpy", "dtype") + text(descr) + b"\x89\x88\x87R(K\x03" + text("|") + b"N" + names + fields + number
        + b"J\xff\xff\xff\xff" + b"J" + struct.pack("<i", flags) + b"tb"
    )  # fmt: skip


def array_of(kind: bytes) -> bytes:
    """One item of eight bytes, which a type of objects would take for an address."""
    start = named("numpy._core.multiarray", "_reconstruct") + named("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"
    return PROTO + start + b"(K\x01K\x01\x85" + kind + b"\x89C\x08AAAAAAAAtb."


def field(kind: bytes, offset: int) -> bytes:
    return b"}" + text("a") + kind + b"J" + struct.pack("<i", offset) + b"\x86s"


ONE = text("a") + b"\x85"
TYPES = {
    "objects whose flags deny it": array_type("O8", 0),
    "numbers whose flags say objects": array_type("f8", 63),
    "a record that hides objects": array_type("V8", 0, ONE, field(array_type("O8", 63), 0), 8),
    "a field beyond the record": array_type("V8", 0, ONE, field(array_type("f8", 0), 1 << 20), 8),
    "a field before the record": array_type("V8", 0, ONE, field(array_type("f8", 0), -4096), 8),
    "another size than its name": array_type("f8", 0, size=1 << 20),
    "the shared type of the program": array_type("O8", 0).replace(b"\x89\x88\x87R", b"\x89\x89\x87R"),
    "set a second time": array_type("V8", 0, size=8) + b"(K\x03" + text("|") + b"NNNK\x08K\x01K\x00tb",
}


@pytest.mark.parametrize("what", TYPES)
def test_array_types_that_lie_are_not_known(what: str) -> None:
    assert scan_content("m.pkl", array_of(TYPES[what])).verdict == "unproven"
    assert scan_content("m.pkl", array_of(array_type("f8", 0))).verdict == "known types"


def ordinary() -> dict[str, Any]:
    import numpy as np
    import pandas as pd
    import scipy.stats
    from scipy.interpolate import CubicSpline
    from sklearn.model_selection import RandomizedSearchCV
    from sklearn.tree import DecisionTreeClassifier

    x = np.arange(40.0).reshape(20, 2)
    search = RandomizedSearchCV(
        DecisionTreeClassifier(), {"max_depth": scipy.stats.randint(1, 5), "ccp_alpha": scipy.stats.uniform(0, 0.1)}, n_iter=2, cv=2
    )
    return {
        "search": search.fit(x, [0, 1] * 10),
        "record": np.zeros(2, [("a", "i4"), ("b", "f8", (2,)), ("c", "O"), ("d", [("e", "U3")])]),
        "many": np.zeros(2, [(f"f{i}", "f4") for i in range(100)]),
        "time zone": pd.Series(pd.date_range("2024", periods=3, tz="Europe/Berlin")),
        "nullable": pd.DataFrame({"i": pd.array([1, None], dtype="Int64"), "s": pd.array(["a", None], dtype="string")}),
        "intervals": pd.cut(pd.Series([1.0, 2.0]), 2),
        "spline": CubicSpline([0, 1, 2], [0, 1, 4]),
        "polynomial": np.poly1d([1, 2]),
    }


def test_what_libraries_write_is_known() -> None:
    wrong = {}
    for name, value in ordinary().items():
        for protocol in (2, 4, 5):
            verdict = scan_content("m.pkl", pickle.dumps(value, protocol))
            wrong |= {} if verdict.verdict == "known types" else {f"{name} {protocol}": verdict.summary}
    assert wrong == {}


def test_tensors_by_plain_pickle_are_known_and_open() -> None:
    import torch

    from tiltyard.artifacts.formats import Format
    from tiltyard.targets.known_types import loaded

    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
    for value in (net, net.state_dict(), torch.eye(3).to_sparse(), torch.optim.Adam(net.parameters())):
        content = pickle.dumps(value)
        assert scan_content("m.pkl", content).verdict == "known types"
        assert type(loaded(content, Format.PICKLE, frozenset())) is type(value)


def test_a_byte_string_of_more_than_numbers_is_not_opened() -> None:
    import io

    import torch

    from tiltyard.artifacts.formats import Format
    from tiltyard.targets.known_types import loaded

    out = io.BytesIO()
    torch.save(torch.nn.Linear(2, 2), out, _use_new_zipfile_serialization=False)
    raw = out.getvalue()
    content = PROTO + named("torch.storage", "_load_from_bytes") + b"B" + struct.pack("<I", len(raw)) + raw + b"\x85R."
    assert scan_content("m.pkl", content).verdict == "unproven"
    with pytest.raises(pickle.UnpicklingError):
        loaded(content, Format.PICKLE, frozenset())


def test_a_sparse_tensor_with_indices_outside_is_not_opened() -> None:
    import torch

    from tiltyard.artifacts.formats import Format
    from tiltyard.targets.known_types import loaded

    tensor = torch.sparse_coo_tensor(torch.tensor([[70_000]]), torch.ones(1), (3,), check_invariants=False)
    with pytest.raises(RuntimeError):
        loaded(pickle.dumps(tensor), Format.PICKLE, frozenset())


def test_code_by_value_is_unproven_and_malicious_where_it_reaches() -> None:
    import cloudpickle

    assert scan_content("m.pkl", cloudpickle.dumps(lambda x: x + 1)).verdict == "unproven"
    assert scan_content("m.pkl", cloudpickle.dumps(lambda x: __import__("os").system(x))).verdict == "malicious"


CTOR = named("numpy.random._pickle", "__bit_generator_ctor")
SCORER = named("sklearn.metrics._scorer", "_passthrough_scorer")


def generator(*args: bytes, maker: str = "__randomstate_ctor") -> bytes:
    return named("numpy.random._pickle", maker) + b"(" + b"".join(args) + b"tR"


@pytest.mark.parametrize("maker", ["__randomstate_ctor", "__generator_ctor"])
def test_generators_of_numpy_before_2_are_known_types(maker: str) -> None:
    """It gives the call the function that makes the bits beside their name (found with NumPy 1.24 and scikit-learn 1.2)."""
    plain = generator(text("MT19937"), CTOR, maker=maker) + b"}" + text("state") + b"K\x01sb."
    assert scan_content("m.pkl", PROTO + plain).verdict == "known types"
    for wrong in (
        generator(text("MT19937"), named("os", "system"), maker=maker) + b".",
        generator(text("MT19937"), CTOR, CTOR, maker=maker) + b".",
        generator(text("Other"), CTOR, maker=maker) + b".",
        b"]" + CTOR + b"a.",
        b"}" + text("f") + CTOR + b"s.",
    ):
        assert scan_content("m.pkl", PROTO + wrong).verdict in ("unproven", "malicious"), wrong


def test_the_scorer_of_older_searches_is_known_as_a_value_alone() -> None:
    assert scan_content("m.pkl", PROTO + b"}" + text("scorer_") + SCORER + b"s.").verdict == "known types"
    assert scan_content("m.pkl", PROTO + SCORER + text("x") + b"\x85R.").verdict == "unproven"
