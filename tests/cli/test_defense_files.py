"""A defense that a shell saved is what the next command puts its model behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Tiltyard = Callable[..., Any]


def test_from_the_shell(tiltyard: Tiltyard, tmp_path: Path) -> None:
    place = tmp_path / "policy.safetensors"
    said = tiltyard("check", "theft.output_policy", "--sample", "census", "--kind", "round", "--digits", "0", "--no-store", "--save", place)
    assert "--behind" in said.err and place.exists()
    found = tiltyard(
        "check", "validation.performance", "--sample", "census", "--behind", place, "--data-rows", "200", "--json", "--no-store"
    )
    record = json.loads(found.out)
    assert record["target"]["name"].endswith(", round")
