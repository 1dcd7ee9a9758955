"""Which function decided: every check and defense ends by the one rule, so that none passes by a rule of its own."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import tiltyard
from tiltyard.catalogue import COMPOSED, TOPICS, checks, defenses

ENGINE = Path(tiltyard.__file__).parent
ROOMS = (*sorted({*TOPICS} - {*COMPOSED}), "comparison")
RULE = {"ruling", "status_of"}

# Of these no number is held by `ruling` itself: what they ask is a fact, or their numbers were held against their intervals before `status_of`.
SETTLED = {
    "comparison.cross_risk": "numbers that moved surely, before and after",
    "endpoint.posture": "probes that pass or not",
    "evasion.attack": "the end of the interval is among its reasons",
    "evasion.certificate": "the lower end of the certified accuracy",
    "evasion._corrupting": "the upper end of the loss, and rows",
    "explanation.adversarial_shift": "tells what moved; nothing is accepted or not",
    "explanation.leakage": "the interval of the gain",
    "explanation.shap_values": "whether explanations add up",
    "federated.leaking.outcome": "the upper ends of the gains",
    "poisoning.backdoor": "exact ends of the success",
    "poisoning.detect": "limits calibrated on clean rows",
    "poisoning.training_rows": "a p-value over all labels",
    "privacy.audit_report": "a lower bound of epsilon",
    "privacy.frontier": "both ends of the skill kept",
    "privacy.identifying": "facts of columns",
    "supply_chain.advised": "packages",
    "supply_chain.age": "packages",
    "supply_chain.materials": "packages",
    "supply_chain.scan": "bytes of a file",
    "supply_chain.trained_with": "packages",
    "theft.equations": "the upper end of the fidelity",
    "theft.extraction": "the upper end of the fidelity",
    "theft.watermark_survival": "the upper end of the removals missed",
    "theft.watermark_verify": "an exact p-value",
    "validation.guard_roc": "the end of the false alarms",
    "validation.slices": "intervals over all slices at once",
}


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    return tuple(_read())


def _read() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ENGINE / room).rglob("*.py")):
            name = ".".join(path.relative_to(ENGINE).with_suffix("").parts)
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def made_up(tree: ast.Module) -> list[int]:
    """Lines that say passed by themselves: to compare with it is no verdict."""
    compared = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Compare) for part in ast.walk(node)}
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "PASSED" and ast.unparse(node.value) == "Status" and id(node) not in compared
    ]


def called(tree: ast.Module) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)} & RULE


def test_no_topic_says_passed_but_by_the_rule() -> None:
    assert {name: lines for name, tree in modules() if (lines := made_up(tree))} == {}


def test_this_test_sees_a_verdict_of_its_own() -> None:
    assert made_up(ast.parse("status = Status.FINDING if bad else Status.PASSED")) == [1]
    assert made_up(ast.parse("bad = status is Status.PASSED")) == []


def test_who_settles_without_the_rules_own_limits_is_listed_with_why() -> None:
    assert {name for name, tree in modules() if called(tree) == {"status_of"}} == set(SETTLED)


def test_every_defense_has_its_numbers_held_by_ruling() -> None:
    """Its own module or one of its topic that it imports calls `ruling`."""
    rules = {name for name, tree in modules() if "ruling" in called(tree)}
    trees = dict(modules())
    lacking = []
    for id, cls in defenses().items():
        own = cls.__module__.removeprefix("tiltyard.")
        room = own.partition(".")[0]
        near = {own} | {f"{room}.{name}" for name in _imported(trees[own])}
        near |= {f"{room}.{name}" for module in list(near) if module in trees for name in _imported(trees[module])}
        lacking += [id] if not near & rules else []
    assert lacking == [] and len(defenses()) >= 10 and len(checks()) >= 30


def _imported(tree: ast.Module) -> set[str]:
    return {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module}
