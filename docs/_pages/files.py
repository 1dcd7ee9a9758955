"""The TOML files that people write, from the models that read them."""

from pydantic import BaseModel

from .forms import fields
from .markdown import fenced, page, prose


def pages() -> dict[str, str]:
    return {"reference/files.md": page("TOML files", INTRODUCTION, *sections(), label="files")}


INTRODUCTION = """Paths in a file are relative to it. A key that is not known is refused in one line that lists those that are; nothing is
skipped in silence. Every example here is read by a test."""


def sections() -> list[str]:
    from tiltyard.assessment.about import About
    from tiltyard.assessment.config import CheckConfig, Config, DataConfig, TargetConfig
    from tiltyard.assessment.policy import Policy, Rule
    from tiltyard.datasets.correcting import Correction
    from tiltyard.serving import settings

    assessment = {
        "": Config,
        "[target]": TargetConfig,
        "[data]": DataConfig,
        "[data] features.NAME": Correction,
        "[[check]]": CheckConfig,
        "[report]": About,
    }
    policy = {"": Policy, "[[rule]]": Rule}
    endpoint = {
        "": settings.Settings,
        "[model]": settings.ModelSettings,
        "[limits]": settings.LimitSettings,
        "[output]": settings.OutputSettings,
        "[rate]": settings.RateSettings,
        "[extraction_detector]": settings.DetectorSettings,
    }
    return [
        section("An assessment", "assess.toml", ASSESSMENT, assessment),
        section("A policy", "policy.toml", POLICY, policy),
        section("A guarded endpoint", "guard.toml", GUARD, endpoint),
    ]


def section(title: str, name: str, example: str, parts: dict[str, type[BaseModel]]) -> str:
    """An example, then each table of the file with its keys."""
    shown = [
        f"### {f'`{head}`' if head else f'Top of {name}'}\n\n{prose(model.__doc__)}\n\n{fields(model)}" for head, model in parts.items()
    ]
    return f"## {title}\n\n{fenced(example, 'toml')}\n" + "\n".join(shown)


ASSESSMENT = """name = "churn, spring"
profile = "quick"                        # or "full"
seed = 0

[target]
file = "model.safetensors"               # or sample = "census", or url = "https://…"
threshold = 0.15                         # where the model's own rule is not what runs: "yes" from 0.15 on
positive = "yes"

[data]
file = "customers.csv"
label = "churned"
sensitive = ["gender"]
leave_out = ["customer_id"]
member = "train"                         # the column that says which rows were trained on
features.income = { unit = "EUR", low = 0 }

[[check]]                                # as many as you like; without any, all are run
id = "evasion.pgd"
eps = 0.05

[report]
author = "Ada"
recipient = "Credit risk committee"
"""
POLICY = """[[rule]]
check = "evasion.pgd"
metric = "robust_accuracy"
at_least = 0.5
use = "low"                              # the low end of the interval is held against it

[[rule]]
check = "fairness.groups"
metric = "demographic_parity_difference"
at_most = 0.1
tolerance = 0.02
"""
GUARD = """name = "churn"
port = 8443
certificate = "chain.pem"
private_key = "key.pem"

[output]
kind = "rounded"
digits = 2

[rate]
requests = "600/minute"
budget = 100000
days = 30

[limits]
rows = 1000
"""
