"""The script of the app's pages as it is committed: built from these sources. No Node needed."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

HOME = Path(__file__).parents[2] / "widgets" / "front"


def script() -> ModuleType:
    """What builds it, as a module."""
    spec = importlib.util.spec_from_file_location("front_build", HOME / "build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = script()


def test_the_bundle_was_built_from_these_sources() -> None:
    made = json.loads(BUILD.MADE.read_text())
    assert len(BUILD.sources()) > 5
    assert made["sources"] == BUILD.digest(BUILD.sources()), "Sources changed: python widgets/front/build.py"
    assert made["bundle"] == BUILD.digest(BUILD.built()), "The bundle was changed by hand: python widgets/front/build.py"


def test_every_package_in_the_bundle_is_locked_and_has_a_license_that_is_named() -> None:
    lock = (HOME / "package-lock.json").read_text()
    locked = json.loads(lock)["packages"]
    packages = json.loads((BUILD.STATIC / "front-licenses.json").read_text())["packages"]
    assert '"resolved"' not in lock  # no host is named
    assert {"@jupyter-widgets/controls", "anywidget"} <= {one["name"] for one in packages}
    for one in packages:
        assert locked[f"node_modules/{one['name']}"]["version"] == one["versionInfo"]
        assert re.fullmatch("MIT|ISC|BSD-[23]-Clause", one["licenseId"])
        assert "opyright" in one["extractedText"] and len(one["extractedText"]) > 500


def test_it_asks_nothing_of_another_host() -> None:
    """What it names by a whole address are namespaces of XML and where its parts are told of."""
    told = re.findall(r"(?:url\(|@import|src=)[\"']?https?://[^\s\"')]+", "".join(path.read_text() for path in BUILD.built()[:2]))
    assert told == []
