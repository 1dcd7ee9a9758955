from .correlation_remover import CorrelationRemover as CorrelationRemover
from .exponentiated_gradient import ExponentiatedGradient as ExponentiatedGradient
from .frontier import Frontier as Frontier
from .group_metrics import Groups as Groups
from .threshold_optimizer import ThresholdOptimizer as ThresholdOptimizer
