"""A lab's one source: a Python file in jupytext's percent format, read into cells for students, for the instructor and for slides.

A cell begins with ``# %%`` or ``# %% [markdown]``. Behind that may stand ``tags=["instructor"]`` (the instructor's notebook alone),
``tags=["slide"]`` (the slides alone) and ``minutes=5``, how long the part takes that begins there. In code ``name = value  # blank: words``
becomes ``name = ...  # words`` for students, and what stands between ``# solution: words`` and ``# end`` becomes ``...  # words``, or ``name = ...  # words`` where the words begin with ``name = ``.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..errors import Problem

HEAD = re.compile(r"^# %%(?P<markdown> \[markdown\])?(?P<facts>.*)$")
TAGS = re.compile(r"tags=(\[[^\]]*\])")
MINUTES = re.compile(r"minutes=(\d+)")
BLANK = re.compile(r"^(?P<start>\s*\w+ = )\S.*?  # blank: (?P<words>.+)$")
SOLUTION = re.compile(r"^(?P<indent>\s*)# solution: (?P<words>.+)$")
END = re.compile(r"^\s*# end$")
INSTRUCTOR, SLIDE = "instructor", "slide"


@dataclass(frozen=True)
class Cell:
    """One cell: its text, and for whom it is."""

    kind: Literal["markdown", "code"]
    text: str
    tags: tuple[str, ...] = ()
    minutes: int = 0


@dataclass(frozen=True)
class Lab:
    """A lab's cells, in order."""

    name: str
    cells: tuple[Cell, ...]

    @property
    def title(self) -> str:
        """The first heading."""
        for cell in self.cells:
            if found := re.search(r"^# (.+)$", cell.text, re.MULTILINE):
                return found[1]
        raise Problem(f"a heading in {self.name}", "none", "Begin with one")

    @property
    def minutes(self) -> int:
        """How long a student takes for all of it."""
        return sum(cell.minutes for cell in self.cells)

    def student(self) -> tuple[Cell, ...]:
        """The cells without solutions."""
        return tuple(replace(cell, text=blanked(cell.text)) for cell in self._but(INSTRUCTOR, SLIDE))

    def instructor(self) -> tuple[Cell, ...]:
        """The cells with solutions, discussion and timings."""
        return tuple(_timed(replace(cell, text=solved(cell.text))) for cell in self._but(SLIDE))

    def slides(self) -> tuple[str, ...]:
        """The slides, each as markdown."""
        return tuple(cell.text for cell in self.cells if SLIDE in cell.tags)

    def _but(self, *tags: str) -> Iterator[Cell]:
        return (cell for cell in self.cells if not set(tags) & set(cell.tags))


def _timed(cell: Cell) -> Cell:
    """A part's heading with its minutes."""
    return (
        replace(cell, text=re.sub(r"^(##? .+)$", rf"\1 · {cell.minutes} min", cell.text, count=1, flags=re.MULTILINE))
        if cell.minutes
        else cell
    )


def read(path: Path) -> Lab:
    """The lab of a source."""
    cells: list[Cell] = []
    lines: list[str] = []
    for line in path.read_text("utf-8").splitlines():
        if found := HEAD.match(line):
            _close(cells, lines)
            cells.append(_opened(found, path))
            lines = []
        elif cells:
            lines.append(line)
    _close(cells, lines)
    return Lab(path.stem, tuple(cells))


def _opened(found: re.Match[str], path: Path) -> Cell:
    facts = found["facts"]
    tags, minutes = TAGS.search(facts), MINUTES.search(facts)
    try:
        names = tuple(json.loads(tags[1])) if tags else ()
    except ValueError:
        raise Problem(f"tags as a list of names in {path.name}", facts.strip(), 'Write tags=["instructor"]') from None
    return Cell("markdown" if found["markdown"] else "code", "", names, int(minutes[1]) if minutes else 0)


def _close(cells: list[Cell], lines: list[str]) -> None:
    """Give the last cell its text."""
    if cells:
        markdown = cells[-1].kind == "markdown"
        plain = [re.sub(r"^# ?", "", line) for line in lines] if markdown else lines
        cells[-1] = replace(cells[-1], text="\n".join(plain).strip())


def blanked(text: str) -> str:
    """Code without its solutions."""
    out: list[str] = []
    hidden = False
    for line in text.splitlines():
        if found := SOLUTION.match(line):
            out.append(found["indent"] + re.sub(r"^(?:(\w+) = )?(.+)$", _dotted, found["words"]))
            hidden = True
        elif hidden and END.match(line):
            hidden = False
        elif not hidden:
            out.append(BLANK.sub(r"\g<start>...  # \g<words>", line))
    return "\n".join(out)


def _dotted(found: re.Match[str]) -> str:
    """Three dots in the place of a solution; under the name that it gets, where the words begin with one."""
    return f"{found[1]} = ...  # {found[2]}" if found[1] else f"...  # {found[2]}"


def solved(text: str) -> str:
    """Code with its solutions and without the marks around them."""
    lines = (BLANK.sub(lambda found: found[0].replace("  # blank: ", "  # "), line) for line in text.splitlines() if not END.match(line))
    return "\n".join(re.sub(r"# solution: ", "# ", line) for line in lines)


def labs(folder: Path) -> tuple[Lab, ...]:
    """Every lab of a folder, in the order of their names.

    Raises
    ------
    Problem
        There is none.
    """
    found = tuple(read(path) for path in sorted(folder.glob("lab*.py")))
    if not found:
        raise Problem(f"the sources of labs in {folder} (lab1_….py)", "none", "Name the folder notebooks/labs of a checkout")
    return found


def texts(found: Iterable[Lab]) -> dict[str, str]:
    """Every text of the labs that can be translated: itself as the key."""
    return {cell.text: "" for lab in found for cell in lab.cells if cell.kind == "markdown" and cell.text}
