"""A form follows from the fields of a model: controls, bounds, one line when wrong, nothing lost."""

from typing import Annotated, Literal

import pytest
from pydantic import Field, model_validator

from tiltyard.check import parameter
from tiltyard.errors import Problem
from tiltyard.result import Frozen
from tiltyard_widgets.controls.fields import FieldSpec, read_fields
from tiltyard_widgets.controls.form import Form, form_for


class Probe(Frozen):
    budget: float = parameter(0.1, "Largest change of a pixel", unit="pixel value", ge=0, le=1)
    steps: int = parameter(40, "Gradient steps", ge=1, le=1000)
    delta: float = parameter(1e-5, "Chance that the guarantee fails", gt=0, lt=1)
    norm: Literal["linf", "l2"] = parameter("linf", "How change is measured")
    targeted: bool = parameter(False, "Aim at one class")
    column: str = parameter("", "Sensitive column", source="sensitive")
    limit: int | None = parameter(None, "At most so many rows", ge=1)
    rates: tuple[Annotated[float, Field(ge=0, le=1)], ...] = parameter((0.001, 0.01), "False-positive rates")
    keys: tuple[str, ...] = parameter((), "Quasi-identifiers", source="features")
    attacks: tuple[Literal["fgsm", "pgd"], ...] = parameter(("fgsm",), "Attacks to run")
    seed: int = parameter(0, "Seed", ge=0, le=2**31 - 1)


class Pair(Frozen):
    low: float = parameter(0.0, "Lower end", ge=0, le=1)
    high: float = parameter(1.0, "Upper end", ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> "Pair":
        if self.low > self.high:
            raise ValueError("low must not be above high")
        return self


def specs() -> dict[str, FieldSpec]:
    return {spec.name: spec for spec in read_fields(Probe, None, ("seed",))}


def typed(form: Form[Probe], **values: object) -> None:
    """What the browser sends when a person changes fields."""
    form.set_state({"given": {**form.given, **values}})


def test_every_type_has_its_control() -> None:
    kinds = {name: spec.kind for name, spec in specs().items()}
    assert kinds == {
        "budget": "number",
        "steps": "integer",
        "delta": "number",
        "norm": "select",
        "targeted": "bool",
        "column": "text",
        "limit": "integer",
        "rates": "list",
        "keys": "list",
        "attacks": "multi",
        "seed": "integer",
    }


def test_help_unit_bounds_and_default_reach_the_browser() -> None:
    budget = specs()["budget"]
    assert (budget.help, budget.unit, budget.min, budget.max) == ("Largest change of a pixel", "pixel value", 0, 1)
    assert budget.hint == "0 to 1, default 0.1" and budget.slider and budget.step == 0.01
    assert specs()["delta"].hint == "above 0 to below 1, default 10⁻⁵" and not specs()["delta"].slider
    assert specs()["steps"].log and specs()["limit"].optional and specs()["seed"].advanced and not specs()["seed"].slider


def test_untouched_form_is_the_default_and_passes_nothing_on() -> None:
    form = form_for(Probe)
    assert form.error == "" and form.step() == Probe() and form.step().model_fields_set == set()


def test_changed_values_become_the_model() -> None:
    form = form_for(Probe, choices={"features": ["age", "zip"], "sensitive": ["sex"]})
    typed(form, budget=0.3, column="sex", limit=10, rates=[0.5], keys=["age"], attacks=["fgsm", "pgd"], targeted=True)
    made = form.step()
    assert (made.budget, made.column, made.limit, made.rates, made.keys, made.attacks) == (
        0.3,
        "sex",
        10,
        (0.5,),
        ("age",),
        ("fgsm", "pgd"),
    )
    assert "steps" not in made.model_fields_set


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("budget", "abc", "a number from 0 to 1 (pixel value)"),
        ("budget", 2, "from 0 to 1"),
        ("budget", "", "found nothing"),
        ("steps", 0, "a whole number from 1 to 1,000"),
        ("steps", 2.5, "a whole number"),
        ("delta", 0, "above 0"),
        ("limit", 0, "at least 1"),
        ("rates", [0.5, 7], "from 0 to 1"),
        ("rates", ["x"], "values"),
        ("norm", "l7", "one of linf, l2"),
    ],
)
def test_wrong_value_is_one_line_and_changing_back_clears_it(field: str, value: object, words: str) -> None:
    form = form_for(Probe)
    before = form.values()[field]
    typed(form, **{field: value})
    assert words in form.error and "\n" not in form.error and list(form.errors) == [field]
    with pytest.raises(Problem) as caught:
        form.step()
    assert str(caught.value) == form.error
    typed(form, **{field: before})
    assert form.error == "" and form.errors == {} and form.step() == Probe()


