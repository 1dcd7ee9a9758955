from .backdoor import Backdoor as Backdoor
from .detect import Detect as Detect
from .filter import Filter as Filter
from .label_flip import LabelFlip as LabelFlip
from .neural_cleanse import NeuralCleanse as NeuralCleanse
from .strip import Strip as Strip
from .training_rows import TrainingRows as TrainingRows
from .transplant import Transplant as Transplant
