"""KServe's open inference protocol, version 2: ``POST /v2/models/NAME/infer`` with named tensors."""

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .address import Address
from .wire import WIDEST, About, EndpointAnswer, Wire, listed, plain, shown, single

if TYPE_CHECKING:
    import pandas as pd

    from ..estimators import Feeds

KINDS = {"i": "INT64", "u": "UINT64", "f": "FP64", "b": "BOOL"}


class KServeWire(Wire):
    """One tensor of encoded x, or one of each column of the table. Reads the output with k scores a row, else that with a label a row."""

    title: ClassVar[str] = "KServe v2"
    feeds: "ClassVar[tuple[Feeds, ...]]" = ("encoded", "frame")

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        model = address.path.rstrip("/").removesuffix("/infer")
        self.ask, self.about = address.at(model + "/infer"), address.at(model)
        self.inputs: tuple[tuple[str, str], ...] = ()
        self.shapes: tuple[tuple[int, ...], ...] = ()

    def described(self, found: Any) -> About:
        inputs = found.get("inputs") or []
        self.inputs = tuple((str(one["name"]), str(one["datatype"])) for one in inputs)
        self.shapes = tuple(tuple(int(size) for size in one["shape"]) for one in inputs)
        shape = self.shapes[0][1:] if len(inputs) == 1 else ()
        versions = ",".join(map(str, found.get("versions") or ()))
        return About(name=shown(found.get("name", "")), shape=shape, model=f"{found.get('platform', '')} {versions}".strip())

    def formed(self) -> Any:
        """One value for each place of each tensor; sizes that may be any are 1, and so is the first, the number of rows."""
        shapes = [[1, *(max(size, 1) for size in shape[1:])] for shape in self.shapes]
        if not shapes or sum(map(math.prod, shapes)) > WIDEST:
            return None
        made = [
            _tensor(name, shape, kind, [_plain(kind)] * math.prod(shape)) for (name, kind), shape in zip(self.inputs, shapes, strict=True)
        ]
        return {"inputs": made}

    def repeated(self, body: Any, n: int) -> Any:
        made = [{**one, "shape": [n, *one["shape"][1:]], "data": _first(one) * n} for one in body["inputs"]]
        return {**body, "inputs": made}

    def body(self, rows: "pd.DataFrame | NDArray[Any]") -> Any:
        if isinstance(rows, np.ndarray):
            own = "FP32" if rows.dtype == np.float32 else "FP64"
            name, kind = self.inputs[0] if len(self.inputs) == 1 else ("input-0", own)
            return {"inputs": [_tensor(name, list(rows.shape), kind if kind in ("FP32", "FP64") else own, listed(rows.ravel()))]}
        kinds = dict(self.inputs)
        return {"inputs": [_column(str(name), rows[name], kinds.get(str(name), "")) for name in rows.columns]}

    def answer(self, found: Any, n: int, classes: tuple[str, ...]) -> EndpointAnswer:
        outputs = [self._read(one, n) for one in found["outputs"]]
        flat = [out.ravel() for out in outputs if out.ndim == 1 or out.shape[1:] == (1,)]
        for out in outputs:
            if out.dtype.kind == "f" and out.ndim == 2 and (out.shape[1] == len(classes) or (out.shape[1] == 1 and len(classes) == 2)):
                return EndpointAnswer(scores=out, labels=next((one for one in flat if one.dtype.kind != "f"), None))
        if flat:
            return single(flat[0], len(classes))
        raise ValueError(f"an output with {len(classes)} scores or a label a row")

    def _read(self, one: Any, n: int) -> NDArray[Any]:
        shape = [int(size) for size in one["shape"]]
        if one["datatype"] == "BYTES":
            return np.asarray([str(value) for value in _flat(one["data"])], dtype=object).reshape(n, -1)
        out = np.asarray(_flat(one["data"])).reshape(shape)
        if len(out) != n or out.dtype.kind not in "buif":
            raise ValueError(f"{n} rows of numbers")
        whole = one["datatype"].startswith(("INT", "UINT"))
        return out.astype(np.int64) if whole else out if one["datatype"] == "BOOL" else out.astype(np.float64)


def _flat(data: Any) -> list[Any]:
    return [value for part in data for value in (_flat(part) if isinstance(part, list) else [part])]


def _plain(kind: str) -> Any:
    return 0.5 if kind.startswith("FP") or kind == "BF16" else "a" if kind == "BYTES" else False if kind == "BOOL" else 1


def _first(one: dict[str, Any]) -> list[Any]:
    """The values of a tensor's first row."""
    return _flat(one["data"])[: math.prod(one["shape"][1:])]


def _tensor(name: str, shape: list[int], kind: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": kind, "data": data}


def _column(name: str, column: "pd.Series", declared: str) -> dict[str, Any]:
    """One tensor for a column, of the datatype that the model says it takes or else of the column's own."""
    kind = declared or KINDS.get(np.dtype(column.dtype).kind if isinstance(column.dtype, np.dtype) else "", "BYTES")
    data = [str(value) if kind == "BYTES" and value is not None else value for value in plain(column)]
    return _tensor(name, [len(data), 1], kind, data)
