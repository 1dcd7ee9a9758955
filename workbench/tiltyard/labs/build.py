"""Writes the notebooks of the labs: ``python -m tiltyard.labs.build notebooks/labs OUT [--language de] [--texts de.json]``.

For each source a student's notebook, an instructor's, and a page of slides. With ``--texts`` the file that a translator fills in:
every text of the labs and of their engine, in one place.
"""

import argparse
import json
import re
import sys
from dataclasses import replace
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

from .source import Cell, Lab, labs, texts
from .texts import FOLDER, catalog

STUDENT, INSTRUCTOR, SLIDES = "student", "instructor", "slides"
FIRST = "start"
PAGE = """<!doctype html>
<html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
html {{ scroll-snap-type: y mandatory; }}
body {{ margin: 0; font: clamp(18px, 2.4vw, 34px)/1.4 system-ui, sans-serif; }}
section {{ min-height: 100vh; box-sizing: border-box; padding: 6vh 8vw; scroll-snap-align: start; }}
h1, h2 {{ line-height: 1.15; }} table {{ border-collapse: collapse; }} td, th {{ padding: .2em .7em; border-bottom: 1px solid; text-align: left; }}
@media print {{ section {{ page-break-after: always; }} }}
</style>
<main>{sections}</main></html>
"""


def notebook(lab: Lab, cells: tuple[Cell, ...]) -> dict[str, Any]:
    """A notebook in nbformat 4.5; the same cells give the same bytes."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = [_cell(lab, number, cell) for number, cell in enumerate(cells)]
    return {"cells": made, "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}


def _cell(lab: Lab, number: int, cell: Cell) -> dict[str, Any]:
    id = sha256(f"{lab.name} {number} {cell.kind}".encode()).hexdigest()[:12]
    lines = cell.text.splitlines(keepends=True)
    common = {"cell_type": cell.kind, "id": id, "metadata": {"tags": list(cell.tags)} if cell.tags else {}, "source": lines}
    return common if cell.kind == "markdown" else {**common, "execution_count": None, "outputs": []}


def slides(lab: Lab, language: str = "en") -> str:
    """One page without script and network; a slide fills the window."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    sections = "".join(f"<section>{reader.render(text)}</section>" for text in lab.slides())
    return PAGE.format(language=language, title=escape(lab.title), sections=sections)


def translated(lab: Lab, words: dict[str, str]) -> Lab:
    """The lab in another language; a text that has no translation stays."""
    return replace(lab, cells=tuple(replace(c, text=words.get(c.text) or c.text) if c.kind == "markdown" else c for c in lab.cells))


def build(source: Path, out: Path, language: str = "en") -> list[Path]:
    """Write all notebooks and slides; returns what was written."""
    words = catalog(language)
    written: list[Path] = []
    all_labs = [translated(one, words) for one in labs(source)]
    for lab in all_labs:
        pages = {STUDENT: notebook(lab, lab.student()), INSTRUCTOR: notebook(lab, lab.instructor())}
        for kind, book in pages.items():
            written.append(_write(out / kind / f"{lab.name}.ipynb", json.dumps(book, indent=1, ensure_ascii=False) + "\n"))
        written.append(_write(out / SLIDES / f"{lab.name}.html", slides(lab, language)))
    first = notebook(Lab(FIRST, ()), (Cell("markdown", first_page(all_labs, words)),))
    written.append(_write(out / STUDENT / f"{FIRST}.ipynb", json.dumps(first, indent=1, ensure_ascii=False) + "\n"))
    return written


def first_page(found: list[Lab], words: dict[str, str]) -> str:
    """The page on which a student begins: every lab with its minutes, as markdown."""
    lines = [f"| [{lab.title}]({lab.name}.ipynb) | {lab.minutes} min |" for lab in found]
    return "\n".join(
        [words["first.title"], "", words["first.how"], "", f"| {words['first.lab']} | {words['first.time']} |", "|---|---|", *lines]
    )


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def template(source: Path, language: str) -> str:
    """All texts, with the translations there are: what a translator fills in and puts into ``tiltyard/labs/languages``."""
    own = json.loads((FOLDER / f"{language}.json").read_text("utf-8")) if (FOLDER / f"{language}.json").is_file() else {}
    wanted = {**dict.fromkeys(catalog("en"), ""), **texts(labs(source))}
    return json.dumps({key: own.get(key, words) for key, words in wanted.items()}, indent=1, ensure_ascii=False) + "\n"


def main(given: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tiltyard.labs.build", description=__doc__)
    parser.add_argument("source", type=Path, help="the folder of the sources: notebooks/labs")
    parser.add_argument("out", type=Path, help="folder for student/, instructor/ and slides/; with --texts the file to write")
    parser.add_argument("--language", default="en", help="en, or one that has a file of texts")
    parser.add_argument("--texts", metavar="LANGUAGE", help="write the file of all texts for a translator")
    asked = parser.parse_args(given)
    if asked.texts:
        if not re.fullmatch("[a-z]{2}", asked.texts):
            parser.error("expected a language of two letters")
        _write(asked.out, template(asked.source, asked.texts))
        return
    for path in build(asked.source, asked.out, asked.language):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
