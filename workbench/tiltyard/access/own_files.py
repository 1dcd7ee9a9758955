"""Which files are Tiltyard's own: the store, the audit log, users, keys, ledgers, and what lies beside them under their names."""

import os
from collections.abc import Iterator
from pathlib import Path

# Each names a file of ours; TILTYARD_STORE may be an address instead.
NAMED = (
    "TILTYARD_STORE",
    "TILTYARD_AUDIT",
    "TILTYARD_USERS",
    "TILTYARD_KEYS",
    "TILTYARD_STORE_KEY",
    "TILTYARD_AUDIT_KEY",
)
PLACE = "TILTYARD_ARTIFACTS"  # a folder, or an address
MADE = ("checkpoints", "watermarks", "shadows")
LOG = ".audit.jsonl"
OFF = ("off", "0", "no", "false")
JOINTS = (".", "-", "_")


def is_own(real: Path) -> bool:
    """Is this real path one of Tiltyard's own files, or in its own folders? What steps keep for their owner is not."""
    import platformdirs

    data = _real(platformdirs.user_data_path("tiltyard", appauthor=False))
    config = _real(platformdirs.user_config_path("tiltyard", appauthor=False))
    if any(real.is_relative_to(data / name) for name in MADE):
        return False
    place = os.environ.get(PLACE, "").strip()
    folders = (data, config) if not place or "://" in place else (data, config, _real(Path(place).expanduser()))
    if any(folder == real or folder in real.parents for folder in folders):
        return True
    return any(_belongs(real, own) for own in _named())


def _named() -> Iterator[Path]:
    for variable in NAMED:
        text = os.environ.get(variable, "").strip()
        if text.lower() in OFF:
            continue
        if "://" in text:
            text = text.partition(":///")[2].partition("?")[0] if text.startswith("sqlite") else ""
        if text:
            yield (own := _real(Path(text).expanduser()))
            yield own.with_suffix(LOG)


def _belongs(real: Path, own: Path) -> bool:
    """The file, or one that stands beside it under its name: a lock, a head, a journal, spent budgets, a copy under way."""
    beside = tuple(own.name + joint for joint in JOINTS)
    return real.parent == own.parent and (real.name == own.name or real.name.startswith(beside))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
