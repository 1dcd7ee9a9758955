"""Records of before tables said that they show people's rows. Nothing writes such a record any more."""

SHOWN = {
    "examples": ("evasion.",),
    "waterfall": ("explanation.",),
    "maps": ("explanation.",),
    "side_by_side": ("explanation.",),
    "inverted": ("federated.",),
    "rows": ("federated.gradient_leakage",),
    "records": ("privacy.",),
}


def shows_people(check: str, name: str, flagged: bool) -> bool:
    """Does what is called ``name`` in a record of ``check`` show a single person's row, by its flag or by what it was before?"""
    return flagged or check.startswith(SHOWN.get(name, ("\0",)))
