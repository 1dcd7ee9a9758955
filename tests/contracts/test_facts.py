"""What every check and defense says of itself before it runs."""

import json
import subprocess
import sys
from typing import get_args, get_origin

import pytest
from pydantic.fields import FieldInfo

from tiltyard.catalogue import TOPICS, checks, defenses, topic_of
from tiltyard.check import NEEDS, Step, named
from tiltyard.standards.catalog import known

STEPS = {**checks(), **defenses()}
FIELDS = [pytest.param(field, id=f"{cls.id} {name}") for cls in STEPS.values() for name, field in cls.model_fields.items()]
everything = pytest.mark.parametrize("cls", list(STEPS.values()), ids=list(STEPS))


def test_something_is_registered() -> None:
    assert len(checks()) >= 5
    assert len(defenses()) >= 2
    assert not set(checks()) & set(defenses())


@everything
def test_its_facts_are_said(cls: type[Step]) -> None:
    assert topic_of(cls) in TOPICS
    assert cls.id.split(".")[1:], cls.id
    for fact in (cls.title, cls.question, cls.cost):
        assert fact.strip() == fact != ""
    assert len(cls.title) < 60
    assert cls.question.endswith(("?", "."))
    assert cls.needs <= set(NEEDS)
    assert cls.sources
    assert cls.standards
    assert [name for name in cls.standards if not known(name)] == []


@everything
def test_its_name_is_where_it_stands(cls: type[Step]) -> None:
    assert cls.__module__.startswith(f"tiltyard.{topic_of(cls)}.")


def numbers(field: FieldInfo) -> bool:
    kinds = {field.annotation, *get_args(field.annotation)} if get_origin(field.annotation) is not None else {field.annotation}
    return bool(kinds & {int, float})


@pytest.mark.parametrize("field", FIELDS)
def test_every_parameter_has_help_and_unit_and_bounds(field: FieldInfo) -> None:
    assert field.description
    assert len(field.description) < 200
    assert isinstance(field.json_schema_extra, dict)
    assert "unit" in field.json_schema_extra
    if numbers(field):
        bounds = {key for key in ("ge", "gt", "le", "lt") for m in field.metadata if getattr(m, key, None) is not None}
        assert bounds & {"ge", "gt"}, "no lower bound"
        assert bounds & {"le", "lt"}, "no upper bound"


@everything
def test_its_defaults_are_valid(cls: type[Step]) -> None:
    made = named(cls, {})
    assert type(made).model_validate(made.model_dump()) == made
    for profile in (cls.quick, cls.quick_table, cls.quick_images, cls.tiny):
        named(cls, {**cls.quick, **profile})


@everything
def test_its_python_makes_it_again(cls: type[Step]) -> None:
    made = named(cls, {"seed": 5})
    scope: dict[str, object] = {}
    imports, call = made.command().rsplit("\n", 1)
    exec(f"{imports}\nmade = {call}", scope)  # noqa: S102 (that it can be run is the point)
    assert scope["made"] == made


def test_importing_them_imports_neither_torch_nor_shap() -> None:
    ask = "import json, sys; from tiltyard.catalogue import checks, defenses; checks(), defenses(); print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert not {"torch", "shap", "opacus", "fairlearn", "sklearn"} & set(json.loads(done.stdout))
