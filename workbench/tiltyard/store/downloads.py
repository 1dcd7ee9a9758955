"""Files of runs on their way out of the store, or out of existence; the audit log says who did it."""

from dataclasses import dataclass

from ..audit import notes as audit
from .artifacts import Artifact
from .store import Store


@dataclass(frozen=True)
class Download:
    """A file out of the store; ``unlogged`` says why that is not in the audit log, or nothing."""

    artifact: Artifact
    content: bytes
    unlogged: str


def download(store: Store, run_id: str, which: str) -> Download:
    """A file of one's own run, for analysts; ``which`` is its name, or the beginning of its SHA-256."""
    store.person.must("run")
    audit.ready(store.url)
    artifact = store.artifacts.find(store.run(run_id).id, which)
    content = store.artifacts.content(artifact)
    return Download(artifact, content, _noted(store, "artifact taken", artifact))


def delete_file(store: Store, run_id: str, which: str) -> str:
    """Delete the bytes of a file; admins only. Returns why it is not in the audit log, or nothing."""
    store.person.must("delete")
    audit.ready(store.url)
    artifact = store.artifacts.find(store.run(run_id).id, which)
    store.artifacts.delete(artifact)
    return _noted(store, "artifact deleted", artifact)


def _noted(store: Store, what: str, artifact: Artifact) -> str:
    facts = {"run": artifact.run, "step": artifact.step, "name": artifact.name}
    return audit.note(what, artifact.sha256, facts, store.person.name, store.url)
