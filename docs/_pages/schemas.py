"""The JSON that commands print and reports hold: a table a document, and the schemas to download."""

import shutil
from pathlib import Path

from .forms import Model, fields, inner
from .markdown import page, prose

WORDS = {
    "artifacts": "`tiltyard artifacts list RUN --json`",
    "checks": "`tiltyard checks --json`",
    "comparison": "`tiltyard compare A B --json`",
    "defense": "`tiltyard defend … --json`",
    "doctor": "`tiltyard doctor --json`",
    "record": "`tiltyard check … --json`; the unit that the store keeps and every report is made of",
    "runs": "`tiltyard runs --json`",
    "scan": "`tiltyard scan … --json`",
    "trends": "numbers over runs",
    "windows": "`tiltyard monitor … --json`",
}


def documents() -> dict[str, Model]:
    """Every published document with its model."""
    from tiltyard.published.schemas import PUBLISHED
    from tiltyard.reports.bundle import Bundle

    return {**PUBLISHED, "report": Bundle}


def pages() -> dict[str, str]:
    parts = [part(name, model) for name, model in documents().items()]
    return {"reference/schemas.md": page("JSON documents and their schemas", INTRODUCTION, *parts, label="schemas")}


INTRODUCTION = """Each document begins with a format number; it changes where a reader of before would read it wrongly. The schemas are
JSON Schema 2020-12, ship in the package (`tiltyard/published/json`, `tiltyard/reports/schemas`), and a test holds them to what is printed."""


def part(name: str, model: Model) -> str:
    """One document: who prints it, its schema, its fields and those of what is in it."""
    said = WORDS.get(name, "")
    inside = "\n".join(f"**{one.__name__}**: {prose(one.__doc__)}\n\n{fields(one)}" for one in inner(model))
    fold = f"\n:::{{dropdown}} What stands in it\n{inside}\n:::" if inside else ""
    return f"## `{name}`\n\n{prose(model.__doc__)}\n\n{said} · {{download}}`schema <schemas/{name}.schema.json>`\n\n{fields(model)}{fold}"


def copy(docs: Path) -> None:
    """Put the schemas where the page offers them."""
    import tiltyard

    home = Path(tiltyard.__file__).parent
    folder = docs / "reference" / "schemas"
    folder.mkdir(exist_ok=True)
    for file in (*home.glob("published/json/*.schema.json"), *home.glob("reports/schemas/*.schema.json")):
        if not (folder / file.name).exists() or (folder / file.name).read_bytes() != file.read_bytes():
            shutil.copy(file, folder / file.name)
