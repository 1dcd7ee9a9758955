from .guard_roc import GuardROC as GuardROC
from .input_guard import Guard as Guard
from .performance import Performance as Performance
from .slices import Slices as Slices
