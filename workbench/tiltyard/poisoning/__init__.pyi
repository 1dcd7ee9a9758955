from .backdoor import Backdoor as Backdoor
from .detect import Detect as Detect
from .filter import Filter as Filter
from .label_flip import LabelFlip as LabelFlip
from .training_rows import TrainingRows as TrainingRows
