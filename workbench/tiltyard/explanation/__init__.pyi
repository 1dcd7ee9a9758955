from .adversarial_shift import Adversarial as Adversarial
from .leakage import Leakage as Leakage
from .shap_values import SHAP as SHAP
from .stability import Stability as Stability
