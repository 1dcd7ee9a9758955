"""What a model was trained with: package versions, kept in its file beside the weights."""

import json
import platform
from importlib import metadata

KEY = "trained_with"
PACKAGES = ("numpy", "torch")
MOST = 1000


def here() -> dict[str, str]:
    """Versions of Python and of what torch models are trained with in this process."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}}


def written(versions: dict[str, str]) -> dict[str, str]:
    """The entry of a safetensors file's metadata; none where nothing is known."""
    return {KEY: json.dumps(versions, sort_keys=True)} if versions else {}


def read(metadata: dict[str, str]) -> dict[str, str]:
    """The versions in a safetensors file's metadata; empty where it says none or something else."""
    try:
        found = json.loads(metadata.get(KEY, "{}"))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or len(found) > MOST:
        return {}
    return {str(name)[:80]: str(version)[:80] for name, version in found.items()}
