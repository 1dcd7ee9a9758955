"""Which imports a pickle may make: an allowlist of exact names, all else denied.

The allowlist is what a dictionary of tensors needs, a part of what ``torch.load(weights_only=True)``
accepts: nothing in it runs code that the file brings, sets attributes, or unpickles further bytes.
The list of what is known to execute only decides between the words *malicious* and *unproven*; leaving
a name out of it never makes anything safe. Names that older scanners missed are from
protectai/modelscan#338 and the picklescan advisories of 2025.
"""

from typing import Literal

Grade = Literal["note", "known types", "unproven", "malicious"]

_STORAGES = "Double Float Half BFloat16 Long Int Short Char Byte Bool ComplexDouble ComplexFloat QInt8 QInt32 QUInt8 QUInt2x4 QUInt4x2"
_DTYPES = (
    "bfloat16 bool complex32 complex64 complex128 float16 float32 float64 float8_e4m3fn float8_e4m3fnuz float8_e5m2 "
    "float8_e5m2fnuz float8_e8m0fnu int8 int16 int32 int64 qint8 qint32 quint8 quint2x4 quint4x2 uint8 uint16 uint32 uint64 "
    "per_tensor_affine per_tensor_symmetric per_channel_affine per_channel_symmetric per_channel_affine_float_qparams"
)
# Not those of sparse and nested tensors: their indices reach outside their memory if nobody checks them.
_REBUILD = "_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_qtensor _rebuild_meta_tensor_no_storage"

TENSORS = frozenset(
    {
        ("collections", "OrderedDict"),
        ("collections", "Counter"),
        ("_codecs", "encode"),
        ("torch", "Size"),
        ("torch", "device"),
        ("torch.serialization", "_get_layout"),
        ("torch.storage", "UntypedStorage"),
        ("torch.storage", "TypedStorage"),
    }
    | {(module, name) for module in ("builtins", "__builtin__") for name in ("set", "bytearray", "complex")}
    | {("torch", f"{kind}Storage") for kind in _STORAGES.split()}
    | {("torch.cuda", f"{kind}Storage") for kind in _STORAGES.split()[:12]}
    | {("torch", kind) for kind in _DTYPES.split()}
    | {("torch._utils", name) for name in _REBUILD.split()}
)

# TorchScript's own unpickler is C++: it resolves these itself and never imports Python.
SCRIPT = TENSORS | {
    ("torch.jit._pickle", name)
    for name in ("build_intlist", "build_tensorlist", "build_doublelist", "build_boollist", "build_tensor_from_id", "restore_type_tag")
}

ITEM_BYTES = {
    "Double": 8,
    "Float": 4,
    "Half": 2,
    "BFloat16": 2,
    "Long": 8,
    "Int": 4,
    "Short": 2,
    "Char": 1,
    "Byte": 1,
    "Bool": 1,
    "ComplexDouble": 16,
    "ComplexFloat": 8,
    "QInt8": 1,
    "QInt32": 4,
    "QUInt8": 1,
    "QUInt2x4": 1,
    "QUInt4x2": 1,
    "Untyped": 1,
}

