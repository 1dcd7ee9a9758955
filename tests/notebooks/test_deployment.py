"""The files for containers say what the app can do; no builder or cluster is here to try them."""

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "notebooks" / "deployment"


def test_the_image_is_not_root_and_starts_the_app_for_the_hub() -> None:
    lines = (FOLDER / "Dockerfile").read_text(encoding="utf-8").splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users and users[-1] not in ("root", "0")
    assert 'CMD ["tiltyard", "app", "--hub"]' in lines
    assert any(line.startswith("HEALTHCHECK") for line in lines) and "ARG INDEX" in lines
    extras = re.search(r'"/src\[([\w,]+)\]"', "\n".join(lines))
    project = (FOLDER.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert extras and all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras[1].split(","))


def test_the_charts_values_are_read_and_start_the_same() -> None:
    import yaml

    values = yaml.safe_load((FOLDER / "values.yaml").read_text(encoding="utf-8"))
    assert values["singleuser"]["cmd"] == ["tiltyard", "app", "--hub"]
    assert "secretKeyRef" in values["singleuser"]["extraEnv"]["TILTYARD_STORE"]["valueFrom"]  # no password in the file
    assert values["singleuser"]["networkPolicy"]["enabled"] is True and values["cull"]["enabled"] is True
