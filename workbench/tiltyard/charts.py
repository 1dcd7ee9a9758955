"""What a result shows beside its numbers: charts as data with labeled axes, and pictures. Whoever shows them draws them."""

from typing import Literal, Self

from pydantic import model_validator

from .frozen import Frozen


class Axis(Frozen):
    """An axis with its label and unit; with ``categories`` its coordinate is their index."""

    label: str
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] = ()


Tone = Literal["", "good", "bad", "neither"]
ChartKind = Literal["line", "step", "bar", "hbar", "scatter", "dot", "swarm", "waterfall"]


class Series(Frozen):
    """One line, set of bars or points: x and y of one length, with an optional band low..high.

    With ``Axis.categories`` on an axis the coordinate on it is the category's index. ``tone`` gives a series whose
    meaning is a judgment the same color in every chart, whichever others are there. ``level`` (0 to 1) is the place of each
    point on the chart's one color scale (`Chart.levels`), None for a point without one; ``remarks`` are what a reader is told of each point
    beside its value. A ``thin`` line is one of many (a row's own curve) behind those that are named. From format 3 on.
    """

    name: str
    tone: Tone = ""
    thin: bool = False
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    level: tuple[float | None, ...] = ()
    remarks: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _equal_lengths(self) -> Self:
        for part in (self.y, self.low or self.x, self.high or self.x, self.level or self.x, self.remarks or self.x):
            if len(part) != len(self.x):
                raise ValueError(f"series {self.name!r} has parts of unequal length")
        if any(level is not None and not 0 <= level <= 1 for level in self.level):
            raise ValueError(f"series {self.name!r} has a level outside 0 to 1")
        return self


class Levels(Frozen):
    """The color scale of a chart's points: what it measures, and what stands at its two ends."""

    label: str
    low: str = "low"
    high: str = "high"


class Course(Frozen):
    """Where a waterfall begins and what it is called, what its end is called, and the names of steps that raise and lower the value."""

    base: float
    start: str
    end: str
    towards: str = "raises it"
    away: str = "lowers it"


class Chart(Frozen):
    """Data with labeled axes, drawn by whoever shows it.

    ``line``, ``step``: series over x. ``bar``: vertical bars with whiskers, x a category index.
    ``hbar``: horizontal bars; Series.x is the value and Series.y the category index on the y axis.
    ``scatter``, ``dot``: points with whiskers. ``swarm``: points of categories on the y axis, laid beside one another where they
    would meet. ``waterfall``: one series of steps, Series.x what each adds, Series.y its category's index, from ``course.base`` on;
    its low and high bound what is added. ``levels`` is the color scale of series that have levels. ``alt`` says in a sentence what
    it shows. ``reference`` are lines across the values as (label, value). ``people`` as of a `Table`.
    """

    name: str
    title: str
    people: bool = False
    kind: ChartKind
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    alt: str
    reference: tuple[tuple[str, float], ...] = ()
    levels: Levels | None = None
    course: Course | None = None

    @model_validator(mode="after")
    def _drawable(self) -> Self:
        if (self.kind == "waterfall") != (self.course is not None):
            raise ValueError(f"chart {self.name!r}: a waterfall has a course, and no other chart has")
        if self.kind in ("swarm", "waterfall") and not self.y.categories:
            raise ValueError(f"chart {self.name!r}: a {self.kind} has categories on its y axis")
        if self.kind == "waterfall" and len(self.series) != 1:
            raise ValueError(f"chart {self.name!r}: a waterfall has one series")
        return self


class Picture(Frozen):
    """A gray or RGB raster in a grid cell: base64 PNG plus what to write under it."""

    caption: str
    png: str
    alt: str


class Gallery(Frozen):
    """Pictures in rows; each row has one title per picture (original, perturbed, difference). ``people`` as of a `Table`."""

    name: str
    title: str
    people: bool = False
    heads: tuple[str, ...]
    rows: tuple[tuple[Picture, ...], ...]
