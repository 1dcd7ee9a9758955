"""The workbench as JupyterLab's extension opens it: one window a kernel. JupyterLab sets what it shows and hears what it shows.

The extension keeps what the window tells (a comm named ``tiltyard``), and gives it back to `window` after a reload of the
page or a restart of the kernel. Only a page reload finds the same window again; a new kernel loads model, data and run anew.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from comm import create_comm

from tiltyard.errors import Problem

from .kept_loads import KeptLoad, KeptLoads
from .load import LoadPanel
from .reopening import of_load
from .workbench import PANELS, Workbench

COMM = "tiltyard"
LOADABLE = {"sample": "sample", "files": "data_file"}  # per kind of source the field without which nothing can be loaded


class LabWindow:
    """A workbench with its line to the page.

    Parameters
    ----------
    state
        What to show, as `state` gave it before: ``panel``, ``source`` (the fields of *Model and data*, and under ``load`` the id of what was loaded) and ``run``.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.bench = Workbench()
        self.bench.stills = False  # a tab is no notebook: nothing is saved of it
        self.session = self.bench.session
        self.comm: Any = None
        self._before: list[Any] = []  # held, for a comm that is collected sends its end to a page that may not know it any more
        self._wanted = str(state.get("run") or "")
        self._coming = False  # is what was loaded before being opened again, which may end with a cohort of it?
        self._asked = {str(k): str(v) for k, v in (state.get("source") or {}).items()}
        self.bring(state.get("source") or {})
        if state.get("panel"):
            self.go(str(state["panel"]))
        self.session.observe(lambda _: self._changed(), ["version", "busy"])
        self.bench.rail.observe(lambda _: self.tell(), "selected")

    @property
    def state(self) -> dict[str, Any]:
        """What a later kernel needs to show the same: JSON."""
        run = self.session.run.id if self.session.run else self._wanted
        busy = self.session.busy
        source = dict(self.session.source or self._asked) | ({"load": self.session.load} if self.session.load else {})
        return {"panel": self.bench.rail.selected, "source": source, "run": run, "busy": busy}

    def go(self, panel: str) -> None:
        """Open a panel; a name that is none changes nothing."""
        if panel in self.bench.names and panel in PANELS:
            self.bench.go(panel)

    def bring(self, source: Mapping[str, Any]) -> None:
        """Fill *Model and data* in; load where that is enough, and else look at the model file that was named."""
        panel = self.bench.go("load")
        if not source or not isinstance(panel, LoadPanel):
            return
        if (load := self._kept(str(source.get("load") or ""))) is not None:
            self._coming = True
            panel.again(lambda: of_load(load), self._came, lambda problem: self._anew(panel, source))
            return
        self._load(panel, source)

    def _anew(self, panel: LoadPanel, source: Mapping[str, Any]) -> None:
        """Load what the fields say, where what was loaded before is not as it was; the run of before says so itself."""
        self._came()
        self._load(panel, source)

    def _load(self, panel: LoadPanel, source: Mapping[str, Any]) -> None:
        panel.fill({str(k): str(v) for k, v in source.items()})
        needed = LOADABLE.get(panel.source.value)
        if needed and source.get(needed):
            panel.load()
        elif source.get("model_file"):
            panel.weigh()

    def _kept(self, id: str) -> KeptLoad | None:
        """What was loaded before, with its corrections and cohort; None where it is not kept any more."""
        with suppress(Problem):
            return KeptLoads(self.session.person).kept(id)
        return None

    def _came(self) -> None:
        self._coming = False
        self._changed()

    def connect(self) -> None:
        """Open the line to the page that shows the window now."""
        if self.comm is not None:
            self._before.append(self.comm)
        self.comm = create_comm(target_name=COMM, data=self.state)
        self.comm.on_msg(lambda message: self.go(str(message["content"]["data"].get("panel"))))

    def tell(self) -> None:
        """Say to the page what is shown."""
        if self.comm is not None:
            self.comm.send(self.state)

    def _changed(self) -> None:
        if self._wanted and not self._coming and self.session.target is not None:
            wanted, self._wanted = self._wanted, ""
            self._resume(wanted)
        self.tell()

    def _resume(self, run_id: str) -> None:
        """Take up the run of before; where that cannot be, say why."""
        store = self.session.store
        try:
            if store is None:
                return
            run = store.run(run_id)
            same = self.session.target and run.target.fingerprint == self.session.target.fingerprint
            if not same or self.session.data is None or run.data.fingerprint != self.session.data.fingerprint:
                raise Problem("the model and data of the run shown before", "others", "Open that run in History")
            self.session.resume(run, store.records(run.id))
        except Problem as problem:
            self.bench.go("load").message.say(problem, level="warning")


_held: list[LabWindow] = []


def window(state: Mapping[str, Any] | None = None) -> Workbench:
    """The kernel's window: the one there is, else one that shows ``state``."""
    if not _held:
        _held.append(LabWindow(state or {}))
    held = _held[0]
    held.connect()
    return held.bench
