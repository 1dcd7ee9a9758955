"""The datasheet of a sample: where it is from, what its columns mean, what is wrong with it."""

import hashlib
import tomllib
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from pydantic import ValidationError

from ..datasets.feature import Feature
from ..datasets.schema import Schema
from ..errors import Problem
from ..result import Frozen

FOLDER = resources.files("tiltyard.samples")


class Datasheet(Frozen):
    """One sample's facts, as in ``samples/data/<name>.toml``.

    ``sensitive`` are features, ``also_sensitive`` columns made from them. ``legend`` gives the meaning of coded
    categories, ``label_codes`` the class behind each value of the label in the file. ``held_out`` rows of
    ``rows`` are not trained on by the sample models.
    """

    name: str
    title: str
    file: str
    sha256: str
    rows: int
    label: str
    classes: tuple[str, ...]
    question: str
    source: str
    license: str
    sensitive: tuple[str, ...]
    also_sensitive: tuple[str, ...]
    held_out: int
    split: str
    dropped: tuple[str, ...]
    faults: tuple[str, ...]
    uses: str
    features: tuple[Feature, ...]
    relations: tuple[str, ...] = ()
    label_codes: dict[str, str] = {}
    legend: dict[str, dict[str, str]] = {}

    @property
    def meaning(self) -> Schema:
        """The meaning of the columns, for `Dataset` and `Target`."""
        return Schema(features=self.features, label=self.label, classes=self.classes, sensitive=self.sensitive, relations=self.relations)

    @property
    def text(self) -> str:
        """The datasheet as Markdown for a person."""
        lines = [f"# {self.title}", "", self.question, ""]
        lines += [f"- **Source**: {self.source}", f"- **License**: {self.license}", f"- **Rows**: {self.rows:,}. {self.split}"]
        lines += [f"- **Sensitive**: {', '.join(self.sensitive + self.also_sensitive) or 'none named'}", f"- **Use**: {self.uses}"]
        lines += [f"- **SHA-256** of {self.file}: `{self.sha256}`"]
        for head, items in (
            ("Known faults", self.faults),
            ("Relations between columns", self.relations),
            ("Not used as features", self.dropped),
        ):
            lines += ["", f"## {head}", "", *(f"- {item}" for item in items)] if items else []
        lines += [
            line for column, codes in self.legend.items() for line in ("", f"## {column}", "", *(f"- {k}: {v}" for k, v in codes.items()))
        ]
        return "\n".join(lines) + "\n"


@cache
def datasheet(name: str) -> Datasheet:
    """The datasheet of the data called ``name`` (census, digits, german-credit)."""
    path = FOLDER / "data" / f"{name}.toml"
    if not path.is_file():
        known = sorted(p.name.removesuffix(".toml") for p in (FOLDER / "data").iterdir() if p.name.endswith(".toml"))
        raise Problem(f"a sample data set ({', '.join(known)})", repr(name), "Choose one of these")
    try:
        return Datasheet.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise Problem(f"the datasheet {path.name} as it was shipped", str(error).splitlines()[0], "Install Tiltyard again") from None


def verified(path: Traversable, sha256: str) -> bytes:
    """The bytes of ``path``; a `Problem` where they are not those of the checksum."""
    if not path.is_file():
        raise Problem(f"the sample file {path.name}", "none", "Install Tiltyard again")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise Problem(f"{path.name} with SHA-256 {sha256[:16]}…", f"{found[:16]}…: the file was changed", "Install Tiltyard again")
    return content
