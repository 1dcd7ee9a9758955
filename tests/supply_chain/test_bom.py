"""The bill of materials against CycloneDX's own schema, and what it says where little is known."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tiltyard.artifacts.hashing import file_sha256
from tiltyard.cli import main
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.result import CheckResult, Metric, Status
from tiltyard.samples.catalog import load_data, load_model
from tiltyard.supply_chain.bom import bill, encoded, purl
from tiltyard.supply_chain.environment import Package, packages
from tiltyard.supply_chain.materials import Materials
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target

SCHEMA = Schema(features=(Feature(name="a", kind="continuous", low=0, high=1),), label="y", classes=("no", "yes"))
ODD = Package("odd", "1!2.0+local.1", license="Ünlicensed \u202e", requires=("absent", "other"))


def bare() -> tuple[Target, Dataset]:
    """A model in memory and data of which nothing is said."""
    x = np.linspace(0, 1, 10, dtype=np.float32)[:, None]
    target = FunctionTarget(lambda rows: np.zeros(len(rows), np.int64), SCHEMA.classes, SCHEMA, "a function", outputs="labels")
    return target, Dataset(x, np.zeros(10, np.int64), SCHEMA, "ten rows")


def wrong(made: dict[str, Any]) -> str:
    """What CycloneDX's own validator says against it; empty where it is valid."""

    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(encoded(made).decode())
    return str(error.data.message if hasattr(error.data, "message") else error) if error else ""


@pytest.fixture(scope="module")
def census() -> tuple[Target, Dataset]:
    return load_model("census"), load_data("census")


def test_the_bill_of_a_shipped_model_is_valid(census: tuple[Target, Dataset]) -> None:
    made = bill(packages(), *census, stamped=True)
    assert wrong(made) == ""
    parts = {c["bom-ref"]: c for c in made["components"]}
    assert parts["model"]["type"] == "machine-learning-model"
    assert parts["model"]["hashes"] == [{"alg": "SHA-256", "content": file_sha256(census[0].origin)}] if census[0].file else True
    assert parts["model"]["modelCard"]["modelParameters"]["datasets"] == [{"ref": "data"}]
    assert {p.name for p in packages()} <= {c["name"] for c in made["components"]}
    assert "serialNumber" in made


@pytest.mark.parametrize("listed", [(), (ODD, Package("other", "not a version"))])
def test_a_model_without_metadata_gives_a_valid_bill_that_says_so(listed: tuple[Package, ...]) -> None:
    target, data = bare()
    made = bill(listed, target, data)
    assert wrong(made) == ""
    assert "hashes" not in next(c for c in made["components"] if c["bom-ref"] == "model")
    result = Materials()(target, data).result
    assert result.status is Status.FINDING
    assert [f.title for f in result.findings] == ["The model came from no file", "The data name no source and no license"]


def test_the_environment_alone_is_a_bill_too_and_a_spoiled_one_is_seen() -> None:
    made = bill(packages())
    assert wrong(made) == ""
    assert wrong(made | {"specVersion": "1.6", "components": [{"type": "no such type", "name": "x"}]})


def test_equal_materials_give_equal_bytes(census: tuple[Target, Dataset]) -> None:
    assert encoded(bill(packages(), *census)) == encoded(bill(packages(), *census))
    assert encoded(bill((), *census)) != encoded(bill((ODD,), *census))


def test_a_run_gives_the_card_its_numbers(census: tuple[Target, Dataset]) -> None:
    target, data = census
    record = Materials()(target, data)
    metric = Metric(name="auc", label="AUC", value=0.61, low=0.55, high=0.67, n=100)
    measured = record.model_copy(update={"result": CheckResult(status=Status.PASSED, summary="So.", metrics=(metric,))})
    made = bill((), target, data, [measured])
    assert wrong(made) == ""
    [number] = made["components"][0]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert number["confidenceInterval"] == {"lowerBound": "0.55", "upperBound": "0.67"}


def test_a_purl_is_escaped() -> None:
    assert purl(ODD) == "pkg:pypi/odd@1%212.0%2Blocal.1"


