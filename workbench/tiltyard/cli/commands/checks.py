"""``tiltyard checks``: what there is."""

from ...catalogue import TOPICS, checks, defenses
from ...published.listing import CheckList, facts
from ..console import emit, say, show_table


def run(as_json: bool) -> int:
    """List every check and defense."""
    steps = [facts(step) for step in (*checks().values(), *defenses().values())]
    if as_json:
        emit(CheckList(steps=tuple(steps)))
        return 0
    for topic, title in TOPICS.items():
        mine = [step for step in steps if step.topic == topic]
        if mine:
            say(title, style="bold")
            show_table(("  id", "kind", "question"), [(f"  {s.id}", s.kind, s.question) for s in mine])
            say()
    say("tiltyard check ID --help shows the parameters.")
    return 0
