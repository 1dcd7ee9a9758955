"""What ``tiltyard artifacts`` does."""

from pathlib import Path

from ...access.person import me
from ...access.places import target, written
from ...evasion.rows_file import exported
from ...published.listing import ArtifactList
from ...store.artifacts import Artifact
from ...store.downloads import delete_file, download
from ...store.opening import open_store
from ..console import emit, say, show_table, unlogged


def show(run: str, as_json: bool) -> int:
    """List the files of a run."""
    store = open_store()
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
    found = download(open_store(), run, which)
    written(out, exported(found.artifact.name, found.content, out.suffix.lower()), "a file of a run")
    unlogged(found.unlogged)
    say(f"✓ {found.artifact.name} of {found.artifact.step}: {out}, SHA-256 {found.artifact.sha256}", style="green")
    return 0


def delete(run: str, which: str) -> int:
    """Delete one."""
    unlogged(delete_file(open_store(), run, which))
    say(f"Deleted {which}; its record stays.")
    return 0


def _size(artifact: Artifact) -> str:
    return f"{artifact.size:,}" if artifact.size is not None else "hash only"
