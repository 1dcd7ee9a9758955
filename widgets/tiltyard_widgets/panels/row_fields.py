"""The fields in which every feature of one row can be edited, and the row that stands in them."""

import math
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field, create_model

from tiltyard.datasets.feature import Feature
from tiltyard.datasets.number_columns import number_column, number_values
from tiltyard.datasets.schema import Rows, Schema
from tiltyard.errors import Problem

from ..controls.fields import FieldSpec, read_fields
from ..controls.form import Form
from .manual_attack import encoded, row_values

FIXED = "an attacker may not change it"


def dated(feature: Feature) -> bool:
    """Is it a date, or a span of time?"""
    return feature.numeric and feature.dtype.startswith(("datetime64", "timedelta64"))


def model_of(schema: Schema, start: dict[str, Any]) -> tuple[type[BaseModel], dict[str, str]]:
    """A form's model for every feature, with the values of `values_of` as defaults, and the field behind each feature's name."""
    names = {feature.name: f"field_{place}" for place, feature in enumerate(schema.features)}
    fields: dict[str, Any] = {names[f.name]: _field(f, start[f.name]) for f in schema.features}
    return create_model("Person", **fields), names


def form_of(schema: Schema, start: dict[str, Any]) -> tuple[Form[BaseModel], dict[str, str]]:
    """A form for every feature, with a slider over the range of each number, and the field behind each feature's name."""
    model, names = model_of(schema, start)
    by_field = {names[feature.name]: feature for feature in schema.features}
    specs = [_slid(spec, by_field[spec.name]) for spec in read_fields(model, None, (), most=len(names))]
    return Form(model, specs, {}, {}), names


def _slid(spec: FieldSpec, feature: Feature) -> FieldSpec:
    span = feature.high - feature.low
    if spec.kind not in ("number", "integer") or not 0 < span < 1e9:
        return spec
    step = max(1.0, 10.0 ** math.floor(math.log10(span / 100))) if feature.whole else 10.0 ** math.floor(math.log10(span / 100))
    return replace(spec, min=feature.low, max=feature.high, slider=True, step=step)


def _field(feature: Feature, value: Any) -> tuple[Any, Any]:
    """Bounds are no part of it: a value beyond them is warned about and asked all the same."""
    extra: dict[str, Any] = {"unit": "" if dated(feature) else feature.unit, "source": "", "word": "was"}
    about: dict[str, Any] = {"title": feature.name, "description": "" if feature.mutable else FIXED, "json_schema_extra": extra}
    if feature.grouped:
        return Literal[tuple(feature.values)], Field(default=value, **about)
    if feature.kind == "text":
        return str, Field(default=value, **about)
    kind: Any = str if dated(feature) else int if feature.kind == "integer" else float
    empty = feature.missing or feature.optional
    return (kind | None if empty else kind), Field(default=value, **about)


def values_of(schema: Schema, x: Rows) -> dict[str, Any]:
    """One row (d,) as a value for each feature: a category by name, a date as text, None where there is no number."""
    plain = row_values(schema, x)
    for feature in schema.features:
        if dated(feature) and plain[feature.name] is not None:
            plain[feature.name] = _written(feature, float(x[schema.slices[feature.name]][0]))
    return plain


def _written(feature: Feature, value: float) -> str:
    """A date without the hours where there are none."""
    return str(number_column(np.array([value]), feature)[0]).removesuffix(" 00:00:00").removesuffix("+00:00").removesuffix(" 00:00:00")


def row_of(schema: Schema, x: Rows, given: dict[str, Any]) -> Rows:
    """The row (d,) of ``x`` with ``given`` values in place of its own; those that are equal keep every digit.

    Raises
    ------
    Problem
        In one line, where a value is none that the feature can have.
    """
    was, made = values_of(schema, x), x.copy()
    for feature in schema.features:
        value, where = given[feature.name], schema.slices[feature.name]
        if value == was[feature.name]:
            continue
        if feature.kind == "text":
            made[where] = encoded(schema, {**row_values(schema, x), feature.name: value})[0][where]
        else:
            made[where] = _cells(feature, value)
    return made


def _cells(feature: Feature, value: Any) -> Any:
    if feature.kind == "categorical":
        return float(feature.values.index(value))
    if feature.kind == "onehot":
        return np.eye(feature.width)[feature.values.index(value)]
    if value is None or value == "":
        return np.nan
    return _date(feature, value) if dated(feature) else float(value)


def _date(feature: Feature, text: str) -> float:
    import pandas as pd

    try:
        column = pd.Series(pd.to_timedelta([text]) if feature.dtype.startswith("timedelta") else pd.to_datetime([text]))
    except ValueError:
        raise Problem(f"a date in {feature.name!r}, such as 2024-02-29", repr(text), "Write it as year-month-day") from None
    return float(number_values(column, feature.dtype, feature.divide)[0])


def beyond(schema: Schema, x: Rows) -> list[str]:
    """What of a row (d,) lies outside the schema's bounds, in sentences."""
    remarks = []
    for feature in schema.features:
        value = float(x[schema.slices[feature.name]][0])
        if feature.numeric and not np.isnan(value) and not feature.low <= value <= feature.high:
            low, high = (_remarks(feature, bound) for bound in (feature.low, feature.high))
            remarks.append(f"{feature.name} is {_remarks(feature, value)}, outside {low} to {high}.")
    return remarks


def _remarks(feature: Feature, value: float) -> str:
    return _written(feature, value) if dated(feature) else f"{value:g}"
