"""Scanning many files: what lies in the folders named, each file judged once, and what its folder makes of it."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from ..artifacts.acceptance import accepted
from ..artifacts.documents import is_document, judge_document, judge_opened
from ..artifacts.folders import Listing, listed
from ..artifacts.formats import Format
from ..artifacts.reason import Findings
from ..artifacts.rules import ruled
from ..artifacts.verdict import Verdict, scan, word
from ..errors import Problem
from ..progress import Progress
from .scan_cache import ScanCache
from .scan_list import ScannedFile

TEXTS = frozenset(
    ".md .txt .rst .json .jsonl .ndjson .toml .yaml .yml .csv .tsv .html .cff .jinja .jinja2 .j2 .cfg license licence notice readme mlmodel .gitattributes "
    ".gitignore".split(),
)
PARALLEL_FROM = 64
MOST_PROCESSES = 8


def scanned(
    paths: Iterable[Path], exclude: Sequence[str] = (), cache: ScanCache | None = None, progress: Progress | None = None
) -> list[ScannedFile]:
    """Every file named, and every file in a folder named, in order.

    Parameters
    ----------
    exclude
        Patterns of what is left out of folders.
    cache
        Verdicts of earlier scans of the same bytes. None: judge anew.
    """
    progress = progress or Progress()
    groups = [(path, _inside(path, exclude)) for path in paths]
    every = [file for _, listing in groups for file in listing.files]
    verdicts = dict(zip(every, _judged(every, cache, progress), strict=True))
    found: list[ScannedFile] = []
    for path, listing in groups:
        found += _unit([verdicts[file] for file in listing.files], path.is_dir())
        found += [
            ScannedFile(path=str(link), verdict=None, problem="a link that leads outside the folder, not judged", kind="link")
            for link in listing.links
        ]
    return found


def skipped(paths: Iterable[Path], exclude: Sequence[str] = ()) -> tuple[str, ...]:
    """What is left out of the folders named."""
    return tuple(str(one) for path in paths if path.is_dir() for one in _inside(path, exclude).skipped)


def _inside(path: Path, exclude: Sequence[str]) -> Listing:
    if not path.is_dir():
        return Listing(files=[path])
    found = listed(path, exclude)
    if not found.files and not found.links:
        raise Problem("a folder with files", f"{path}, which is empty", "Name the files")
    return found


def _judged(files: list[Path], cache: ScanCache | None, progress: Progress) -> list[ScannedFile]:
    if len(files) < PARALLEL_FROM or (os.cpu_count() or 1) < 2:
        return [_one(file, cache, progress, i, len(files)) for i, file in enumerate(files)]
    return _in_parallel(files, cache, progress)


def _one(file: Path, cache: ScanCache | None, progress: Progress, place: int, count: int) -> ScannedFile:
    progress.step(place / count, f"{place + 1:,} of {count:,}: {file.name}")
    return look(file, cache)


def _in_parallel(files: list[Path], cache: ScanCache | None, progress: Progress) -> list[ScannedFile]:
    """Each file in one of a few processes; a cancel is seen between files."""
    from concurrent.futures import Future, ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    found: dict[Path, ScannedFile] = {}
    processes = min(MOST_PROCESSES, os.cpu_count() or 1)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        jobs: dict[Future[ScannedFile], Path] = {pool.submit(look, file, cache): file for file in files}
        try:
            for job in as_completed(jobs):
                found[jobs[job]] = job.result()
                progress.step(len(found) / len(files), f"{len(found):,} of {len(files):,} files")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [found[file] for file in files]


def look(path: Path, cache: ScanCache | None = None) -> ScannedFile:
    """The verdict on one file, or why there is none."""
    try:
        known = accepted()
        cache = None if known.types else cache  # what is kept was judged without a team's own types
        kept = cache.find(path) if cache is not None else None
        verdict = kept or ruled(with_document(path, scan(path, own=frozenset(known.types))))
        if cache is not None and kept is None:
            cache.keep(path, verdict)
        return ScannedFile(path=str(path), verdict=verdict, cached=kept is not None, accepted=known.of(verdict))
    except Problem as problem:
        return ScannedFile(path=str(path), verdict=None, problem=str(problem))


def with_document(path: Path, verdict: Verdict, stream: IO[bytes] | None = None) -> Verdict:
    """The verdict with what the text itself says that its reader would import or render; ``stream`` where it is open already."""
    if verdict.format not in (Format.CSV, Format.TOKENIZER) or not is_document(path):
        return verdict
    findings = Findings()
    for reason in verdict.reasons:
        findings.add(reason.grade, reason.where, reason.what, reason.why, reason.rule)
    if stream is None:
        judge_document(path, findings)
    else:
        judge_opened(path, stream, findings)
    return verdict.model_copy(update={"verdict": word(findings.worst), "reasons": findings.ordered()})


def is_text(path: Path, verdict: Verdict) -> bool:
    """Text by its content, by its name neither a model nor a program, and without a finding of its own."""
    named = path.suffix.lower() in TEXTS or path.name.lower() in TEXTS
    quiet = all(reason.rule in ("", "not-proven") for reason in verdict.reasons if reason.grade != "note")
    return named and verdict.verdict == "unproven" and verdict.format is Format.CSV and quiet


def _unit(found: list[ScannedFile], in_folder: bool) -> list[ScannedFile]:
    """What the files of one folder are to each other."""
    if not in_folder:
        return found
    from ..artifacts.companions import companions

    owners = companions({Path(one.path): one.verdict for one in found if one.verdict is not None})
    return [placed(one, owners) for one in found]


def placed(one: ScannedFile, owners: dict[Path, Path]) -> ScannedFile:
    """What a file is in its folder: the weights of the model in ``owners``, code, a document, or a model."""
    path = Path(one.path)
    if one.verdict is None:
        return one
    if path in owners:
        return one.model_copy(update={"kind": "weights", "belongs_to": str(owners[path]), "document": False})
    if one.verdict.format is Format.NOTEBOOK and one.verdict.verdict == "unproven":
        return one.model_copy(update={"kind": "code"})
    if is_text(path, one.verdict):
        return one.model_copy(update={"kind": "document", "document": True})
    return one
