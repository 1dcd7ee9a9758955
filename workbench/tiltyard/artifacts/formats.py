"""The file formats that a scan knows: one row each. All that depends on a file's format is read from its row.

To add a format, write its row here, its judge (and its opener, where a target can be made of it), and a test.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from .format_spec import Format as Format
from .format_spec import FormatSpec as FormatSpec

_PACKAGE = __package__.rpartition(".")[0]


_TORCH = (".pt", ".pth", ".ckpt", ".bin")
_WEIGHTS_ALONE = "Save the weights alone, torch.save(model.state_dict(), …) or safetensors, and name the architecture or a factory"
_NOTEBOOK = "give the object itself in a notebook: open_target(model, data=data)"
_SAVE_ANOTHER_WAY = (
    "Save it where it was made with skops.io.dump(model, 'model.skops') (XGBoost, LightGBM and CatBoost: save_model; torch: safetensors), "
    f"or {_NOTEBOOK}"
)
_CONVERT = f"Export it to ONNX where it was made, model.export('model.onnx', format='onnx'), or {_NOTEBOOK}"
_IS_DATA = "Give it as data, and a model file here"

_ROWS = (
    FormatSpec(
        Format.SAFETENSORS,
        "safetensors",
        (".safetensors",),
        judge="judges.flat:judge_safetensors",
        opener="targets.file_openers:open_weights",
        offers_scan=True,
        advice="Copy or download it again, or save it anew",
    ),
    FormatSpec(
        Format.TORCH_ZIP,
        "tensor-only .pt",
        _TORCH,
        container="zip",
        judge="judges.zips:judge_zip",
        opener="targets.file_openers:open_weights",
        runs_content=True,
        offers_scan=True,
        advice=_WEIGHTS_ALONE,
    ),
    FormatSpec(
        Format.TORCH_LEGACY,
        "tensor-only .pt",
        _TORCH,
        also=(".pkl", ".pickle"),
        container="pickle",
        judge="judges.pickles:judge_legacy",
        opener="targets.file_openers:open_weights",
        runs_content=True,
        offers_scan=True,
        advice=_WEIGHTS_ALONE,
    ),
    FormatSpec(
        Format.TORCHSCRIPT,
        "TorchScript",
        (".ts",),
        also=_TORCH,
        container="zip",
        judge="judges.zips:judge_zip",
        opener="targets.file_openers:open_torchscript",
        advice="Give the weights as safetensors and the architecture or a factory, or convert it to ONNX",
    ),
    FormatSpec(
        Format.TORCH_EXPORT,
        "torch.export .pt2",
        (".pt2",),
        also=_TORCH,
        container="zip",
        judge="judges.zips:judge_zip",
        opener="targets.file_openers:open_exported",
        offers_scan=True,
        advice="Give the weights as safetensors and the architecture or a factory, or convert it to ONNX",
    ),
    FormatSpec(
        Format.PICKLE,
        "a pickle, which runs code when it is opened",
        (".pkl", ".pickle"),
        also=(".joblib", ".jl"),
        container="pickle",
        judge="judges.pickles:judge_pickle",
        runs_content=True,
        offers_scan=True,
        advice=_SAVE_ANOTHER_WAY,
    ),
    FormatSpec(
        Format.JOBLIB,
        "a joblib pickle, which runs code when it is opened",
        (".joblib", ".jl"),
        also=(".pkl", ".pickle", ".gz"),
        container="pickle",
        judge="judges.flat:judge_joblib",
        runs_content=True,
        offers_scan=True,
        advice=_SAVE_ANOTHER_WAY,
    ),
    FormatSpec(
        Format.ONNX,
        "ONNX",
        (".onnx",),
        judge="judges.flat:judge_onnx",
        opener="targets.file_openers:open_onnx",
        offers_scan=True,
        advice="Export it again, with standard operators alone",
    ),
    FormatSpec(
        Format.SKOPS,
        "skops",
        (".skops",),
        container="zip",
        judge="judges.zips:judge_zip",
        opener="targets.file_openers:open_skops",
        offers_scan=True,
        advice=f"Convert it to ONNX with skl2onnx.to_onnx, or {_NOTEBOOK}",
    ),
    FormatSpec(
        Format.XGBOOST,
        "XGBoost",
        (".ubj",),
        also=(".model",),
        common=(".json",),
        judge="judges.xgboost_model:judge_xgboost",
        opener="targets.boosters.opening:open_booster",
        offers_scan=True,
        advice=f"Save it again with model.save_model('model.ubj'), or {_NOTEBOOK}",
    ),
    FormatSpec(
        Format.LIGHTGBM,
        "LightGBM",
        common=(".txt",),
        magic=(b"tree\nversion=", b"tree\r\nversion="),
        judge="judges.lightgbm_model:judge_lightgbm",
        opener="targets.boosters.opening:open_booster",
        advice=f"Save it again with model.booster_.save_model('model.txt'), or {_NOTEBOOK}",
    ),
    FormatSpec(
        Format.CATBOOST,
        "CatBoost",
        (".cbm",),
        common=(".json",),
        magic=(b"CBM1",),
        judge="judges.catboost_model:judge_catboost",
        opener="targets.boosters.opening:open_booster",
        offers_scan=True,
        advice=f"Save it again with model.save_model('model.cbm'), or {_NOTEBOOK}",
    ),
    FormatSpec(
        Format.NPZ,
        "an npz file, which holds data",
        (".npz",),
        container="zip",
        judge="judges.zips:judge_zip",
        offers_scan=True,
        advice=_IS_DATA,
    ),
    FormatSpec(
        Format.NPY,
        "an npy file, which holds an array",
        (".npy",),
        magic=(b"\x93NUMPY",),
        judge="judges.flat:judge_npy",
        offers_scan=True,
        advice=_IS_DATA,
    ),
    FormatSpec(
        Format.KERAS,
        "a Keras model, which may hold code",
        (".keras",),
        container="zip",
        judge="judges.zips:judge_zip",
        offers_scan=True,
        advice=_CONVERT,
    ),
    FormatSpec(
        Format.HDF5,
        "an HDF5 file, such as an old Keras model",
        (".h5", ".hdf5"),
        magic=(b"\x89HDF\r\n\x1a\n",),
        judge="readers.hdf5:judge_hdf5",
        offers_scan=True,
        advice=_CONVERT,
    ),
    FormatSpec(
        Format.GGUF,
        "a GGUF file, the weights of a language model",
        (".gguf",),
        magic=(b"GGUF",),
        judge="readers.gguf:judge_gguf",
        offers_scan=True,
        advice="Give a classifier",
    ),
    FormatSpec(
        Format.TFLITE,
        "TensorFlow Lite",
        (".tflite", ".lite"),
        judge="readers.tflite:judge_tflite",
        offers_scan=True,
        advice=f"Convert it to ONNX with tflite2onnx, or {_NOTEBOOK}",
    ),
    FormatSpec(
        Format.SAVED_MODEL,
        "a TensorFlow SavedModel",
        (".pb",),
        judge="readers.saved_model:judge_saved_model",
        offers_scan=True,
        advice=_CONVERT,
    ),
    FormatSpec(
        Format.KERAS_METADATA,
        "the metadata of a Keras model",
        also=(".pb",),
        judge="readers.saved_model:judge_keras_metadata",
        advice=_CONVERT,
    ),
    FormatSpec(
        Format.COREML,
        "Core ML",
        (".mlmodel",),
        judge="readers.coreml:judge_coreml",
        offers_scan=True,
        advice=f"Export it to ONNX where it was made, or {_NOTEBOOK}",
    ),
    FormatSpec(
        Format.OPENVINO,
        "OpenVINO",
        also=(".xml",),
        judge="readers.xml_models:judge_openvino",
        advice=f"Export it to ONNX where it was made, or {_NOTEBOOK}",
    ),
    FormatSpec(
        Format.PMML,
        "PMML",
        (".pmml",),
        also=(".xml",),
        judge="readers.xml_models:judge_pmml",
        offers_scan=True,
        advice=f"Export it to ONNX where it was made, or {_NOTEBOOK}",
    ),
    FormatSpec(
        Format.MSGPACK,
        "msgpack, the weights of a Flax model",
        (".msgpack",),
        judge="readers.msgpack:judge_msgpack",
        offers_scan=True,
        advice=f"Export it to ONNX where it was made, or {_NOTEBOOK}",
    ),
    FormatSpec(
        Format.RDS,
        "an R data file",
        (".rds",),
        judge="readers.rds:judge_rds",
        offers_scan=True,
        advice="Save the table as CSV in R",
    ),
    FormatSpec(
        Format.SENTENCEPIECE,
        "a SentencePiece tokenizer",
        also=(".model", ".spm"),
        judge="readers.sentencepiece:judge_sentencepiece",
        advice="Give a classifier",
    ),
    FormatSpec(Format.TOKENIZER, "a tokenizer", also=(".json",), judge="readers.json_files:judge_tokenizer", advice="Give a classifier"),
    FormatSpec(
        Format.NOTEBOOK, "a notebook, which is code", (".ipynb",), judge="readers.json_files:judge_notebook", advice="Read it first"
    ),
    FormatSpec(Format.PNG, "a picture", (".png",), magic=(b"\x89PNG\r\n\x1a\n",), judge="readers.images:judge_png", advice=_IS_DATA),
    FormatSpec(Format.JPEG, "a picture", (".jpg", ".jpeg"), magic=(b"\xff\xd8\xff",), judge="readers.images:judge_jpeg", advice=_IS_DATA),
    FormatSpec(
        Format.SEVEN_ZIP,
        "a 7z archive",
        (".7z",),
        magic=(b"7z\xbc\xaf\x27\x1c",),
        judge="readers.seven_zip:judge_seven_zip",
        offers_scan=True,
        advice="Unpack it first",
    ),
    FormatSpec(
        Format.PARQUET,
        "a Parquet file, which holds data",
        (".parquet", ".pq"),
        magic=(b"PAR1",),
        judge="judges.flat:judge_parquet",
        advice=_IS_DATA,
    ),
    FormatSpec(
        Format.CSV,
        "text, such as a CSV",
        (".csv", ".tsv", ".txt", ".data"),
        judge="judges.flat:judge_text",
        advice=_IS_DATA,
    ),
    FormatSpec(Format.GZIP, "a gzip file", (".gz",), judge="judges.flat:judge_packed", advice="Unpack it first"),
    FormatSpec(
        Format.ZIP,
        "a zip archive that is no model",
        (".zip",),
        magic=(b"PK\x03\x04", b"PK\x05\x06"),
        container="zip",
        judge="judges.zips:judge_zip",
        advice="Unpack it first",
    ),
    FormatSpec(
        Format.TAR,
        "a tar archive",
        (".tar", ".nemo"),
        judge="readers.tars:judge_tar",
        advice="Unpack it first, or save the model anew if this is an old torch or NeMo file",
    ),
    FormatSpec(Format.EMPTY, "an empty file", judge="judges.flat:judge_empty", advice="Copy or download it again"),
    FormatSpec(Format.UNKNOWN, "content of no known format", advice="Copy or download it again, or convert it"),
)
FORMATS: dict[Format, FormatSpec] = {row.name: row for row in _ROWS}
"""Every format's row."""


