"""What 1,000 classes of two 224 × 224 × 3 images cost: processor time and memory of reading them, and of a model's answers.

``anonymous`` is memory of the process itself; ``file`` is what the system keeps of files and may drop. Run by hand: ``python benchmarks/images.py``.
"""

import resource
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

CLASSES, EACH, SIDE = 1_000, 2, 224


def status(field: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


class Peak:
    """The largest anonymous memory while it is watched, in MiB."""

    def __enter__(self) -> "Peak":
        self.start = self.most = status("RssAnon")
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()
        self._cpu = time.process_time()
        return self

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self.most = max(self.most, status("RssAnon"))

    def __exit__(self, *error: object) -> None:
        self.cpu = time.process_time() - self._cpu
        self._over.set()
        self._watch.join()

    def line(self, what: str) -> str:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return f"{what}: {self.cpu:.1f} s, anonymous +{self.most - self.start:.0f} MiB, file {status('RssFile'):.0f} MiB, peak of both {peak:.0f} MiB"


def images(folder: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(CLASSES):
        (folder / f"n{i:04}").mkdir()
        for j in range(EACH):
            small = Image.fromarray(rng.integers(0, 256, (28, 28, 3), np.uint8))
            small.resize((SIDE, SIDE)).save(folder / f"n{i:04}" / f"{j}.jpg")


def main() -> None:
    import torch

    from tiltyard.datasets.reading import read
    from tiltyard.targets.opening import open_target

    with tempfile.TemporaryDirectory() as name:
        images(Path(name))
        with Peak() as peak:
            data = read(name)
        print(peak.line(f"read {data.x.shape}, {data.x.nbytes / 2**20:.0f} MiB as float32"))
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 7, 8), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(128, CLASSES)
    ).eval()
    with Peak() as peak:
        target = open_target(module, data=data)
        labels = target.labels(data.x)
    print(peak.line(f"opened and asked for {len(labels):,} labels"))
    with Peak() as peak:
        print(data.fingerprint[:8])
    print(peak.line("fingerprint"))


if __name__ == "__main__":
    main()
