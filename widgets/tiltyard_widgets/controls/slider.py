"""A slider with a name, a number box and a unit, for what moves under a finger."""

import math

import traitlets

from tiltyard.errors import Problem
from tiltyard.formatting.numbers import number

from ..theme.block import Block, esm


class Slider(Block):
    """Observe ``value``; what is typed and is no value stands in ``wrong``, and ``right`` refuses it. Changes come while it moves; what the kernel cannot keep up with is dropped but for the latest.

    Parameters
    ----------
    step
        Step of a linear slider; 0 for a two-hundredth of the range.
    log
        Positions are spread evenly over powers of ten; needs ``min`` above 0.
    integer
        Whole numbers only.
    """

    _esm = esm("field.js", "slider.js")
    label = traitlets.Unicode("").tag(sync=True)
    value = traitlets.Float(0.0).tag(sync=True)
    min = traitlets.Float(0.0).tag(sync=True)
    max = traitlets.Float(1.0).tag(sync=True)
    step = traitlets.Float(0.0).tag(sync=True)
    log = traitlets.Bool(False).tag(sync=True)
    integer = traitlets.Bool(False).tag(sync=True)
    unit = traitlets.Unicode("").tag(sync=True)
    help = traitlets.Unicode("").tag(sync=True)
    digits = traitlets.Int(3).tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)
    span = traitlets.Unicode("", help="both bounds as they are written").tag(sync=True)
    wrong = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        label: str,
        value: float,
        min: float,
        max: float,
        step: float = 0.0,
        log: bool = False,
        unit: str = "",
        help: str = "",
        digits: int = 3,
        integer: bool = False,
    ) -> None:
        if not (math.isfinite(min) and math.isfinite(max) and min < max) or (log and min <= 0):
            raise ValueError(f"expected finite min < max{' and min > 0 on a log scale' if log else ''}, found {min} and {max}")
        super().__init__(
            label=label, min=min, max=max, value=value, step=step, log=log, unit=unit, help=help, digits=digits, integer=integer
        )
        self.observe(lambda _: self._write(), ["min", "max"])
        self._write()

    def _write(self) -> None:
        self.span = f"{number(self.min, 6)} to {number(self.max, 6)}"

    def right(self) -> float:
        """The value; a `Problem` where something else stands in the box, so that nothing runs with a number that is not to be seen."""
        if self.wrong:
            expected = f"a number from {self.span} in “{self.label}”"
            raise Problem(expected, self.wrong if self.wrong == "nothing" else repr(self.wrong[:40]), "Correct it")
        return float(self.value)

    @traitlets.validate("value")
    def _inside(self, proposal: dict[str, float]) -> float:
        """The value brought into the bounds."""
        value = proposal["value"]
        return self.min if math.isnan(value) else float(min(max(value, self.min), self.max))
