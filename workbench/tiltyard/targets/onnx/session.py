"""An onnxruntime session that is given a person's rows in the types of its own inputs."""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...datasets.encoding import encoding_of
from ...datasets.schema import Rows, Schema
from ...errors import Problem
from ..estimators import Feeds, fed
from ..fitted_columns import listed

if TYPE_CHECKING:
    import pandas as pd

Layout = Literal["channels first", "channels last", "flat", "plane"]
TYPES: dict[str, type[Any]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int8)": np.int8,
    "tensor(int16)": np.int16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(uint8)": np.uint8,
    "tensor(uint16)": np.uint16,
    "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}


class Session:
    """A model run by onnxruntime on the CPU, one thread, which knows how rows of ``schema`` are given to it.

    Parameters
    ----------
    content
        The bytes of the file.
    name
        The file's name, for messages.
    """

    def __init__(self, content: bytes, name: str, schema: Schema) -> None:
        self.content = content
        self.name = name
        self.schema = schema
        self.run = _running(content, name)
        self.inputs = self.run.get_inputs()
        self.outputs = self.run.get_outputs()
        if not self.inputs:
            raise Problem("a model with an input", f"{name}, which has none", "Export it again")
        for item in self.inputs:
            if item.type not in TYPES:
                raise Problem(f"inputs of {', '.join(TYPES)}", f"{item.type} in {item.name!r}", "Export it with one of these")
        first = self.inputs[0].shape
        self.batch = first[0] if first and isinstance(first[0], int) else 0
        self.feeds: Feeds = "frame"

    def __getstate__(self) -> tuple[bytes, str, Schema, Feeds]:
        return self.content, self.name, self.schema, self.feeds

    def __setstate__(self, state: tuple[bytes, str, Schema, Feeds]) -> None:
        self.__init__(*state[:3])  # type: ignore[misc]
        self.feeds = state[3]

    def find_feeds(self, chosen: Feeds | None = None) -> None:
        """Find out what it takes: a column of the table by each input's name, the table's own numbers, or encoded columns.

        Raises
        ------
        Problem
            Where it takes none of these, with both shapes or both lists of names.
        """
        if len(self.inputs) > 1 or self._one_named_column():
            self._check_names()
            self.feeds = "frame"
            return
        self.feeds = chosen if chosen in ("encoded", "values") else self._single()

    def _one_named_column(self) -> bool:
        """Is the only input one of the table's columns, and the table has more?"""
        shape = self.inputs[0].shape
        width = shape[1] if len(shape) == 2 else None
        return not self.schema.images and len(self.schema.columns) > 1 and self.inputs[0].name in self.schema.columns and width in (1, None)

    def _check_names(self) -> None:
        names = [item.name for item in self.inputs]
        if self.schema.images or set(names) - set(self.schema.columns):
            found = "images" if self.schema.images else f"columns {listed(list(self.schema.columns))}"
            raise Problem(f"a column for each input of {self.name} ({listed(names)})", found, "Name the columns as the inputs")

    def _single(self) -> Feeds:
        item, schema = self.inputs[0], self.schema
        if schema.images:
            _ = self.layout
            return "encoded"
        encoded, table = encoding_of(schema).shape[0], len(schema.columns)
        widths: dict[int, Feeds] = {table: "values"} if item.type == "tensor(string)" else {encoded: "encoded", table: "values"}
        if encoded == table and item.type != "tensor(string)":
            widths = {encoded: "encoded"}
        width = item.shape[1] if len(item.shape) == 2 and isinstance(item.shape[1], int) else next(iter(widths))
        if len(item.shape) != 2 or width not in widths:
            either = " or ".join(f"({w},)" + " with categories one-hot" * (w == encoded != table) for w in widths)
            do = "Give the columns the model was trained on"
            raise Problem(f"{self.name} to take rows of shape {either}", f"an input of shape {item.shape}", do)
        return widths[width]

    @property
    def given(self) -> str:
        """What the model is given, in words."""
        kinds = ", ".join(dict.fromkeys(item.type.removeprefix("tensor(").rstrip(")") for item in self.inputs))
        kinds = kinds.replace("float,", "float32,").replace("double", "float64") if kinds != "float" else "float32"
        if self.schema.images:
            return f"images as {kinds}"
        what = {"frame": "the table's columns by name", "values": "the table's own values", "encoded": "numbers", "texts": "text"}[
            self.feeds
        ]
        onehot = ", categories one-hot" if self.feeds == "encoded" and encoding_of(self.schema).groups else ""
        return f"{what} as {kinds}{onehot}"

    def named(self, x: Rows) -> dict[str, NDArray[Any]]:
        """x under the names of the model's inputs, each in its own type and shape."""
        if self.feeds == "frame":
            frame = self.schema.decode(x)
            return {item.name: _typed(frame[item.name], item) for item in self.inputs}
        item = self.inputs[0]
        if self.schema.images:
            return {item.name: self._image(x)}
        rows = np.asarray(fed(x, self.schema, self.feeds))
        columns = self.schema.columns if self.feeds == "values" else encoding_of(self.schema).columns
        return {item.name: np.ascontiguousarray(_cast(rows, item, columns))}

    @property
    def layout(self) -> Layout:
        """How the input holds an image.

        Raises
        ------
        Problem
            Where it holds images of another size.
        """
        item, shape = self.inputs[0], self.schema.shape
        flat = (int(np.prod(shape)),)
        forms: dict[tuple[int, ...], Layout] = {shape: "channels first", flat: "flat", (*shape[1:], shape[0]): "channels last"}
        if shape[0] == 1:
            forms[shape[1:]] = "plane"
        found = next((layout for form, layout in forms.items() if _matches(item.shape[1:], form)), None)
        if found is None or item.type == "tensor(string)":
            do = "Give images of the size the model was trained on"
            raise Problem(f"{self.name} to take rows of shape {shape}", f"an input of shape {item.shape}, {item.type}", do)
        return found

    @property
    def grain(self) -> float:
        """The step between the values of a pixel that it takes, in ranges; 0 where that is no whole number, or rows are no images."""
        whole = self.schema.images and np.issubdtype(TYPES[self.inputs[0].type], np.integer)
        return 1 / self.schema.features[0].divide if whole else 0.0

    def _image(self, x: Rows) -> NDArray[Any]:
        """Images in the layout and type of the input; whole numbers as the file of images has them."""
        item = self.inputs[0]
        pixels, kind = np.asarray(x, np.float32), TYPES[item.type]
        if np.issubdtype(kind, np.integer):
            pixels = (pixels * self.schema.features[0].divide).round()
        if self.layout == "channels last":
            pixels = pixels.transpose(0, 2, 3, 1)
        elif self.layout != "channels first":
            pixels = pixels.reshape(len(x), *((-1,) if self.layout == "flat" else self.schema.shape[1:]))
        return np.ascontiguousarray(pixels, kind)

    def __call__(self, x: Rows, indices: list[int]) -> list[Any]:
        """Outputs ``indices`` for all rows of x; a model of a fixed batch size is fed in such batches."""
        wanted = [self.outputs[index].name for index in indices]
        if not self.batch:
            found: list[Any] = self.run.run(wanted, self.named(x))
            return found
        parts: list[list[Any]] = [[] for _ in wanted]
        for start in range(0, len(x), self.batch):
            part = x[start : start + self.batch]
            full = np.concatenate([part, np.repeat(part[-1:], self.batch - len(part), axis=0)])
            for kept, out in zip(parts, self.run.run(wanted, self.named(full)), strict=True):
                kept += list(out)[: len(part)]
        return [kept if kept and isinstance(kept[0], dict) else np.asarray(kept) for kept in parts]


