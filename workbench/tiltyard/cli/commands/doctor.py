"""``tiltyard doctor``: what will not work here, and how to fix it."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from ...errors import Problem
from ...published.listing import Ailment, Diagnosis
from ..console import emit, say
from .doctor_shared import crowd, shared

ROOM = 500 * 2**20
STYLES = {"well": ("✓", "green"), "remark": ("!", "yellow"), "ill": ("✕", "red")}
EXTRAS = {
    "onnx": ("ONNX models", "onnx", "onnx"),
    "onnxruntime": ("running ONNX models", "onnxruntime", "onnx"),
    "transformers": ("Hugging Face folders", "transformers", "huggingface"),
    "weasyprint": ("PDF reports", "weasyprint", "pdf"),
}


def run(as_json: bool) -> int:
    """Look at everything; exit 1 where something will not work."""
    found = tuple(ailment for look in LOOKS for ailment in look())
    if as_json:
        emit(Diagnosis(looked_at=found))
    else:
        for one in found:
            sign, style = STYLES[one.state]
            say(f"{sign} {one.name}: {one.found}" + (f". {one.fix}" if one.fix else ""), style=style if one.state != "well" else "")
    return int(any(one.state == "ill" for one in found))


def python() -> Iterator[Ailment]:
    """Is this Python one of ours?"""
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Ailment(name="Python", state="well" if good else "ill", found=version, fix="" if good else "Use Python 3.11 to 3.13")


def packages() -> Iterator[Ailment]:
    """Is what we need installed, in a version we take?"""
    from packaging.requirements import Requirement

    try:
        required = [Requirement(text) for text in metadata.requires("tiltyard") or []]
    except metadata.PackageNotFoundError:
        yield Ailment(name="tiltyard", state="remark", found="running from a folder, not installed", fix="Install it: pip install -e .")
        return
    needed = [r for r in required if r.marker is None or r.marker.evaluate({"extra": ""})]
    bad = [ailment for r in needed if (ailment := package(r.name, str(r.specifier))) is not None]
    yield from bad
    if not bad:
        yield Ailment(name="packages", state="well", found=f"{len(needed)} needed, all there in versions that fit")


def package(name: str, versions: str) -> Ailment | None:
    """What is wrong with one package, or None."""
    from packaging.specifiers import SpecifierSet

    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Ailment(name=name, state="ill", found="not installed", fix=f"pip install '{name}{versions}'")
    if SpecifierSet(versions).contains(version, prereleases=True):
        return None
    return Ailment(name=name, state="ill", found=f"version {version}, and {versions} is needed", fix=f"pip install '{name}{versions}'")


def extras() -> Iterator[Ailment]:
    """What is optional and not there."""
    for module, (what, name, extra) in EXTRAS.items():
        if find_spec(module) is None:
            yield Ailment(name=name, state="remark", found=f"not installed, so no {what}", fix=f"pip install 'tiltyard[{extra}]'")


def registered() -> Iterator[Ailment]:
    """Can every check and defense be found?"""
    from ...catalogue import broken, checks, defenses

    for line in broken():
        yield Ailment(name="plugin", state="ill", found=line, fix="Fix or remove that package")
    n, m = len(checks()), len(defenses())
    yield Ailment(name="checks", state="well" if n else "ill", found=f"{n} checks, {m} defenses", fix="" if n else "Install again")


def samples() -> Iterator[Ailment]:
    """Are the shipped samples whole?"""
    from ...samples.catalog import data_names, load_data, load_model, names

    try:
        for name in data_names():
            load_data(name)
        for name in names():
            load_model(name)
    except Exception as error:
        yield Ailment(name="samples", state="ill", found=str(error).splitlines()[0], fix="Install tiltyard again")
        return
    yield Ailment(name="samples", state="well", found=f"{', '.join(names())} open; checksums fit")


def store() -> Iterator[Ailment]:
    """Can runs be kept, and was one cut off?"""
    from ...store.opening import open_store

    kept = open_store()
    try:
        kept.tried()
        cut = kept.cut_off()
        yield Ailment(name="store", state="well", found=f"{kept.count():,} runs in {kept.url}")
    except Problem as problem:
        yield Ailment(name="store", state="ill", found=f"{problem.expected}: {problem.found}", fix=problem.do)
        return
    yield from files()
    if cut:
        runs = ", ".join(sorted({line.run_id[:8] for line in cut})[:5])
        yield Ailment(name="store", state="remark", found=f"{len(cut)} steps were cut off in {runs}", fix="Run them again")
    place = Path(kept.url)
    free = shutil.disk_usage(place.parent).free if place.parent.is_dir() else ROOM
    if free < ROOM:
        yield Ailment(name="disk", state="ill", found=f"{free / 2**20:.0f} MB free at {place.parent}", fix="Free at least 500 MB")


def files() -> Iterator[Ailment]:
    """Can files of runs be kept outside the database, where they are to be?"""
    from ...store.outside import Outside

    place = Outside.named()
    if place is None:
        return
    try:
        place.tried()
        yield Ailment(name="files", state="well", found=f"written, read and deleted in {place.shown}")
    except Problem as problem:
        yield Ailment(name="files", state="ill", found=f"{problem.expected}: {problem.found}", fix=problem.do)


def windows() -> Iterator[Ailment]:
    """Will the app start?"""
    from .window import free_port, notebook, panels

    try:
        free_port(0, None)
        yield Ailment(name="app", state="well", found=f"{notebook().name} with {panels().name}")
    except Problem as problem:
        yield Ailment(name="app", state="ill", found=f"{problem.expected}: {problem.found}", fix=problem.do)
    spec = find_spec("voila")
    if spec is not None and not spec.submodule_search_locations:
        yield Ailment(
            name="voila", state="ill", found=f"{spec.origin} shadows the package", fix="Rename that file, or run from another folder"
        )
    kernel = find_spec("ipykernel")
    if kernel is None:
        yield Ailment(name="kernel", state="ill", found="no ipykernel", fix="pip install ipykernel")


def cores() -> Iterator[Ailment]:
    """Are there cores and memory enough?"""
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 8.0
    small = memory < 1.9
    found = f"{n} cores, {memory:.0f} GB of memory"
    fix = "Two GB are needed for torch and the panels" if small else ""
    yield Ailment(name="machine", state="remark" if small else "well", found=found, fix=fix)


LOOKS: tuple[Callable[[], Iterator[Ailment]], ...] = (python, packages, extras, registered, samples, store, windows, shared, crowd, cores)
