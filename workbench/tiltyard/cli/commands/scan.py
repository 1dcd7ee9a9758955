"""``tiltyard scan``: may these files be loaded?"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...artifacts.reason import Reason
from ...artifacts.rules import RULES, SEVERITIES, Severity, rule_of, severity_of
from ...errors import Problem
from ...progress import Progress
from ...published.scan_cache import ScanCache
from ...published.scan_list import ScanList, ScannedFile
from ...published.scanning import scanned, skipped

SAFE, NOT_SAFE, COULD_NOT_TELL = 0, 1, 2
STDIN = "-"
MAGIC = frozenset("*?[")
MOST_STDIN = 16 << 30
SIGNS = {"safe": ("✓", "green"), "known types": ("◐", "cyan"), "unproven": ("?", "yellow"), "malicious": ("✕", "red")}
HARMLESS = "Opening it runs no code of the file."
OUTSIDE_FILES = frozenset({"document", "code", "weights"})


@dataclass(frozen=True)
class Wishes:
    """How to scan and what to say.

    ``suppress``: rules whose findings do not count. ``severity``: the least grave that counts. ``exclude``: what is left out of folders.
    """

    as_json: bool = False
    as_sarif: bool = False
    suppress: tuple[str, ...] = ()
    severity: Severity = "note"
    exclude: tuple[str, ...] = ()
    cached: bool = True
    details: bool = False


def run(paths: Sequence[str], wishes: Wishes) -> int:
    """Scan every file named, and every file in a folder named."""
    _check(wishes)
    with _files(paths) as files:
        cache = ScanCache() if wishes.cached else None
        with _bar(len(files) > 1 or any(path.is_dir() for path in files)) as progress:
            found = [_counted(one, wishes) for one in scanned(files, wishes.exclude, cache, progress)]
        left_out = skipped(files, wishes.exclude)
    if paths and STDIN in paths:
        found = [_renamed(one) for one in found]
    if wishes.as_sarif:
        from ...published import scan_sarif

        _write(scan_sarif.render(found))
    elif wishes.as_json:
        _write(ScanList(files=tuple(found), skipped=left_out).model_dump_json(indent=1, by_alias=True))
    else:
        _show(found, left_out, wishes)
    return exit_code(found)


def explain(rule: str) -> int:
    """One rule in words: a sentence for everybody, then how it works and what to do."""
    if rule not in RULES:
        raise Problem("a rule", rule[:60], f"Give one of: {', '.join(RULES)}")
    found = RULES[rule]
    lines = [f"{found.id}: {found.title} ({found.severity})", found.sentence, found.details, f"What to do: {found.fix}"]
    known = [*found.cwe, *(f"ATLAS {id}" for id in found.atlas), *found.advisories]
    _write("\n".join([*lines, *([f"Known as: {', '.join(known)}"] if known else [])]))
    return SAFE


def exit_code(found: Sequence[ScannedFile]) -> int:
    """1 where any is malicious, else 2 where any is not proven (known types, unproven, unread) or nothing was judged, else 0."""
    verdicts = {_state(one) for one in found if one.kind not in OUTSIDE_FILES}
    if "malicious" in verdicts:
        return NOT_SAFE
    return SAFE if verdicts == {"safe"} else COULD_NOT_TELL


def _state(one: ScannedFile) -> str:
    """The verdict that counts: a file all of whose findings the caller left out is no obstacle."""
    if one.verdict is None:
        return "unproven"
    return "safe" if one.accepted or (one.suppressed and not _counting(one)) else one.verdict.verdict


def _counting(one: ScannedFile) -> list[Reason]:
    reasons = one.verdict.reasons if one.verdict else ()
    return [r for r in reasons if r.grade != "note" and rule_of(r) not in one.suppressed]


def _counted(one: ScannedFile, wishes: Wishes) -> ScannedFile:
    """With the rules that this file falls under and the caller left out, by name or by severity."""
    if one.verdict is None:
        return one
    least = SEVERITIES.index(wishes.severity)
    bad = [r for r in one.verdict.reasons if r.grade != "note"]
    out = {rule_of(r) for r in bad if rule_of(r) in wishes.suppress or SEVERITIES.index(severity_of(r)) < least}
    kept = {rule_of(r) for r in bad if rule_of(r) not in wishes.suppress and SEVERITIES.index(severity_of(r)) >= least}
    return one.model_copy(update={"suppressed": tuple(sorted(out - kept))})


def _check(wishes: Wishes) -> None:
    if wishes.as_json and wishes.as_sarif:
        raise Problem("one form of output", "--json and --sarif", "Give one of them")
    if unknown := [rule for rule in wishes.suppress if rule not in RULES]:
        raise Problem("rules to suppress", unknown[0][:60], f"Give some of: {', '.join(RULES)}")


@contextmanager
def _files(paths: Sequence[str]) -> Iterator[list[Path]]:
    """The files and folders named; patterns are expanded where no shell did, and what comes on stdin lies in a file for as long."""
    if not paths:
        raise Problem("a file or folder to scan", "none", "Name one, or - for what comes on stdin")
    if STDIN not in paths:
        yield [path for text in paths for path in _expanded(text)]
        return
    import tempfile

    with tempfile.TemporaryDirectory(prefix="tiltyard-scan-") as folder:
        yield [path for text in paths for path in (_from_stdin(Path(folder)) if text == STDIN else _expanded(text))]


def _expanded(text: str) -> list[Path]:
    path = Path(text)
    if path.exists() or path.is_symlink() or MAGIC.isdisjoint(text):
        return [path]
    import glob

    found = sorted(glob.glob(text, recursive=True))
    if not found:
        raise Problem("files of that pattern", f"none for {text}", "Check the pattern")
    return [Path(one) for one in found]


def _from_stdin(folder: Path) -> list[Path]:
    path = folder / "stdin"
    total = 0
    with path.open("wb") as target:
        while block := sys.stdin.buffer.read(1 << 20):
            total += len(block)
            if total > MOST_STDIN:
                raise Problem(f"at most {MOST_STDIN >> 30} GiB on stdin", "more", "Name the file instead")
            target.write(block)
    return [path]


def _renamed(one: ScannedFile) -> ScannedFile:
    return one.model_copy(update={"path": "stdin"}) if Path(one.path).name == "stdin" else one


@contextmanager
def _bar(wanted: bool) -> Iterator[Progress | None]:
    if not (wanted and sys.stderr.isatty()):
        yield None
        return
    from ..console import progress_bar

    with progress_bar() as tell:
        yield Progress(tell)


def _write(text: str) -> None:
    from ..console import pour

    pour(text + "\n")


def _show(found: Sequence[ScannedFile], left_out: Sequence[str], wishes: Wishes) -> None:
    for one in found:
        if one.kind not in ("document", "weights") or len(found) == 1 or wishes.details:
            _shown(one, wishes)
    if len(found) > 1:
        _summed(found)
    for path in left_out[:5]:
        _line(f"– {path}: left out", "dim")


def _summed(found: Sequence[ScannedFile]) -> None:
    judged = [one for one in found if one.kind not in OUTSIDE_FILES]
    if not judged:
        _line(f"Nothing to judge: {len(found):,} files, none of them a model.", "yellow")
        return
    words = [(word, sum(_state(one) == word for one in judged)) for word in ("malicious", "unproven", "known types", "safe")]
    beside = [
        (word, sum(one.kind == kind for one in found))
        for kind, word in (("document", "documents"), ("weights", "weights of a model"), ("code", "code"))
    ]
    counts = [f"{count:,} {word}" for word, count in (*words, *beside) if count]
    _line(f"{len(found):,} files: {', '.join(counts)}.", "bold")


def _shown(one: ScannedFile, wishes: Wishes) -> None:
    if one.verdict is None:
        _line(f"? {one.path}: {one.problem}", "yellow")
    elif one.kind == "document":
        _line(f"– {one.path}: a text document, no model; not judged", "dim")
    elif one.kind == "weights":
        _line(f"– {one.path}: raw numbers, read as {Path(one.belongs_to).name} says", "dim")
    elif one.accepted is not None:
        who, when, why = one.accepted.who, one.accepted.when, one.accepted.why
        _line(f"✓ {one.path}: {one.verdict.verdict} ({one.verdict.format}), accepted by {who} on {when:%Y-%m-%d}: {why}", "green")
    else:
        sign, style = SIGNS[one.verdict.verdict]
        word = "code" if one.kind == "code" else one.verdict.verdict
        _line(f"{sign} {one.path}: {word} ({one.verdict.format}). {_sentence(one)}", style)
        for line in _worth_saying(one, wishes):
            _line(f"    {line}")


def _sentence(one: ScannedFile) -> str:
    """One sentence that needs no prior knowledge."""
    worst = next(iter(_counting(one)), None)
    if one.verdict is None or one.verdict.verdict == "safe" or worst is None:
        return HARMLESS if one.verdict and one.verdict.verdict == "safe" else "What was found was left out as asked."
    return RULES[rule_of(worst)].sentence


def _worth_saying(one: ScannedFile, wishes: Wishes, most: int = 5) -> list[str]:
    bad = _counting(one)
    shown = bad if wishes.details else bad[:most]
    lines = [f"[{rule_of(r)}, {severity_of(r)}] {r.where}: {r.what}; {r.why}" for r in shown]
    return lines + ([f"and {len(bad) - most} more; see --details"] if len(bad) > len(shown) else [])


def _line(text: str, style: str = "") -> None:
    """A line of the result, without Rich where nothing shows its colors."""
    if sys.stdout.isatty():
        from ..console import say

        say(text, style)
    else:
        sys.stdout.write(text + "\n")
