"""One threshold, or one for each group, and all that follows from it, computed in the page: no message while a slider moves."""

from collections.abc import Callable
from typing import Any, Final

import traitlets

from tiltyard.statistics.score_cells import ScoreCells

from ..theme.block import HERE, Block, esm

OWN_CSS: Final = (HERE.parent / "views" / "threshold.css").read_text(encoding="utf-8")
PARTS = ("threshold_counts.js", "threshold_draw.js", "threshold_parts.js", "threshold_curves.js", "threshold.js", "threshold_fairness.js")


class ThresholdView(Block):
    """Charts linked by a threshold. ``show`` gives it scores and facts; ``on_use`` hears of the button under the slider.

    Attributes
    ----------
    facts
        What is said beside the numbers; ``{}`` for nothing.
    threshold, thresholds, costs, by
        Where the page stands: it sets them once a finger is lifted. ``costs`` are those of a false positive and a false negative.
    """

    _esm = esm("chart_scale.js", "chart_marks.js", *PARTS)
    _css = OWN_CSS
    facts = traitlets.Dict().tag(sync=True)
    scores = traitlets.Bytes(b"").tag(sync=True)
    rank = traitlets.Bytes(b"").tag(sync=True)
    code = traitlets.Bytes(b"").tag(sync=True)
    count = traitlets.Bytes(b"").tag(sync=True)
    threshold = traitlets.Float(0.5).tag(sync=True)
    thresholds: traitlets.List[float] = traitlets.List().tag(sync=True)
    costs: traitlets.List[float] = traitlets.List([1.0, 1.0]).tag(sync=True)
    by = traitlets.Enum(["score", "share"], "score").tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self._use: Callable[[dict[str, Any]], None] = lambda asked: None
        self.on_msg(self._heard)

    def on_use(self, function: Callable[[dict[str, Any]], None]) -> None:
        """Call ``function`` with ``threshold`` or ``thresholds`` when the person wants the model to decide so."""
        self._use = function

    def show(self, cells: ScoreCells | None, facts: dict[str, Any], threshold: float | None = None) -> None:
        """Put ``cells`` on the page with their ``facts``; it begins at ``threshold``, or stays where it is."""
        if cells is None:
            self.facts = {}
            return
        with self.hold_sync():
            self.scores, self.rank = cells.scores.tobytes(), cells.rank.tobytes()
            self.code, self.count = cells.code.tobytes(), cells.count.tobytes()
            if threshold is not None:
                self.threshold, self.thresholds = threshold, []
            self.facts = facts

    def _heard(self, _: object, content: Any, buffers: object) -> None:
        if isinstance(content, dict) and content.get("event") == "use":
            self._use(content)
