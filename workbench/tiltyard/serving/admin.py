"""What an operator with an admin key may see and do while the endpoint runs."""

from typing import TYPE_CHECKING, Any

from ..audit.notes import note
from ..errors import Problem
from .evidence import FALSE_ALARM, MONTH
from .refusal import refuse

if TYPE_CHECKING:
    from .guarding import Guarded
    from .keys import Key

ACTS = {"revoke": "key revoked", "revoke-line": "keys of an account revoked", "clear": "key's trail cleared"}


def overview(guarded: "Guarded") -> dict[str, Any]:
    """Every key with its rows spent in this period and what the extraction detector found; never its hash."""
    facts: dict[str, Any] = {"watched": guarded.detector is not None}
    if guarded.detector is not None:
        facts |= {"false_alarms": FALSE_ALARM, "of_different_rows": MONTH}
    return {"keys": [_facts(guarded, key) for key in guarded.keys.all()], "trail": facts, "unobserved": guarded.unobserved}


def changed(guarded: "Guarded", id: str, act: str, by: "Key") -> dict[str, Any]:
    """Revoke a key, or all of its account (the keys rotated into one another), or clear what the detector holds against it, as the key ``by`` asks; 404 where there is no such key or act."""
    key = next((k for k in guarded.keys.all() if k.id == id), None)
    if key is None or act not in ACTS:
        raise refuse(404, f"/v1/keys/ID/{' or '.join(ACTS)} of a key there is", "another", "See GET /v1/keys")
    try:
        if act == "revoke":
            key = guarded.keys.revoke(id)
        elif act == "revoke-line":
            guarded.keys.revoke_line(id)
            key = next(k for k in guarded.keys.all() if k.id == id)
        elif guarded.detector is not None:
            guarded.detector.clear(key.account)
    except (Problem, OSError):
        raise refuse(503, "a file of keys that can be written", "one that cannot", "Fix it on the server") from None
    guarded.journal.event({"event": f"key {act}", "key": id})
    if unlogged := note(ACTS[act], parameters={"id": id, "name": key.name}, who=by.name):
        guarded.journal.event({"event": "not in the audit log", "reason": unlogged})
    return _facts(guarded, key)


def _facts(guarded: "Guarded", key: "Key") -> dict[str, Any]:
    facts = key.model_dump(mode="json", include={"id", "name", "scopes", "created", "expires", "revoked"})
    facts |= {
        "account": key.account,
        "state": key.state(guarded.keys.clock()),
        "spent": guarded.quota.ledger.spent(key.account),
        "budget": guarded.quota.budget(key),
    }
    return facts | ({"trail": guarded.detector.of(key.account).facts()} if guarded.detector else {})
