from .posture import Posture as Posture
