"""The workbench as the Voila app opens it: the skeleton at once; then the place its address names, or the shipped model on a first visit."""

from tiltyard.access.offers import offers

from ..place import Place, own_place
from .arriving import Arrival, last
from .load import LoadPanel
from .workbench import PANELS, Workbench


def shipped(sample: str = "") -> Workbench:
    """A window at the topic its address names, else on a shipped model and its data; `begin` loads what it is on.

    ``sample`` is the name of one; empty for the first that the app offers to everybody, else the census.
    """
    sample = sample or next(iter(offers()), "census")
    bench = Workbench()
    panel = bench.go("load")
    if isinstance(panel, LoadPanel):
        panel.sample.value = sample
    place = own_place()
    bench.wanted = place
    if place.topic in PANELS:
        bench.go(place.topic)
    if place.step:
        bench.open_step(place.step)
    return bench


def begin(bench: Workbench) -> None:
    """Load what the window is on. A cell of its own, so that the app's server can have every page shown before any kernel loads torch."""
    place = own_place()
    bench.session.on_main(lambda: _arrive(bench, place))


def _arrive(bench: Workbench, place: Place) -> None:
    """To the run or load of the address; without one, what the person had last is offered, and only who has none is shown the shipped model."""
    arrival, store = Arrival(bench), bench.session.store
    if place.run or place.load:
        arrival.at(place)
    elif store is None:
        _load_unless_begun(bench)
    else:
        first = lambda found: arrival.offered(found) if found is not None else _load_unless_begun(bench)  # noqa: E731
        bench.session.aside(lambda: last(store), first, lambda problem: _load_unless_begun(bench))


def _load_unless_begun(bench: Workbench) -> None:
    """A person may have been quicker, and want another model than the shipped one."""
    panel = bench.panel("load")
    if isinstance(panel, LoadPanel) and panel.source.value == "sample" and not panel.session.busy and panel.session.target is None:
        panel.load()
