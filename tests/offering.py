"""A model and a table in two files, and the assessment file that says how they are opened: what an owner offers."""

from pathlib import Path

import numpy as np

ARCHITECTURE = '{"layers": [{"type": "linear", "options": {"in_features": 2, "out_features": 2}}]}'
TOML = """name = "wages"
[target]
file = "wages.safetensors"
architecture = "layers.json"
classes = ["low", "high"]
[data]
file = "wages.csv"
label = "pay"
sensitive = ["sex"]
leave_out = ["sex"]
member = "seen"
"""


def wages(folder: Path, rows: int = 120) -> Path:
    """Write them into ``folder``; the path of the assessment file."""
    import pandas as pd
    from safetensors.numpy import save_file

    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (rows, 2)).round(3)
    pay = np.where(x[:, 0] > 0, "high", "low")
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "pay": pay, "sex": rng.choice(["f", "m"], rows), "seen": rng.integers(0, 2, rows)})
    frame.to_csv(folder / "wages.csv", index=False)
    weights = {"0.weight": np.array([[-3, 0], [3, 0]], np.float32), "0.bias": np.zeros(2, np.float32)}
    save_file(weights, folder / "wages.safetensors")
    (folder / "layers.json").write_text(ARCHITECTURE)
    (folder / "wages.toml").write_text(TOML)
    return folder / "wages.toml"
