"""A report to a file, whole or not at all."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ..access.places import target, written
from ..errors import Problem
from . import html, junit, markdown, sarif, word
from .bundle import Bundle

MEDIA: dict[str, tuple[str, str]] = {
    "html": ("text/html; charset=utf-8", ".html"),
    "json": ("application/json", ".tiltyard.json"),
    "pdf": ("application/pdf", ".pdf"),
    "markdown": ("text/markdown; charset=utf-8", ".md"),
    "word": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"),
    "sarif": ("application/sarif+json", ".sarif"),
    "junit": ("application/xml", ".xml"),
}
SUFFIXES = {".html": "html", ".htm": "html", ".json": "json", ".sarif": "sarif", ".xml": "junit"}
SUFFIXES |= {".pdf": "pdf", ".md": "markdown", ".docx": "word"}
BINARY = ("pdf", "word")


def _json(bundle: Bundle) -> str:
    return bundle.model_dump_json(indent=1)


RENDERERS: dict[str, Callable[[Bundle], str]] = {
    "html": html.render,
    "markdown": markdown.render,
    "json": _json,
    "sarif": sarif.render,
    "junit": junit.render,
}


def render(bundle: Bundle, format: str) -> str:
    """The report as text in ``html``, ``markdown``, ``json``, ``sarif`` or ``junit``."""
    if format not in RENDERERS:
        raise Problem(f"a report format ({', '.join((*RENDERERS, *BINARY))})", repr(format), "Choose one of these")
    return RENDERERS[format](bundle)


def _pdf(bundle: Bundle) -> bytes:
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError):
        raise Problem("the PDF writer", "it is not installed", "Install tiltyard[pdf], or print the HTML report from a browser") from None
    document = HTML(string=html.render(bundle, paper=True), url_fetcher=URLFetcher(allowed_protocols=("data",)))
    pages: bytes = document.write_pdf(pdf_variant="pdf/ua-1")
    return pages


def encode(bundle: Bundle, format: str) -> bytes:
    """The report as the bytes of its file."""
    if format == "word":
        return word.render(bundle)
    return _pdf(bundle) if format == "pdf" else render(bundle, format).encode()


def write(bundle: Bundle, path: Path | str, format: str | None = None, overwrite: bool = False) -> Path:
    """Write the report to a new file; a full disk leaves no half file. One that is there is replaced only by ``overwrite``."""
    path = Path(path)
    chosen = format or SUFFIXES.get(path.suffix.lower())
    if chosen is None:
        raise Problem(f"a file name ending in {', '.join(SUFFIXES)}", repr(path.name), "Name the format")
    fitting = tuple(suffix for suffix, name in SUFFIXES.items() if name == chosen)
    return place(encode(bundle, chosen), path, fitting, overwrite)


def free(folder: Path, names: Iterable[str], overwrite: bool) -> None:
    """Raise where one of these could not be written into ``folder``: before the work that they report is done."""
    for name in names:
        target(folder / name, "a report", tuple(SUFFIXES), replace=overwrite)


def place(content: bytes, path: Path, suffixes: Sequence[str], overwrite: bool = False) -> Path:
    """Write ``content`` as `write` does, for others to read too; the folder is made."""
    target(path, "a report", suffixes, replace=overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(f"room and permission to write {path}", error.strerror or str(error), "Free space or choose another folder") from None
    return written(path, content, "a report", suffixes, replace=overwrite, mode=0o644)
