"""``help``, the signature, completion and errors of every step: its own words, and none of the library beneath."""

import inspect
import pydoc
from typing import Any, get_args

import pytest

import tiltyard as ty
from tiltyard.check import Step
from tiltyard.errors import Problem
from tiltyard.parameters import model_facts, parameter, span

STEPS: dict[str, type[Step]] = dict(ty.checks())
BENEATH = {"dict", "json", "copy", "parse_obj", "construct", "model_dump", "model_fields", "model_config", "from_orm", "validate", "schema"}


def test_help_says_every_parameter_and_nothing_of_the_library_beneath() -> None:
    for id, step in STEPS.items():
        text = pydoc.render_doc(step, renderer=pydoc.plaintext)
        assert "pydantic" not in text.lower(), id
        for field in model_facts(step):
            assert f"{field.name} : " in text and field.help in text and f"default {field.default!r}" in text, (id, field.name)
            assert (span(parameter(field)) if not field.choices else repr(field.choices[0])) in text, (id, field.name)
            assert not field.unit or f"({field.unit})" in text, (id, field.name)


def test_the_signature_says_type_bounds_unit_help_and_default() -> None:
    for id, step in STEPS.items():
        given = inspect.signature(step).parameters
        assert list(given)[-1] == "seed" and set(given) == set(step.model_fields), id
        for field in model_facts(step):
            one = given[field.name]
            words: str = get_args(one.annotation)[-1]
            assert one.kind is one.KEYWORD_ONLY and one.default == field.default and words.endswith(field.help), (id, field.name)
            assert field.unit in words, (id, field.name)


def test_completion_offers_parameters_and_facts_alone() -> None:
    for id, step in STEPS.items():
        assert not set(dir(step)) & BENEATH and "question" in dir(step), id
        made: Any = step()
        assert set(step.model_fields) <= set(dir(made)) and not set(dir(made)) & BENEATH, id


def test_a_step_is_written_as_it_was_given() -> None:
    assert repr(ty.evasion.PGD()) == "PGD()" and repr(ty.evasion.PGD(eps=0.2, seed=3)) == "PGD(seed=3, eps=0.2)"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"eps": -1}, r"Expected eps of evasion\.pgd: a number above 0, at most 100 \(ranges\); found -1\. Correct the value\."),
        ({"epss": 1}, r"Expected a parameter of evasion\.pgd \(accept, .*\); found 'epss'\. Did you mean 'eps'\? Correct the name\."),
        ({"norm": "l7"}, r"Expected norm of evasion\.pgd: input should be 'linf', 'l2' or 'l1'; found 'l7'\."),
        (
            {"norm": "linf", "eps": 7},
            r"that go together: with linf, eps is a share of the range, at most 1; found 7; found norm='linf', eps=7\.",
        ),
    ],
)
def test_a_wrong_parameter_is_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(Problem, match=message) as caught:
        ty.evasion.PGD(**given)
    assert "\n" not in str(caught.value)


def test_a_parameter_without_its_name_is_one_line() -> None:
    with pytest.raises(Problem, match=r"found 0\.1 without one\. Write PGD\(eps=…\)"):
        ty.evasion.PGD(0.1)  # type: ignore[misc]


@pytest.mark.parametrize(("given", "meant"), [("evasion.strnog", "evasion.strong"), ("PGD", "evasion.pgd"), ("groups", "fairness.groups")])
def test_an_id_that_is_not_there_says_what_was_meant(given: str, meant: str) -> None:
    with pytest.raises(Problem, match=rf"a check or defense; found '{given}'\. Did you mean '{meant}'\?"):
        ty.check(given, None, None)


def test_a_cell_shows_a_problem_as_its_line() -> None:
    assert Problem("a", "b", "Do c")._render_traceback_() == ["Problem: Expected a; found b. Do c."]
