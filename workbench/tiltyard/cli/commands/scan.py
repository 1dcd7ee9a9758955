"""``tiltyard scan``: may these files be loaded?"""

from pathlib import Path

from ...artifacts.formats import Format
from ...artifacts.verdict import Verdict, scan
from ...errors import Problem
from ...published.listing import ScanList, ScannedFile
from ..console import emit, say

SAFE, NOT_SAFE, COULD_NOT_TELL = 0, 1, 2
DOCUMENTS = frozenset(
    ".md .txt .rst .json .toml .yaml .yml .csv .tsv .html .cff license licence notice readme .gitattributes .gitignore".split(),
)
SIGNS = {"safe": ("✓", "green"), "known types": ("◐", "cyan"), "unproven": ("?", "yellow"), "malicious": ("✕", "red")}


def run(paths: list[Path], as_json: bool, as_sarif: bool) -> int:
    """Scan every file named, and every file in a folder named."""
    if as_json and as_sarif:
        raise Problem("one form of output", "--json and --sarif", "Give one of them")
    found = [looked_at(file, path.is_dir()) for path in paths for file in inside(path)]
    if as_sarif:
        from ...published import scan_sarif

        say(scan_sarif.render(found))
    elif as_json:
        emit(ScanList(files=tuple(found)))
    else:
        for one in found:
            _shown(one)
    return exit_code(found)


def inside(path: Path) -> list[Path]:
    """The file itself, or the files of a folder and those below, in order. Links out of it are not followed."""
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink())
    if not files:
        raise Problem("a folder with files", f"{path}, which is empty", "Name the files")
    return files


def looked_at(path: Path, in_folder: bool = False) -> ScannedFile:
    """The verdict on one file, or why there is none."""
    try:
        verdict = scan(path)
        return ScannedFile(path=str(path), verdict=verdict, document=in_folder and is_document(path, verdict))
    except Problem as problem:
        return ScannedFile(path=str(path), verdict=None, problem=str(problem))


def is_document(path: Path, verdict: Verdict) -> bool:
    """Text by its content, and by its name neither a model nor a program."""
    named = path.suffix.lower() in DOCUMENTS or path.name.lower() in DOCUMENTS
    return named and verdict.verdict == "unproven" and verdict.format is Format.CSV


def exit_code(found: list[ScannedFile]) -> int:
    """1 where any is malicious, else 2 where any is not proven (known types, unproven, unread), else 0."""
    verdicts = {one.verdict.verdict if one.verdict else "unproven" for one in found if not one.document}
    if "malicious" in verdicts:
        return NOT_SAFE
    return SAFE if verdicts <= {"safe"} else COULD_NOT_TELL


def _shown(one: ScannedFile) -> None:
    if one.verdict is None:
        say(f"? {one.path}: {one.problem}", style="yellow")
        return
    if one.document:
        say(f"– {one.path}: a text document, no model; not judged", style="dim")
        return
    sign, style = SIGNS[one.verdict.verdict]
    say(f"{sign} {one.path}: {one.verdict.verdict} ({one.verdict.format})", style=style)
    for reason in _worth_saying(one.verdict):
        say(f"    {reason}")


def _worth_saying(verdict: Verdict, most: int = 5) -> list[str]:
    bad = [r for r in verdict.reasons if r.grade != "note"]
    lines = [f"{r.where}: {r.what}; {r.why}" for r in bad[:most]]
    return lines + ([f"and {len(bad) - most} more; see --json"] if len(bad) > most else [])
