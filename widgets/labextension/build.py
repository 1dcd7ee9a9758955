"""Build the JupyterLab extension: types from the engine's schemas, TypeScript, the bundle, and what it was made of.

``python widgets/labextension/build.py`` after ``jlpm install`` there. The bundle is committed, so that whoever installs
or runs Tiltyard needs no Node; the tests compare its digests with the sources.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
BUNDLE = HERE / "jupyter" / "labextensions" / "tiltyard"
MADE = "made.json"
CORE = HERE / "node_modules" / "@jupyterlab" / "core-meta" / "core.package.json"
INSTALL = {
    "packageManager": "python",
    "packageName": "tiltyard",
    "uninstallInstructions": "Use your Python package manager (pip, conda, etc.) to uninstall the package tiltyard",
}


def sources() -> list[Path]:
    """What the bundle is made of, in order; types and tests leave no byte in it."""
    single = [HERE / name for name in ("package.json", "tsconfig.json", "yarn.lock")]
    found = [
        p
        for folder in ("src", "style", "schema")
        for p in (HERE / folder).rglob("*")
        if p.is_file() and not {".test", ".d"} & set(p.suffixes)
    ]
    return sorted([*single, *found])


def built() -> list[Path]:
    """The bundle's files but the one that says what it was made of."""
    return sorted(p for p in BUNDLE.rglob("*") if p.is_file() and p.name != MADE)


def digest(paths: list[Path]) -> str:
    """SHA-256 over names and contents."""
    total = hashlib.sha256()
    for path in paths:
        content = path.read_bytes().replace(b"\r\n", b"\n")
        total.update(f"{path.relative_to(HERE).as_posix()}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def core(folder: Path) -> Path:
    """JupyterLab's packages with the ranges this extension asks for, not those of the one JupyterLab it is built with."""
    known = json.loads(CORE.read_text(encoding="utf-8"))
    asked = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    known["dependencies"] |= {name: asked[name] for name in known["dependencies"] if name in asked}
    known["resolutions"] = {name: asked.get(name, version) for name, version in known.get("resolutions", {}).items()}
    path = folder / "core.package.json"
    path.write_text(json.dumps(known), encoding="utf-8")
    return path


def build() -> None:
    """Make the bundle anew."""
    node = HERE / "node_modules" / ".bin"
    subprocess.run([sys.executable, HERE / "generate.py"], cwd=HERE, check=True)
    subprocess.run([node / "tsc"], cwd=HERE, check=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "jupyter_builder.main", "build", str(HERE), "--core-package-file", str(core(Path(folder)))]
        subprocess.run(command, cwd=HERE, check=True)
    (BUNDLE / "install.json").write_text(json.dumps(INSTALL, indent=2) + "\n", encoding="utf-8")
    made = {"sources": digest(sources()), "bundle": digest(built())}
    (BUNDLE / MADE).write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    build()