_ROOTS = frozenset(
    """
    os posix nt ntpath posixpath subprocess _posixsubprocess sys socket _socket socketserver runpy importlib _frozen_importlib
    _frozen_importlib_external imp zipimport pkgutil shutil ctypes _ctypes cffi pty tty code codeop commands popen2 webbrowser
    requests urllib urllib2 urllib3 http httplib httpx aiohttp ftplib smtplib poplib imaplib telnetlib xmlrpc asyncio multiprocessing
    concurrent threading _thread pickle _pickle cPickle dill cloudpickle pickletools shelve marshal copyreg types functools _functools
    operator _operator timeit cProfile profile pstats pdb bdb trace doctest unittest pytest nose venv ensurepip pip setuptools
    distutils pydoc idlelib lib2to3 site sysconfig platform tempfile pathlib io _io fileinput glob fnmatch sqlite3 signal gc inspect
    linecache atexit getpass mmap select selectors ssl logging ast symtable dis tokenize py_compile compileall test turtle tkinter
    IPython ipykernel jupyter_client paramiko fabric sh pexpect plumbum psutil winreg _winapi msvcrt _winreg builtins.eval mlflow _aix_support _osx_support
    """.split()
)
_MODULES = (
    "torch.utils.collect_env",
    "torch.utils.cpp_extension",
    "torch.utils.bottleneck",
    "torch.utils._config_module",
    "torch.utils.model_zoo",
    "torch.hub",
    "torch.package",
    "torch.jit.load",
    "torch.jit._script",
    "torch.jit._serialization",
    "torch.jit.frontend",
    "torch.jit.unsupported_tensor_ops",
    "torch.onnx",
    "torch.multiprocessing",
    "torch.distributed.rpc",
    "torch.distributed.nn",
    "torch.distributed.run",
    "torch.distributed.launch",
    "torch.distributed.elastic",
    "torch.distributed.remote_device",
    "torch.testing",
    "torch.fx.experimental",
    "torch._dynamo",
    "torch._inductor",
    "torch._export",
    "torch._ops",
    "torch.ops",
    "torch.classes",
    "numpy.testing",
    "numpy.f2py",
    "numpy.distutils",
    "numpy.ctypeslib",
    "pandas.io",
    "pandas.eval",
    "pandas.core.computation",
    "scipy.io",
    "sklearn.utils._testing",
    "joblib.numpy_pickle",
    "tensorflow.python.keras.layers.core",
    "keras.src.layers.core.lambda_layer",
)
_NAMES = {
    **dict.fromkeys(
        ("builtins", "__builtin__"),
        "eval exec execfile compile open input raw_input getattr setattr delattr __import__ globals locals vars dir breakpoint apply file "
        "memoryview super classmethod staticmethod property help exit quit print map filter reduce __build_class__".split(),
    ),
    "torch": "load save from_file compile".split(),
    "torch.serialization": "load save _load _legacy_load".split(),
    "numpy": "load loadtxt genfromtxt fromfile memmap fromregex save savetxt savez savez_compressed".split(),
    "pandas": "eval read_pickle read_csv read_table read_json read_html read_xml read_sql read_parquet read_hdf read_excel".split(),
    "joblib": "load dump".split(),
    "codecs": "open".split(),
    "uuid": "_get_command_stdout _popen".split(),
    "_codecs": "lookup register".split(),
    "keras": "config".split(),
    "yaml": "load unsafe_load full_load load_all unsafe_load_all full_load_all".split(),
}
# Of modules that reach far these are data, or nothing without another import that says more: not proven, but no sign of malice.
_HARMLESS_MODULE_MEMBERS = frozenset(
    {
        *(("pathlib", n) for n in ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")),
        *((m, n) for m in ("io", "_io") for n in ("BytesIO", "StringIO")),
        *(("types", n) for n in ("SimpleNamespace", "MappingProxyType", "GenericAlias", "NoneType")),
        *((m, n) for m in ("operator", "_operator") for n in ("itemgetter",)),
        *((m, n) for m in ("copyreg", "copy_reg") for n in ("_reconstructor", "__newobj__")),
        *(("logging", n) for n in ("Logger", "getLogger", "LoggerAdapter", "RootLogger")),
        *(("joblib.numpy_pickle", n) for n in ("NumpyArrayWrapper", "NDArrayWrapper", "ZNDArrayWrapper")),
        ("functools", "partial"),
        ("functools", "cmp_to_key"),
        ("torch._dynamo.eval_frame", "OptimizedModule"),
    }
)
_BY_VALUE = {
    "cloudpickle.cloudpickle": "_make_function _builtin_type _make_skeleton_class _make_skeleton_enum _class_setstate _function_setstate _make_cell _make_empty_cell "
    "_make_skel_func _fill_function _empty_cell_value _make_dict_keys _make_dict_values _make_dict_items _make_typevar",
    "cloudpickle.cloudpickle_fast": "_class_setstate _function_setstate",
    "dill._dill": "_create_array _create_function _create_code _create_type _create_cell _load_type _setattr_cell",
}
BY_VALUE = frozenset((module, name) for module, listed in _BY_VALUE.items() for name in listed.split())
"""What cloudpickle and dill build functions and classes of: code that the file brings, which is not proven, and runs only when it is called."""
REACHING_WORDS = frozenset(
    "system popen Popen subprocess exec eval execve spawnv __import__ urlopen urlretrieve socket check_output getoutput b64decode rmtree".split()
)
"""Names that, in code which the file brings, reach beyond the model."""
_PARTS = frozenset(
    """
    os sys posix nt subprocess system popen spawn eval exec execfile __import__ __globals__ __builtins__ __subclasses__ __code__
    __class__ __base__ __mro__ __dict__ __getattribute__ __reduce__ __call__ importlib import_module builtins
    """.split()
)


def executes(module: str, name: str) -> bool:
    """True where ``module.name`` is known to run commands or code, open files or sockets, or unpickle."""
    if (module, name) in _HARMLESS_MODULE_MEMBERS or (module, name) in BY_VALUE:
        return False
    if module.split(".")[0] in _ROOTS or name in _NAMES.get(module, ()):
        return True
    if any(f"{module}.{name}.".startswith(known + ".") for known in _MODULES):
        return True
    return not _PARTS.isdisjoint(name.split(".")) or not _PARTS.isdisjoint(module.split(".")[1:])


def grade(module: str, name: str, allowed: frozenset[tuple[str, str]] = TENSORS) -> Grade:
    """``note`` for an allowed import, ``malicious`` for one known to execute, ``unproven`` for any other."""
    if (module, name) in allowed:
        return "note"
    return "malicious" if executes(module, name) else "unproven"
