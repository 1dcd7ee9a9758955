"""Verdicts beside those of picklescan and fickling, over attacks written by hand and over files that real libraries wrote.

What either calls dangerous is never called safe here. Where they differ from us otherwise, it is listed with the reason; a difference
that comes or goes fails the test.
"""

import io
import warnings
import zipfile

import pytest

from tiltyard.artifacts.verdict import scan_content

from .conftest import ATTACKS

SUFFIX = {
    "torch": ".pt",
    "skops": ".skops",
    "joblib": ".joblib",
    "npy": ".npy",
    "npz": ".npz",
    "safetensors": ".safetensors",
    "onnx": ".onnx",
}

MISSED_BY_PICKLESCAN = {
    "attack changes a class": "it allows torch.FloatStorage, and does not see that BUILD writes into the class",
    "attack dotted name": "it knows no danger by this name; the unpickler follows the dots to os.system",
    "attack extension registry": "it reads no EXT opcodes",
    "attack frame that readers disagree on": "it reads the name in the frame as the C unpickler does not",
    "attack pandas reads a URL": "it lists no reader of pandas",
    "attack through duplicates": "it does not follow DUP",
    "torch reader": "it does not read TorchScript's code, which reads a file",
    "torch writer": "it does not read TorchScript's code, which writes a file",
}
"""Unsafe here, and no issue there."""
DOUBTED_BY_FICKLING = dict.fromkeys(
    ("torch legacy", "torch optimizer", "torch scripted", "torch traced", "torch zip"),
    "it trusts no import that is not of Python's own library, torch's rebuilding of tensors included",
)
"""Safe here, and not likely safe there."""
UNREAD_BY_FICKLING = {
    "attack extension registry": "it stops at EXT opcodes",
    "joblib raw": "it stops where joblib puts an array between two opcodes",
    "npy": "no pickle",
    "npy objects": "it expects the pickle at the beginning",
    "onnx": "no pickle",
    "safetensors": "no pickle",
    **{f"joblib {packed}": "it unpacks nothing" for packed in ("bz2", "gzip", "xz", "zlib")},
}
"""Files from which it gets no verdict."""


@pytest.fixture(scope="module")
def corpus(
    torch_files: dict[str, bytes],
    skops_files: dict[str, bytes],
    joblib_files: dict[str, bytes],
    numpy_files: dict[str, bytes],
    safetensors_bytes: bytes,
    onnx_bytes: bytes,
) -> dict[str, bytes]:
    """Every file of the other tests by a name that begins with its kind."""
    kinds = {"attack": ATTACKS, "torch": torch_files, "skops": skops_files, "joblib": joblib_files}
    made = {f"{kind} {name}": data for kind, files in kinds.items() for name, data in files.items()}
    made |= {name.replace("_", " "): data for name, data in numpy_files.items()}
    return made | {"safetensors": safetensors_bytes, "onnx": onnx_bytes}


@pytest.fixture(scope="module")
def ours(corpus: dict[str, bytes]) -> dict[str, str]:
    return {name: scan_content("file", data).verdict for name, data in corpus.items()}


@pytest.fixture(scope="module")
def picklescans(corpus: dict[str, bytes]) -> dict[str, int]:
    """The number of issues that picklescan finds."""
    from picklescan.scanner import scan_bytes

    def issues(name: str, data: bytes) -> int:
        suffix = SUFFIX.get(name.partition(" ")[0], ".pkl")
        return int(scan_bytes(io.BytesIO(data), f"file{suffix}", suffix).issues_count)

    return {name: issues(name, data) for name, data in corpus.items()}


@pytest.fixture(scope="module")
def ficklings(corpus: dict[str, bytes]) -> dict[str, str]:
    """The name of the worst severity that fickling gives the pickle in a file; empty where it gets none. Other zips hold no pickle."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fickling.analysis import check_safety
        from fickling.fickle import StackedPickle

        def severity(data: bytes) -> str:
            try:
                return max(check_safety(one).severity for one in StackedPickle.load(io.BytesIO(data))).name
            except Exception:
                return ""

        pickles = {name: pickle_of(data) for name, data in corpus.items()}
        return {name: severity(data) for name, data in pickles.items() if data}


def pickle_of(data: bytes) -> bytes:
    if not data.startswith(b"PK"):
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return next((archive.read(name) for name in archive.namelist() if name.endswith("data.pkl")), b"")


def test_what_picklescan_calls_dangerous_is_never_safe_here(ours: dict[str, str], picklescans: dict[str, int]) -> None:
    dangerous = {name for name, issues in picklescans.items() if issues}
    assert len(dangerous) >= 10
    assert {name: ours[name] for name in dangerous if ours[name] != "malicious"} == {}


def test_what_fickling_calls_malicious_is_never_safe_here(ours: dict[str, str], ficklings: dict[str, str]) -> None:
    dangerous = {name for name, severity in ficklings.items() if severity.endswith("MALICIOUS")}
    assert len(dangerous) >= 10
    assert {name: ours[name] for name in dangerous if ours[name] != "malicious"} == {}


def test_the_same_attacks_inside_a_torch_file(torch_files: dict[str, bytes]) -> None:
    from picklescan.scanner import scan_bytes

    dangerous = 0
    for attack in ATTACKS.values():
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(torch_files["zip"])) as source, zipfile.ZipFile(out, "w") as target:
            for name in source.namelist():
                target.writestr(name, attack if name.endswith("data.pkl") else source.read(name))
        data = out.getvalue()
        dangerous += bool(scan_bytes(io.BytesIO(data), "file.pt", ".pt").issues_count)
        assert scan_content("file.pt", data).verdict == "malicious"
    assert dangerous >= 10


def test_where_the_others_differ_is_listed(ours: dict[str, str], picklescans: dict[str, int], ficklings: dict[str, str]) -> None:
    malicious = {name for name, verdict in ours.items() if verdict == "malicious"}
    safe = {name for name, verdict in ours.items() if verdict == "safe"}
    assert {name for name in malicious if not picklescans[name]} == set(MISSED_BY_PICKLESCAN)
    assert {name for name in safe if ficklings.get(name, "") not in ("", "LIKELY_SAFE")} == set(DOUBTED_BY_FICKLING)
    assert {name for name, severity in ficklings.items() if not severity} == set(UNREAD_BY_FICKLING)