def test_the_data_with_source_and_license_have_no_gap() -> None:
    target, data = bare()
    said = Materials()(target, replace(data, source="measured here", license="CC0-1.0")).result
    assert [f.title for f in said.findings] == ["The model came from no file"]


def test_the_command_writes_a_valid_file(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["bom", "--reproducible"]) == 0
    made = json.loads(capsysbinary.readouterr().out)
    assert wrong(made) == ""
    config = tmp_path / "c.toml"
    config.write_text('name = "x"\n[target]\nsample = "census"\n[data]\nrows = 50\n[[check]]\nid = "supply_chain.materials"\n')
    assert main(["bom", str(config), "--out", str(tmp_path / "deep" / "bom.cdx.json")]) == 0
    found = json.loads((tmp_path / "deep" / "bom.cdx.json").read_text())
    assert wrong(found) == ""
    assert found["components"][0]["type"] == "machine-learning-model"


def test_a_config_that_is_none_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bom", str(tmp_path / "absent.toml")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_libraries_are_named_by_their_hashes() -> None:
    made = bill([Package("a", "1.0", archive="ab" * 32, record="cd" * 32), Package("b", "1.0")])
    assert wrong(made) == ""
    first, second = (next(c for c in made["components"] if c["name"] == name) for name in "ab")
    assert first["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert first["properties"] == [{"name": "tiltyard:record:sha256", "value": "cd" * 32}]
    assert not {"hashes", "properties"} & set(second)
    assert sum(len(p.record) == 64 for p in packages()) > 20


def test_another_file_in_a_library_is_another_hash(tmp_path: Path) -> None:
    from importlib import metadata

    from tiltyard.supply_chain.environment import _archive, _record

    folder = tmp_path / "a-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: a\nVersion: 1.0\n")
    (folder / "direct_url.json").write_text(json.dumps({"url": "https://x/a.whl", "archive_info": {"hashes": {"sha256": "ef" * 32}}}))
    (folder / "RECORD").write_text("a.py,sha256=one,1\nb.py,sha256=two,1\n")
    found = metadata.Distribution.at(folder)
    before = _record(found)
    (folder / "RECORD").write_text("b.py,sha256=two,1\na.py,sha256=one,1\n")
    assert _record(found) == before and _archive(found) == "ef" * 32
    (folder / "RECORD").write_text("a.py,sha256=other,1\nb.py,sha256=two,1\n")
    (folder / "direct_url.json").write_text('{"archive_info": {"hashes": {"sha256": "none"}}}')
    assert _record(found) != before and _archive(found) == ""


def test_what_is_installed_is_read_as_the_library_reads_it() -> None:
    from importlib import metadata

    found = packages()
    assert {p.name: p.version for p in found} == {p.name: metadata.version(p.name) for p in found}
    for package in found[:40]:
        asked = [Requirement(text) for text in metadata.requires(package.name) or ()]
        here = {canonicalize_name(r.name) for r in asked if r.marker is None or r.marker.evaluate({"extra": ""})}
        assert package.requires == tuple(sorted(here))


def test_of_an_egg_and_of_a_folded_license_all_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    egg, wheel = tmp_path / "old-1.0.egg-info", tmp_path / "new-2.0.dist-info"
    egg.mkdir()
    wheel.mkdir()
    (egg / "PKG-INFO").write_text("Metadata-Version: 1.1\nName: old\nVersion: 1.0\nLicense: MIT\n")
    (egg / "requires.txt").write_text("numpy\n\n[extra]\ntorch\n")
    text = "Metadata-Version: 2.1\nName: new\nVersion: 2.0\nLicense: one\n        two\nRequires-Dist: odd name\nRequires-Dist: B_c>1\n"
    (wheel / "METADATA").write_text(f"{text}\nName: described\nRequires-Dist: described\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    new, old = packages()
    assert (new.name, new.version, new.license, new.requires) == ("new", "2.0", "", ("b-c",))
    assert (old.name, old.version, old.license, old.requires) == ("old", "1.0", "MIT", ("numpy",))
