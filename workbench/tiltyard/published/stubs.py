"""What an editor reads in the place of what is found at run time: a stub a topic, with its checks and defenses.

``python -m tiltyard.published.stubs`` writes them anew; a test says when that is to be done.
"""

from pathlib import Path

from ..catalogue import COMPOSED, TOPICS, checks, defenses, topic_of

ROOT = Path(__file__).parents[1]


def path_of(topic: str) -> Path:
    """Where the stub of a topic stands."""
    return ROOT / topic / "__init__.pyi"


def stub_of(topic: str) -> str:
    """A line a class of ours."""
    steps = [
        step for step in (*checks().values(), *defenses().values()) if topic_of(step) == topic and step.__module__.startswith("tiltyard.")
    ]
    lines = sorted(f"from .{step.__module__.rpartition('.')[2]} import {step.__name__} as {step.__name__}" for step in steps)
    return "".join(f"{line}\n" for line in lines)


def topics() -> tuple[str, ...]:
    """The topics with a folder."""
    return tuple(topic for topic in TOPICS if topic not in COMPOSED)


if __name__ == "__main__":
    for name in topics():
        path_of(name).write_text(stub_of(name), "utf-8")
