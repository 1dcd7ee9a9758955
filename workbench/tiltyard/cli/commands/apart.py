"""Whether people behind a shared login are kept from this account's secrets, asked before the app starts."""

import os
from collections.abc import Sequence
from pathlib import Path

from ...access import store_place
from ...access.confined import Confines, impossible, outside, python_places, system_places
from ...access.offers import Offer
from ...access.users import default_place as users_place
from ...audit import notes as audit
from ...errors import Problem
from ...store.sealed_records import KEY as STORE_KEY


def secrets() -> list[Path]:
    """The files that no kernel behind a shared login may reach: people, keys, store and audit log, and what seals them."""
    from ...serving.keys import default_place as keys_place

    url = store_place.address(None)
    found = [
        users_place(),
        keys_place(),
        audit.place(),
        Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None,
    ]
    found += [Path(named).expanduser() for named in map(os.environ.get, (audit.KEY, STORE_KEY)) if named]
    return [path for path in found if path is not None]


def homes() -> None:
    """Raise where the store or the audit log has no folder: then nobody's runs would be kept, nor their logins told."""
    url = store_place.address(None)
    store = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
    for what, path in (("the store", store), ("the audit log", audit.place())):
        if path is not None and not path.absolute().parent.is_dir():
            raise Problem(f"a folder for {what}", f"none at {path.absolute().parent}", "Make it first, or name another")


def kept_apart(data_root: Path | None = None, offers: Sequence[Offer] = ()) -> None:
    """Raise where kernels are confined and a secret lies among what they read: Python's folders, the system's, or people's data."""
    if impossible():
        return
    people = [str(folder) for folder in data_root.iterdir() if folder.is_dir()] if data_root else []
    people += [path for offer in offers for path in offer.reads]
    if path := outside(secrets(), Confines((*system_places(), *python_places(), *people), ())):
        where = "people's data, what is offered, Python's own folders and the system's"
        raise Problem(f"people, keys, store and audit log away from {where}", f"{path}", "Keep it elsewhere")
