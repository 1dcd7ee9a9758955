"""What every check and defense of ours says of itself beyond the contract that those of others keep too."""

from tiltyard.catalogue import checks, defenses, topic_of
from tiltyard.check import named

STEPS = {**checks(), **defenses()}


def test_something_is_registered() -> None:
    assert len(checks()) >= 5
    assert len(defenses()) >= 2
    assert not set(checks()) & set(defenses())


def test_each_names_its_sources_and_standards_and_stands_in_the_folder_of_its_topic() -> None:
    assert [id for id, cls in STEPS.items() if not cls.sources] == []
    assert [id for id, cls in STEPS.items() if not cls.standards] == []
    assert [id for id, cls in STEPS.items() if not cls.__module__.startswith(f"tiltyard.{topic_of(cls)}.")] == []


def test_the_python_of_each_makes_it_again() -> None:
    other = []
    for id, cls in STEPS.items():
        made = named(cls, {"seed": 5})
        scope: dict[str, object] = {}
        imports, call = made.command().rsplit("\n", 1)
        exec(f"{imports}\nmade = {call}", scope)  # noqa: S102 (that it can be run is the point)
        other += [id] if scope["made"] != made else []
    assert other == []


def test_each_check_that_an_attacker_could_run_says_what_for() -> None:
    """A campaign has every check of these topics, and of no other; its owner's audits are marked."""
    topics = {"evasion": "evade", "privacy": "infer", "theft": "steal", "poisoning": "poison"}
    assert {id: cls.campaign_goal for id, cls in checks().items() if cls.campaign_goal} == {
        id: topics[topic_of(id)] for id in checks() if topic_of(id) in topics
    }
    assert {id for id, cls in checks().items() if cls.audit} == {
        "evasion.certificate",
        "evasion.corruptions",
        "evasion.table_corruptions",
        "poisoning.detect",
        "poisoning.neural_cleanse",
        "poisoning.strip",
        "poisoning.training_rows",
        "poisoning.transplant",
        "privacy.audit_epsilon",
        "privacy.frontier",
        "privacy.identifying",
        "theft.watermark_survival",
        "theft.watermark_verify",
    }


def test_what_is_measured_again_after_a_defense_has_a_headline() -> None:
    again = {id: cls.headline for id, cls in checks().items() if cls.remeasured}
    assert len(again) == 7 and all(again.values())


def test_each_names_the_settings_that_matter() -> None:
    """One to four of its own; only a step without settings names none."""
    own = {id: set(cls.model_fields) - {"seed"} for id, cls in STEPS.items()}
    assert {id: cls.main for id, cls in STEPS.items() if own[id] and not 1 <= len(cls.main) <= 4} == {}
    assert {id: set(cls.main) - own[id] for id, cls in STEPS.items() if not set(cls.main) <= own[id]} == {}
