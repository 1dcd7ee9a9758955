from .adversarial_training import AdversarialTraining as AdversarialTraining
from .fgsm import FGSM as FGSM
from .hop_skip_jump import HopSkipJump as HopSkipJump
from .minimum import Minimum as Minimum
from .pgd import PGD as PGD
from .square import Square as Square
from .strong import Strong as Strong
from .words import Words as Words
