"""The story of one endpoint: open, it is probed and extracted from over real HTTP; guarded, nothing is found and the thief gets little."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from tiltyard.endpoint.posture import Posture
from tiltyard.endpoint.probing import probe
from tiltyard.result import Status
from tiltyard.samples.catalog import load
from tiltyard.serving.keys import KeyStore
from tiltyard.serving.server import Served
from tiltyard.serving.settings import OutputSettings, RateSettings, Settings
from tiltyard.targets.opening import open_target
from tiltyard.theft.extraction import Extraction

PROBE = Posture(burst=120, oversize=2, rows=2000)
THEFT = {"query_budget": 1500, "points": 2, "epochs": 10, "rows": 600}


@pytest.mark.slow
def test_an_endpoint_is_probed_and_extracted_from_then_guarded_and_both_again(serve: Callable[[Any], str]) -> None:
    sample = load("census")
    model, data = sample.target, sample.data
    told = json.dumps({"classes": model.classes, "features": [f.model_dump(mode="json") for f in model.schema.features]}).encode()

    def naive(method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        if method == "GET":
            return (200, {}, told) if path == "/v1/model" else (404, {}, b"{}")
        try:
            scores = model.scores(model.encoding.decode(np.array(json.loads(body)["instances"], float)))
        except Exception as error:
            return 500, {}, repr(error).encode()
        return 200, {}, json.dumps({"scores": scores.tolist()}).encode()

    url = serve(naive)
    loose, extracted = probe(url, posture=PROBE), Extraction(**THEFT)(open_target(url, data=data), data)
    keys = KeyStore()
    auditor, thief = keys.new("auditor").secret, keys.new("thief").secret
    guard = Settings(port=0, output=OutputSettings(kind="label"), rate=RateSettings(requests="100/minute", budget=700))
    with Served(model, guard, keys) as served:
        tight = probe(served.url, auditor, PROBE)
        spared = Extraction(**THEFT, access="labels")(open_target(served.url, data=data, key=thief), data)
    titles = {finding.title for finding in loose.result.findings}
    assert {"It answers without a key", "Scores in full precision", "No rate limit", "No limit on the rows of a request"} <= titles
    assert tight.result.findings == ()
    assert tight.result.status is Status.PASSED
    before, after = extracted.result.metric("fidelity"), spared.result.metric("fidelity")
    assert (extracted.result.metric("queries").value, spared.result.metric("queries").value) == (1500, 92)
    assert after.high is not None
    assert before.low is not None
    assert after.high < before.low, (before, after)
    assert "It answered no more after 92 rows" in spared.result.notes[-1]
