"""Judging zips: torch, TorchScript, skops, Keras, NumPy, and any other. All in memory, nothing extracted."""

import io
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from .. import archives
from ..archives import BadArchive, Directory, Entry
from ..formats import Format
from ..headers import BadHeader, read_npy
from ..reason import Findings
from ..skops.memory import fault as fault_of_numbers
from ..skops.schema import BadSchema, dictionaries, reaching, untrusted
from ..skops.shown import SHOWN, fault
from ..sniffing import pickle_kind, text_pickle, zip_kind
from . import exported, torchscript
from .flat import judge_npy
from .pickles import judge_stream, judge_traces, storage_of
from .trust import SCRIPT, TENSORS, executes
from .values import Walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy import ndarray

MOST_PICKLE = 256 << 20
DEPTH = 3
_DISTRIBUTION = "a distribution executes what its state says; save the search's best_estimator_ alone"
_PLUMBING = frozenset({"version", "byteorder", ".format_version", ".storage_alignment", ".data/serialization_id"})
_SCRIPT_PICKLES = frozenset(
    {"data.pkl", "constants.pkl", "traced_inputs.pkl", "bytecode.pkl", "attributes.pkl", "mobile_debug_handles.pkl"}
)


def judge_zip(stream: IO[bytes], findings: Findings, depth: int = 0) -> None:
    """Judge any zip in ``stream``."""
    try:
        found = archives.directory(stream)
    except BadArchive as error:
        findings.unproven("zip", str(error), "what cannot be listed cannot be shown safe")
        stream.seek(0)
        judge_traces(stream, findings, "zip")
        return
    for where, what in found.attacks:
        findings.malicious(
            where, what, "made to write or read where it should not, or to show two readers two things", rule="archive-deceives"
        )
    for where, what in found.odd:
        findings.unproven(where, what, "writers of model files do not do this, and readers may disagree on it", rule="archive-deceives")
    kind = zip_kind(found, stream)
    judge = {
        Format.TORCH_ZIP: _judge_torch,
        Format.TORCHSCRIPT: _judge_script,
        Format.TORCH_EXPORT: _judge_exported,
        Format.SKOPS: _judge_skops,
        Format.KERAS: _judge_keras,
        Format.NPZ: _judge_npz,
    }.get(kind)
    if judge is not None:
        judge(stream, found, findings)
    else:
        _judge_other(stream, found, findings, depth)


def _root(found: Directory) -> str | None:
    """The one top folder of a torch archive; torch takes that of the first entry."""
    roots = {e.name.split("/", 1)[0] if "/" in e.name else "" for e in found.entries}
    return roots.pop() + "/" if len(roots) == 1 and "" not in roots else None


def _inner(found: Directory, findings: Findings) -> list[tuple[str, Entry]]:
    root = _root(found)
    if root is None:
        findings.unproven("zip", "more than one top folder", "torch reads the first, another reader may read another")
        return [(e.name.split("/", 1)[-1], e) for e in found.entries]
    return [(e.name[len(root) :], e) for e in found.entries]


def _judge_torch(stream: IO[bytes], found: Directory, findings: Findings) -> None:
    entries = _inner(found, findings)
    for name, entry in entries:
        findings.progress.check()
        if name == "data.pkl":
            walks = _judge_entry_pickle(stream, entry, findings, TENSORS)
            _judge_persistent(walks, "data", entries, entry.name, findings)
        elif name.startswith("data/"):
            _judge_raw(stream, entry, findings)
        elif name not in _PLUMBING or entry.size > 1000:
            findings.unproven(entry.name, "an entry that torch does not write", "what it is for is not known")
            _judge_unknown(stream, entry, findings, 1)
    if findings.worst == "note":
        findings.note("data.pkl", "only tensors and plain values", "every import is on the allowlist: open it with weights_only=True")


def _judge_entry_pickle(stream: IO[bytes], entry: Entry, findings: Findings, allowed: frozenset[tuple[str, str]]) -> list[Walk]:
    try:
        data = archives.read(stream, entry, MOST_PICKLE)
    except BadArchive as error:
        findings.unproven(entry.name, str(error), "a pickle that cannot be read whole cannot be shown safe")
        _judge_damaged(stream, entry, findings)
        return []
    return judge_stream(io.BytesIO(data), findings, entry.name, allowed)


