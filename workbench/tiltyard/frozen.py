"""The base of every value that is stored or printed: immutable, with exact JSON."""

from pydantic import BaseModel, ConfigDict

HIDDEN = frozenset(name for name in dir(BaseModel) if not name.startswith("_"))


class Frozen(BaseModel):
    """Immutable value with exact JSON: unknown keys are refused, NaN and inf survive as strings."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    def __dir__(self) -> list[str]:
        """What completion offers: nothing of the library that checks the values."""
        return [name for name in super().__dir__() if name not in HIDDEN]
