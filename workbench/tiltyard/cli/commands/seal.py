"""``tiltyard sign``, ``verify``, ``seal`` and ``unseal``. A passphrase is asked for or comes from the environment, never from the command line."""

import os
from pathlib import Path

from ...access.person import me
from ...access.places import opened
from ...audit import notes as audit
from ...audit.log import check, is_audit_log
from ...errors import Problem
from ...progress import Progress
from ...sealing import sealing, signing
from ...sealing.asking import PASSPHRASE, asked
from ...sealing.broken import Broken
from ...sealing.keys import (
    Key,
    Passphrase,
    new_sealing_key,
    new_signing_key,
    passphrase,
    public_path,
    read_public_key,
    read_sealing_key,
    read_signing_key,
)
from ...store.chain import Keys
from ...store.checking import checked, is_store
from ...store.database import Database
from ...store.lines import RUNNING
from ...store.opening import open_store
from ...store.rekeying import rekey
from ...store.sealed_records import KEY, store_key
from ..console import progress_bar, remark, say, unlogged

INTACT, BROKEN, COULD_NOT_TELL = 0, 1, 2
SHOWN = 20
UNKEYED = (
    " Without TILTYARD_STORE_KEY or TILTYARD_AUDIT_KEY, who can write the store can add changes as if they were yours, "
    "and who can write its audit log too can forge both."
)
NEXT_PASSPHRASE = "TILTYARD_NEW_PASSPHRASE"


def sign(paths: list[Path], key_file: Path, fresh: bool, out: Path | None) -> int:
    """Sign files and folders; makes the key first where ``fresh``."""
    me().must("keys" if fresh else "write")
    protect = passphrase(os.environ[PASSPHRASE], fresh) if os.environ.get(PASSPHRASE) else None
    key = new_signing_key(key_file, protect) if fresh else read_signing_key(key_file, protect or _asked_for(key_file))
    if fresh:
        unlogged(audit.note("key made", parameters={"kind": "signing", "file": str(key_file)}))
        say(f"Made the key {key_file}; give {public_path(key_file)} to those who verify.")
    with progress_bar() as tell:
        written = signing.sign(paths, key, out, Progress(tell))
    say(f"✓ signed: {written}", style="green")
    return INTACT


def verify(path: Path, key_file: Path | None, anchor: str) -> int:
    """Hold files against their signature, an audit log against its chain and head, or a store's files against its records; admins alone the latter two."""
    try:
        if is_audit_log(path):
            me().must("log")
            return _audit_log(path, key_file, anchor)
        if anchor:
            raise Problem("--anchor with an audit log", f"{path}, which is none", "Leave --anchor away")
        if is_store(path):
            me().must("log")
            return _store(path)
        return _signature(path, key_file)
    except Broken as broken:
        return _shown(broken)


def seal(paths: list[Path], key_file: Path | None, fresh: bool, out: Path | None) -> int:
    """Encrypt each file into ``FILE.sealed`` beside it, or one into ``out``."""
    me().must("keys" if fresh else "write")
    _one_for_one(paths, out)
    targets = [(path, out or path.with_name(path.name + sealing.SUFFIX)) for path in paths]
    if fresh and key_file is None:
        raise Problem("--key-file with --new-key", "none", "Name the file to make")
    key: Key = (new_sealing_key(key_file) if fresh else read_sealing_key(key_file)) if key_file else asked(PASSPHRASE, fresh=True)
    if fresh:
        unlogged(audit.note("key made", parameters={"kind": "sealing", "file": str(key_file)}))
        say(f"Made the key {key_file}; without it nothing opens again, so keep a copy elsewhere.")
    with progress_bar() as tell:
        for path, target in targets:
            sealing.seal(path, target, key, Progress(tell))
    for path, target in targets:
        say(f"✓ sealed: {target}; {path} still lies there in the clear", style="green")
    return INTACT


def rotate(paths: list[Path], old: Path | None, new: Path | None, fresh: bool) -> int:
    """Give sealed files another key; their data are not written again."""
    me().must("keys")
    if fresh and new is None:
        raise Problem("--to-key-file with --new-key", "none", "Name the file to make")
    if any(is_store(path) for path in paths):
        return _rekeyed(paths, old, new, fresh)
    try:
        before: Key = read_sealing_key(old) if old else asked(PASSPHRASE)
        after: Key = (new_sealing_key(new) if fresh else read_sealing_key(new)) if new else asked(NEXT_PASSPHRASE, fresh=True)
        for path in paths:
            sealing.rotate(path, before, after)
            unlogged(audit.note("key rotated", parameters={"file": str(path)}))
            say(f"✓ rotated: {path}", style="green")
    except Broken as broken:
        return _shown(broken)
    remark("Older copies of these files still open with the old key.")
    return INTACT


