"""A data set that goes from one process to another by a file."""

import tempfile
from dataclasses import replace

import numpy as np
from tests.tiny import tiny_data

from tiltyard.datasets.handed_over import hand_over, taken_over


def test_it_is_the_same_and_its_rows_stand_in_the_file() -> None:
    data = replace(tiny_data(), sensitive={"sex": np.resize(np.array(["f", "männlich"]), len(tiny_data()))}, name="ü")
    with tempfile.TemporaryFile() as file:
        hand_over(data, file)
        first, second = taken_over(file), taken_over(file)
    assert first.fingerprint == data.fingerprint and (first.name, first.schema) == (data.name, data.schema)
    assert not first.x.flags.owndata and first.x.flags.aligned
    first.x[0] = 0.5  # in this process alone
    assert np.array_equal(second.x, data.x)
