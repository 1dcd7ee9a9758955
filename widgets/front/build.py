"""Build the script of the app's pages: the bundle of ``src/``, the licenses of what is in it, and what it was made of.

``python widgets/front/build.py`` after ``npm ci`` there. The bundle is committed, so that whoever installs or runs Tiltyard needs no
Node; the tests compare its digests with the sources.
"""

import hashlib
import json
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
STATIC = HERE.parent / "tiltyard_widgets" / "jupyter" / "voila" / "templates" / "tiltyard" / "static"
BUNDLE = ("front.js", "front.css", "front-licenses.json")
MADE = HERE / "made.json"


def sources() -> list[Path]:
    """What the bundle is made of, in order; tests leave no byte in it."""
    single = [HERE / name for name in ("package.json", "package-lock.json", "build.mjs")]
    single += sorted((HERE / "licenses").iterdir())
    return sorted([*single, *(p for p in (HERE / "src").rglob("*") if p.is_file() and not {".test", ".d"} & set(p.suffixes))])


def built() -> list[Path]:
    """The bundle's files."""
    return [STATIC / name for name in BUNDLE]


def digest(paths: list[Path]) -> str:
    """SHA-256 over names and contents."""
    total = hashlib.sha256()
    for path in paths:
        content = path.read_bytes().replace(b"\r\n", b"\n")
        total.update(f"{path.name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def build() -> None:
    """Make the bundle anew."""
    subprocess.run(["node", "build.mjs", str(STATIC)], cwd=HERE, check=True)
    made = {"sources": digest(sources()), "bundle": digest(built())}
    MADE.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    build()
