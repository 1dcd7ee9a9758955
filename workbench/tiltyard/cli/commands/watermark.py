"""``tiltyard watermark``: a key committed to before the training, and what the audit log says of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...access.person import me
from ...audit import commitments
from ...errors import Problem
from ...files.atomic import new_file
from ...sealing.broken import Broken
from ..console import remark, say

if TYPE_CHECKING:
    from ...datasets.schema import Schema

IN_ORDER, NOT_IN_ORDER, NOT_PROVEN = 0, 1, 2
SUFFIX = ".jsonl"


@dataclass(frozen=True)
class Layout:
    """Where columns and classes are taken from: an assessment file's data, or a file of rows and its label."""

    config: Path | None
    data: Path | None
    label: str

    def schema(self) -> "Schema":
        """Read it; `Problem` where none or both are named."""
        if (self.config is None) == (self.data is None):
            raise Problem("either --config CONFIG.toml or --data FILE", "none" if self.config is None else "both", "Name one")
        if self.config is not None:
            from ...assessment.config import read_config

            return read_config(self.config).rows().schema
        from ...datasets.reading import read

        return read(str(self.data), label=self.label or None).schema


def commit(key: Path, layout: Layout, owner: str, count: int, seed: int) -> int:
    """Draw, seal and commit; the anchor stands on stdout."""
    me().must("keys")
    done = commitments.commit(key, layout.schema(), owner, count, seed)
    say(done.anchor)
    remark(f"Committed to {key} by SHA-256 {done.hash}. Before you train, have others vouch for the anchor above:")
    remark(f"  openssl ts -query -digest {done.anchor.partition(':')[2]} -sha256 -cert -out anchor.tsq, and keep the authority's reply; or")
    remark(f"  tiltyard watermark order {key} --anchor {done.anchor} --out order.jsonl, and a witness's tiltyard sign order.jsonl.")
    remark(f"Then mark with theft.watermark, key_file={key}, owner={owner!r}, count={count}, seed={seed}.")
    return IN_ORDER


def order(key: Path, anchor: str, suspect_since: str, out: Path | None) -> int:
    """Say what the log says, and write the records that prove it where ``out`` is given."""
    me().must("log")
    try:
        found = commitments.ordered(key, anchor, suspect_since)
        lines = commitments.proof(key, anchor) if out is not None else b""
    except Broken as broken:
        remark(f"✕ broken: {broken}", style="red")
        return NOT_IN_ORDER
    wrong = (found.trained is not None and not found.before_training) or not found.before_suspect
    say(f"{'✓' if found.holds else '✕' if wrong else '?'} {found.words}", style="green" if found.holds else "red" if wrong else "yellow")
    if out is not None:
        if out.suffix != SUFFIX:
            raise Problem(f"a name that ends in {SUFFIX}", out.name, "Say so with --out")
        with new_file(out) as stream:
            stream.write(lines)
        remark(
            f"Wrote {out}: {len(lines.splitlines()):,} records, from the commitment on. Only who vouches for the anchor's day proves a date."
        )
    return IN_ORDER if found.holds else NOT_IN_ORDER if wrong else NOT_PROVEN
