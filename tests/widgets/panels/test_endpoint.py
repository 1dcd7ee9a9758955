"""The endpoint panel and the address in the load panel, without a browser, over real endpoints."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.serving.keys import KeyStore
from tiltyard.serving.server import Served
from tiltyard.serving.settings import RateSettings, Settings
from tiltyard.store.store import Store
from tiltyard.targets.estimators import FunctionTarget
from tiltyard_widgets.controls.key_field import KeyField
from tiltyard_widgets.controls.word_field import WordField
from tiltyard_widgets.panels.endpoint import EndpointPanel
from tiltyard_widgets.panels.load import LoadPanel
from tiltyard_widgets.panels.session import Session
from tiltyard_widgets.panels.topics import TheftPanel
from tiltyard_widgets.panels.workbench import Workbench

from .waiting import until

SCHEMA = Schema(
    features=(Feature(name="size", kind="continuous", low=-4, high=4), Feature(name="mass", kind="continuous", low=0, high=1)),
    label="kind",
    classes=("no", "yes"),
)


def answered(x: NDArray[np.float32]) -> NDArray[np.float32]:
    p = 1 / (1 + np.exp(-3 * x[:, 0]))
    return np.column_stack([1 - p, p])


@dataclass
class There:
    url: str
    secret: str
    data: Dataset
    csv: Path


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.uniform(-4, 4, 400), rng.uniform(0, 1, 400)]).astype(np.float32)
    data = Dataset(x, (x[:, 0] > 0).astype(np.int64), SCHEMA, "sizes")
    csv = tmp_path_factory.mktemp("data") / "sizes.csv"
    csv.write_text("size,mass,kind\n" + "".join(f"{a},{b},{SCHEMA.classes[k]}\n" for (a, b), k in zip(x, data.y, strict=True)))
    keys = KeyStore()
    secret = keys.new("me").secret
    settings = Settings(port=0, rate=RateSettings(requests="100000/minute"))
    with Served(FunctionTarget(answered, SCHEMA.classes, SCHEMA, "sizes"), settings, keys) as served:
        yield There(served.url, secret, data, csv)


def tell(field: KeyField, **content: object) -> None:
    field._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def states(widget: object) -> str:
    """Everything that a page, a saved notebook or a comm could see of all widgets there are."""
    from ipywidgets import Widget

    return json.dumps([w.get_state() for w in Widget._instances.values()], default=str) if hasattr(Widget, "_instances") else repr(widget)


def filled(panel: EndpointPanel, there: There) -> None:
    panel.fields.url.value = there.url
    tell(panel.fields.key, event="key", value=there.secret)
    panel.form.set({"burst": 30, "oversize": 2, "rows": 1200})


def test_a_probe_is_told_its_cost_run_shown_and_kept(there: There, tmp_path: Path) -> None:
    session = Session(store=Store(tmp_path / "runs.sqlite"))
    panel = EndpointPanel(session=session)
    assert panel.button.disabled
    filled(panel, there)
    assert not panel.button.disabled
    assert panel.progress.message == f"Cost: at most {panel.made().most:,} requests"
    panel.run()
    until(lambda: not session.busy)
    record = panel._record
    assert record is not None
    assert [f.title for f in record.result.findings] == ["No rate limit"]
    assert session.store.runs()[0].name == f"probe of {there.url}"
    shown = json.dumps(
        [panel._code, panel.view._code.code, repr(panel.fields.key), record.model_dump_json(), panel.fields.key.get_state()], default=str
    )
    assert there.secret not in shown
    assert 'key=os.environ["ENDPOINT_KEY"]' in panel._code
    monkey = pytest.MonkeyPatch()
    monkey.setenv("ENDPOINT_KEY", there.secret)
    names: dict[str, object] = {}
    exec(panel._code, names)  # noqa: S102
    monkey.undo()
    assert names["record"].result.findings == record.result.findings  # type: ignore[attr-defined]


def test_a_cancel_ends_the_probe(there: There) -> None:
    panel = EndpointPanel()
    filled(panel, there)
    panel.form.set({"burst": 10_000})
    panel.run()
    until(lambda: "Rate limit: " in panel.progress.message)
    panel.progress._handle_msg({"content": {"data": {"method": "custom", "content": {"event": "cancel"}}}, "buffers": []})
    until(lambda: not panel.session.busy)
    assert panel._record is not None
    assert panel._record.result.status.value == "cancelled"
    assert not panel.button.disabled


def test_beyond_this_machine_consent_is_asked_and_a_wrong_address_is_one_line() -> None:
    panel = EndpointPanel()
    assert panel.asked.layout.display == "none"
    panel.fields.url.value = "https://endpoint.example/"
    assert panel.asked.layout.display is None
    assert panel.button.disabled
    panel.run()
    assert "consent" in panel.message.text
    panel.consent.set({"consent": True})
    assert not panel.button.disabled
    for wrong in ("nowhere", "https://endpoint.example/?api_key=abc"):
        panel.fields.url.value = wrong
        assert panel.button.disabled
        assert panel.adopter.disabled
        assert "abc" not in panel.progress.message
        assert panel.progress.message.startswith("Expected an address")


def test_a_key_that_is_none_is_said_and_not_shown() -> None:
    field = KeyField()
    tell(field, event="key", value="schlüssel")
    assert "printable" in field.wrong
    assert not field.held
    assert "schlüssel" not in str(field.get_state())
    tell(field, event="key", value="x" * 5000)
    assert "4,096" in field.wrong
    tell(field, event="key", value="good")
    assert (field.held, field.wrong, field.key.secret) == (True, "", "good")
    tell(field, event="forget")
    assert not field.held
    assert not field.key
    for odd in ({"event": "key", "value": 7}, {"event": "other"}):
        tell(field, **odd)
    field._handle_msg({"content": {"data": {"method": "custom", "content": [1]}}, "buffers": []})
    assert not field.held
    tell(field, event="key", value=" good\n")
    assert field.key.secret == "good"
    tell(field, event="key", value="  ")
    assert (field.held, field.wrong) == (False, "")


def test_a_password_may_be_of_any_signs_and_stays_in_the_kernel() -> None:
    field = WordField("Passphrase")
    tell(field, event="key", value=" schlüssel zum haus ")
    assert (field.held, field.wrong, field.text) == (True, "", " schlüssel zum haus ")
    tell(field, event="key", value="x" * 5000)
    assert field.wrong == "Expected at most 4,096 signs; found 5,000."
    assert (field.held, field.text) == (True, " schlüssel zum haus ")
    assert "haus" not in str(field.get_state()) + repr(field)
    tell(field, event="forget")
    assert (field.held, field.wrong, field.text) == (False, "", "")


def test_the_endpoint_becomes_the_target_and_is_probed_as_part_of_its_run(there: There, tmp_path: Path) -> None:
    near = FunctionTarget(answered, SCHEMA.classes, SCHEMA, "near")
    window = Workbench(session=Session(near, there.data, Store(tmp_path / "runs.sqlite")))
    panel = window.go("endpoint")
    assert isinstance(panel, EndpointPanel)
    filled(panel, there)
    panel.adopt()
    until(lambda: not panel.progress.active)
    target = window.session.target
    assert target is not None
    assert "url" in target.offers, panel.message.text
    assert "is the target now" in panel.message.text
    tell(panel.fields.key, event="forget")
    panel.run()
    until(lambda: not window.session.busy)
    assert window.session.latest["endpoint.posture"].result.findings
    assert next(item for item in window.rail.items if item["id"] == "endpoint")["state"] == "finding"
    before = target.queries
    theft = window.go("theft")
    assert isinstance(theft, TheftPanel)
    theft.choice.value = "theft.extraction"
    theft.runner("theft.extraction").form.set({"query_budget": 100, "points": 1, "epochs": 3, "rows": 50})
    theft.runner("theft.extraction").run()
    until(lambda: not window.session.busy)
    record = window.session.latest["theft.extraction"]
    assert record.result.metrics, record.error
    assert target.queries - before == record.queries == 150


def test_without_data_it_says_where_to_load_them(there: There) -> None:
    panel = EndpointPanel()
    filled(panel, there)
    panel.adopt()
    assert "Model and data" in panel.message.text


def test_the_load_panel_opens_an_address(there: There) -> None:
    panel = LoadPanel()
    panel.source.value = "endpoint"
    assert panel.choices.children == (panel.remote,)
    panel.endpoint.url.value, panel.data_file.value, panel.budget.value = there.url, str(there.csv), "1,000"
    panel.load()
    until(lambda: not panel.progress.active)
    assert "a key that" in panel.message.text
    tell(panel.endpoint.key, event="key", value=there.secret)
    panel.load()
    until(lambda: not panel.progress.active)
    target, data = panel.session.target, panel.session.data
    assert target is not None, panel.message.text
    assert data is not None
    assert (len(data), data.schema.classes, target.schema.features) == (400, ("no", "yes"), SCHEMA.features)
    assert there.secret not in panel.code.code
    assert "budget=1000" in panel.code.code
    for wrong in ("many", "-3"):
        panel.budget.value = wrong
        panel.load()
        until(lambda: not panel.progress.active)
        assert "query budget" in panel.message.text
        assert panel.session.target is target
