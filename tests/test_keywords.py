"""A misspelt keyword of a public function or panel is Python's own error, in a line that names the right one."""

from collections.abc import Callable
from typing import Any

import pytest

import tiltyard as ty
from tiltyard.errors import Problem
from tiltyard.keywords import Misspelt, nearest


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (
            lambda: ty.assess(1, 2, checks=["evasion.fgsm"]),
            "assess() takes no keyword 'checks'. Did you mean 'picked'? It takes target, data,",
        ),
        (lambda: ty.open(1, lable="y"), "open_target() takes no keyword 'lable'. It takes source, schema,"),
        (lambda: ty.read(1, lable="y"), "read() takes no keyword 'lable'. Did you mean 'label'? It takes source,"),
        (lambda: ty.load(nme="census"), "load() takes no keyword 'nme'. Did you mean 'name'? It takes name."),
        (lambda: ty.report([], "r.html", autor="Ada"), "report() takes no keyword 'autor'. Did you mean 'author'?"),
        (lambda: ty.compare("a", "b", sore=None), "compare() takes no keyword 'sore'. Did you mean 'store'?"),
        (lambda: ty.checks(topics="evasion"), "checks() takes no keyword 'topics'. Did you mean 'topic'? It takes topic."),
        (lambda: ty.check("evasion.fgsm", 1, 2, labels="y"), "check() takes no keyword 'labels'. Did you mean 'label'?"),
        (lambda: ty.defend("theft.output_policy", 1, 2, profil="full"), "defend() takes no keyword 'profil'. Did you mean 'profile'?"),
        (lambda: ty.scorer("evasion.fgsm", metrics="x"), "scorer() takes no keyword 'metrics'. Did you mean 'metric'?"),
        (lambda: ty.labs.predict("2a", valeu=1), "predict() takes no keyword 'valeu'. Did you mean 'value'?"),
    ],
)
def test_a_misspelt_keyword_is_one_line_with_the_nearest_name(call: Callable[[], Any], line: str) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value).startswith(line) and "\n" not in str(caught.value)
    assert isinstance(caught.value, Misspelt) and caught.value._render_traceback_() == [f"TypeError: {caught.value}"]


def test_a_parameter_of_the_step_comes_before_a_keyword_of_the_function() -> None:
    with pytest.raises(Problem, match=r"found 'epss'\. Did you mean 'eps'\?"):
        ty.check("evasion.fgsm", 1, 2, epss=1)
    with pytest.raises(Problem, match=r"found 'zzz'\. Correct the name\."):
        ty.scorer("evasion.fgsm", zzz=1)


def test_panels_and_the_window_say_their_own_name_and_are_short_in_a_terminal() -> None:
    from tiltyard_widgets import AttackPanel, Workbench

    for panel in (AttackPanel, Workbench):
        with pytest.raises(
            TypeError, match=rf"^{panel.__name__}\(\) takes no keyword 'labels'\. Did you mean 'label'\? It takes target, data"
        ):
            panel(labels="y")  # type: ignore[call-arg]
    assert repr(AttackPanel()) == "<AttackPanel: no model and data yet>"


def test_what_is_near_nothing_is_not_guessed() -> None:
    assert nearest("qqq", ["label", "data"]) == "" and nearest("MODEL", ["target", "data"]) == "target"