def _judge_damaged(stream: IO[bytes], entry: Entry, findings: Findings) -> None:
    """What a reader that ignores the checksum would see."""
    try:
        data = archives.peek(stream, entry, MOST_PICKLE)
    except BadArchive:
        return
    judge_traces(io.BytesIO(data), findings, entry.name)


def _judge_persistent(walks: list[Walk], folder: str, entries: list[tuple[str, Entry]], where: str, findings: Findings) -> None:
    sizes = {name: entry.size for name, entry in entries}
    for found in walks:
        for pid in (p for w in found.everything() for p in w.persistent):
            one = storage_of(pid, 5)
            if one is None:
                findings.unproven(where, "a persistent id that names no storage", "torch writes none")
                continue
            key, width, count = one
            have = sizes.get(f"{folder}/{key}", 0 if not count else None)
            if folder == "traced_inputs" and have == 0:
                continue  # torch keeps the shapes of the example inputs and leaves their numbers out
            if have is None or have < width * count:
                findings.unproven(where, f"storage {key} should have {width * count:,} bytes, its entry has {have or 0:,}",
                                  "a reader that believes it would read foreign memory")  # fmt: skip


def _judge_raw(stream: IO[bytes], entry: Entry, findings: Findings) -> None:
    """Tensor bytes are never unpickled; a pickle hidden in them is worth saying all the same."""
    try:
        head = archives.peek(stream, entry, 2)
        if head[:1] in (b"\x80", b"c", b"(", b"P") and len(head) == 2:
            head = archives.peek(stream, entry, 1 << 16)
    except BadArchive as error:
        findings.unproven(entry.name, str(error), "it cannot be looked at")
        return
    if len(head) <= 2:
        return
    if head[:4] == b"PK\x03\x04":
        findings.unproven(entry.name, "an archive in the place of tensor data", "tensors do not look like that")
    quiet = Findings(findings.progress)
    walks = judge_stream(io.BytesIO(head), quiet, entry.name, TENSORS, tail_ok=True)
    named = [i for w in walks for i in w.imports if i.module is not None]
    if any(executes(i.module or "", i.name) for i in named):
        findings.malicious(entry.name, f"{named[0]} in the place of tensor data", "a pickle hidden where tensors belong")
    elif named and any(w.complete and w.imports for w in walks):
        findings.unproven(entry.name, "a pickle in the place of tensor data", "tensors do not look like that")


def _judge_script(stream: IO[bytes], found: Directory, findings: Findings) -> None:
    """TorchScript runs in its own interpreter, not in Python: its code is listed and its operators judged."""
    entries = _inner(found, findings)
    codes: dict[str, torchscript.Code] = {}
    for name, entry in entries:
        findings.progress.check()
        if name in _SCRIPT_PICKLES or (name.startswith("code/") and name.endswith(".debug_pkl")):
            walks = _judge_entry_pickle(stream, entry, findings, _Declared())
            _judge_persistent(walks, PurePosixPath(name).stem, entries, entry.name, findings)
        elif name.startswith("code/") and name.endswith(".py"):
            codes[entry.name] = _code(stream, entry, findings)
        elif name.startswith(("data/", "constants/", "traced_inputs/", "tensors/")):
            _judge_raw(stream, entry, findings)
        elif name.startswith("extra/"):
            findings.note(entry.name, "an extra file", "torch hands it out as bytes and does not run it")
            _judge_raw(stream, entry, findings)
        elif name not in _PLUMBING or entry.size > 1000:
            findings.unproven(entry.name, "an entry that torch does not write", "what it is for is not known")
            _judge_unknown(stream, entry, findings, 1)
    _judge_codes(codes, findings)
    if findings.worst == "note":
        listed = ", ".join(codes)[:200]
        findings.note("code", f"TorchScript code in {len(codes)} files: {listed}",
                      "it runs in an interpreter of its own, without imports; its operators reach no files and no network")  # fmt: skip


