"""What steps need of a target and its data, and which defenses a finding may advise: one that cannot be applied is no way out."""

from .datasets.dataset import Dataset
from .result import CheckResult, Finding
from .targets.target import Target

NEEDS = {
    "labels": "predicted labels",
    "scores": "class scores",
    "gradients": "gradients (a torch module or linear model)",
    "weights": "weights",
    "training": "a training routine",
    "file": "a model file",
    "url": "an endpoint",
    "table": "a table",
    "images": "images",
    "text": "a column of free text",
    "sensitive": "a sensitive column",
    "member": "rows marked as trained on and rows marked as not",
}
DATA_NEEDS = frozenset({"table", "images", "text", "sensitive", "member"})
# Title and needs of each defense that a finding names: checks stand before the catalogue, so a test holds this against it.
REMEDIES: dict[str, tuple[str, frozenset[str]]] = {
    "evasion.adversarial_training": ("Adversarial training", frozenset({"gradients", "labels", "scores", "weights"})),
    "privacy.dp_sgd": ("Differentially private training (DP-SGD)", frozenset({"gradients", "weights"})),
    "theft.output_policy": ("Output policy", frozenset({"scores"})),
    "theft.watermark": ("Watermark", frozenset({"gradients", "training", "weights"})),
    "fairness.correlation_remover": ("Correlation remover", frozenset({"labels", "sensitive", "table", "training"})),
    "fairness.exponentiated_gradient": ("Training under a constraint", frozenset({"labels", "sensitive", "training"})),
    "fairness.threshold_optimizer": ("Thresholds per group", frozenset({"labels", "scores", "sensitive"})),
    "validation.guard": ("Input guard", frozenset({"labels"})),
    "poisoning.filter": ("Poison filter", frozenset({"gradients", "training"})),
    "federated.training": ("Federated training", frozenset({"gradients", "training", "weights"})),
}

OF_TWO_CLASSES = frozenset({"fairness.exponentiated_gradient", "fairness.threshold_optimizer"})


def lacking(needs: frozenset[str], target: Target, data: Dataset) -> str:
    """The first of ``needs`` that target and data do not offer, in words; empty where they offer all."""
    for need in sorted(needs):
        if need in DATA_NEEDS:
            if reason := data.lacks(need):
                return reason
        elif need not in target.offers:
            return f"needs {NEEDS[need]}; this target offers {', '.join(sorted(target.offers))}"
    return ""


def attainable(result: CheckResult, target: Target, data: Dataset) -> CheckResult:
    """``result`` whose findings lead to no defense that this target and data cannot take; the advice says which, and why.

    What an attacker may not see of the target its owner has, who applies the defense.
    """
    findings = tuple(_within_reach(finding, target.whole, data) for finding in result.findings)
    return result if findings == result.findings else result.model_copy(update={"findings": findings})


def _within_reach(finding: Finding, target: Target, data: Dataset) -> Finding:
    title, needs = REMEDIES.get(finding.defense, ("", frozenset[str]()))
    reason = lacking(needs, target, data) or _classes(finding.defense, target)
    if not reason:
        return finding
    advice = f"{finding.advice.rstrip('.')}. {title} cannot be applied here: it {reason}."
    return finding.model_copy(update={"advice": advice, "defense": ""})


def _classes(defense: str, target: Target) -> str:
    many = defense in OF_TWO_CLASSES and len(target.classes) > 2
    return f"needs two classes; this target has {len(target.classes)}" if many else ""
