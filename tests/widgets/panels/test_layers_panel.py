"""Weights without their code, from the window alone: the layers are found, a network is taken, and the model is loaded."""

from pathlib import Path

import numpy as np
import pytest

from tiltyard_widgets.panels.load import LoadPanel

from .waiting import until


@pytest.mark.slow
def test_layers_are_found_and_one_network_is_taken(tmp_path: Path) -> None:
    import pandas as pd
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = np.random.default_rng(0).normal(0, 1, (300, 4))
    module = nn.Sequential(nn.Linear(4, 12), nn.Tanh(), nn.Linear(12, 2))
    optimizer, rows, y = (
        torch.optim.Adam(module.parameters(), 0.02),
        torch.from_numpy(x).float(),
        torch.from_numpy(x[:, 0] * x[:, 1] > 0).long(),
    )
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(rows), y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    names = {"0": "first_layer", "2": "second_layer"}
    torch.save({names[key[0]] + key[1:]: tensor for key, tensor in module.state_dict().items()}, tmp_path / "m.pt")
    pd.DataFrame(x, columns=list("abcd")).assign(label=np.where(y.numpy() == 1, "yes", "no")).to_csv(tmp_path / "m.csv", index=False)
    panel = LoadPanel()
    panel.source.value = "files"
    panel.model_file.value, panel.data_file.value = str(tmp_path / "m.pt"), str(tmp_path / "m.csv")
    panel.find()
    until(lambda: panel.layers.found is not None)
    assert panel.layers.found is not None
    assert panel.layers.found.fitted.best.chosen["activation"] == "tanh"
    assert set(panel.layers.fields) == {"input", "activation"}
    panel.layers.fields["input"].value = "as it is"
    assert panel.layers.fixed == {"input": "as it is"}
    panel.use(panel.layers.architecture)
    until(lambda: panel.session.target is not None)
    target = panel.session.target
    assert target is not None
    with torch.inference_mode():
        wanted = module(rows).argmax(1).numpy()
    np.testing.assert_array_equal(target.labels(x), wanted)
    assert target.assumptions[0] == panel.layers.found.fitted.note
    assert "settled the choice" in target.assumptions[0]
    assert target.doubts[: len(panel.layers.found.fitted.doubts)] == panel.layers.found.fitted.doubts
    panel.classes.value = "yes, no"
    assert panel.asked().settled is None, "what was tried was tried in another order of the classes"
    panel.classes.value = ""
    assert panel.asked().settled is not None
    (tmp_path / "m.pt").touch()
    assert panel.asked().settled is None, "the file is another now"