class _Declared(frozenset[tuple[str, str]]):
    """The TorchScript allowlist, and its own classes, which are resolved in ``code/`` and never in Python."""

    def __contains__(self, item: object) -> bool:
        if not isinstance(item, tuple):
            return False
        module, name = map(str, item)
        own = (module + ".").startswith("__torch__.") and not (module + ".").startswith("__torch__.torch.classes.")
        return item in SCRIPT or (own and name.isidentifier())


def _code(stream: IO[bytes], entry: Entry, findings: Findings) -> torchscript.Code:
    try:
        return torchscript.read(archives.read(stream, entry, 16 << 20))
    except BadArchive as error:
        return torchscript.Code(problem=str(error))


def _judge_codes(codes: dict[str, torchscript.Code], findings: Findings) -> None:
    methods = {m for code in codes.values() for m in code.methods}
    for where, code in codes.items():
        for name in sorted(code.reaches):
            if name.startswith(".") and name[1:] in methods:
                findings.unproven(
                    where, f"a call of {name[1:]}", "a method of the file has that name, but on other values it reaches files"
                )
            else:
                findings.malicious(where, name, "this operator reads or writes files of the machine that runs the model")
        for name in sorted(code.unknown):
            findings.unproven(where, name, "not an operator that is known to stay inside the model")
        if code.problem:
            findings.unproven(where, code.problem, "code that cannot be read cannot be shown safe")


def _judge_exported(stream: IO[bytes], found: Directory, findings: Findings) -> None:
    """A program of torch.export is data: a graph of operators, and tensors as bytes. Its example inputs are a tensor file of their own."""
    entries = _inner(found, findings)
    exported.judge_graph(stream, entries, findings)
    for name, entry in entries:
        findings.progress.check()
        if name.startswith("data/sample_inputs/") or (name.startswith(("data/weights/", "data/constants/")) and name.endswith(".pt")):
            _judge_nested(stream, entry, findings, 1)
        elif name.startswith(("data/weights/", "data/constants/")) and not name.endswith(".json"):
            _judge_raw(stream, entry, findings)
    if findings.worst == "note":
        findings.note(exported.GRAPH, "a graph of known operators", "it is read as data, and its operators reach no files and no network")


def _judge_skops(stream: IO[bytes], found: Directory, findings: Findings) -> None:
    try:
        schema = archives.read(stream, found.entry("schema.json"), 64 << 20)
        (nodes, rest), files = untrusted(schema), reaching(schema)
        every, array = list(dictionaries(schema)), _reader(stream, found)
        trees = fault(every, array)
        outside = fault_of_numbers(every, array)
    except (BadArchive, BadSchema) as error:
        findings.unproven("schema.json", str(error), "what would be built cannot be told")
        nodes, rest, files, trees, outside = 0, [], [], None, None
    if outside is not None:
        findings.unproven("schema.json", outside[0], f"{outside[1]}, and what is crafted so reads or writes foreign memory")
    if trees is not None and not SHOWN & set(rest):
        findings.unproven("schema.json", "an ensemble of trees", f"{trees}, and what is crafted so reads foreign memory")
    for sentence in files:
        findings.unproven("schema.json", sentence, "fitting or asking it would open files, pickles among them; save it with memory=None")
    for loader, module, name in rest:
        if executes(module, name):
            findings.malicious("schema.json", f"{module}.{name} ({loader})", "building it can run code or reach files")
        elif (loader, module, name) in SHOWN:
            if trees is not None:
                findings.unproven("schema.json", f"{module}.{name} ({loader})", f"{trees}, and what is crafted so reads foreign memory")
        else:
            why = _DISTRIBUTION if module.startswith("scipy.stats.") else "skops does not trust this type by default"
            findings.unproven("schema.json", f"{module}.{name} ({loader})", why)
    for entry in found.entries:
        findings.progress.check()
        if entry.name.endswith(".npy"):
            _judge_npy_entry(stream, entry, findings)
        elif entry.name.endswith(".npz"):
            _judge_nested(stream, entry, findings, 1)
        elif entry.name.endswith(".bin"):
            _judge_raw(stream, entry, findings)
        elif entry.name != "schema.json":
            findings.unproven(entry.name, "an entry that skops does not write", "what it is for is not known")
            _judge_unknown(stream, entry, findings, 1)
    if findings.worst == "note":
        more = ", and trees or splines" if rest else ""
        why = "none brings code" + (", and none of these leads outside of its arrays" if rest else "")
        findings.note("schema.json", f"{nodes:,} nodes, all of types skops trusts by default{more}", why)


