"""What ``tiltyard artifacts`` does."""

from pathlib import Path

from ...access.person import me
from ...access.places import target, written
from ...published.listing import ArtifactList
from ...store.artifacts import Artifact, forget, take
from ...store.store import Store
from ..console import emit, say, show_table, unlogged


def show(run: str, as_json: bool) -> int:
    """List the files of a run."""
    store = Store()
    found = store.run(run)
    artifacts = store.artifacts.of_run(found.id)
    if as_json:
        emit(ArtifactList(run=found.id, artifacts=tuple(artifacts)))
    elif not artifacts:
        say(f"Run {found.short} ({found.name}) has no file of yours: its steps made none, or it is another's.")
    else:
        show_table(("File", "Step", "Bytes", "SHA-256"), [(a.name, a.step, _size(a), a.sha256[:16]) for a in artifacts])
    return 0


def get(run: str, which: str, out: Path) -> int:
    """Write one to a file."""
    me().must("write")
    target(out, "a file of a run")
    taken = take(Store(), run, which)
    written(out, taken.content, "a file of a run")
    unlogged(taken.unlogged)
    say(f"✓ {taken.artifact.name} of {taken.artifact.step}: {out}, SHA-256 {taken.artifact.sha256}", style="green")
    return 0


def delete(run: str, which: str) -> int:
    """Delete one."""
    unlogged(forget(Store(), run, which))
    say(f"Deleted {which}; its record stays.")
    return 0


def _size(artifact: Artifact) -> str:
    return f"{artifact.size:,}" if artifact.size is not None else "hash only"
