from .equations import Equations as Equations
from .extraction import Extraction as Extraction
from .output_policy import OutputPolicy as OutputPolicy
from .watermark import Watermark as Watermark
from .watermark_survival import WatermarkSurvival as WatermarkSurvival
from .watermark_verify import WatermarkVerify as WatermarkVerify