def _running(content: bytes, name: str) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise Problem("onnxruntime to run ONNX models", "none installed", "pip install 'tiltyard[onnx]'") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common base but Exception
        found = " ".join(str(error).split())[:160]
        raise Problem("an ONNX model that onnxruntime runs", f"{name}: {found}", "Export it again") from None


def _matches(wanted: list[Any], form: tuple[int, ...]) -> bool:
    """Is ``form`` the shape that an input asks for? A side without a number takes any length."""
    return len(wanted) == len(form) and all(not isinstance(a, int) or a == b for a, b in zip(wanted, form, strict=True))


def _typed(column: "pd.Series", item: Any) -> NDArray[Any]:
    """A column of the table as one input takes it, (n, 1) or (n,)."""
    from pandas.api.types import is_datetime64_any_dtype

    if is_datetime64_any_dtype(column):
        raise Problem(f"numbers or text for the input {item.name!r}", "dates", "Write the column as the model was given it")
    values = column.to_numpy(np.float64, na_value=np.nan) if column.dtype.kind in "biuf" else column.to_numpy(object)
    typed = _cast(values[:, None], item, (item.name,))
    return np.ascontiguousarray(typed.ravel() if len(item.shape) == 1 else typed)


def _cast(rows: NDArray[Any], item: Any, columns: tuple[str, ...]) -> NDArray[Any]:
    """Rows (n, columns) in the type of an input, refused where a value is none of it."""
    kind = TYPES[item.type]
    if kind is np.object_:
        return _texts(rows, item, columns)
    try:
        numbers = rows.astype(np.float64)
    except (TypeError, ValueError):
        wrong = next(i for i in range(rows.shape[1]) if not _numeric(rows[:, i]))
        found = f"{columns[wrong]!r} with {rows[0, wrong]!r}"
        raise Problem(
            f"numbers for the input {item.name!r} ({item.type})", found, "Encode the column as before the model was trained"
        ) from None
    if np.issubdtype(kind, np.floating):
        return numbers.astype(kind)
    low, high = (0, 1) if kind is np.bool_ else (np.iinfo(kind).min, np.iinfo(kind).max)
    bad = ~((numbers == np.round(numbers)) & (numbers >= low) & (numbers <= high))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        words = "true and false" if kind is np.bool_ else f"whole numbers from {low} to {high}"
        value = "no number" if np.isnan(numbers[row, column]) else f"{numbers[row, column]:g}"
        do = "Fill or correct it, or export the model with inputs of float"
        raise Problem(f"{words} in {columns[column]!r}, an input of {item.type}", f"{value} in row {row}", do)
    return numbers.astype(kind)


def _numeric(column: NDArray[Any]) -> bool:
    try:
        column.astype(np.float64)
    except (TypeError, ValueError):
        return False
    return True


def _texts(rows: NDArray[Any], item: Any, columns: tuple[str, ...]) -> NDArray[Any]:
    """Rows as text: what is text stays it, numbers as categories are named; nothing is refused."""
    from ...datasets.categories import name_of

    lost = rows != rows if rows.dtype.kind == "f" else np.vectorize(lambda v: v is None or v != v, otypes=[bool])(rows)
    if lost.any():
        row, column = np.argwhere(lost)[0]
        do = "Fill it as before the model was trained"
        raise Problem(f"text in every row of {columns[column]!r}, an input of {item.type}", f"nothing in row {row}", do)
    texts = [[v if isinstance(v, str) else name_of(v) for v in row] for row in rows.tolist()]
    return np.array(texts, object).reshape(rows.shape)
