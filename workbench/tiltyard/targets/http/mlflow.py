"""MLflow's scoring server: ``POST /invocations`` with ``dataframe_split`` or ``inputs``."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .address import Address
from .wire import EndpointAnswer, Wire, cells, listed, numbers, single

if TYPE_CHECKING:
    import pandas as pd

    from ..estimators import Feeds


class MLflowWire(Wire):
    """The person's table as ``dataframe_split``, or encoded x as ``inputs``. ``predictions`` are labels, scores, or ``{class: score}`` a row."""

    title: ClassVar[str] = "MLflow"
    feeds: "ClassVar[tuple[Feeds, ...]]" = ("frame", "encoded")

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self.ask = address.at(address.path.rstrip("/"))

    def body(self, rows: "pd.DataFrame | NDArray[Any]") -> Any:
        if isinstance(rows, np.ndarray):
            return {"inputs": listed(rows)}
        return {"dataframe_split": {"columns": [str(name) for name in rows.columns], "data": cells(rows)}}

    def repeated(self, body: Any, n: int) -> Any:
        if "dataframe_split" in body:
            table = body["dataframe_split"]
            return {"dataframe_split": {**table, "data": table["data"][:1] * n}}
        form = next((name for name in ("inputs", "instances", "dataframe_records") if isinstance(body.get(name), list)), "inputs")
        return {form: body[form][:1] * n}

    def answer(self, found: Any, n: int, classes: tuple[str, ...]) -> EndpointAnswer:
        rows = found["predictions"]
        if len(rows) != n:
            raise ValueError(f"{n} predictions")
        if all(isinstance(row, dict) and set(row) == set(classes) for row in rows):
            return EndpointAnswer(scores=numbers([[row[name] for name in classes] for row in rows], n))
        out = np.asarray(rows, dtype=object if all(isinstance(row, str) for row in rows) else None)
        if out.ndim == 2 and out.shape[1] == len(classes):
            return EndpointAnswer(scores=numbers(out, n))
        return single(out.reshape(n), len(classes))