def _rekeyed(paths: list[Path], old: Path | None, new: Path | None, fresh: bool) -> int:
    """Give a store its first key, or another one; the one that it has is that of the environment."""
    if len(paths) != 1 or new is None or old is not None:
        raise Problem(f"one store with --to-key-file; {KEY} names the key that it has", "something else", "Correct it")
    if any(run.state == RUNNING for run in open_store(paths[0]).runs()):
        raise Problem("a store in which nothing goes on", "a run under way", "Wait for it, or cancel it: it could not write its result")
    key = new_sealing_key(new) if fresh else read_sealing_key(new)
    try:
        with progress_bar() as tell:
            found = rekey(Database(paths[0], makes=False), key, Progress(tell))
    except Broken as broken:
        return _shown(broken)
    unlogged(audit.note("key rotated", parameters={"file": str(paths[0])}, store=paths[0]))
    say(f"✓ sealed under {new}: {found.records:,} records and {_files(found.files)}. Set {KEY} to it from now on.", style="green")
    remark("Older copies of this store still open as they did; without the key file nothing of this one opens again.")
    return INTACT


def unseal(paths: list[Path], key_file: Path | None, out: Path | None) -> int:
    """Decrypt each file beside it, without ``.sealed``, or one into ``out``."""
    me().must("write")
    _one_for_one(paths, out)
    targets = [(path, out or _plain_name(path)) for path in paths]
    key: Key = read_sealing_key(key_file) if key_file else asked(PASSPHRASE)
    try:
        with progress_bar() as tell:
            for path, target in targets:
                sealing.unseal(path, target, key, Progress(tell))
    except Broken as broken:
        return _shown(broken)
    for _, target in targets:
        say(f"✓ opened: {target}", style="green")
    return INTACT


def _signature(path: Path, key_file: Path | None) -> int:
    public = read_public_key(key_file) if key_file else None
    with progress_bar() as tell:
        found = signing.verify(path, public, Progress(tell))
    for one in found.differences:
        say(f"✕ {one.path}: {one.what}{f', {one.detail}' if one.detail else ''}", style="red")
    facts = f"{_files(found.files)}, signed by key {found.signer}, which says {found.made}"
    if found.verdict == "intact":
        say(f"✓ intact: {facts}", style="green")
        return INTACT
    if found.verdict == "broken":
        say(f"✕ broken: not as it was signed. Signed were {facts}", style="red")
        return BROKEN
    why = "some could not be read" if found.differences else "only self-consistent: whoever changed a file could have signed it anew"
    say(f"? {why}. {facts}. Give the signer's public key with --key.", style="yellow")
    return COULD_NOT_TELL


def _files(count: int) -> str:
    return f"{count:,} file" if count == 1 else f"{count:,} files"


def _audit_log(path: Path, key_file: Path | None, anchor: str) -> int:
    with progress_bar() as tell:
        found = check(path, read_sealing_key(key_file).secret if key_file else None, anchor, Progress(tell))
    if found.remark:
        remark(found.remark, style="yellow")
    bound = "" if key_file or anchor else " No key and no --anchor were given, so a log rewritten whole would not show."
    say(f"✓ intact: {found.count:,} records; anchor {found.anchor}.{bound}", style="green")
    return INTACT


def _store(path: Path) -> int:
    with progress_bar() as tell:
        found = checked(open_store(path), Progress(tell))
    for line in found.broken[:SHOWN]:
        say(f"✕ {line}", style="red")
    for line in found.unread[:SHOWN]:
        say(f"? {line}", style="yellow")
    facts = f"{found.records:,} records and {_files(found.files)} of {found.runs:,} runs"
    if found.broken:
        say(f"✕ broken: {len(found.broken):,} things do not hold in {facts}", style="red")
        return BROKEN
    if found.clear and store_key() is not None:
        found.unread.append(f"{found.clear:,} lie in the clear, from before the key")
        say(f"? {found.unread[-1]}", style="yellow")
    if found.unread:
        say(f"? not all is proven: {facts}", style="yellow")
        return COULD_NOT_TELL
    say(f"✓ intact: {facts}.{'' if Keys.read().secrets else UNKEYED}", style="green")
    return INTACT


def _shown(broken: Broken) -> int:
    remark(f"✕ broken: {broken}", style="red")
    return BROKEN


def _one_for_one(paths: list[Path], out: Path | None) -> None:
    if out is not None and len(paths) != 1:
        raise Problem("one file with --out", f"{len(paths)}", "Leave --out away; each is written beside its source")


def _plain_name(path: Path) -> Path:
    if path.suffix != sealing.SUFFIX:
        raise Problem(f"a name that ends in {sealing.SUFFIX}", path.name, "Say where to write with --out")
    return path.with_suffix("")


def _asked_for(key_file: Path) -> Passphrase | None:
    """The passphrase of a protected signing key, asked for where there is someone to ask."""
    try:
        with opened(key_file, "a key file") as stream:
            protected = b"ENCRYPTED" in stream.read(64)
    except (Problem, OSError):
        return None
    return asked(PASSPHRASE) if protected else None
