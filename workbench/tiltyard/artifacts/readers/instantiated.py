"""Names that a configuration asks a reader to import and call: Hydra's ``_target_`` and its like, in YAML, JSON or metadata."""

import re

from ..judges.trust import executes
from ..reason import Findings

TARGETS = frozenset({"_target_", "__target__", "_partial_target_"})
"""Keys whose value is a name that is imported and called."""
_TARGET = re.compile(r"""["']?(_target_|__target__|_partial_target_)\\?["']?\s*[:=]\s*\\?["']?([A-Za-z_][\w.]*)""")
_PYTHON_TAG = re.compile(r"!!python/(object(?:/apply|/new)?|name|module)[:\s]*([\w.]*)")
_KNOWN = re.compile(
    r"(nemo\.(collections|core|lightning)|torch\.(nn|optim|utils\.data)|omegaconf|pytorch_lightning|lightning(\.pytorch)?|megatron\.core|"
    r"transformers)(\.[A-Za-z]\w*)+"
)
WHY = "Hydra and its like import and call what this names"


def judge_targets(text: str, findings: Findings, where: str) -> None:
    """Each name that would be imported: refused where it runs code, unproven where it is not known."""
    for match in _TARGET.finditer(text):
        judge_name(match.group(2), findings, where)
    for match in _PYTHON_TAG.finditer(text):
        findings.malicious(where, f"!!python/{match.group(1)} {match.group(2)}".strip(), "PyYAML's unsafe loaders would import and call this",
                           rule="yaml-python")  # fmt: skip


def judge_name(name: str, findings: Findings, where: str) -> None:
    """One name, such as ``torch.optim.Adam``."""
    module, _, attribute = name.rpartition(".")
    if executes(module or "builtins", attribute):
        findings.malicious(where, f"_target_: {name}", WHY, rule="target-runs")
    elif not _KNOWN.fullmatch(name):
        findings.unproven(where, f"_target_: {name}", WHY, rule="target-unknown")
