"""What a warm parent imports and loads before it forks: what every page of the workbench asks for, and nothing of anybody's."""

import contextlib
import ctypes
import gc
import importlib
import os
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

KERNEL = (
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "ipykernel.debugger",
    "ipykernel_launcher",
    "jupyter_client.localinterfaces",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "faulthandler",
    "tornado.platform.asyncio",
    "psutil",
    "sqlite3",
    "tiltyard_widgets.gateway.page_kernel",
)
LIBRARIES = ("numpy", "pandas", "torch", "scipy.stats", "scipy.special", "sqlalchemy.dialects.sqlite", "pydantic", "anywidget")
# What topics want when they are first used, one after another while nobody asks for a kernel: what each child imports for itself it holds for itself.
AFTERWARDS = (
    "sympy",
    "opacus.accountants",
    "tiltyard.privacy._dp_training.loop",
    "torch._dynamo",
    "sklearn.linear_model",
    "sklearn.ensemble",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
)
INLINE = "module://matplotlib_inline.backend_inline"  # what a kernel names as MPLBACKEND where nobody named another
BEAR_A_FORK = {"jemalloc_bg_thd"}  # of pyarrow's memory: it waits in the fork (pthread_atfork) and the child is without it
WHATS = ("workbench", "bare")
SAMPLES = ("census",)
# Rooms that no page needs at once: other programs, and what brings a library of its own, some of which start threads when they are imported.
LEFT_OUT = re.compile(r"\.(cli|labs|serving|published|monitoring|broker|deployed|_dp_training)\b|\.(__main__|testing|train|worker)$")


def prepare(what: str) -> Callable[[], None]:
    """Import what ``workbench`` pages, or ``bare`` ones, want, or a module by its name. Returns what a child calls first: from then on it may use every core.

    Nothing may run on more than one thread here: a library whose threads stayed behind in the parent hangs in the child.
    """
    for name in KERNEL:
        importlib.import_module(name)
    if what not in WHATS:
        importlib.import_module(what)  # a program of its own, as the tests' server
    restore = _workbench() if what == "workbench" else _nothing
    _compacted()
    return restore


def afterwards(what: str) -> Iterator[str]:
    """Import one thing more at each step, then ask what is held its own rows; say why no kernel may be forked from then on: nothing where all is well."""
    if what != "workbench":
        return
    for name in AFTERWARDS:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
        _compacted()
        yield unfit()
    from .held import answered

    for _ in answered():
        _compacted()
        yield unfit()


def _workbench() -> Callable[[], None]:
    for name in LIBRARIES:
        importlib.import_module(name)
    for name in ("tiltyard", "tiltyard_widgets.panels"):
        for module in _modules(importlib.import_module(name)):
            with contextlib.suppress(ImportError):  # of an extra that is not installed
                importlib.import_module(module)
    import torch
    from ipywidgets import register_comm_target
    from threadpoolctl import threadpool_limits

    from tiltyard.samples.catalog import hold

    from .held import hold_offers

    threads, limits = torch.get_num_threads(), threadpool_limits(1)
    torch.set_num_threads(1)
    for name in SAMPLES:
        hold(name)
    hold_offers(unfit)
    _rehearsed()

    def restore() -> None:
        if (matplotlib := sys.modules.get("matplotlib")) is not None:  # it read its environment in the parent
            matplotlib.rcParams["backend"] = os.environ.get("MPLBACKEND") or INLINE
        register_comm_target()  # ipywidgets does so when it is imported, and there was no kernel then: a page would ask for each widget by itself
        limits.restore_original_limits()
        torch.set_num_threads(threads)

    return restore


def _rehearsed() -> None:
    """Make a window once and close it, for nobody: what that looks up and keeps for all (steps, scripts, classes) no child does again.

    It has no store, no person and no place, so nothing that stays of it depends on one.
    """
    from ipywidgets import Widget

    from ..panels.session import Session
    from ..panels.workbench import Workbench

    Workbench(session=Session()).close()
    Widget.close_all()


def _modules(package: ModuleType) -> Iterator[str]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.", onerror=lambda name: None):
        if not LEFT_OUT.search(found.name):
            yield found.name


def _nothing() -> None:
    """There is nothing to restore."""


def _compacted() -> None:
    """No garbage, and nothing that a collector of a child would write to: what is written to is no longer shared."""
    gc.disable()
    gc.collect()
    gc.freeze()
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _threads() -> list[str]:
    """This process's threads by the names that the system has, less those that are known to bear a fork."""
    names = [Path(f"/proc/self/task/{task}/comm").read_text().strip() for task in os.listdir("/proc/self/task")]
    return [name for name in names if name not in BEAR_A_FORK]


def unfit() -> str:
    """Why no kernel may be forked from this process, as a clause; nothing where all is well.

    A first fork that comes to nothing lets the libraries of linear algebra end the threads that they keep for later.
    """
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    if len(threads := _threads()) > 1:
        return f"it has other threads than its first ({', '.join(threads)})"
    import zmq

    if zmq.Context._instance is not None:
        return "it has opened a messaging context"
    if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_initialized():
        return "it has opened a graphics card"
    return ""
