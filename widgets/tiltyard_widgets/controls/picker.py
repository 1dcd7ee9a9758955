"""One of several: a drop-down, radio buttons or segments, with a name and a help line."""

from collections.abc import Sequence
from typing import Any

import traitlets

from ..theme.block import Block, esm

Option = str | tuple[str, str] | tuple[str, str, str]  # label, value, group


class Choice(Block):
    """Observe ``value``, the value of the chosen option; ``kind`` is select, radio or segments."""

    _esm = esm("field.js", "picker.js")
    label = traitlets.Unicode("").tag(sync=True)
    options: traitlets.List[dict[str, str]] = traitlets.List().tag(sync=True)
    value = traitlets.Unicode("").tag(sync=True)
    help = traitlets.Unicode("").tag(sync=True)
    kind = traitlets.Enum(("select", "radio", "segments"), "select").tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)

    def __init__(self, label: str, options: Sequence[Option], value: str = "", help: str = "", kind: str = "select") -> None:
        plain = _plain(options)
        chosen = value or (plain[0]["value"] if plain else "")
        super().__init__(label=label, options=plain, value=chosen, help=help, kind=kind)

    def offer(self, options: Sequence[Option]) -> None:
        """Other options; a choice that is gone falls to the first."""
        plain = _plain(options)
        values = [option["value"] for option in plain]
        with self.hold_sync():
            self.options = plain
            if self.value not in values:
                self.value = values[0] if values else ""

    @traitlets.validate("value")
    def _on_offer(self, proposal: dict[str, Any]) -> str:
        value = str(proposal["value"])
        values = [option["value"] for option in self.options]
        if values and value not in values:
            raise traitlets.TraitError(f"expected one of {values}, found {value!r}")
        return value


def _plain(options: Sequence[Option]) -> list[dict[str, str]]:
    parts = [(option, option, "") if isinstance(option, str) else (*option, "")[:3] for option in options]
    return [{"label": label, "value": value, **({"group": group} if group else {})} for label, value, group in parts]
