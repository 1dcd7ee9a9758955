"""Kills a process with all it started."""

from contextlib import suppress


def end(pid: int) -> None:
    """Kill a process and all below it. Each is stopped before it is killed, so that none starts another meanwhile."""
    import psutil

    held: dict[int, psutil.Process] = {}
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        while new := [one for one in (root, *root.children(recursive=True)) if one.pid not in held]:
            for one in new:
                held[one.pid] = one
                with suppress(psutil.Error):
                    one.suspend()
    for one in held.values():
        with suppress(psutil.Error):
            one.kill()


def end_below() -> None:
    """Kill all that this process started."""
    import psutil

    for child in psutil.Process().children():
        end(child.pid)
