"""What a shared app offers to everybody beside the samples: opened once, by the process from which all kernels are forked."""

import copy
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..access.offers import Offer, offers
from ..access.places import opened
from ..errors import Problem
from .config import Config, read_config
from .toml_file import checked

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset
    from ..targets.target import Target

NAME = re.compile(r"[\w .()-]{1,60}")
FORM = "MODEL=DATA, as in loans.skops=loans.csv, or an assessment file (TOML)"

_held: "dict[str, tuple[Target, Dataset]]" = {}


def offer_of(text: str, folder: Path | None = None) -> Offer:
    """What ``MODEL=DATA`` or the path of an assessment file offers, under the file's own name; relative paths start at ``folder``.

    Raises
    ------
    Problem
        It is neither, a file is missing or may not be opened, or it takes what cannot be held for everybody.
    """
    from ..samples.catalog import names

    config, name = _asked(text, (folder or Path()).absolute())
    if not NAME.fullmatch(name) or name in names():
        raise Problem("a name of letters, digits, spaces and . _ ( ) - that no sample has", repr(name[:80]), "Give it a name in its file")
    _held_for_all(config, name)
    files = {key: tuple(_there(path, key) for path in paths) for key, paths in config.files().items()}
    target, data = (part.model_dump(mode="json", exclude_defaults=True) for part in (config.target, config.data))
    target = {"name": name} | target | {key: str(files[f"target.{key}"][0]) for key in ("file", "architecture") if files[f"target.{key}"]}
    target |= {"behind": [str(path) for path in files["target.behind"]]} if files["target.behind"] else {}
    data |= {"file": str(files["data.file"][0])} if files["data.file"] else {}
    reads = tuple(dict.fromkeys(str(path) for paths in files.values() for path in paths))
    return Offer(name=name, given={"target": target, "data": data, "seed": config.seed}, reads=reads)


def _asked(text: str, folder: Path) -> tuple[Config, str]:
    if text.lower().endswith(".toml"):
        config = read_config(folder / Path(text).expanduser())
        return config, config.name or config.target.name or Path(text).stem
    model, sign, data = text.partition("=")
    if not (sign and model.strip() and data.strip()):
        raise Problem(f"what to offer as {FORM}", repr(text[:80]), "Name both files")
    config = Config.model_validate({"target": {"file": model.strip()}, "data": {"file": data.strip()}})
    config._folder = folder
    return config, Path(model.strip()).name.split(".")[0]


def _held_for_all(config: Config, name: str) -> None:
    """Raise where what is offered is no file that opens without a word from anybody."""
    from ..sealing.sealing import is_sealed
    from ..targets.huggingface.folder import is_folder
    from ..targets.model_file import scan_and_read

    given = config.target
    why = "an endpoint" if given.url else "a shipped sample" if given.sample else "code that makes the model" if given.factory else ""
    why = why or ("data that ship" if config.data.sample else "" if config.data.file else "no data")
    why = why or ("a cohort kept by a person" if isinstance(config.data.cohort, str) else "")
    if why:
        raise Problem("a model file and a data file to offer", f"{why} in {name}", "Name two files")
    model = config.files()["target.file"][0]
    if not model.exists():
        raise Problem("a model file to offer", f"none at {model}", "Check the path")
    if is_sealed(model):
        raise Problem("a model file that opens without a key", f"{model.name}, which is sealed", "Offer it unsealed, or seal its disk")
    if not is_folder(model):
        scan_and_read(model)


def _there(path: Path, key: str) -> Path:
    if not path.exists():
        raise Problem(f"a file for {key}", f"none at {path}", "Check the path")
    if not path.is_dir():
        opened(path, key).close()  # no device and no pipe
    return path.resolve()


def rows_of(name: str) -> "Dataset":
    """The rows of the data file of what is offered as ``name``, as they are read for its model."""
    config = _config(name)
    config.offered()
    found = config.last_read
    assert found is not None
    return found


def hold(name: str, rows: "Dataset | None" = None) -> None:
    """Open what is offered as ``name``; where this process is forked, each child has it without opening, in memory that all share.

    ``rows`` are what `rows_of` gave, where a process of its own read them.
    """
    target, data = _opened(name, rows)
    _held[name] = (target, data)
    data.fingerprint  # noqa: B018 (kept with the data from now on)


def held() -> "list[tuple[Target, Dataset]]":
    """The models and data that `hold` opened."""
    return list(_held.values())


def offered(name: str) -> "tuple[Target, Dataset]":
    """The model and data that this app offers as ``name``; the model's counts are those of whoever asks.

    Raises
    ------
    Problem
        Nothing is offered under this name, or it cannot be opened.
    """
    target, data = _held[name] if name in _held else _opened(name)
    own = copy.copy(target)  # the weights are one; what is made of it later is another model
    own.queries = 0
    return own, data


def _opened(name: str, rows: "Dataset | None" = None) -> "tuple[Target, Dataset]":
    target, data = _config(name).offered(rows)
    return target, replace(data, source=Path(data.source).name)  # where it lies on the server is nobody's business


def _config(name: str) -> Config:
    there = offers()
    if name not in there:
        raise Problem(f"what is offered here ({', '.join(there) or 'nothing'})", repr(name), "Choose one of these")
    return checked(Config, there[name].given, name)
