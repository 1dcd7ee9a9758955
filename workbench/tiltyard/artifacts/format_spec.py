"""What a row of `formats` holds: the format's name, and what there is to know of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Format(StrEnum):
    """The formats by name; the value is what is shown and stored."""

    SAFETENSORS = "safetensors"
    TORCH_ZIP = "torch zip"
    TORCH_LEGACY = "torch legacy"
    TORCHSCRIPT = "torchscript"
    TORCH_EXPORT = "torch export"
    PICKLE = "pickle"
    JOBLIB = "joblib"
    ONNX = "onnx"
    SKOPS = "skops"
    XGBOOST = "xgboost"
    LIGHTGBM = "lightgbm"
    CATBOOST = "catboost"
    NPZ = "npz"
    NPY = "npy"
    KERAS = "keras"
    HDF5 = "hdf5"
    GGUF = "gguf"
    TFLITE = "tflite"
    SAVED_MODEL = "savedmodel"
    KERAS_METADATA = "keras metadata"
    COREML = "coreml"
    OPENVINO = "openvino"
    PMML = "pmml"
    MSGPACK = "msgpack"
    RDS = "rds"
    SENTENCEPIECE = "sentencepiece"
    TOKENIZER = "tokenizer"
    NOTEBOOK = "notebook"
    PNG = "png"
    JPEG = "jpeg"
    SEVEN_ZIP = "7z"
    PARQUET = "parquet"
    CSV = "csv"
    GZIP = "gzip"
    ZIP = "zip"
    TAR = "tar"
    EMPTY = "empty"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class FormatSpec:
    """What there is to know of one format.

    Judge and opener are named, not imported: they are loaded when first needed, and openers stand in a later layer.

    Parameters
    ----------
    name
        The format.
    label
        How a sentence names it.
    suffixes
        File names that promise it, in lower case. The first is the usual one.
    also
        Further suffixes that it may have without a note, though they rather promise another format.
    common
        Suffixes of all kinds of files that it may have too: opened, but neither promised nor offered for a scan.
    magic
        Beginnings that only this format has. Formats without any are recognized by their structure, in `sniffing`.
    container
        What lies under the format: its content is a zip, or a pickle that any unpickler would run.
    judge
        ``module:function`` inside `artifacts`, called with the open stream and the `Findings`. Empty: never shown safe.
    opener
        ``module:function`` inside `tiltyard`, called with the `ModelFile` and the `OpenOptions`; it returns the target.
        Empty: no target is made of it.
    runs_content
        Whether usual readers of a file with such a name would run what is in it.
    offers_scan
        Whether the file browser offers a scan of a file with such a name.
    advice
        What to do with a file that is not opened: because it is not shown safe, or because its format has no opener.
    """

    name: Format
    label: str
    suffixes: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    common: tuple[str, ...] = ()
    magic: tuple[bytes, ...] = ()
    container: Literal["", "zip", "pickle"] = ""
    judge: str = ""
    opener: str = ""
    runs_content: bool = False
    offers_scan: bool = False
    advice: str = "Convert it"
