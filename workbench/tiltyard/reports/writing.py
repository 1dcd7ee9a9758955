"""A report to a file, whole or not at all."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..errors import Problem
from . import html, junit, sarif
from .bundle import Bundle

SUFFIXES = {".html": "html", ".htm": "html", ".json": "json", ".sarif": "sarif", ".xml": "junit", ".pdf": "pdf"}


def _json(bundle: Bundle) -> str:
    return bundle.model_dump_json(indent=1)


RENDERERS: dict[str, Callable[[Bundle], str]] = {"html": html.render, "json": _json, "sarif": sarif.render, "junit": junit.render}


def render(bundle: Bundle, format: str) -> str:
    """The report as text in ``html``, ``json``, ``sarif`` or ``junit``."""
    if format not in RENDERERS:
        raise Problem(f"a report format ({', '.join(RENDERERS)}, pdf)", repr(format), "Choose one of these")
    return RENDERERS[format](bundle)


def _pdf(bundle: Bundle) -> bytes:
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError):
        raise Problem("the PDF writer", "it is not installed", "Install tiltyard[pdf], or print the HTML report from a browser") from None
    pages: bytes = HTML(string=html.render(bundle), url_fetcher=URLFetcher(allowed_protocols=("data",))).write_pdf()
    return pages


def encode(bundle: Bundle, format: str) -> bytes:
    """The report as the bytes of its file."""
    return _pdf(bundle) if format == "pdf" else render(bundle, format).encode()


def write(bundle: Bundle, path: Path | str, format: str | None = None) -> Path:
    """Write the report; a full disk leaves no half file and the old one untouched."""
    path = Path(path)
    chosen = format or SUFFIXES.get(path.suffix.lower())
    if chosen is None:
        raise Problem(f"a file name ending in {', '.join(SUFFIXES)}", repr(path.name), "Name the format")
    return place(encode(bundle, chosen), path)


def place(content: bytes, path: Path) -> Path:
    """Write ``content``; a full disk leaves no half file and the old one untouched."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
    except OSError as error:
        raise Problem(f"room and permission to write {path}", error.strerror or str(error), "Free space or choose another folder") from None
    return path


def _replace(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