def _suffixes(rows: list[FormatSpec]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(suffix for row in rows for suffix in row.suffixes))


OPENED = tuple(dict.fromkeys((*_suffixes([row for row in _ROWS if row.opener]), *(s for row in _ROWS for s in row.common))))
"""Suffixes of the files that `open_target` makes a target of."""
OFFERED_FOR_SCAN = _suffixes([row for row in _ROWS if row.offers_scan])
"""Suffixes for which the file browser offers a scan; not ``.ts``, which is rather TypeScript."""
RUNS_CONTENT = frozenset(_suffixes([row for row in _ROWS if row.runs_content]))
"""Suffixes whose usual readers run what is in the file."""
PROMISED: dict[str, frozenset[Format]] = {
    suffix: frozenset(row.name for row in _ROWS if suffix in (*row.suffixes, *row.also, *row.common)) for suffix in _suffixes(list(_ROWS))
}
"""The formats that a file with this suffix may have."""


def opened_labels() -> str:
    """The formats that `open_target` opens, as a sentence lists them."""
    *first, last = dict.fromkeys(row.label for row in _ROWS if row.opener)
    return f"{', '.join(first)} or {last}"


def judge_of(spec: FormatSpec) -> Callable[..., None] | None:
    """The function that judges a file of this format; None where there is none. `verdict` calls it."""
    return _named(f"artifacts.{spec.judge}") if spec.judge else None


def opener_of(spec: FormatSpec) -> Callable[..., Any] | None:
    """The function that makes a target of a file of this format; None where there is none. `targets.opening` calls it."""
    return _named(spec.opener) if spec.opener else None


def _named(place: str) -> Callable[..., Any]:
    module, _, function = place.partition(":")
    found: Callable[..., Any] = getattr(import_module(f"{_PACKAGE}.{module}"), function)
    return found
