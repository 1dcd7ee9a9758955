"""``true`` is no number: in no parameter, no configuration file, no form of the server's API and no file of keys."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from tiltyard.assessment.config import Config, read_config
from tiltyard.assessment.policy import Policy, read_policy
from tiltyard.catalogue import checks, defenses
from tiltyard.check import Step, named
from tiltyard.datasets.feature import Feature
from tiltyard.errors import Problem
from tiltyard.result import Given
from tiltyard.serving.keys import KeyFile
from tiltyard.serving.ledger import LedgerFile
from tiltyard.serving.settings import Settings, read_settings
from tiltyard_widgets.server import forms, openapi

STEPS: tuple[type[Step], ...] = (*checks().values(), *defenses().values())
ROOTS: tuple[type[BaseModel], ...] = (Settings, Config, Policy, KeyFile, LedgerFile)
FORMS = tuple(operation.asks for operation in openapi.OPERATIONS if operation.asks)


def leaves(annotation: Any) -> Iterator[Any]:
    """The types an annotation is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from leaves(part)


def below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and those in its fields."""
    yield model
    for field in model.model_fields.values():
        for part in leaves(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from below(part)


def numbers(model: type[BaseModel]) -> Iterator[str]:
    """The fields of a model that take numbers and no truth values, by the names they are given under."""
    for name, field in model.model_fields.items():
        parts = set(map(repr, leaves(field.annotation)))
        if parts & {repr(int), repr(float)} and repr(bool) not in parts and repr(Any) not in parts:
            yield field.alias or name


MODELS = tuple(dict.fromkeys(model for root in (*ROOTS, *STEPS, *FORMS, Feature) for model in below(root)))
SPOTS = [(model, name) for model in MODELS for name in numbers(model)]


def test_there_are_spots() -> None:
    assert len(SPOTS) > 200 and {Settings, Config, Policy} <= set(MODELS)
    assert all(issubclass(model, Given) for model, _ in SPOTS), {model for model, _ in SPOTS if not issubclass(model, Given)}


@pytest.mark.parametrize("value", [True, False, [True], [1, False]])
def test_true_is_no_number_anywhere(value: Any) -> None:
    for model, name in SPOTS:
        for said in ({name: value}, json.dumps({name: value})):
            with pytest.raises(ValidationError) as caught:
                model.model_validate(said) if isinstance(said, dict) else model.model_validate_json(said)
            kinds = {error["type"] for error in caught.value.errors() if error["loc"][:1] == (name,)}
            assert kinds == {"truth_for_number"}, (model, name, kinds)


def test_a_parameter_is_refused_in_words() -> None:
    from tiltyard.poisoning.backdoor import Backdoor

    with pytest.raises(Problem, match=r"size of poisoning\.backdoor: a whole number at least 1, at most 32"):
        named(Backdoor, {"size": True})
    with pytest.raises(Problem, match=r"a whole number at least 1, at most 32 \(pixels or columns\); found True"):
        Backdoor(size=True)


@pytest.mark.parametrize(
    ("read", "text", "where"),
    [
        (read_settings, "[limits]\nrows = true\n", "limits.rows"),
        (read_settings, "[rate]\nbudget = false\n", "rate.budget"),
        (read_settings, "port = true\n", "port"),
        (read_config, 'seed = true\n[target]\nsample = "census"\n', "seed"),
        (read_config, '[target]\nurl = "http://127.0.0.1:1"\nbudget = true\n', "target.budget"),
        (read_config, '[target]\nsample = "census"\n[data]\nfile = "a.csv"\nfeatures.age = { low = true }\n', "data.features.age.low"),
        (read_policy, '[[rule]]\ncheck = "a"\nmetric = "b"\nat_least = true\n', "rule.0.at_least"),
    ],
)
def test_a_file_is_refused_in_one_line(tmp_path: Path, read: Any, text: str, where: str) -> None:
    (tmp_path / "given.toml").write_text(text)
    with pytest.raises(Problem, match="not true or false") as caught:
        read(tmp_path / "given.toml")
    assert where in str(caught.value) and "\n" not in str(caught.value)


def test_true_still_is_true_where_it_is_meant() -> None:
    assert Settings.model_validate({"extraction_detector": {"watch": False}}).extraction_detector.watch is False
    assert forms.RunsAsked.model_validate({"limit": "7"}).limit == 7 and forms.RunsAsked.model_validate({"limit": 7}).limit == 7
