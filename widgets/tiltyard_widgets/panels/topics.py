"""The panels that need nothing beyond what their steps' fields say."""

from .panel import TopicPanel


class ExplainPanel(TopicPanel):
    """SHAP, global and local, and what explanations risk."""

    topic = "explanation"
    first = "explanation.shap"


class TheftPanel(TopicPanel):
    """Model stealing against the number of queries, and watermarks."""

    topic = "theft"
    first = "theft.extraction"


class ValidationPanel(TopicPanel):
    """The input guard: built, exported, attacked."""

    topic = "validation"
    first = "validation.performance"


class PoisoningPanel(TopicPanel):
    """Label flips and backdoors, and how they are found."""

    topic = "poisoning"
    first = "poisoning.backdoor"
