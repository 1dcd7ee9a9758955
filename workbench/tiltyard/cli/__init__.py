"""The command line. ``main`` is the console entry; whatever goes wrong is one line on stderr and an exit code."""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Cancelled, Problem

COULD_NOT_RUN = 2
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; ``--debug`` anywhere shows the traceback of what goes wrong."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [word for word in given if word != "--debug"]
    with _term_is_cancel():
        return _run(given) if debug else _exit_code(given)


def _exit_code(given: list[str]) -> int:
    warnings.simplefilter("ignore")
    try:
        return _run(given)
    except Problem as problem:
        return _say(problem.coded)
    except (KeyboardInterrupt, Cancelled):
        _say("Cancelled.")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _say("Expected enough memory; found none left. Take fewer rows.")
    except Exception as error:
        if hasattr(error, "format_message"):
            message = error.format_message().rstrip(".")
            return _say(f"{message}{'' if message.endswith('?') else '.'} See `tiltyard --help`.")
        line = (str(error).splitlines() or [""])[0]
        return _say(f"Tiltyard itself broke: {type(error).__name__}: {line}. Run it again with --debug and report the traceback.")


PLAIN = frozenset({"--json", "--sarif", "--details", "--no-cache"})


def _run(arguments: list[str]) -> int:
    paths, options = [a for a in arguments[1:] if a[:1] != "-"], [a for a in arguments[1:] if a[:1] == "-"]
    if (
        arguments[:1] == ["scan"] and paths and PLAIN.issuperset(options)
    ):  # starts at once: nothing else is asked, so that nothing else is needed
        from .commands.scan import Wishes, run

        return run(
            paths, Wishes("--json" in options, "--sarif" in options, cached="--no-cache" not in options, details="--details" in options)
        )
    return _typed(arguments)


def _typed(arguments: list[str]) -> int:
    from typer import core

    from .app import app

    if arguments[:1] != ["scan"]:  # which starts at once and needs none of them
        _register()
    core.HAS_RICH = False  # else typer escapes brackets for Rich, which does not write our help
    code = app(args=arguments, prog_name="tiltyard", standalone_mode=False)
    return code if isinstance(code, int) else 0


def _register() -> None:
    """Have the modules of further commands add them."""
    from .commands import (  # noqa: F401 (they register their commands)
        artifacts_commands,
        bom,
        course_commands,
        endpoint_commands,
        labels,
        monitor,
        people_commands,
        serving_commands,
        watermark_commands,
    )
    from .commands.federation_commands import federate  # noqa: F401


@contextmanager
def _term_is_cancel() -> Iterator[None]:
    """SIGTERM does what Ctrl-C does: the step under way is cancelled, what was found is kept and reported."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(line: str) -> int:
    from .console import shown  # late: Rich takes its time

    print(shown(" ".join(line.split())), file=sys.stderr)  # noqa: T201 (the command line's own voice)
    return COULD_NOT_RUN