def test_two_wrong_fields_are_both_marked_and_what_was_typed_is_kept() -> None:
    form = form_for(Probe)
    typed(form, budget="much", steps=0)
    assert set(form.errors) == {"budget", "steps"} and form.values()["budget"] == "much"
    typed(form, budget=0.2)
    assert set(form.errors) == {"steps"} and "Steps" in form.error


def test_fields_that_do_not_go_together() -> None:
    form = form_for(Pair)
    form.set({"low": 0.9, "high": 0.1})
    assert "low must not be above high" in form.error and "" in form.errors


def test_choices_come_and_go() -> None:
    form = form_for(Probe, choices={"sensitive": ["sex", "race"]})
    kinds = {spec["name"]: spec["kind"] for spec in form.specs}
    assert kinds["column"] == "select" and kinds["keys"] == "list"
    form.set({"column": "race", "budget": 0.7})
    form.offer({"sensitive": ["sex"], "features": ["age"]})
    assert form.values()["column"] == "" and form.values()["budget"] == 0.7
    assert [option["value"] for option in next(s for s in form.specs if s["name"] == "keys")["options"]] == ["age"]


def test_start_values_reset_and_unknown_names() -> None:
    form = form_for(Probe, start={"budget": 0.5})
    assert form.step().budget == 0.5
    form.reset()
    assert form.step() == Probe()
    with pytest.raises(Problem):
        form.set({"bugdet": 1})


def test_only_named_fields() -> None:
    form = form_for(Probe, only=["norm", "budget"])
    assert [spec["name"] for spec in form.specs] == ["budget", "norm"] and form.step() == Probe()


class Long(Frozen):
    seed: int = parameter(0, "Seed", ge=0)
    a: float = parameter(0.1, "Open at zero, small by default", gt=0, le=100)
    b: float = parameter(0.9, "Open at zero, large by default", gt=0, le=1)
    c: float = parameter(0, "Wide, zero by default", ge=0, le=1000)
    d: int = parameter(3, "Few", ge=0, le=50)
    e: float = parameter(1.0, "Half open", ge=0, lt=1e9)
    f: str = parameter("", "Words")
    g: str = parameter("", "More words")
    h: str = parameter("", "Still more words")


def test_sliders_only_where_a_hand_can_set_them() -> None:
    found = {spec.name: spec for spec in read_fields(Long, None, ())}
    assert found["a"].log and 0 < (found["a"].start or 0) <= 0.01
    assert found["b"].slider and not found["b"].log and found["b"].start == found["b"].step == 0.01
    assert not found["c"].slider and found["d"].step == 1 and not found["e"].slider


def test_what_matters_stands_open_in_its_order_and_all_else_is_folded() -> None:
    form = form_for(Long, main=("d", "a"))
    assert [spec["name"] for spec in form.specs if not spec["advanced"]] == ["d", "a"] == [spec["name"] for spec in form.specs][:2]
    form.set({"h": "x"})
    assert form.step().h == "x"


def test_long_forms_fold_what_comes_last_but_still_send_it() -> None:
    form = form_for(Long)
    assert [spec["name"] for spec in form.specs if spec["advanced"]] == ["seed", "e", "f", "g", "h"]
    form.set({"h": "x"})
    assert form.step().h == "x"
    assert [spec["name"] for spec in form_for(Long, most=20).specs if spec["advanced"]] == ["seed"]
