"""When versions were released, as far as a lock file says: ``pylock.toml`` (PEP 751) and ``uv.lock`` keep upload times."""

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from ..access.places import opened
from ..errors import Problem
from .osv import moment_of

LARGEST = 64 * 2**20
WANTED = "a lock file with upload times (pylock.toml or uv.lock)"


def release_dates(path: Path) -> dict[tuple[str, str], datetime]:
    """The earliest upload of each (canonical name, version).

    Raises
    ------
    Problem
        There is no such file, it is no TOML, or it has no upload time.
    """
    packages = _packages(path)
    found: dict[tuple[str, str], datetime] = {}
    for package in packages:
        moments = [m for file in _files(package) if (m := moment_of(file.get("upload-time"))) is not None]
        if moments and "name" in package and "version" in package:
            found[str(canonicalize_name(str(package["name"]))), str(package["version"])] = min(moments)
    if not found:
        raise Problem(WANTED, f"no upload time in {path.name}", "Lock again with a tool that keeps them, such as uv")
    return found


def _packages(path: Path) -> list[dict[str, Any]]:
    try:
        with opened(path, "a lock file") as stream:
            text = stream.read(LARGEST + 1)
        if len(text) > LARGEST:
            raise Problem(WANTED, f"{path.name} of more than {LARGEST // 2**20} MiB", "Check the path")
        content = tomllib.loads(text.decode("utf-8"))
    except OSError as error:
        raise Problem(WANTED, f"{path.name}: {error.strerror or error}", "Check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(WANTED, f"{path.name}, which is no TOML", "Check the path") from None
    listed = content.get("packages", content.get("package"))
    return [p for p in listed if isinstance(p, dict)] if isinstance(listed, list) else []


def _files(package: dict[str, Any]) -> list[dict[str, Any]]:
    wheels = package.get("wheels")
    files = [*(wheels if isinstance(wheels, list) else []), package.get("sdist"), package.get("archive")]
    return [f for f in files if isinstance(f, dict)]
