"""The samples that ship: real data with a datasheet, and small models trained on them by `samples.train`."""

import io
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..errors import Problem
from ..keywords import spelled
from ..result import Frozen
from ..showing import Shown
from .datasheet import FOLDER, Datasheet, datasheet, verified

if TYPE_CHECKING:
    import pandas as pd

    from ..targets.torch_target import TorchTarget

AGES = (("under 30", 0), ("30 to 49", 30), ("50 and over", 50))


class Card(Frozen):
    """What is said of a shipped model in ``samples/models/models.toml``, written by `samples.train`."""

    name: str
    title: str
    data: str
    file: str
    sha256: str
    made: str


@dataclass(frozen=True, repr=False)
class Sample(Shown):
    """A shipped model with the data it was trained and held out on."""

    target: "TorchTarget"
    data: Dataset
    datasheet: Datasheet
    card: Card


@cache
def cards() -> dict[str, Card]:
    """The shipped models by name."""
    path = FOLDER / "models" / "models.toml"
    return {name: Card(name=name, **values) for name, values in tomllib.loads(path.read_text("utf-8")).items()}


def names() -> tuple[str, ...]:
    """The samples `load` knows."""
    return tuple(cards())


def data_names() -> tuple[str, ...]:
    """The data sets `load_data` knows."""
    return "census", "digits", "german-credit"


_held: dict[str, Sample] = {}


def hold(name: str) -> None:
    """Load a sample now for the first `load` of it; where this process is forked, each child has it without loading, in memory that all share."""
    _held[name] = load(name)


def held() -> "list[tuple[TorchTarget, Dataset]]":
    """The models and data that `hold` loaded and nobody has asked for yet."""
    return [(sample.target, sample.data) for sample in _held.values()]


@spelled
def load(name: str) -> Sample:
    """The shipped model ``name`` (census, digits, digits-robust) with its data, as ``.target`` and ``.data``. Checksums are verified.

    Raises
    ------
    Problem
        Unknown name, or a shipped file was changed.
    """
    if name not in cards():
        raise Problem(f"a sample ({', '.join(names())})", repr(name), "Choose one of these")
    if (held := _held.pop(name, None)) is not None:  # once: whoever loads it again has another, with counts of its own
        return held
    card = cards()[name]
    return Sample(load_model(name), load_data(card.data), datasheet(card.data), card)


def load_model(name: str) -> "TorchTarget":
    """The shipped model alone."""
    from ..targets.opening import open_target
    from ..targets.torch_target import TorchTarget

    card = cards()[name]
    file = FOLDER / "models" / card.file
    verified(file, card.sha256)
    with resources.as_file(file) as path:
        target = open_target(path, schema=datasheet(card.data).meaning)
    if not isinstance(target, TorchTarget):
        raise Problem(f"a torch model in {card.file}", type(target).__name__, "Install Tiltyard again")
    return target


def load_data(name: str) -> Dataset:
    """The shipped data ``name`` (census, digits, german-credit), checksum verified."""
    sheet = datasheet(name)
    content = verified(FOLDER / "data" / sheet.file, sheet.sha256)
    member = split(sheet.rows, sheet.held_out) if sheet.held_out else None
    if sheet.meaning.images:
        arrays = np.load(io.BytesIO(content), allow_pickle=False)
        x, y = arrays["x"].astype(np.float32) / 255, arrays["y"].astype(np.int64)
        sensitive: dict[str, NDArray[np.str_]] = {}
    else:
        x, y, sensitive = _table(content, sheet)
    return Dataset(x, y, sheet.meaning, sheet.title, sensitive, member, sheet.source, sheet.license)


def load_frame(name: str) -> "pd.DataFrame":
    """A shipped table as collected, all columns and the label, for a person to look at."""
    import pandas as pd

    sheet = datasheet(name)
    return pd.read_csv(io.BytesIO(verified(FOLDER / "data" / sheet.file, sheet.sha256)), compression="gzip", keep_default_na=False)


def split(rows: int, held_out: int) -> NDArray[np.bool_]:
    """Which rows are trained on: drawn once from seed 0, bool (rows,)."""
    member = np.ones(rows, bool)
    member[np.random.default_rng(0).permutation(rows)[:held_out]] = False
    return member


def _table(content: bytes, sheet: Datasheet) -> tuple[Rows, NDArray[np.int64], dict[str, NDArray[np.str_]]]:
    import pandas as pd

    from ..datasets.category_names import as_text

    frame = pd.read_csv(io.BytesIO(content), compression="gzip", keep_default_na=False)
    codes = sheet.label_codes or {name: name for name in sheet.classes}
    index = {code: sheet.classes.index(name) for code, name in codes.items()}
    y: NDArray[np.int64] = np.asarray(frame[sheet.label].astype(str).map(index), np.int64)
    sensitive = {name: as_text(frame[name]) for name in sheet.sensitive}
    if "sex" in sheet.also_sensitive:
        sensitive["sex"] = np.where(frame["personal_status"].isin(["A92", "A95"]), "female", "male")
    if "age band" in sheet.also_sensitive:
        bands = np.digitize(frame["age"].to_numpy(), [low for _, low in AGES[1:]])
        sensitive["age band"] = np.array([name for name, _ in AGES])[bands]
    return sheet.meaning.encode(frame), y, sensitive