def _reader(stream: IO[bytes], found: Directory) -> "Callable[[str], ndarray[Any, Any]]":
    """Reads an array of a skops file by the name of its entry; raises `BadArchive` or `ValueError`."""

    def array(name: str) -> "ndarray[Any, Any]":
        import numpy

        data = archives.read(stream, found.entry(name), MOST_PICKLE)
        read_npy(io.BytesIO(data), len(data))
        read: ndarray[Any, Any] = numpy.load(io.BytesIO(data), allow_pickle=False)
        return read

    return array


def _judge_npy_entry(stream: IO[bytes], entry: Entry, findings: Findings) -> None:
    try:
        head = io.BytesIO(archives.peek(stream, entry, 16 << 10))
        if not read_npy(head, entry.size).objects:
            return
        judge_npy(io.BytesIO(archives.read(stream, entry, MOST_PICKLE)), findings, entry.name)
    except (BadArchive, BadHeader) as error:
        findings.unproven(entry.name, str(error), "NumPy would refuse it or read it differently")
        _judge_damaged(stream, entry, findings)


def _judge_npz(stream: IO[bytes], found: Directory, findings: Findings) -> None:
    for entry in found.entries:
        findings.progress.check()
        _judge_npy_entry(stream, entry, findings)
    if findings.worst == "note":
        findings.note("zip", f"{len(found.entries):,} arrays", "numbers and text only")


def _judge_keras(stream: IO[bytes], found: Directory, findings: Findings) -> None:
    from ..readers.keras_model import judge_keras

    judge_keras(stream, found, findings, _judge_unknown)


def _judge_other(stream: IO[bytes], found: Directory, findings: Findings, depth: int) -> None:
    from ..readers.members import judge_member

    files = [entry for entry in found.entries if not entry.name.endswith("/")]
    names = {entry.name for entry in files}
    for entry in files:
        findings.progress.check()
        try:
            content = archives.read(stream, entry, MOST_PICKLE)
        except BadArchive as error:
            findings.unproven(entry.name, str(error), "it cannot be looked at")
            _judge_damaged(stream, entry, findings)
            continue
        if content[:4] == b"PK\x03\x04":
            _judge_nested(stream, entry, findings, depth + 1)
        else:
            judge_member(io.BytesIO(content), entry.name, findings, names)
    if not files:
        findings.unproven("zip", "no files", "there is nothing to judge")
    elif findings.worst == "note":
        findings.note("zip", f"{len(files):,} files", "each of them was judged")


def _judge_unknown(stream: IO[bytes], entry: Entry, findings: Findings, depth: int) -> None:
    """Look inside an entry of unknown purpose for pickles and further archives."""
    try:
        head = archives.peek(stream, entry, 1 << 16)
    except BadArchive as error:
        findings.unproven(entry.name, str(error), "it cannot be looked at")
        return
    if head[:4] == b"PK\x03\x04":
        _judge_nested(stream, entry, findings, depth)
    elif head[:1] == b"\x80" or text_pickle(io.BytesIO(head)):
        findings.unproven(entry.name, f"a pickle inside ({pickle_kind(head)})", "it was walked too")
        _judge_entry_pickle(stream, entry, findings, TENSORS)


def _judge_nested(stream: IO[bytes], entry: Entry, findings: Findings, depth: int) -> None:
    if depth >= DEPTH:
        findings.unproven(entry.name, f"archives nested over {DEPTH} deep", "the innermost were not looked at")
        return
    try:
        judge_zip(io.BytesIO(archives.read(stream, entry, MOST_PICKLE)), findings, depth)
    except BadArchive as error:
        findings.unproven(entry.name, str(error), "it cannot be looked at")
