from .gradient_leakage import GradientLeakage as GradientLeakage
from .training import Training as Training
